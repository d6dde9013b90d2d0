//! Proofs in the tree, by RFC 6962: that an entry is in it, and that a larger tree goes on from a smaller one.
//!
//! Pure. A proof is made in one pass over the leaves, in memory for the proof alone.

use std::ops::Range;

use crate::codec::merkle::{Frontier, TreeHash};

/// A proof being made: it takes every leaf of the tree, from the first.
#[derive(Debug)]
pub(crate) struct Prover {
    /// The subtrees whose roots are the proof, in its order, and what is known of them.
    subtrees: Vec<(Range<u64>, Frontier)>,
    next: u64,
}

impl Prover {
    /// A proof that leaf `index` is in the tree of `size` leaves; `None` if it is not.
    pub(crate) fn of_inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let mut ranges = Vec::new();
        let mut whole = 0..size;
        while let Some(middle) = split(&whole) {
            let (inside, beside) = match index < middle {
                true => (whole.start..middle, middle..whole.end),
                false => (middle..whole.end, whole.start..middle),
            };
            ranges.push(beside);
            whole = inside;
        }
        Some(Self::of(ranges))
    }

    /// A proof that the tree of `new` leaves goes on from its first `old`; `None` if it has not so many.
    pub(crate) fn of_consistency(old: u64, new: u64) -> Option<Self> {
        if old > new {
            return None;
        }
        let mut ranges = Vec::new();
        let mut whole = 0..new;
        // The old tree's root is known to who checks, as long as it stands as one subtree in the new tree.
        let mut known = true;
        while 0 < old && old < whole.end {
            let Some(middle) = split(&whole) else { break };
            let (inside, beside) = match old <= middle {
                true => (whole.start..middle, middle..whole.end),
                false => {
                    known = false;
                    (middle..whole.end, whole.start..middle)
                }
            };
            ranges.push(beside);
            whole = inside;
        }
        if !known {
            ranges.push(whole);
        }
        Some(Self::of(ranges))
    }

    /// `ranges` from the root down.
    fn of(ranges: Vec<Range<u64>>) -> Self {
        Self {
            subtrees: ranges.into_iter().rev().map(|range| (range, Frontier::default())).collect(),
            next: 0,
        }
    }

    /// Takes the first leaves as a tree of them, before any other. What lies within one of its subtrees can't be proven.
    pub(crate) fn begin_after(&mut self, tree: &Frontier) {
        for (start, leaves, node) in tree.subtrees() {
            if let Some((_, beside)) = self
                .subtrees
                .iter_mut()
                .find(|(range, _)| range.start <= start && start + leaves <= range.end)
            {
                beside.push_subtree(leaves, node);
            }
        }
        self.next = tree.size();
    }

    /// Takes the next leaf.
    pub(crate) fn push(&mut self, content: &[u8]) {
        let next = self.next;
        if let Some((_, tree)) = self.subtrees.iter_mut().find(|(range, _)| range.contains(&next)) {
            tree.push(content);
        }
        self.next += 1;
    }

    /// The proof; `None` if leaves are missing.
    pub(crate) fn finish(self) -> Option<Vec<TreeHash>> {
        let whole = |(range, tree): (Range<u64>, Frontier)| {
            (tree.size() == range.end - range.start).then(|| tree.root())
        };
        self.subtrees.into_iter().map(whole).collect()
    }
}

/// Where a tree is parted in two: its left side is the largest that is full.
fn split(range: &Range<u64>) -> Option<u64> {
    let length = range.end - range.start;
    (length > 1).then(|| range.start + (length.next_power_of_two() >> 1))
}

/// Whether `proof` shows that `leaf` is number `index` in the tree of `size` leaves with that root.
pub(crate) fn is_included(
    leaf: &TreeHash,
    index: u64,
    size: u64,
    root: &TreeHash,
    proof: &[TreeHash],
) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for beside in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = TreeHash::of_node(beside, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = TreeHash::of_node(&hash, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `new.0` leaves with the root `new.1` goes on from the smaller one.
pub(crate) fn is_consistent(old: (u64, &TreeHash), new: (u64, &TreeHash), proof: &[TreeHash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 {
        return proof.is_empty() && *old_root == TreeHash::empty();
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size > new_size {
        return false;
    }
    let mut proof = proof.iter();
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let first = if old_size.is_power_of_two() { Some(old_root) } else { proof.next() };
    let Some(&first) = first else { return false };
    let (mut old_hash, mut new_hash) = (first, first);
    for beside in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_hash = TreeHash::of_node(beside, &old_hash);
            new_hash = TreeHash::of_node(beside, &new_hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = TreeHash::of_node(&new_hash, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
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
    fn another_implementation_makes_the_same_proofs_and_accepts_ours() {
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
                assert!(is_included(&leaf, index, size, &root, &foreign));
                let proof: Vec<_> = proof.iter().map(theirs).collect();
                tlog::check_record(&proof, size, theirs(&root), index, theirs(&leaf)).expect("accepted");

                let old = index + 1;
                let proof = made(Prover::of_consistency(old, size), size);
                let their_proof = tlog::prove_tree(size, old, &stored).expect("a proof");
                let foreign: Vec<_> = their_proof.iter().map(ours).collect();

                assert_eq!(proof, foreign, "{old} to {size}");
                assert!(is_consistent((old, &roots[old as usize]), (size, &root), &foreign));
                let proof: Vec<_> = proof.iter().map(theirs).collect();
                tlog::check_tree(&proof, size, theirs(&root), old, theirs(&roots[old as usize]))
                    .expect("accepted");
            }
        }
    }

    #[test]
    fn nothing_but_the_true_proof_is_accepted() {
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
        let root = roots[13];

        for index in 0..13 {
            let leaf = TreeHash::of_leaf(&leaves[index as usize]);
            let proof = make(Prover::of_inclusion(index, 13));
            assert!(is_included(&leaf, index, 13, &root, &proof));

            assert!(!is_included(&TreeHash::of_leaf(b"other"), index, 13, &root, &proof));
            assert!(!is_included(&leaf, index, 13, &roots[12], &proof));
            assert!(!is_included(&leaf, index + 13, 13, &root, &proof));
            assert!(!is_included(&leaf, index, 13, &root, &proof[1..]));
            assert!(!is_included(&leaf, index, 13, &root, &[proof.as_slice(), &[root]].concat()));
            for other in (0..13).filter(|other| *other != index) {
                assert!(!is_included(&leaf, other, 13, &root, &proof), "{index} as {other}");
            }
        }
        for old in 1..13 {
            let (was, now) = ((old, &roots[old as usize]), (13, &root));
            let proof = make(Prover::of_consistency(old, 13));
            assert!(is_consistent(was, now, &proof));

            assert!(!is_consistent((old, &roots[old as usize - 1]), now, &proof));
            assert!(!is_consistent(was, (13, &roots[12]), &proof));
            assert!(!is_consistent(was, now, &proof[1..]));
            assert!(!is_consistent(was, now, &[proof.as_slice(), &[root]].concat()));
            assert!(!is_consistent(now, was, &proof));
        }
        assert!(is_consistent((0, &roots[0]), (13, &root), &[]));
        assert!(!is_consistent((0, &roots[1]), (13, &root), &[]));
        assert!(!is_consistent((13, &roots[12]), (13, &root), &[]));
    }

    #[test]
    fn there_is_no_proof_of_what_is_not_there_or_of_a_part() {
        assert!(Prover::of_inclusion(3, 3).is_none());
        assert!(Prover::of_consistency(4, 3).is_none());
        let mut part = Prover::of_inclusion(0, 3).expect("within the tree");
        part.push(b"a");
        part.push(b"b");
        assert_eq!(part.finish(), None);
    }
}
