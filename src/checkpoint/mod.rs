//! Checkpoints: signed statements about a trail's first entries, and proofs that rest on them.
//!
//! The formats are others': a checkpoint is a C2SP signed note, its tree that of RFC 6962, so that others' tools check
//! ours. It knows how to read and to judge, and makes no signature.

pub(crate) mod policy;
pub(crate) mod signer;
pub(crate) mod signing_key;
pub(crate) mod sink;

pub(crate) mod file;
pub(crate) mod signed_note;
pub(crate) mod verifying_key;

pub(crate) mod consistency;
pub(crate) mod inclusion;
pub(crate) mod proof;
pub(crate) mod prove;
pub(crate) mod statement;

pub use crate::{
    checkpoint::{
        consistency::ConsistencyProof,
        inclusion::{EntryProof, ProofError, ProvenEntry},
        policy::Checkpoints,
        prove::{prove, prove_consistency},
        signer::Signer,
        signing_key::SigningKey,
        sink::CheckpointSink,
        statement::{ParseCheckpointError, SignedCheckpoint},
        verifying_key::{ParseKeyError, VerifyingKey},
    },
    codec::merkle::TreeHash,
};
