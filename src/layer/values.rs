//! Structured values and erasable values as `tracing` fields.
//!
//! `tracing` has no value for structure, but passes on any error as it is. So a value is wrapped into an error type, and
//! the visitor of `fields.rs` finds it again by downcasting.

use std::{error::Error, fmt};

use serde::Serialize;
use tracing::Value as Field;

use crate::{
    codec::json::{self, value::Value},
    format::draft::MAX_VALUE_LEVELS,
};

/// The text that other layers show instead of an erasable value.
pub(crate) const ERASABLE: &str = "[erasable]";

/// A serialisable value as a `tracing` field: structured in an audit entry, JSON text in other layers.
///
/// The value is serialised at once, by the rules of [`Draft::detail`](crate::Draft::detail). One that can't be
/// serialised, or nests more than 126 deep, becomes a text that says so: an event is not given up for one of its
/// fields.
///
/// ```
/// use kling_audit::{audit, json};
///
/// audit!("export_requested", actor = "alice", tables = json(&["tasks", "credits"]));
/// ```
pub fn json<T: Serialize + ?Sized>(value: &T) -> impl Field + use<T> {
    Box::<dyn Error + Send + Sync>::from(Json(to_value(value)))
}

/// The error type that carries the value of [`json`] through `tracing`.
pub(crate) struct Json(pub(crate) Value);

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        self.0.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Json {}

/// A value that can be erased later, as a `tracing` field: in the entry stands a salted commitment to it, and the value
/// itself is kept beside the trail until [`AuditLog::erase`](crate::AuditLog::erase) removes it. Other layers see
/// `[erasable]`.
///
/// As a field `actor` or `event_type`, which the entry has to name, it leaves `[erasable]` there and is kept under that
/// name among the details. The value is taken as in [`json`](crate::json()).
///
/// ```
/// use kling_audit::{audit, erasable};
///
/// audit!("account_opened", account = 42, email = erasable("alice@example.com"));
/// ```
pub fn erasable<T: Serialize + ?Sized>(value: &T) -> impl Field + use<T> {
    Box::<dyn Error + Send + Sync>::from(Erasable(to_value(value)))
}

/// The error type that carries the value of [`erasable`] through `tracing`.
pub(crate) struct Erasable(pub(crate) Value);

impl fmt::Display for Erasable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ERASABLE)
    }
}

impl fmt::Debug for Erasable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ERASABLE)
    }
}

impl Error for Erasable {}

/// Converts `value`, or explains in its place why it has no JSON text.
fn to_value<T: Serialize + ?Sized>(value: &T) -> Value {
    json::to_value(value, MAX_VALUE_LEVELS)
        .unwrap_or_else(|error| Value::String(format!("[not serialisable: {error}]").as_str().into()))
}
