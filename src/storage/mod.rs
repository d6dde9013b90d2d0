//! The files of a trail: opening them safely, listing and locking them, reading them, and changing them durably.
//!
//! The directory is not trusted: anything may be in it under any name.
//!
//! | file | owns |
//! |---|---|
//! | `open`, `permissions` | opening regular files only; modes of what is created |
//! | `durable` | changes that survive a power failure |
//! | `lock`, `process` | one writer a trail: the lock file, forks, the machine's boot |
//! | `backend` | the writer's file operations, which tests replace |
//! | `block_reader`, `line_reader`, `reverse_lines` | one file in blocks, in lines, and from its end |
//! | `segments` | the files of a trail in their order |
//! | `lookup`, `tail` | one entry by its number; the end of a file |
//! | `head_file`, `prune_record` | the head, and the record of what was pruned |
//! | `private_values`, `private_reader` | the values that entries only commit to |
//! | `sealed` | names of what sealing a trail creates |

pub(crate) mod backend;
pub(crate) mod block_reader;
pub(crate) mod durable;
pub(crate) mod head_file;
pub(crate) mod line_reader;
pub(crate) mod lock;
pub(crate) mod lookup;
pub(crate) mod open;
pub(crate) mod permissions;
pub(crate) mod private_reader;
pub(crate) mod private_values;
pub(crate) mod process;
pub(crate) mod prune_record;
pub(crate) mod reverse_lines;
pub(crate) mod sealed;
pub(crate) mod segments;
pub(crate) mod tail;
