//! Tests of the tracing integration: the layer, the macros, the self-test.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test is meant to panic")]

#[path = "../support"]
mod support {
    pub(crate) mod files;
    pub(crate) mod limits;
    pub(crate) mod log;
    pub(crate) mod noisy;
    pub(crate) mod printed;
    pub(crate) mod process;
}

mod context;
mod macros;
mod scoped;
mod self_test;
mod stacks;
mod templates;
