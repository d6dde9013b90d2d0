//! Values that can be erased later, as `tracing` fields.
//!
//! The value travels as an error, as that of [`json`](crate::layer::json()) does; other layers see `[erasable]` and nothing of it.

use std::{error::Error, fmt};

use serde::Serialize;
use tracing::Value as Field;

use crate::{
    codec::json::{self, value::Value},
    format::draft::MAX_VALUE_LEVELS,
};

/// What stands where the value must not.
pub(crate) const ERASABLE: &str = "[erasable]";

/// A value that can be erased later, as a `tracing` field: in the entry stands a salted commitment to it, and the value
/// itself is kept beside the trail until [`AuditLog::erase`](crate::AuditLog::erase) removes it. Other layers see
/// `[erasable]`.
///
/// As a field `actor` or `event_type`, which the entry has to name, it leaves `[erasable]` there and is kept under that
/// name among the details. The value is taken as in [`json`](crate::layer::json()).
///
/// ```
/// use kling_audit::{audit, erasable};
///
/// audit!("account_opened", account = 42, email = erasable("alice@example.com"));
/// ```
pub fn erasable<T: Serialize + ?Sized>(value: &T) -> impl Field + use<T> {
    let value = match json::to_value(value, MAX_VALUE_LEVELS) {
        Ok(value) => value,
        Err(error) => Value::String(format!("[not serialisable: {error}]").as_str().into()),
    };
    Box::<dyn Error + Send + Sync>::from(Erasable(value))
}

/// What [`erasable`] smuggles through `tracing`; it is an error in name only.
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
