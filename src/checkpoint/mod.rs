//! Checkpoints: signed statements about the first entries of a trail, and proofs that rest on them.
//!
//! The formats are public standards, so that other tools check ours and ours check theirs:
//!
//! | file | standard |
//! |---|---|
//! | `signed_note` | C2SP signed-note, "Format" and "Signatures" |
//! | `verifying_key` | C2SP signed-note, "Signatures" and "Ed25519 signatures"; key text as in Go's `sumdb/note` |
//! | `signing_key` | Key text as in Go's `sumdb/note` |
//! | `statement` | C2SP tlog-checkpoint, "Note text" |
//! | `signer` | C2SP tlog-checkpoint, "Signatures": a log signs no checkpoint that contradicts an earlier one |
//! | `proof` | RFC 6962, 2.1.1 (inclusion) and 2.1.2 (consistency), checked as in RFC 9162, 2.1.3.2 and 2.1.4.2 |
//!
//! The other files are this crate's own:
//!
//! | file | content |
//! |---|---|
//! | `inclusion`, `consistency` | [`EntryProof`] and [`ConsistencyProof`]: a proof with its checkpoints, as JSON. |
//! | `proof_error` | [`ProofError`], the reason why a proof fails. |
//! | `prove` | Making proofs from a trail. |
//! | `file` | Checkpoints one after the other in a file. |
//! | `policy`, `sink` | [`Checkpoints`]: when a running log signs; [`CheckpointSink`]: where checkpoints go. |
//!
//! The tree itself (RFC 6962, 2.1) is in `codec/merkle`. A leaf is the SHA-256 of an entry, in full.

pub(crate) mod consistency;
pub(crate) mod file;
pub(crate) mod inclusion;
pub(crate) mod policy;
pub(crate) mod proof;
pub(crate) mod proof_error;
pub(crate) mod prove;
pub(crate) mod signed_note;
pub(crate) mod signer;
pub(crate) mod signing_key;
pub(crate) mod sink;
pub(crate) mod statement;
pub(crate) mod verifying_key;

pub use crate::{
    checkpoint::{
        consistency::ConsistencyProof,
        inclusion::{EntryProof, ProvenEntry},
        policy::Checkpoints,
        proof_error::ProofError,
        prove::{prove, prove_consistency},
        signer::Signer,
        signing_key::SigningKey,
        sink::CheckpointSink,
        statement::{ParseCheckpointError, SignedCheckpoint},
        verifying_key::{ParseKeyError, VerifyingKey},
    },
    codec::merkle::TreeHash,
};
