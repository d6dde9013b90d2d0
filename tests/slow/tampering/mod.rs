//! Edits of a finished trail: verification finds each at its place, and one edit gives one finding.

mod copy;
mod every_byte;
mod random;
mod table;
