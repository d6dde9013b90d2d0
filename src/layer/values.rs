//! `json` and `erasable`: structured values and erasable values as `tracing` fields.
//!
//! `tracing` has no structured values, but it passes an error on unchanged. So a value is wrapped in an error type,
//! and the visitor in `fields.rs` downcasts the error.

use std::{error::Error, fmt};

use serde::Serialize;
use tracing::Value as Field;

use crate::{
    codec::json::{serialize, value::Value},
    format::draft::MAX_VALUE_LEVELS,
};

/// Text that other layers receive instead of an erasable value.
pub(crate) const ERASABLE_PLACEHOLDER: &str = "[erasable]";

/// Returns a serialisable value as a `tracing` field. An audit entry gets its structure; other layers get its JSON
/// text.
///
/// The value is serialised during this call, by the rules of [`Draft::detail`](crate::Draft::detail). A value that
/// cannot be serialised, or nests more than 126 levels, becomes a text with the reason. The event and its other fields
/// are recorded in any case.
///
/// ```
/// use kling_audit::{audit, json};
///
/// audit!("export_requested", actor = "alice", tables = json(&["tasks", "credits"]));
/// ```
pub fn json<T: Serialize + ?Sized>(value: &T) -> impl Field + use<T> {
    Box::<dyn Error + Send + Sync>::from(Json(to_value(value)))
}

/// Error type that carries a value of [`json`] through `tracing`.
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

/// Returns a value that can be erased later, as a `tracing` field.
///
/// The entry contains a salted commitment to the value. The value itself is in a file beside the trail until
/// [`AuditLog::erase`](crate::AuditLog::erase) overwrites it. Other layers receive the text `[erasable]`. The value is
/// serialised as in [`json`](crate::json()).
///
/// An entry cannot be without an actor and a type. If the field is `actor` or `event_type`, that member becomes
/// `[erasable]`, and the value is an erasable detail of that name.
///
/// ```
/// use kling_audit::{audit, erasable};
///
/// audit!("account_opened", account = 42, email = erasable("alice@example.com"));
/// ```
pub fn erasable<T: Serialize + ?Sized>(value: &T) -> impl Field + use<T> {
    Box::<dyn Error + Send + Sync>::from(Erasable(to_value(value)))
}

/// Error type that carries a value of [`erasable`] through `tracing`.
pub(crate) struct Erasable(pub(crate) Value);

impl fmt::Display for Erasable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ERASABLE_PLACEHOLDER)
    }
}

impl fmt::Debug for Erasable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ERASABLE_PLACEHOLDER)
    }
}

impl Error for Erasable {}

/// Converts `value` to JSON. If that fails, returns a text with the reason.
fn to_value<T: Serialize + ?Sized>(value: &T) -> Value {
    serialize::to_value(value, MAX_VALUE_LEVELS)
        .unwrap_or_else(|error| Value::String(format!("[not serialisable: {error}]").as_str().into()))
}
