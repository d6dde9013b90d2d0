//! Tests of group commit over storage that fails, blocks a thread or loses power.
//!
//! Promise under test: an acknowledged entry is in the trail, a refused entry is not, and the trail verifies as intact.
//!
//! | file | tests or owns |
//! |---|---|
//! | `failed_writes` | appends that fail: whole lines stay, the other entries are refused and counted |
//! | `failed_syncs` | syncs that fail: the log is poisoned |
//! | `failed_heads` | writes of the head that fail in the flusher thread |
//! | `buffered_lines` | lines that a buffered log keeps over failed writes |
//! | `erasable_values` | private values, which are written with their lines or not at all |
//! | `counters` | the log's counters, and the moment when an entry is counted |
//! | `group_commit` | threads that share syncs |
//! | `slow_signer` | checkpoints whose signer is slower than the log |
//! | `random_faults` | many threads and futures over storage that fails at random |
//! | `crash_points` | a killed process or a power cut at every byte of a run |
//! | `fault_storage` | storage with injected faults, and its journal |
//! | `test_trail` | a trail over that storage, and its entries read back |
//! | `threads` | time limits for tests, and a gate that blocks a thread |

mod buffered_lines;
mod counters;
mod crash_points;
mod erasable_values;
mod failed_heads;
mod failed_syncs;
mod failed_writes;
mod fault_storage;
mod group_commit;
mod random_faults;
mod slow_signer;
mod test_trail;
mod threads;
