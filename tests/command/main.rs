//! Tests of the `kling-audit` command: what it prints, and its exit status.

#![cfg(feature = "cli")]

#[path = "../support"]
mod support {
    pub(crate) mod command;
    pub(crate) mod files;
}

mod checkpoints;
mod entries;
