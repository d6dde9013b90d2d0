//! An entry that is linked, and the durability that its caller waits for.

use std::sync::Arc;

use crate::{format::receipt::Receipt, write::commit::epoch::Epoch};

/// The durability that a caller waits for, from the weakest up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WaitFor {
    /// The entry is linked into the chain.
    Linked,
    /// The entry was handed to the OS.
    Written,
    /// The entry is on the device.
    Synced,
}

/// A linked entry whose result is not known yet.
#[derive(Clone, Debug)]
pub(crate) struct AwaitedEntry {
    pub(crate) receipt: Receipt,
    /// Shared with the entries that were linked onto the same lines.
    pub(crate) epoch: Arc<Epoch>,
    pub(crate) level: WaitFor,
}
