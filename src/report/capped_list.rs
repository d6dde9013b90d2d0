//! A list of the first 1,000 items that counts all of them.

use serde::Serialize;

/// The first [`Capped::MOST`] items, and the number of all. Its JSON is `{"total", "listed"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Capped<T> {
    /// Number of all items.
    pub total: u64,
    /// The first items.
    pub listed: Vec<T>,
}

impl<T> Capped<T> {
    /// Maximum number of items listed.
    pub const MOST: usize = 1_000;

    /// Counts `items` in their order, and lists the row of each of the first ones.
    pub(super) fn of<I>(items: impl IntoIterator<Item = I>, row: impl Fn(I) -> T) -> Self {
        let mut listed = Self::default();
        for item in items {
            listed.push_with(|| row(item));
        }
        listed
    }

    /// Counts an item, and lists its row if the list is not full.
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
