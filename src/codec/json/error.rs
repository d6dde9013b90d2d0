//! `ValueError`: the reason why a value has no canonical JSON text.
//!
//! Promise: its message is printable ASCII of bounded length, also where it quotes a name or a message of the caller.

use std::fmt::{self, Write as _};

use serde::ser::{self, Error as _};

use crate::codec::json::{
    parse::ParseError,
    sanitize::{self, Printable},
    wtf8::Text,
};

/// The reason why something serializable did not become a `Value`; safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueError {
    message: String,
}

impl ValueError {
    /// Returns the error of an object in which `name` appears twice.
    pub(crate) fn duplicate_name(name: &Text) -> Self {
        Self { message: format!("a name appears twice: {}", sanitize::name(name)) }
    }
}

impl ser::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: Printable::new(message).into_string() }
    }
}

impl From<ParseError> for ValueError {
    fn from(error: ParseError) -> Self {
        Self { message: format!("embedded JSON text: {error}") }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}

/// Returns the text that `value` displays.
///
/// # Errors
///
/// A `Display` that reports an error; `to_string` would panic.
pub(crate) fn display<T: fmt::Display + ?Sized>(value: &T) -> Result<Text, ValueError> {
    // Code of a caller runs here, inside the log: its fault must not become a panic of the log.
    let mut text = String::new();
    match write!(text, "{value}") {
        Ok(()) => Ok(text.into()),
        Err(fmt::Error) => Err(ValueError::custom("a value whose `Display` reports an error")),
    }
}
