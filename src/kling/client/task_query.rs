//! Filters for the list of tasks of the new design.

use serde_json::{Value, json};

use crate::kling::api::filter::Filter;

/// Filters for [`Client::tasks`](crate::kling::Client::tasks).
///
/// | setting | default |
/// |---|---|
/// | `between` | the last 30 days |
/// | `status`, `product_type` | all |
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TaskQuery {
    start_time: Option<i64>,
    end_time: Option<i64>,
    filters: Vec<Filter>,
}

impl TaskQuery {
    /// Selects all tasks of the last 30 days.
    pub fn new() -> TaskQuery {
        TaskQuery::default()
    }

    /// Selects tasks that were made between these times, in milliseconds since 1970.
    pub fn between(mut self, start: i64, end: i64) -> TaskQuery {
        self.start_time = Some(start);
        self.end_time = Some(end);
        self
    }

    /// Selects tasks with one of these statuses, such as `succeeded`.
    pub fn status(self, statuses: impl IntoIterator<Item = impl Into<String>>) -> TaskQuery {
        self.filter("status", statuses)
    }

    /// Selects tasks that make one of these: `video`, `image` or `try_on`.
    pub fn product_type(self, types: impl IntoIterator<Item = impl Into<String>>) -> TaskQuery {
        self.filter("product_type", types)
    }

    fn filter(mut self, key: &'static str, values: impl IntoIterator<Item = impl Into<String>>) -> TaskQuery {
        self.filters.push(Filter::new(key, values));
        self
    }

    /// Returns the body of the request for the page at `cursor`.
    pub(crate) fn body(&self, cursor: &str) -> Value {
        let mut body = json!({"cursor": cursor, "limit": 500, "filters": self.filters});
        // Kling's pages disagree about the type of times. The newer pages have text.
        for (name, time) in [("start_time", self.start_time), ("end_time", self.end_time)] {
            if let Some(time) = time {
                body[name] = json!(time.to_string());
            }
        }
        body
    }
}
