//! Group commit: one waiting thread writes, and syncs, the entries of all threads that wait.
//!
//! Entries are linked under a lock, written outside of it, and acknowledged once they are as durable as their callers
//! need them to be. An entry that failed for its caller is nowhere in the trail.
//!
//! | file | owns |
//! |---|---|
//! | `queue` | [`CommitQueue`](queue::CommitQueue): appending, waiting, committing, closing |
//! | `apply` | the effects of a commit's result on the queue's state |
//! | `commit_result` | the write, the sync and the check of the files that one commit makes |
//! | `state` | everything under the queue's lock; each member has a file of its own: |
//! | `linker` | the chain and the lines that are not written yet |
//! | `watermarks` | sequence numbers: written, synced, sync requested |
//! | `commit_group` | threads that wait for the next commit, and threads that are about to join them |
//! | `waiters` | futures to wake, dropped futures to count, errors to report |
//! | `failures` | failed commits, and the degradation that the trail has to describe |
//! | `own_entries` | entries of the log's own that must not be lost |
//! | `schedule` | work that no caller waits for, and the time when it is due |
//! | `lifecycle` | open, poisoned, closing, closed |
//! | `signing_queue` | written entries that no checkpoint covers yet |
//! | `epoch` | the failure that entries linked onto each other share |
//! | `wait_group` | threads that one commit wakes together |
//! | `awaited_entry` | an entry and the durability that its caller waits for |
//! | `pending` | an entry whose caller awaits it as a future |
//! | `abandoned` | an entry whose future was dropped |
//! | `flusher` | the thread that writes what no caller waits for |
//! | `checkpointer` | the thread that signs checkpoints |

pub(crate) mod abandoned;
pub(crate) mod apply;
pub(crate) mod awaited_entry;
pub(crate) mod checkpointer;
pub(crate) mod commit_group;
pub(crate) mod commit_result;
pub(crate) mod epoch;
pub(crate) mod failures;
pub(crate) mod flusher;
pub(crate) mod lifecycle;
pub(crate) mod linker;
pub(crate) mod own_entries;
pub(crate) mod pending;
pub(crate) mod queue;
pub(crate) mod schedule;
pub(crate) mod signing_queue;
pub(crate) mod state;
#[cfg(test)]
mod tests;
pub(crate) mod wait_group;
pub(crate) mod waiters;
pub(crate) mod watermarks;
