//! A walk over the files of a trail: what each line is, one after the other, and what is wrong with it.
//!
//! It goes on after a finding, and reads each file once. Whoever walks may look at every entry on the way.

use chrono::{Days, NaiveDate};

use crate::findings::{progress::Progress, withheld::ErasableCounts};
use crate::{
    codec::{digest::Digest, json::shape_cache::NOTED, timestamp::Timestamp},
    error::{Error, Operation},
    findings::verification::EntryRef,
    format::line::MAX_LINE,
    storage::{
        block_reader::{self, Block, Blocks, Bytes},
        segments::TrailFile,
        tail::FileTail,
    },
};
use crate::{
    findings::{
        finding::{Finding, FindingKind},
        notice::Notice,
        verification::Verification,
    },
    verify::{
        evidence::Outcome,
        observer::Observer,
        parallel_read::{self, LineFacts},
        sequence::Break,
    },
};

/// How much of a value is shown in a finding.
const SHOWN: usize = 200;

/// What the walk has seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(super) entries: u64,
    pub(super) first: Option<EntryRef>,
    pub(super) last: Option<Spot>,
    pub(super) findings: Vec<Finding>,
    pub(super) findings_total: u64,
    pub(super) notices: Vec<Notice>,
    pub(super) notices_total: u64,
    pub(super) withheld: Option<ErasableCounts>,
    /// Why nothing more can be told.
    pub(super) stopped: Option<String>,
    /// What the trail was held against beside its chain and head.
    pub(super) standing: Outcome,
    latest_day: Option<NaiveDate>,
    /// The line before was malformed and did not end like an entry; whether it began like one.
    open_damage: Option<bool>,
}

/// The last entry; its text is made when the walk is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) seq: Option<u64>,
    pub(super) hash: Digest,
    pub(super) time: Timestamp,
}

/// Where in the trail the walk is.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) file: &'a TrailFile,
    /// From 1.
    pub(super) line: u64,
    pub(super) offset: u64,
}

/// What an entry says, in whichever format it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    /// As canonical text between its quotes.
    pub(crate) actor: &'a [u8],
    /// As canonical text between its quotes.
    pub(crate) event_type: &'a [u8],
    pub(crate) time: Timestamp,
    /// `None` in logs of the Python tool, which have no numbers.
    pub(crate) seq: Option<u64>,
    /// Canonical text of the object; empty where there is none.
    pub(crate) context: &'a [u8],
    /// Canonical text of the object.
    pub(crate) details: &'a [u8],
    /// The texts of the members [`NOTED`](Self::NOTED) of `details`, where they were found on the way.
    pub(crate) noted: Option<[Option<&'a [u8]>; NOTED]>,
}

impl Said<'_> {
    /// What tells tasks apart, in the order of the names.
    pub(crate) const NOTED: [&'static str; NOTED] = ["action", "external_task_id", "model"];
}

/// Why a line is no entry.
#[derive(Debug)]
pub(super) struct NoEntry {
    pub(super) expected: String,
    pub(super) found: String,
}

/// How the lines of one format are checked.
pub(super) trait Rule {
    /// The most bytes of a line, with its newline.
    const LIMIT: usize;

    /// Whether a line may have been parted from the one before it by damage.
    fn begins_like_an_entry(bytes: &[u8]) -> bool;

    /// Whether a line is complete to the right.
    fn ends_like_an_entry(bytes: &[u8]) -> bool;

    /// What a line says by itself.
    type Facts: Send;

    /// What is remembered from one look to the next, and makes that one faster, but changes nothing of what it finds.
    type Remembered: Default;

    /// Looks at the whole lines in `bytes`, each by itself and on any thread, and adds what those say that are entries.
    fn look(bytes: &[u8], remembered: &mut Self::Remembered, known: &mut Vec<LineFacts<Self::Facts>>);

    /// Checks a line and its place. Where it is an entry, `known` is what [`look`](Self::look) found, and in which bytes. The
    /// inner `Err` if it is no entry.
    fn check(
        &mut self,
        at: At<'_>,
        bytes: &[u8],
        known: Option<(&Self::Facts, &[u8])>,
        seen: &mut Seen,
        observe: Option<&mut dyn FnMut(Said<'_>)>,
    ) -> Result<Result<(), NoEntry>, Error>;

    /// Passes over those of the first of `known`, which stand in `block`, that say by themselves that they go on from the line
    /// before them, as far as that settles all there is to check, and says how many. The line before the first of them is the
    /// one that was checked last.
    fn pass(
        &mut self,
        known: &[LineFacts<Self::Facts>],
        block: &[u8],
        seen: &mut Seen,
        observe: Option<&mut dyn FnMut(Said<'_>)>,
    ) -> usize;

    /// Whether the files `later` tell of the unfinished line in `file`.
    fn tells_of(later: &[TrailFile], file: &TrailFile, offset: u64) -> Result<bool, Error>;

    /// Whether what stands in `file` from `offset` on, `length` bytes, is how the next line in `later` begins: its write
    /// failed there, and it was written anew.
    fn begins_next(later: &[TrailFile], file: &TrailFile, offset: u64, length: u64) -> Result<bool, Error>;

    /// Learns that a line was no entry: what follows can't be held against it.
    fn pass_malformed(&mut self);
}

/// Walks over `files` with `rule`, the first from the byte `from` on, while `watch` looks on. The last of them is the
/// trail's newest file.
pub(super) fn walk<R: Rule>(
    files: &[TrailFile],
    from: u64,
    rule: &mut R,
    seen: &mut Seen,
    watch: &mut Observer<'_>,
) -> Result<(), Error> {
    let of = files.iter().map(|file| file.length).sum::<u64>().saturating_sub(from);
    // Bytes of the files before the current one.
    let mut before = 0;
    let mut current = 0;
    let mut line = 0;
    parallel_read::read(files, from, R::LIMIT, watch.threads, R::look, |batch| {
        while current < batch.file {
            before += files[current].length;
            current += 1;
            line = 0;
        }
        let file = &files[current];
        match &batch.block {
            Block::Lines { offset, bytes } => {
                let block = bytes.get();
                let mut entries = &batch.facts[..];
                let mut from = 0;
                while let Some(rest) = block.get(from..).filter(|rest| !rest.is_empty()) {
                    let passed = match entries.first() {
                        Some(entry) if entry.from == from => rule.pass(entries, block, seen, watch.said()),
                        _ => 0,
                    };
                    if let Some(last) = passed.checked_sub(1).and_then(|last| entries.get(last)) {
                        line += passed as u64;
                        from = last.to + 1;
                        entries = &entries[passed..];
                        continue;
                    }
                    line += 1;
                    let at = At { file, line, offset: offset + from as u64 };
                    let entry = entries.first().filter(|entry| entry.from == from);
                    entries = &entries[usize::from(entry.is_some())..];
                    let length = match entry {
                        Some(entry) => entry.to - entry.from,
                        None => memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
                    };
                    let bytes = &rest[..length];
                    from += length + 1;
                    if length >= R::LIMIT {
                        pass_long(at, length as u64, &bytes[..block_reader::SHOWN.min(length)], rule, seen);
                        continue;
                    }
                    let known = entry.map(|entry| (&entry.facts, block));
                    match rule.check(at, bytes, known, seen, watch.said())? {
                        Ok(()) => seen.open_damage = None,
                        Err(why) => {
                            rule.pass_malformed();
                            let ends = R::ends_like_an_entry(bytes);
                            seen.malformed(at, &why, R::begins_like_an_entry(bytes), ends);
                        }
                    }
                    if seen.stopped.is_some() {
                        return Ok(false);
                    }
                }
            }
            Block::Long { offset, length, start } => {
                line += 1;
                pass_long(At { file, line, offset: *offset }, *length, start, rule, seen);
            }
            Block::Rest { offset, length, start } => {
                line += 1;
                let at = At { file, line, offset: *offset };
                pass_rest(files, current, at, *length, start, rule, seen)?;
            }
        }
        let bytes = (before + batch.block.end()).saturating_sub(from);
        (watch.progress)(Progress { bytes, of, entries: seen.entries });
        Ok(true)
    })
}

/// Makes findings in `file`, which was read from the byte `from` on, count lines from its start. Where there are none,
/// what came before is not read.
pub(super) fn count_from_the_start(file: &TrailFile, from: u64, seen: &mut Seen) -> Result<(), Error> {
    let lines = || {
        let mut blocks = Blocks::new(file.open()?, 0, from, MAX_LINE);
        let mut spare = Bytes::default();
        let mut lines = 0;
        while let Some(block) =
            blocks.next(std::mem::take(&mut spare)).map_err(Error::io(Operation::Read, &file.path))?
        {
            match block {
                Block::Lines { bytes, .. } => {
                    lines += memchr::memchr_iter(b'\n', bytes.get()).count() as u64;
                    spare = bytes;
                }
                Block::Long { .. } => lines += 1,
                Block::Rest { .. } => {}
            }
        }
        Ok::<_, Error>(lines)
    };
    let mut findings =
        seen.findings.iter_mut().filter(|finding| finding.file == file.name && finding.line.is_some());
    let Some(first) = findings.next() else { return Ok(()) };
    let before = lines()?;
    for finding in [first].into_iter().chain(findings) {
        finding.line = finding.line.map(|line| line + before);
    }
    Ok(())
}

/// Passes over a line that is longer than any entry.
fn pass_long<R: Rule>(at: At<'_>, length: u64, start: &[u8], rule: &mut R, seen: &mut Seen) {
    rule.pass_malformed();
    let why = NoEntry {
        expected: format!("at most {} bytes", R::LIMIT - 1),
        found: format!("a line of {length} bytes"),
    };
    seen.malformed(at, &why, R::begins_like_an_entry(start), true);
}

/// Passes over what follows the last newline of the file with this number.
fn pass_rest<R: Rule>(
    files: &[TrailFile],
    number: usize,
    at: At<'_>,
    length: u64,
    start: &[u8],
    rule: &mut R,
    seen: &mut Seen,
) -> Result<(), Error> {
    let later = files.get(number + 1..).unwrap_or_default();
    // A file that could not be cut back after a failed write is left as it is, and what follows tells. Where no whole line
    // says what that is, it may stand anywhere.
    let is_torn = later.is_empty()
        || nothing_follows(later)?
        || R::begins_next(later, at.file, at.offset, length)?
        || R::tells_of(if at.offset > 0 { later } else { files }, at.file, at.offset)?;
    if is_torn {
        seen.notice(Notice::TornTail { file: at.file.name.clone(), offset: at.offset, length });
        return Ok(());
    }
    rule.pass_malformed();
    let why = NoEntry {
        expected: "a newline at the end of a file that is not the newest".to_owned(),
        found: format!("{length} bytes without one"),
    };
    seen.malformed(at, &why, R::begins_like_an_entry(start), true);
    Ok(())
}

impl Seen {
    pub(super) fn finding(&mut self, finding: Finding) {
        self.findings_total += 1;
        if self.findings.len() < Verification::LISTED {
            self.findings.push(finding);
        }
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.notices_total += 1;
        if self.notices.len() < Verification::LISTED {
            self.notices.push(notice);
        }
    }

    /// A line that is no entry. One that was parted in two is one finding, at its first part.
    fn malformed(&mut self, at: At<'_>, why: &NoEntry, begins: bool, ends: bool) {
        let parted = self.open_damage.take().is_some_and(|began| !begins && (began || ends));
        if !parted {
            self.open_damage = (!ends).then_some(begins);
            self.finding(at.finding(FindingKind::MalformedLine, None, &why.expected, &why.found));
        }
    }

    /// A line that is an entry.
    pub(super) fn entry(&mut self, seq: Option<u64>, hash: Digest, time: Timestamp) {
        self.entries += 1;
        if self.first.is_none() {
            self.first = Some(EntryRef::new(seq, hash, time));
        }
        self.last = Some(Spot { seq, hash, time });
    }

    /// So many entries one after the other, of the day of the entry before them, the last of which is this.
    pub(super) fn entries(&mut self, count: usize, last: Spot) {
        self.entries += count as u64;
        self.last = Some(last);
    }

    /// An entry of that day, in its place.
    pub(super) fn day(&mut self, day: NaiveDate) {
        match self.latest_day {
            Some(latest) if day <= latest => {}
            Some(latest) => {
                self.latest_day = Some(day);
                let days = day.signed_duration_since(latest).num_days().unsigned_abs() - 1;
                let from = latest.checked_add_days(Days::new(1));
                let to = day.checked_sub_days(Days::new(1));
                if let (1.., Some(from), Some(to)) = (days, from, to) {
                    self.notice(Notice::DaysWithoutEntries { from, to, days });
                }
            }
            None => self.latest_day = Some(day),
        }
    }
}

impl At<'_> {
    /// A finding at this line.
    pub(super) fn finding(
        &self,
        kind: FindingKind,
        seq: Option<u64>,
        expected: &str,
        found: &str,
    ) -> Finding {
        Finding {
            kind,
            file: self.file.name.clone(),
            line: Some(self.line),
            offset: Some(self.offset),
            seq,
            expected: shown(expected),
            found: shown(found),
        }
    }

    /// A finding about a place in the chain: on a file's first line it is about what is missing before the file.
    pub(super) fn broken(&self, seq: Option<u64>, found: &Break) -> Finding {
        let mut finding = self.finding(found.kind, seq, &found.expected, &found.found);
        if self.line == 1 && matches!(found.kind, FindingKind::SequenceGap | FindingKind::ChainBroken) {
            finding.kind = FindingKind::MissingFile;
            finding.line = None;
            finding.offset = None;
            if found.kind == FindingKind::SequenceGap {
                finding.expected = format!("seq {}", found.expected);
                finding.found = format!("seq {}", found.found);
            } else {
                finding.expected = format!("prev_hash {}", found.expected);
                finding.found = format!("prev_hash {}", found.found);
            }
        }
        finding
    }
}

/// Whether there is no whole line in these files, so that the trail ends before them.
fn nothing_follows(files: &[TrailFile]) -> Result<bool, Error> {
    for file in files {
        let ending = FileTail::read(&mut file.open()?, file.length, 0)
            .map_err(Error::io(Operation::Read, &file.path))?;
        if ending.rest > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// As much of a text as a finding shows.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
