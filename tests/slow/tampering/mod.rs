//! Whatever is done to a finished trail is found, at the right place, and one edit is one finding.

mod copy;
mod every_byte;
mod random;
mod table;
