//! Tests that need the client's parts from inside the crate.

mod disk_faults;
mod recorded_answers;
