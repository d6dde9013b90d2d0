//! The scan: one pass over the lines of a trail's files, in order, on the calling thread.
//!
//! The scan continues after a finding and reads each file once. Lines come parsed from
//! [`parallel_read`](super::parallel_read); a [`LineChecker`] compares each with the lines before it.

use crate::{
    error::{Error, Operation},
    findings::{notice::Notice, progress::Progress},
    format::line::MAX_LINE_BYTES,
    storage::{
        block_reader::{self, Block, Blocks, Bytes},
        segments::TrailFile,
        tail::FileTail,
    },
    verify::{
        line_checker::{LineCheck, LineChecker},
        observer::Observer,
        parallel_read,
        position::Position,
        scan_state::{LineEnds, NotAnEntry, ScanState},
    },
};

pub(crate) use crate::verify::entry_view::EntryView;

/// Scans `files` with `checker`, the first from the byte `from` on. The last of `files` is the trail's newest file.
pub(super) fn scan<C: LineChecker>(
    files: &[TrailFile],
    from: u64,
    checker: &mut C,
    state: &mut ScanState,
    observer: &mut Observer<'_>,
) -> Result<(), Error> {
    let total = files.iter().map(|file| file.length).sum::<u64>().saturating_sub(from);
    let mut bytes_before_file = 0;
    let mut current = 0;
    let mut line = 0;
    parallel_read::read(files, from, C::MAX_LINE_BYTES, observer.threads, C::parse_block, |parsed| {
        while current < parsed.file {
            bytes_before_file += files[current].length;
            current += 1;
            line = 0;
        }
        let file = &files[current];
        match &parsed.block {
            Block::Lines { offset, bytes } => {
                let block = bytes.get();
                // Entries that were not passed yet. `entries[0]` begins at `from`, unless the line at `from` is not
                // an entry.
                let mut entries = &parsed.entries[..];
                let mut from = 0;
                while let Some(rest) = block.get(from..).filter(|rest| !rest.is_empty()) {
                    let accepted = match entries.first() {
                        Some(entry) if entry.from == from => {
                            checker.accept_run(entries, block, state, observer.on_entry())
                        }
                        _ => 0,
                    };
                    if let Some(last) = accepted.checked_sub(1).and_then(|last| entries.get(last)) {
                        line += accepted as u64;
                        from = last.to + 1;
                        entries = &entries[accepted..];
                        continue;
                    }
                    line += 1;
                    let at = Position { file, line, offset: offset + from as u64 };
                    let entry = entries.first().filter(|entry| entry.from == from);
                    entries = &entries[usize::from(entry.is_some())..];
                    let length = match entry {
                        Some(entry) => entry.to - entry.from,
                        None => memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
                    };
                    let bytes = &rest[..length];
                    from += length + 1;
                    if length >= C::MAX_LINE_BYTES {
                        let start = &bytes[..block_reader::LINE_START_BYTES.min(length)];
                        skip_long_line(at, length as u64, start, checker, state);
                        continue;
                    }
                    let parsed = entry.map(|entry| (&entry.parsed, block));
                    match checker.check_line(at, bytes, parsed, state, observer.on_entry())? {
                        LineCheck::Entry => state.end_damage(),
                        LineCheck::NotAnEntry(line) => {
                            checker.skip_malformed();
                            let ends = LineEnds {
                                begins_like_an_entry: C::begins_like_an_entry(bytes),
                                ends_like_an_entry: C::ends_like_an_entry(bytes),
                            };
                            state.add_malformed(at, &line, ends);
                        }
                    }
                    if state.stopped.is_some() {
                        return Ok(false);
                    }
                }
            }
            Block::TooLong { offset, length, start } => {
                line += 1;
                skip_long_line(Position { file, line, offset: *offset }, *length, start, checker, state);
            }
            Block::Unterminated { offset, length, start } => {
                line += 1;
                let at = Position { file, line, offset: *offset };
                check_torn_tail(files, current, at, *length, start, checker, state)?;
            }
        }
        let bytes = (bytes_before_file + parsed.block.end()).saturating_sub(from);
        (observer.progress)(Progress { bytes, of: total, entries: state.entries });
        Ok(true)
    })
}

/// Corrects the line numbers of the findings in `file`, which was scanned from the byte `from` on, so that they count
/// from the start of the file. Without such findings the part before `from` is not read.
pub(super) fn count_lines_from_start(
    file: &TrailFile,
    from: u64,
    state: &mut ScanState,
) -> Result<(), Error> {
    let mut findings =
        state.findings.iter_mut().filter(|finding| finding.file == file.name && finding.line.is_some());
    let Some(first) = findings.next() else { return Ok(()) };
    let lines_before = count_lines(file, from)?;
    for finding in [first].into_iter().chain(findings) {
        finding.line = finding.line.map(|line| line + lines_before);
    }
    Ok(())
}

/// Counts the lines before the byte `end` of `file`.
fn count_lines(file: &TrailFile, end: u64) -> Result<u64, Error> {
    let mut blocks = Blocks::new(file.open()?, 0, end, MAX_LINE_BYTES);
    let mut buffer = Bytes::default();
    let mut lines = 0;
    while let Some(block) =
        blocks.next(std::mem::take(&mut buffer)).map_err(Error::io(Operation::Read, &file.path))?
    {
        match block {
            Block::Lines { bytes, .. } => {
                lines += memchr::memchr_iter(b'\n', bytes.get()).count() as u64;
                buffer = bytes;
            }
            Block::TooLong { .. } => lines += 1,
            Block::Unterminated { .. } => {}
        }
    }
    Ok(lines)
}

/// Skips a line that is longer than any entry.
fn skip_long_line<C: LineChecker>(
    at: Position<'_>,
    length: u64,
    start: &[u8],
    checker: &mut C,
    state: &mut ScanState,
) {
    checker.skip_malformed();
    let line = NotAnEntry {
        expected: format!("at most {} bytes", C::MAX_LINE_BYTES - 1),
        found: format!("a line of {length} bytes"),
    };
    let ends = LineEnds { begins_like_an_entry: C::begins_like_an_entry(start), ends_like_an_entry: true };
    state.add_malformed(at, &line, ends);
}

/// Checks the bytes after the last newline of the file `files[number]`.
fn check_torn_tail<C: LineChecker>(
    files: &[TrailFile],
    number: usize,
    at: Position<'_>,
    length: u64,
    start: &[u8],
    checker: &mut C,
    state: &mut ScanState,
) -> Result<(), Error> {
    let later = files.get(number + 1..).unwrap_or_default();
    // A crash leaves an unfinished line at the end of the trail. A failed write leaves one at the end of its file if
    // that could not be truncated; the entries that follow then explain it.
    let is_explained =
        later.is_empty() || has_no_lines(later)? || C::explains_torn_tail(files, number, at.offset, length)?;
    if is_explained {
        state.add_notice(Notice::TornTail { file: at.file.name.clone(), offset: at.offset, length });
        return Ok(());
    }
    checker.skip_malformed();
    let line = NotAnEntry {
        expected: "a newline at the end of a file that is not the newest".to_owned(),
        found: format!("{length} bytes without one"),
    };
    let ends = LineEnds { begins_like_an_entry: C::begins_like_an_entry(start), ends_like_an_entry: true };
    state.add_malformed(at, &line, ends);
    Ok(())
}

/// Returns `true` if `files` hold no whole line, so that the trail ends before them.
fn has_no_lines(files: &[TrailFile]) -> Result<bool, Error> {
    for file in files {
        let tail = FileTail::read(&mut file.open()?, file.length, 0)
            .map_err(Error::io(Operation::Read, &file.path))?;
        if tail.rest > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
