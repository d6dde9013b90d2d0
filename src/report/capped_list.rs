//! A list that stops at a thousand and counts on.

use serde::Serialize;

/// The first so many of something, and how many there are. Its JSON is `{"total", "listed"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Capped<T> {
    /// How many there are, listed or not.
    pub total: u64,
    /// The first [`Capped::MOST`] of them.
    pub listed: Vec<T>,
}

impl<T> Capped<T> {
    /// How many are listed at most.
    pub const MOST: usize = 1_000;

    /// Takes `items` as they come, and makes rows of those that are listed.
    pub(super) fn of<I>(items: impl IntoIterator<Item = I>, row: impl Fn(I) -> T) -> Self {
        let mut listed = Self::default();
        for item in items {
            listed.push_with(|| row(item));
        }
        listed
    }

    pub(super) fn push_with(&mut self, row: impl FnOnce() -> T) {
        self.total += 1;
        if self.listed.len() < Self::MOST {
            self.listed.push(row());
        }
    }
}

impl<T> Default for Capped<T> {
    fn default() -> Self {
        Self { total: 0, listed: Vec::new() }
    }
}
