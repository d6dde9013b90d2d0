//! Merkle proofs, as RFC 6962 specifies them: inclusion (2.1.1, "audit path") and consistency (2.1.2).
//!
//! They are checked by the algorithms of RFC 9162, 2.1.3.2 and 2.1.4.2, which describe the same proofs. A proof is
//! made in one pass over the leaves, in memory for the proof alone. No input or output.

use std::ops::Range;

use crate::codec::merkle::{Frontier, TreeHash};

/// Size and root of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreeHead {
    pub(crate) size: u64,
    pub(crate) root: TreeHash,
}

/// A proof that is being made. It takes each leaf of the tree, from the first.
///
/// The hashes of a proof are roots of subtrees, so the prover keeps one frontier for each. For leaf 2 of 5:
///
/// ```text
///            root
///          /      \
///       0..4       4        proof: 3, 0..2, 4 (from the leaf to the root)
///      /    \
///   0..2    2..4
///          /    \
///         2      3
/// ```
#[derive(Debug)]
pub(crate) struct Prover {
    subtrees: Vec<Subtree>,
    next: u64,
}

/// A subtree whose root is one hash of the proof.
#[derive(Debug)]
struct Subtree {
    leaves: Range<u64>,
    frontier: Frontier,
}

impl Prover {
    /// Begins a proof that leaf `index` is in the tree of `size` leaves. Returns `None` if the tree has no such leaf.
    pub(crate) fn of_inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let mut siblings = Vec::new();
        let mut range = 0..size;
        while let Some(middle) = split(&range) {
            let (inside, sibling) = match index < middle {
                true => (range.start..middle, middle..range.end),
                false => (middle..range.end, range.start..middle),
            };
            siblings.push(sibling);
            range = inside;
        }
        Some(Self::of(siblings))
    }

    /// Begins a proof that the tree of `new` leaves extends the tree of its first `old` leaves. Returns `None` if
    /// `old` is larger than `new`.
    pub(crate) fn of_consistency(old: u64, new: u64) -> Option<Self> {
        if old > new {
            return None;
        }
        let mut siblings = Vec::new();
        let mut range = 0..new;
        // The checker knows the root of the old tree. The proof leaves it out while that tree is one subtree of the
        // new tree.
        let mut is_known = true;
        while 0 < old && old < range.end {
            let Some(middle) = split(&range) else { break };
            let (inside, sibling) = match old <= middle {
                true => (range.start..middle, middle..range.end),
                false => {
                    is_known = false;
                    (middle..range.end, range.start..middle)
                }
            };
            siblings.push(sibling);
            range = inside;
        }
        if !is_known {
            siblings.push(range);
        }
        Some(Self::of(siblings))
    }

    /// Prepares the subtrees over `ranges`, which are ordered from the root down. A proof has them from the leaf up.
    fn of(ranges: Vec<Range<u64>>) -> Self {
        let subtree = |leaves| Subtree { leaves, frontier: Frontier::default() };
        Self { subtrees: ranges.into_iter().rev().map(subtree).collect(), next: 0 }
    }

    /// Takes the first leaves as a tree over them. Call this before any [`push`](Self::push). A proof that needs a
    /// hash from inside one of its subtrees can't be made then.
    pub(crate) fn begin_after(&mut self, tree: &Frontier) {
        for (start, leaves, node) in tree.subtrees() {
            if let Some(subtree) = self
                .subtrees
                .iter_mut()
                .find(|subtree| subtree.leaves.start <= start && start + leaves <= subtree.leaves.end)
            {
                subtree.frontier.push_subtree(leaves, node);
            }
        }
        self.next = tree.size();
    }

    /// Takes the next leaf.
    pub(crate) fn push(&mut self, content: &[u8]) {
        let next = self.next;
        if let Some(subtree) = self.subtrees.iter_mut().find(|subtree| subtree.leaves.contains(&next)) {
            subtree.frontier.push(content);
        }
        self.next += 1;
    }

    /// Returns the proof, or `None` if leaves are missing.
    pub(crate) fn finish(self) -> Option<Vec<TreeHash>> {
        let root = |Subtree { leaves, frontier }: Subtree| {
            (frontier.size() == leaves.end - leaves.start).then(|| frontier.root())
        };
        self.subtrees.into_iter().map(root).collect()
    }
}

/// Returns the leaf at which a tree splits in two: the left side is the largest full tree that is smaller than the
/// whole.
fn split(range: &Range<u64>) -> Option<u64> {
    let length = range.end - range.start;
    (length > 1).then(|| range.start + (length.next_power_of_two() >> 1))
}

/// The path from a leaf to the root, as both checks follow it (RFC 9162, 2.1.3.2): the node's index in its level, and
/// the index of the last node of that level.
struct LeafPath {
    at: u64,
    last: u64,
}

/// The side of a sibling.
#[derive(PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl LeafPath {
    /// Ascends to the parent of the node. Returns the side of its sibling, or `None` at the root.
    ///
    /// The last node of a level may lack a sibling. It then is its own parent, for one or more levels: the right
    /// shifts in the loop skip these.
    fn ascend(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.at & 1 == 1 || self.at == self.last {
            while self.at & 1 == 0 && self.at != 0 {
                self.shift();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.shift();
        Some(side)
    }

    fn shift(&mut self) {
        self.at >>= 1;
        self.last >>= 1;
    }
}

/// Returns `true` if `proof` shows that `leaf` has the number `index` in `tree`.
pub(crate) fn is_included(leaf: &TreeHash, index: u64, tree: TreeHead, proof: &[TreeHash]) -> bool {
    if index >= tree.size {
        return false;
    }
    let (mut path, mut hash) = (LeafPath { at: index, last: tree.size - 1 }, *leaf);
    for sibling in proof {
        hash = match path.ascend() {
            Some(Side::Left) => TreeHash::of_node(sibling, &hash),
            Some(Side::Right) => TreeHash::of_node(&hash, sibling),
            None => return false,
        };
    }
    path.last == 0 && hash == tree.root
}

/// Returns `true` if `proof` shows that `new` extends `old`.
pub(crate) fn is_consistent(old: TreeHead, new: TreeHead, proof: &[TreeHash]) -> bool {
    if old.size == 0 {
        return proof.is_empty() && old.root == TreeHash::empty();
    }
    if old.size == new.size {
        return proof.is_empty() && old.root == new.root;
    }
    if old.size > new.size {
        return false;
    }
    let mut proof = proof.iter();
    let mut path = LeafPath { at: old.size - 1, last: new.size - 1 };
    // Ascends to the largest full subtree that ends with the old tree's last leaf.
    while path.at & 1 == 1 {
        path.shift();
    }
    // If the whole old tree is full, that subtree is the old tree, whose root is known and not in the proof.
    let first = if old.size.is_power_of_two() { Some(&old.root) } else { proof.next() };
    let Some(&first) = first else { return false };
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in proof {
        match path.ascend() {
            Some(Side::Left) => {
                old_hash = TreeHash::of_node(sibling, &old_hash);
                new_hash = TreeHash::of_node(sibling, &new_hash);
            }
            // A sibling on the right has leaves of the new tree alone.
            Some(Side::Right) => new_hash = TreeHash::of_node(&new_hash, sibling),
            None => return false,
        }
    }
    path.last == 0 && old_hash == old.root && new_hash == new.root
}

#[cfg(test)]
mod tests {
    use tlog_tiles::tlog;

    use super::*;
    use crate::codec::merkle::vectors::{LEAVES, ROOTS, hash};

    fn proof(prover: Option<Prover>, leaves: &[&[u8]]) -> Vec<TreeHash> {
        let mut prover = prover.expect("within the tree");
        leaves.iter().for_each(|leaf| prover.push(leaf));
        prover.finish().expect("all leaves")
    }

    fn hashes(hex: &[&str]) -> Vec<TreeHash> {
        hex.iter().map(|hex| hash(hex)).collect()
    }

    #[test]
    fn inclusion_proofs_are_those_of_rfc_6962() {
        const VECTORS: [(u64, u64, &[&str]); 5] = [
            (0, 1, &[]),
            (
                0,
                8,
                &[
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                5,
                8,
                &[
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
            (
                1,
                5,
                &[
                    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ];
        for (index, size, expected) in VECTORS {
            let leaves = &LEAVES[..size as usize];

            assert_eq!(
                proof(Prover::of_inclusion(index, size), leaves),
                hashes(expected),
                "{index} of {size}"
            );
        }
    }

    #[test]
    fn consistency_proofs_are_those_of_rfc_6962() {
        const VECTORS: [(u64, u64, &[&str]); 4] = [
            (1, 1, &[]),
            (
                1,
                8,
                &[
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                6,
                8,
                &[
                    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (
                2,
                5,
                &[
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ];
        for (old, new, expected) in VECTORS {
            let leaves = &LEAVES[..new as usize];

            assert_eq!(proof(Prover::of_consistency(old, new), leaves), hashes(expected), "{old} to {new}");
        }
        assert_eq!(hash(ROOTS[0]), TreeHash::empty());
    }

    /// The other implementation's tree: its hashes in the order in which it stores them.
    struct Stored(Vec<tlog::Hash>);

    impl tlog::HashReader for Stored {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog_tiles::Error> {
            Ok(indexes.iter().map(|&at| self.0[at as usize]).collect())
        }
    }

    #[test]
    fn another_implementation_makes_and_accepts_the_same_proofs() {
        const SIZE: u64 = 70;
        let leaves: Vec<[u8; 32]> = (0..SIZE).map(|at| [at as u8; 32]).collect();
        let mut stored = Stored(Vec::new());
        let mut tree = Frontier::default();
        let mut roots = vec![tree.root()];
        for (at, leaf) in leaves.iter().enumerate() {
            let more = tlog::stored_hashes(at as u64, leaf, &stored).expect("stored");
            stored.0.extend(more);
            tree.push(leaf);
            roots.push(tree.root());
        }
        let theirs = |hash: &TreeHash| tlog::Hash(*hash.as_bytes());
        let ours = |hash: &tlog::Hash| TreeHash::new(hash.0);
        let head = |size: u64| TreeHead { size, root: roots[size as usize] };
        let made = |prover: Option<Prover>, size: u64| {
            let mut prover = prover.expect("within the tree");
            leaves[..size as usize].iter().for_each(|leaf| prover.push(leaf));
            prover.finish().expect("all leaves")
        };

        for size in 1..=SIZE {
            let root = roots[size as usize];
            assert_eq!(tlog::tree_hash(size, &stored).expect("a root").0, *root.as_bytes());
            for index in 0..size {
                let leaf = TreeHash::of_leaf(&leaves[index as usize]);
                let proof = made(Prover::of_inclusion(index, size), size);
                let their_proof = tlog::prove_record(size, index, &stored).expect("a proof");
                let foreign: Vec<_> = their_proof.iter().map(ours).collect();

                assert_eq!(proof, foreign);
                assert!(is_included(&leaf, index, TreeHead { size, root }, &foreign));
                let proof: Vec<_> = proof.iter().map(theirs).collect();
                tlog::check_record(&proof, size, theirs(&root), index, theirs(&leaf)).expect("accepted");

                let old = index + 1;
                let proof = made(Prover::of_consistency(old, size), size);
                let their_proof = tlog::prove_tree(size, old, &stored).expect("a proof");
                let foreign: Vec<_> = their_proof.iter().map(ours).collect();

                assert_eq!(proof, foreign, "{old} to {size}");
                assert!(is_consistent(head(old), TreeHead { size, root }, &foreign));
                let proof: Vec<_> = proof.iter().map(theirs).collect();
                tlog::check_tree(&proof, size, theirs(&root), old, theirs(&roots[old as usize]))
                    .expect("accepted");
            }
        }
    }

    #[test]
    fn a_changed_proof_is_refused() {
        let leaves: Vec<[u8; 32]> = (0..13).map(|at| [at; 32]).collect();
        let mut tree = Frontier::default();
        let mut roots = vec![tree.root()];
        for leaf in &leaves {
            tree.push(leaf);
            roots.push(tree.root());
        }
        let make = |prover: Option<Prover>| {
            let mut prover = prover.expect("within the tree");
            leaves.iter().for_each(|leaf| prover.push(leaf));
            prover.finish().expect("all leaves")
        };
        let head = |size: u64, root: usize| TreeHead { size, root: roots[root] };
        let (root, tree) = (roots[13], head(13, 13));

        for index in 0..13 {
            let leaf = TreeHash::of_leaf(&leaves[index as usize]);
            let proof = make(Prover::of_inclusion(index, 13));
            assert!(is_included(&leaf, index, tree, &proof));

            assert!(!is_included(&TreeHash::of_leaf(b"other"), index, tree, &proof));
            assert!(!is_included(&leaf, index, head(13, 12), &proof));
            assert!(!is_included(&leaf, index + 13, tree, &proof));
            assert!(!is_included(&leaf, index, tree, &proof[1..]));
            assert!(!is_included(&leaf, index, tree, &[proof.as_slice(), &[root]].concat()));
            for other in (0..13).filter(|other| *other != index) {
                assert!(!is_included(&leaf, other, tree, &proof), "{index} as {other}");
            }
        }
        for old in 1..13 {
            let (was, now) = (head(old, old as usize), tree);
            let proof = make(Prover::of_consistency(old, 13));
            assert!(is_consistent(was, now, &proof));

            assert!(!is_consistent(head(old, old as usize - 1), now, &proof));
            assert!(!is_consistent(was, head(13, 12), &proof));
            assert!(!is_consistent(was, now, &proof[1..]));
            assert!(!is_consistent(was, now, &[proof.as_slice(), &[root]].concat()));
            assert!(!is_consistent(now, was, &proof));
        }
        assert!(is_consistent(head(0, 0), tree, &[]));
        assert!(!is_consistent(head(0, 1), tree, &[]));
        assert!(!is_consistent(head(13, 12), tree, &[]));
    }

    #[test]
    fn a_missing_leaf_has_no_proof() {
        assert!(Prover::of_inclusion(3, 3).is_none());
        assert!(Prover::of_consistency(4, 3).is_none());
        let mut part = Prover::of_inclusion(0, 3).expect("within the tree");
        part.push(b"a");
        part.push(b"b");
        assert_eq!(part.finish(), None);
    }
}
