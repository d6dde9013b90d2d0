//! Standard streams, and small files that arguments name.

use std::{
    fmt,
    io::{self, Write},
    path::Path,
};

use kling_audit::{AuditLog, AuditLogBuilder, Receipt};

use crate::failure::Failure;

/// Prints to standard output and flushes, since a program at the other end of a pipe may wait for the line.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Stream("write to standard output", error))
}

/// Prints the result for one path as a JSON object, the results for several as an array. `asked` is the number of
/// paths.
pub(crate) fn print_json<T: serde::Serialize>(values: &[T], asked: usize) -> Result<(), Failure> {
    let text = match values {
        [value] if asked == 1 => serde_json::to_string(value),
        [] if asked == 1 => return Ok(()),
        values => serde_json::to_string(values),
    };
    let text = text.map_err(|error| Failure::Stream("write JSON to standard output", error.into()))?;
    print(&ascii(&text))?;
    print("\n")
}

/// Escapes everything in JSON but printable ASCII, so that no text of a trail can control the terminal.
pub(crate) fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// Prints a receipt as `SEQ HASH`.
pub(crate) fn print_receipt(receipt: &Receipt) -> Result<(), Failure> {
    print(&format!("{} {}\n", receipt.seq, receipt.hash))
}

/// Prints a failure to standard error.
pub(crate) fn print_failure(failure: &Failure) {
    // If standard error is closed, the exit status alone reports the failure.
    drop(writeln!(io::stderr(), "kling-audit: {failure}"));
}

/// Reads a file of at most 1 MiB.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    const MAX_FILE_BYTES: u64 = 1 << 20;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| io::Read::read_to_string(&mut io::Read::take(file, MAX_FILE_BYTES), &mut text))
        .map_err(|error| unreadable(path, &error))?;
    Ok(text)
}

/// The failure to read or parse a file.
pub(crate) fn unreadable(path: &Path, error: &dyn fmt::Display) -> Failure {
    Failure::Message(format!("read {:?}: {error}", path.to_string_lossy()))
}

/// Returns the builder of a log on an existing trail. `action` is the verb of the error.
///
/// The library would create a missing trail: a typing error in a path must not.
pub(crate) fn existing(directory: &Path, action: &str) -> Result<AuditLogBuilder, Failure> {
    let refused = |cause: &dyn fmt::Display| {
        Failure::Message(format!("{action} {:?}: {cause}", directory.to_string_lossy()))
    };
    match std::fs::metadata(directory.join("audit.head")) {
        Ok(metadata) if metadata.is_file() => Ok(AuditLog::builder(directory)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused(&error)),
        _ => Err(refused(&"there is no trail in this directory")),
    }
}
