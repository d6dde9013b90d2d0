//! Layers and values that do what they should not.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::{Layer, layer::Context};

/// A value whose `Debug` implementation calls a function, and then writes `noisy`.
pub(crate) struct Noisy<F: Fn()>(pub(crate) F);

impl<F: Fn()> fmt::Debug for Noisy<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)();
        f.write_str("noisy")
    }
}

/// A layer that panics at each event.
pub(crate) struct Panics;

impl<S: Subscriber> Layer<S> for Panics {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        panic!("as it is meant to");
    }
}
