//! The Merkle tree of RFC 6962 over the hashes of a trail's entries.
//!
//! Owns the hashes of leaves and nodes, and the frontier from which a tree grows. Promise: a frontier of n leaves
//! holds one hash for each bit that is set in n, and no leaf. Does no I/O.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use crate::codec::sha256::{of_blocks, of_blocks_of_two};

/// A hash in a trail's Merkle tree: 32 bytes, displayed in base64 as in checkpoints.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// Creates a hash from its bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Parses 44 characters of base64.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // Two bytes more than a hash: a text that is a little too long is decoded, and then refused for its length.
        let mut bytes = [0; 34];
        let length = BASE64_STANDARD.decode_slice(text, &mut bytes).ok()?;
        bytes[..length].try_into().ok().map(Self)
    }

    /// Returns the root of the tree without leaves.
    pub(crate) fn empty() -> Self {
        Self(Sha256::digest(b"").into())
    }

    /// Returns the hash of a leaf: SHA-256 of a zero byte and the content.
    pub(crate) fn of_leaf(content: &[u8]) -> Self {
        Self(Sha256::new_with_prefix([0]).chain_update(content).finalize().into())
    }

    /// Returns the hash of a node: SHA-256 of a one byte and both children.
    pub(crate) fn of_node(left: &Self, right: &Self) -> Self {
        Self(of_blocks(&node_blocks(left, right)))
    }
}

/// Returns the padded message of a leaf whose content has 32 bytes.
///
/// ```text
/// byte   0   1..33     33     34..62   62..64
///        0   content   0x80   zeros    264, the bits of 33 bytes
/// ```
fn leaf_blocks(content: &[u8; 32]) -> [[u8; 64]; 1] {
    let mut block = [0; 64];
    block[1..33].copy_from_slice(content);
    block[33] = 0x80;
    block[62..].copy_from_slice(&264_u16.to_be_bytes());
    [block]
}

/// Returns the padded message of a node.
///
/// ```text
/// byte   0   1..33   33..65   65     66..126   126..128
///        1   left    right    0x80   zeros     520, the bits of 65 bytes
/// ```
fn node_blocks(left: &TreeHash, right: &TreeHash) -> [[u8; 64]; 2] {
    let mut blocks = [[0; 64]; 2];
    let bytes = blocks.as_flattened_mut();
    bytes[0] = 1;
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..65].copy_from_slice(&right.0);
    bytes[65] = 0x80;
    bytes[126..].copy_from_slice(&520_u16.to_be_bytes());
    blocks
}

/// Returns the root of a full tree. The number of leaves must be a power of two, and at least 2.
///
/// Hashes two nodes of a level at the same time, which a frontier that grows by single leaves cannot do. The tree is
/// most of the price of the row `verify under a key, two threads` of `benches/RESULTS.md`, 1.33 of the time without a
/// key.
fn root_of_full(leaves: &[[u8; 32]]) -> TreeHash {
    let (pairs, _) = leaves.as_chunks::<2>();
    let mut level: Vec<TreeHash> = pairs
        .iter()
        .flat_map(|[left, right]| of_blocks_of_two([&leaf_blocks(left), &leaf_blocks(right)]).map(TreeHash))
        .collect();
    // Each round halves the level; two pairs are hashed at the same time.
    while level.len() > 2 {
        let (fours, _) = level.as_chunks::<4>();
        level = fours
            .iter()
            .flat_map(|[a, b, c, d]| of_blocks_of_two([&node_blocks(a, b), &node_blocks(c, d)]).map(TreeHash))
            .collect();
    }
    match &level[..] {
        [left, right] => TreeHash::of_node(left, right),
        _ => TreeHash::empty(),
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl Serialize for TreeHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TreeHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a hash of 32 bytes in base64"))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeHash({self})")
    }
}

/// Number of leaves that [`Frontier::extend`] hashes together.
const LEAVES_PER_BATCH: usize = 64;

/// The roots of the full subtrees of a Merkle tree: enough to append leaves and to compute the root.
///
/// ```text
/// size 7 = 4 + 2 + 1
///
/// nodes      [0]           [1]     [2]
///             *             *       *
///           /   \         /   \     |
///          *     *       4     5    6
///         / \   / \
///        0   1 2   3
/// ```
///
/// Another leaf joins `[2]` to a subtree of two, that and `[1]` to one of four, and that and `[0]` to one of eight:
/// like the carries of 7 + 1 in binary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frontier {
    size: u64,
    /// Roots of the full subtrees from the left: one for each bit that is set in `size`, from the highest bit.
    nodes: Vec<TreeHash>,
}

impl Frontier {
    /// Returns the frontier of a tree of `size` leaves; `None` if such a frontier has another number of nodes.
    pub(crate) fn of(size: u64, nodes: Vec<TreeHash>) -> Option<Self> {
        (nodes.len() == size.count_ones() as usize).then_some(Self { size, nodes })
    }

    /// Returns the number of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn nodes(&self) -> &[TreeHash] {
        &self.nodes
    }

    /// Appends a leaf.
    pub(crate) fn push(&mut self, content: &[u8]) {
        self.push_full(TreeHash::of_leaf(content), 0);
    }

    /// Appends leaves, batches of 64 of them at a time where they form a full subtree.
    pub(crate) fn extend(&mut self, mut leaves: &[[u8; 32]]) {
        while let Some((first, rest)) = leaves.split_first() {
            // A batch is a subtree of its own only at a multiple of its size; single leaves lead up to it.
            match leaves.split_at_checked(LEAVES_PER_BATCH) {
                Some((full, rest)) if self.size.is_multiple_of(LEAVES_PER_BATCH as u64) => {
                    self.push_full(root_of_full(full), LEAVES_PER_BATCH.ilog2());
                    leaves = rest;
                }
                _ => {
                    self.push(first);
                    leaves = rest;
                }
            }
        }
    }

    /// Appends a full subtree of 2^`level` leaves. The size must be a multiple of 2^`level`.
    fn push_full(&mut self, mut node: TreeHash, level: u32) {
        // Each bit that carries joins the new subtree with the last one, which has the same size.
        let mut size = self.size >> level;
        while size & 1 == 1 {
            let Some(left) = self.nodes.pop() else { break };
            node = TreeHash::of_node(&left, &node);
            size >>= 1;
        }
        self.nodes.push(node);
        self.size += 1 << level;
    }

    /// Appends a full subtree that is smaller than all subtrees so far, and joins it with none of them.
    pub(crate) fn push_subtree(&mut self, leaves: u64, node: TreeHash) {
        self.nodes.push(node);
        self.size += leaves;
    }

    /// Returns the full subtrees from the left: index of the first leaf, number of leaves, and root.
    pub(crate) fn subtrees(&self) -> impl Iterator<Item = (u64, u64, TreeHash)> {
        let bits = (0..u64::BITS).rev().map(|bit| 1 << bit).filter(|bit| self.size & bit != 0);
        bits.zip(&self.nodes).scan(0, |start, (leaves, node)| {
            let begins = *start;
            *start += leaves;
            Some((begins, leaves, *node))
        })
    }

    pub(crate) fn root(&self) -> TreeHash {
        // RFC 6962 joins subtrees of different sizes from the right.
        let mut nodes = self.nodes.iter().rev();
        let Some(&last) = nodes.next() else { return TreeHash::empty() };
        nodes.fold(last, |right, left| TreeHash::of_node(left, &right))
    }
}

#[cfg(test)]
pub(crate) mod vectors {
    //! Test vectors of RFC 6962 implementations: leaves, and the root after each number of leaves.

    pub(crate) const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];

    pub(crate) const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    pub(crate) fn hash(hex: &str) -> super::TreeHash {
        let nibble = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        super::TreeHash(std::array::from_fn(|at| nibble(2 * at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::merkle::vectors::{LEAVES, ROOTS, hash};

    #[test]
    fn roots_are_those_of_rfc_6962() {
        let mut tree = Frontier::default();
        assert_eq!(tree.root(), hash(ROOTS[0]));

        for (at, leaf) in LEAVES.iter().enumerate() {
            tree.push(leaf);

            assert_eq!(tree.root(), hash(ROOTS[at + 1]), "{}", at + 1);
            assert_eq!(Frontier::of(tree.size(), tree.nodes().to_vec()).as_ref(), Some(&tree));
            assert_eq!(Frontier::of(tree.size() + 2, tree.nodes().to_vec()).map(|t| t.root()), {
                let fits = (tree.size() + 2).count_ones() == tree.size().count_ones();
                fits.then(|| tree.root())
            });
        }
    }

    #[test]
    fn extend_agrees_with_pushing_single_leaves() {
        let leaves: Vec<[u8; 32]> =
            (0..700_u32).map(|at| std::array::from_fn(|byte| (at * 7 + byte as u32) as u8)).collect();
        let mut one = Frontier::default();
        let roots: Vec<_> = leaves
            .iter()
            .map(|leaf| {
                one.push(leaf);
                one.clone()
            })
            .collect();

        for first in [0, 1, 63, 64, 65, 128, 200] {
            for count in [1, 63, 64, 65, 127, 128, 300, 500] {
                let mut many = Frontier::default();
                many.extend(&leaves[..first]);
                many.extend(&leaves[first..first + count]);

                assert_eq!(many, roots[first + count - 1], "{first} and {count}");
            }
        }
        assert_eq!(TreeHash::of_leaf(&leaves[3]), TreeHash(of_blocks(&leaf_blocks(&leaves[3]))));
    }

    #[test]
    fn tree_hash_is_44_characters_of_base64() {
        let hash = TreeHash::of_leaf(b"x");
        let text = hash.to_string();

        assert_eq!(TreeHash::parse(&text), Some(hash));
        for wrong in
            ["", "AAAA", &text[1..], &format!("{text}A"), &text.replace('=', ""), &format!("AAAA{text}")]
        {
            assert_eq!(TreeHash::parse(wrong), None, "{wrong}");
        }
    }
}
