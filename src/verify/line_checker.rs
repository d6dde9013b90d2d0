//! The interface between the scan and the two formats of lines: [`Format1`](super::format1::Format1) and
//! [`PythonTool`](super::python_tool::PythonTool).
//!
//! Parsing depends on the bytes of one line alone, so any thread may do it. Checking depends on all lines before and is
//! done by one thread, in order.

use crate::{
    error::Error,
    storage::segments::TrailFile,
    verify::{
        entry_view::EntryView,
        parallel_read::ParsedLine,
        position::Position,
        scan_state::{NotAnEntry, ScanState},
    },
};

/// The result of checking one line.
#[derive(Debug)]
pub(super) enum LineCheck {
    /// The line is an entry. Findings about it are in the [`ScanState`].
    Entry,
    /// The line is not an entry.
    NotAnEntry(NotAnEntry),
}

/// Parses and checks the lines of one format.
pub(super) trait LineChecker {
    /// Maximum length of a line, its newline included.
    const MAX_LINE_BYTES: usize;

    /// The content of one line, parsed on its own.
    type Parsed: Send;

    /// Memory of a parsing thread from block to block. It makes parsing faster and never changes the result.
    type Context: Default;

    /// Returns `true` if `bytes` begin like an entry. The start of a line that damage split in two does.
    fn begins_like_an_entry(bytes: &[u8]) -> bool;

    /// Returns `true` if `bytes` end like an entry.
    fn ends_like_an_entry(bytes: &[u8]) -> bool;

    /// Parses the whole lines in `block`, each on its own and on any thread, and appends the entries to `entries`. A
    /// line that is not an entry is left out.
    fn parse_block(block: &[u8], context: &mut Self::Context, entries: &mut Vec<ParsedLine<Self::Parsed>>);

    /// Checks one line and its place in the chain. `parsed` is the result of [`parse_block`](Self::parse_block) with
    /// the block that it refers to, or `None` for a line that is not an entry.
    fn check_line(
        &mut self,
        at: Position<'_>,
        bytes: &[u8],
        parsed: Option<(&Self::Parsed, &[u8])>,
        state: &mut ScanState,
        on_entry: Option<&mut dyn FnMut(EntryView<'_>)>,
    ) -> Result<LineCheck, Error>;

    /// Accepts the longest prefix of `entries` in which every entry is known to follow its predecessor (number, link,
    /// hash, day) and needs no other check. Returns its length. The caller has checked the line before `entries[0]`.
    ///
    /// Most lines pass here without being checked one by one: parsing has already compared each with the line before
    /// it.
    fn accept_run(
        &mut self,
        entries: &[ParsedLine<Self::Parsed>],
        block: &[u8],
        state: &mut ScanState,
        on_entry: Option<&mut dyn FnMut(EntryView<'_>)>,
    ) -> usize;

    /// Skips a line that is not an entry: the place of the next line is taken on trust.
    fn skip_malformed(&mut self);

    /// Returns `true` if a later entry or line explains the `length` bytes at `offset`, which end the file
    /// `files[number]` without a newline.
    fn explains_torn_tail(
        files: &[TrailFile],
        number: usize,
        offset: u64,
        length: u64,
    ) -> Result<bool, Error>;
}
