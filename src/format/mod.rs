//! Format 1 of a trail as types, without I/O: how an event becomes the bytes of a line, and how a line is read.
//!
//! | file | what it owns |
//! |---|---|
//! | `draft` | an event that has no number, time or link yet |
//! | `redaction` | the names of fields whose values are replaced by `[redacted]` |
//! | `commit_values`, `commitment` | erasable values: commitments in the entry, private records beside the trail |
//! | `truncate` | an entry that is too long: strings are shortened, and their lengths and hashes kept |
//! | `render` | the text of an entry up to its previous hash, and the limits of its length |
//! | `prepared_entry` | the rendered and partly hashed entry, and the suffix that linking appends |
//! | `chain` | number, previous hash, time and day of the next entry |
//! | `receipt` | trail id, number and hash of a recorded entry |
//! | `line`, `details` | a line of a trail that was read, and the decoded members of its `details` |
//! | `entry_commitments`, `private_record` | commitments of an entry that was read, and the lines with their values |
//! | `file_name` | day and number in the name of a trail's file |
//! | `head` | the 512-byte block that names the last acknowledged entry |

pub(crate) mod chain;
pub(crate) mod commit_values;
pub(crate) mod commitment;
pub(crate) mod details;
pub(crate) mod draft;
pub(crate) mod entry_commitments;
pub(crate) mod file_name;
pub(crate) mod head;
pub(crate) mod line;
pub(crate) mod prepared_entry;
pub(crate) mod private_record;
pub(crate) mod receipt;
pub(crate) mod redaction;
pub(crate) mod render;
pub(crate) mod truncate;
