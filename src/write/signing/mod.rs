//! Checkpoints are signed here, and only over trails that continue their earlier checkpoints.
//!
//! A signature must not make a rewritten trail credible. So the entries since the last checkpoint are read back before a
//! signature is made, and each of them must follow its predecessor.
//!
//! | file | what it owns |
//! |---|---|
//! | `checkpoint` | signing a trail that no process writes |
//! | `resume` | reading back the entries since the last checkpoint, for their Merkle tree |
//! | `prune_check` | an `audit_pruned` that no checkpoint covers: it may be forged |
//! | `sign` | the signature over a tree |
//! | `checkpoint_log` | the trail's file of checkpoints, open for appending |

pub(crate) mod checkpoint;
pub(crate) mod checkpoint_log;
pub(crate) mod prune_check;
pub(crate) mod resume;
pub(crate) mod sign;
