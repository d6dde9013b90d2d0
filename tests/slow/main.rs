//! Tests that take more than a few seconds: crashes, full disks, fuzzing, many threads, compilers.
//!
//! With `KLING_AUDIT_LONG=1` many of them run for minutes or hours.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test is meant to panic")]

#[path = "../support"]
mod support {
    pub(crate) mod files;
    pub(crate) mod forge;
    #[cfg(feature = "kling")]
    pub(crate) mod kling;
    pub(crate) mod limits;
    pub(crate) mod log;
    pub(crate) mod noisy;
    pub(crate) mod process;
    pub(crate) mod random;
    pub(crate) mod trail;
}

mod compile_time;
#[cfg(unix)]
mod crash;
#[cfg(unix)]
mod disk_full;
#[cfg(feature = "kling")]
mod examples;
#[cfg(unix)]
mod fuzz;
mod layer_load;
mod live;
#[cfg(unix)]
mod memory;
mod tampering;
mod thread_counts;
mod threads;
