//! Tests of the single writer: opening a trail, linking entries, files, clocks, signing, pruning and erasing.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test is meant to panic")]

#[path = "../support"]
mod support {
    #[cfg(feature = "cli")]
    pub(crate) mod command;
    pub(crate) mod files;
    #[cfg(unix)]
    pub(crate) mod forge;
    pub(crate) mod limits;
    #[cfg(unix)]
    pub(crate) mod printed;
    pub(crate) mod process;
    #[cfg(unix)]
    pub(crate) mod random;
    pub(crate) mod trail;
}

#[cfg(unix)]
mod adopt;
#[cfg(unix)]
mod disturbed;
#[cfg(unix)]
mod erasure;
mod opening;
#[cfg(unix)]
mod retention;
mod signing;
#[cfg(unix)]
mod time;
#[cfg(unix)]
mod writers;
