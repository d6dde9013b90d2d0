//! `ValueError`: the reason why a value has no canonical JSON text.

use std::fmt::{self, Write as _};

use serde::ser::{self, Error as _};

use crate::codec::json::{
    parse::ParseError,
    sanitize::{self, Printable},
    wtf8::Text,
};

/// Why something did not become a value; safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueError {
    message: String,
}

impl ValueError {
    /// An object has `name` twice.
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
        Self { message: format!("JSON text inside: {error}") }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}

/// What `value` displays; unlike `to_string` without a panic where it reports an error.
pub(crate) fn display<T: fmt::Display + ?Sized>(value: &T) -> Result<Text, ValueError> {
    let mut text = String::new();
    match write!(text, "{value}") {
        Ok(()) => Ok(text.into()),
        Err(fmt::Error) => Err(ValueError::custom("a value that cannot be displayed")),
    }
}
