//! Tests of the audited client for Kling, over real sockets against a stand-in.

#![cfg(feature = "kling")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test is meant to panic")]

#[path = "../support"]
mod support {
    #[cfg(feature = "cli")]
    pub(crate) mod command;
    pub(crate) mod files;
    pub(crate) mod kling;
    #[cfg(unix)]
    pub(crate) mod limits;
    #[cfg(unix)]
    pub(crate) mod process;
}

mod callbacks;
mod client;
mod endpoints;
mod members;
mod reconcile;
#[cfg(unix)]
mod safety;
