//! Checkpoints: signed statements about a trail's first entries, and proofs that rest on them.
//!
//! The formats are others': a checkpoint is a C2SP signed note, its tree that of RFC 6962, so that others' tools check
//! ours. It knows how to read and to judge, and makes no signature.

mod consistency;
mod inclusion;
mod key;
mod note;
mod proof;
mod prove;
mod statement;
pub(crate) mod stored;
mod tree;

pub use self::{
    consistency::ConsistencyProof,
    inclusion::{EntryProof, ProvenEntry, Unproven},
    key::{ParseKeyError, VerifyingKey},
    prove::{prove, prove_consistency},
    statement::{ParseCheckpointError, SignedCheckpoint},
    tree::TreeHash,
};
pub(crate) use self::{key::ED25519, statement::Statement, tree::Frontier};
