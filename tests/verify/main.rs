//! Tests of everything that reads a trail: verification, reports, the reader, the logs of the Python tool, the manual.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test is meant to panic")]

#[path = "../support"]
mod support {
    #[cfg(all(unix, feature = "cli"))]
    pub(crate) mod command;
    pub(crate) mod files;
    pub(crate) mod forge;
    pub(crate) mod limits;
    pub(crate) mod python;
    pub(crate) mod random;
    pub(crate) mod trail;
}

mod attacks;
#[cfg(unix)]
mod garbage;
mod independent;
mod manual;
mod report;
#[cfg(unix)]
mod show;
mod since;
mod tool_logs;
