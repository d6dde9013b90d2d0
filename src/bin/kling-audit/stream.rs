//! Standard streams, and small files that arguments name.

use std::{
    fmt,
    io::{self, Write},
    path::Path,
};

use kling_audit::{AuditLog, AuditLogBuilder, Receipt};

use crate::failure::Failure;

/// Prints and flushes: who reads this may wait for it.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Stream("write to standard output", error))
}

/// One value as an object, the outcomes of several paths as an array.
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

/// JSON with everything beyond printable ASCII escaped, so that a terminal is safe from it.
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

pub(crate) fn print_receipt(receipt: &Receipt) -> Result<(), Failure> {
    print(&format!("{} {}\n", receipt.seq, receipt.hash))
}

pub(crate) fn complain(failure: &Failure) {
    // If stderr is gone there is nobody left to tell; the exit code still says it.
    drop(writeln!(io::stderr(), "kling-audit: {failure}"));
}

/// Reads a small file.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    const LIMIT: u64 = 1 << 20;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| io::Read::read_to_string(&mut io::Read::take(file, LIMIT), &mut text))
        .map_err(|error| unreadable(path, &error))?;
    Ok(text)
}

pub(crate) fn unreadable(path: &Path, error: &dyn fmt::Display) -> Failure {
    Failure::Usage(format!("read {:?}: {error}", path.to_string_lossy()))
}

/// Prepares to open a trail that is there; `action` names what for.
pub(crate) fn existing(directory: &Path, action: &str) -> Result<AuditLogBuilder, Failure> {
    if !directory.join("audit.head").is_file() {
        let shown = directory.to_string_lossy();
        return Err(Failure::Usage(format!("{action} {shown:?}: there is no trail in it")));
    }
    Ok(AuditLog::builder(directory))
}
