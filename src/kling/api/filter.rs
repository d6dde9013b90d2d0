//! Filters of lists that are requested by POST.

use serde::Serialize;

/// A condition of a list: the field `key` has one of the values.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Filter {
    key: &'static str,
    values: Vec<String>,
}

impl Filter {
    pub(crate) fn new(key: &'static str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
        Filter { key, values: values.into_iter().map(Into::into).collect() }
    }

    pub(crate) fn key(&self) -> &'static str {
        self.key
    }
}
