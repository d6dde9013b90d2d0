//! Structured values as `tracing` fields.
//!
//! `tracing` has no value for structure, but carries any error whole: the value travels as one, and the field visitor
//! finds it again behind that disguise.

use std::{error::Error, fmt};

use serde::Serialize;
use tracing::Value as Field;

use crate::{
    codec::json::{self, value::Value},
    format::draft::MAX_VALUE_LEVELS,
};

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
    let value = match json::to_value(value, MAX_VALUE_LEVELS) {
        Ok(value) => value,
        Err(error) => Value::String(format!("[not serialisable: {error}]").as_str().into()),
    };
    Box::<dyn Error + Send + Sync>::from(Json(value))
}

/// What [`json`] smuggles through `tracing`; it is an error in name only.
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
