//! Canonical JSON text: the one spelling that an entry's bytes have.
//!
//! Owns the way in (`parse`, `serialize`), the way out (`write`, `value`) and the check that bytes on disk are
//! spelled so (`recognise`). Promise: no input makes it panic, recurse without bound or allocate beyond a small
//! multiple of its size. Does not know what an entry, a hash or a file is.

mod float;
mod name;
mod parse;
mod plain;
mod printable;
#[cfg(test)]
mod sample;
mod serialize;
mod text;
mod value;
pub(crate) mod write;

pub(crate) use parse::{ParseError, parse, parse_tool};
pub(crate) use serialize::{ValueError, to_value};
pub(crate) use text::Text;
pub(crate) use value::Value;
