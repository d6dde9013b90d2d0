//! The checker of lines in format 1, which this crate writes.
//!
//! Parsing (`parse_block`) runs on any thread; checking runs in the trail's order. A run of lines that parsing has
//! already compared with each other is accepted at once, and each other line is checked on its own.

use chrono::NaiveDate;

use crate::{
    codec::{
        digest::{HashLength, Link},
        json::{
            shape_cache::ShapeCache,
            string_bitmap::StringBitmap,
            validate::{Malformed, Validator},
            value::Value,
        },
        sha256::sha256_of_each,
    },
    error::Error,
    findings::{finding::FindingKind, notice::Notice},
    format::line::{self, Line, MAX_LINE_BYTES, Parts},
    storage::{head_file::FoundHead, prune_record::Pruned, segments::TrailFile},
    verify::{
        adopted_trail,
        entry_view::EntryView,
        evidence::{Evidence, EvidenceOutcome},
        head_check::HeadCheck,
        line_checker::{LineCheck, LineChecker},
        parallel_read::ParsedLine,
        position::Position,
        scan_state::{LastEntry, NotAnEntry, ScanState},
        sequence::{ChainBreak, ChainFollower, Placement},
        torn_tail_check,
    },
};

/// Maximum bytes of a malformed line that a finding shows.
const MAX_MALFORMED_BYTES_SHOWN: usize = 32;

/// Checks lines of format 1.
pub(super) struct Format1 {
    chain: ChainFollower,
    /// Hash length of the trail's first entry. A trail never mixes two lengths.
    hash_length: Option<HashLength>,
    misplaced: Option<Misplaced>,
    day_of_last_line: KnownDay,
    /// `true` if the name of a file must be the day of its entries.
    checks_file_names: bool,
    head: HeadCheck,
    evidence: Evidence,
    /// The prune record of the trail, if its first entries were pruned.
    pruned: Option<Pruned>,
    /// Number of malformed lines after the last entry.
    malformed_at_end: u64,
    /// `true` if the last line was an entry in its place and its file, and only its successor may follow. A run of
    /// lines may be accepted at once only then.
    in_sequence: bool,
}

/// The last finding about an entry in a file of another day. Its neighbours are not reported again: a renamed file is
/// one finding.
struct Misplaced {
    file: String,
    day: NaiveDate,
}

/// A day as a number since 1970-01-01 and as a date. Most lines have the day of the line before, so the date is seldom
/// computed.
#[derive(Default)]
struct KnownDay {
    number: i64,
    date: NaiveDate,
}

/// Buffers of a parsing thread.
pub(super) struct ParseContext {
    strings: StringBitmap,
    shapes: ShapeCache,
}

impl Default for ParseContext {
    fn default() -> Self {
        Self { strings: StringBitmap::default(), shapes: ShapeCache::capturing(EntryView::CAPTURED_NAMES) }
    }
}

impl Format1 {
    /// Checks the files of a whole trail, from its first entry on.
    pub(super) fn whole() -> Self {
        Self {
            chain: ChainFollower::from_genesis(),
            hash_length: None,
            misplaced: None,
            day_of_last_line: KnownDay::default(),
            checks_file_names: true,
            head: HeadCheck::NotRequired,
            evidence: Evidence::default(),
            pruned: None,
            malformed_at_end: 0,
            in_sequence: false,
        }
    }

    /// Checks files from somewhere in a trail on.
    pub(super) fn part() -> Self {
        Self { chain: ChainFollower::from_any_line(), ..Self::whole() }
    }

    /// Checks one file, which may have any name.
    pub(super) fn file() -> Self {
        Self { checks_file_names: false, ..Self::part() }
    }

    /// Compares the end of the trail with its head.
    pub(super) fn with_head(self, head: Option<FoundHead>) -> Self {
        Self { head: HeadCheck::of(head), ..self }
    }

    /// Compares the entries with checkpoints and receipts.
    pub(super) fn with_evidence(self, evidence: Evidence) -> Self {
        Self { evidence, ..self }
    }

    /// Begins after the pruned entries. Call this after [`with_evidence`](Self::with_evidence).
    pub(super) fn after_pruned(self, pruned: Option<Pruned>) -> Self {
        let Some(pruned) = pruned else { return self };
        let evidence = self.evidence.after_pruned(&pruned);
        Self { chain: ChainFollower::from_any_line(), evidence, pruned: Some(pruned), ..self }
    }

    /// Ends the scan: compares the end with the head and with the evidence. `last_file` is the name of the newest file.
    pub(super) fn conclude(self, last_file: &str, state: &mut ScanState) -> EvidenceOutcome {
        if state.stopped.is_some() {
            return EvidenceOutcome::default();
        }
        // Each malformed line may have been an entry, and one of them two that were joined. That many entries may be
        // missing at the end without being reported a second time as truncated.
        let slack = if self.malformed_at_end > 0 { self.malformed_at_end + 1 } else { 0 };
        self.head.conclude(self.chain.next_seq().saturating_add(slack), last_file, state);
        let last = state.last.and_then(|last| last.seq);
        self.evidence.conclude(last_file, last, state)
    }

    /// Returns a break if `line` is the first entry after the pruned ones and is not linked to the last of them.
    fn break_after_pruned(&self, line: &Line<'_>) -> Option<ChainBreak> {
        let pruned = self.pruned.as_ref().filter(|pruned| pruned.size() == line.seq)?;
        let expected = Link::Hash(pruned.through);
        (line.previous != expected).then(|| ChainBreak {
            kind: FindingKind::ChainBroken,
            expected: expected.to_string(),
            found: line.previous.to_string(),
        })
    }

    /// Applies an entry that the log wrote about the trail itself.
    fn apply_own_entry(
        &mut self,
        at: Position<'_>,
        line: &Line<'_>,
        state: &mut ScanState,
    ) -> Result<(), Error> {
        if line.is("audit_started") {
            let details = line.decoded_details();
            if let Some(Value::String(id)) = details.get("trail_id") {
                self.head.set_trail_id(id.to_string_lossy());
            }
            if let Some(adopted) = details.get("adopted") {
                return adopted_trail::check(adopted, at, self.head.is_required(), state);
            }
        }
        if line.is("audit_recovered") {
            let details = line.decoded_details();
            if let Some(Value::String(hash)) = details.get("head_hash") {
                self.head.add_recorded_loss(&hash.to_string_lossy());
            }
            if let (Some(from), Some(to)) = (details.u64("lost_from"), details.u64("lost_to")) {
                state.add_notice(Notice::UnsyncedLoss { from, to });
            }
        }
        Ok(())
    }

    fn date_of(&mut self, line: &Line<'_>) -> NaiveDate {
        let number = line.time.day();
        if self.day_of_last_line.number != number {
            self.day_of_last_line = KnownDay { number, date: line.time.date() };
        }
        self.day_of_last_line.date
    }

    /// Returns `true` if an entry of `day` is in a file of another day, and the entry before it was not reported for
    /// the same.
    fn is_newly_misplaced(&mut self, at: Position<'_>, day: NaiveDate) -> bool {
        let fits = match at.file.label {
            Some(label) => label.day == day,
            None => !self.checks_file_names,
        };
        if fits {
            self.misplaced = None;
            return false;
        }
        let is_known =
            self.misplaced.as_ref().is_some_and(|last| last.file == at.file.name && last.day == day);
        if !is_known {
            self.misplaced = Some(Misplaced { file: at.file.name.clone(), day });
        }
        !is_known
    }
}

impl LineChecker for Format1 {
    const MAX_LINE_BYTES: usize = MAX_LINE_BYTES;

    type Parsed = Parts;

    type Context = ParseContext;

    fn begins_like_an_entry(bytes: &[u8]) -> bool {
        line::begins_like_an_entry(bytes)
    }

    fn ends_like_an_entry(bytes: &[u8]) -> bool {
        line::ends_like_an_entry(bytes)
    }

    fn parse_block(
        block: &[u8],
        ParseContext { strings, shapes }: &mut ParseContext,
        entries: &mut Vec<ParsedLine<Parts>>,
    ) {
        strings.set(block);
        let mut from = 0;
        for to in memchr::memchr_iter(b'\n', block) {
            if to - from < MAX_LINE_BYTES {
                let mut text = Validator::from(&block[..to], strings, from);
                // The parts are parsed in their final place, since they are large and a copy of each would cost time.
                entries.push(ParsedLine { from, to, parsed: Parts::BLANK });
                let recognised = entries.split_last_mut().and_then(|(last, before)| {
                    let before = before.last().map(|before| &before.parsed);
                    last.parsed.recognise(block, &mut text, shapes, before)
                });
                if recognised.is_none() {
                    entries.pop();
                }
            }
            from = to + 1;
        }
        // Hashing all lines of a block together lets two run at a time: "verify, everything checked, 1 thread" in
        // benches/RESULTS.md depends on it.
        sha256_of_each(
            entries,
            |line| line.parsed.message(block),
            |line, sha256| line.parsed.set_sha256(sha256),
        );
    }

    fn check_line(
        &mut self,
        at: Position<'_>,
        bytes: &[u8],
        parsed: Option<(&Parts, &[u8])>,
        state: &mut ScanState,
        on_entry: Option<&mut dyn FnMut(EntryView<'_>)>,
    ) -> Result<LineCheck, Error> {
        self.in_sequence = false;
        let line = match parsed.map_or_else(|| Line::recognise(bytes), |(parts, block)| Ok(parts.line(block)))
        {
            Ok(line) => line,
            Err(malformed) => {
                if let Some(start) = line::foreign_start(bytes)
                    && self.chain.may_be_followed_by(start.seq, &start.previous)
                {
                    state.stopped = Some(unknown_format(at, &start.format));
                    return Ok(LineCheck::Entry);
                }
                return Ok(LineCheck::NotAnEntry(describe_malformed(&malformed, bytes)));
            }
        };
        if line.is("audit_started")
            && line.holds()
            && self.chain.may_be_followed_by(Some(line.seq), &line.previous)
            && let Some(format) = other_format(&line)
        {
            state.stopped = Some(unknown_format(at, &format));
            return Ok(LineCheck::Entry);
        }
        let length = match self.hash_length {
            Some(length) => length,
            None => match first_hash_length(&line) {
                Ok(length) => *self.hash_length.insert(length),
                Err(contradiction) => return Ok(LineCheck::NotAnEntry(contradiction)),
            },
        };
        if line.stated.length() != length {
            return Ok(LineCheck::NotAnEntry(NotAnEntry {
                expected: format!("a hash of {} digits, as the trail has", length.digits()),
                found: format!("one of {}", line.stated.length().digits()),
            }));
        }
        self.malformed_at_end = 0;
        state.add_entry(Some(line.seq), line.stated, line.time);
        if let Some(on_entry) = on_entry {
            on_entry(view(&line));
        }
        if !line.holds() {
            // The printed hash is what the true line had, so the tree goes on with it. A short hash is no leaf: the
            // tree is lost.
            match line.stated.full() {
                Some(leaf) => self.evidence.add_entry(line.seq, leaf, &line.stated, line.time),
                None => self.evidence.lose_tree(),
            }
            self.chain.follow_damaged(&line);
            let (expected, found) = (line.computed().to_string(), line.stated.to_string());
            state.add_finding(at.finding(FindingKind::HashMismatch, Some(line.seq), &expected, &found));
            return Ok(LineCheck::Entry);
        }
        self.head.add_entry(line.seq, &line.stated);
        self.evidence.add_entry(line.seq, &line.sha256, &line.stated, line.time);
        if line.event_type.starts_with(b"audit_") {
            self.apply_own_entry(at, &line, state)?;
        }
        let placement = match (self.chain.follow(&line), self.break_after_pruned(&line)) {
            (Placement::InPlace, Some(broken)) => Placement::Broken(broken),
            (placement, _) => placement,
        };
        // Moved lines are a finding where they are missing, and no second one where they are.
        let day = self.date_of(&line);
        let in_wrong_file = self.is_newly_misplaced(at, day);
        let broken = match placement {
            Placement::Broken(broken) if broken.kind != FindingKind::ClockWentBack => Some(broken),
            Placement::InPlace | Placement::Broken(_) if in_wrong_file => {
                self.chain.suppress_next();
                Some(ChainBreak {
                    kind: FindingKind::WrongFile,
                    expected: format!("a file of {day}"),
                    found: at.file.name.clone(),
                })
            }
            Placement::Broken(broken) => Some(broken),
            Placement::InPlace | Placement::Late => None,
        };
        self.in_sequence = broken.is_none() && self.misplaced.is_none() && self.chain.is_exactly_after(&line);
        if let Some(broken) = broken {
            state.add_finding(at.chain_finding(Some(line.seq), &broken));
        }
        state.add_day(day);
        Ok(LineCheck::Entry)
    }

    fn accept_run(
        &mut self,
        entries: &[ParsedLine<Parts>],
        block: &[u8],
        state: &mut ScanState,
        on_entry: Option<&mut dyn FnMut(EntryView<'_>)>,
    ) -> usize {
        if !self.in_sequence {
            return 0;
        }
        let follow = entries.iter().take_while(|line| line.parsed.follows()).count();
        let Some(first) = entries[..follow].first().map(|line| line.parsed.seq()) else { return 0 };
        // The run ends before an entry that the head or the prune record names: `check_line` compares that one with
        // them. Numbers in a run rise by one, so the distance from the first number is the entry's index.
        let named = self.head.seqs().into_iter().chain([self.pruned.as_ref().map(Pruned::size)]);
        let count = named
            .flatten()
            .filter_map(|seq| seq.checked_sub(first))
            .fold(follow, |count, before| usize::try_from(before).map_or(count, |before| before.min(count)));
        let run = &entries[..count];
        let line = |at: Option<usize>| Some(run.get(at?)?.parsed.line(block));
        let Some(last) = line(count.checked_sub(1)) else { return 0 };
        self.chain.skip_run(line(count.checked_sub(2)).as_ref(), &last);
        state.add_run(count, LastEntry { seq: Some(last.seq), hash: last.stated, time: last.time });
        if self.evidence.follows_entries() {
            for line in run {
                let line = &line.parsed;
                self.evidence.add_entry(line.seq(), line.sha256(), line.stated(), line.time());
            }
        }
        if let Some(on_entry) = on_entry {
            for line in run {
                let [actor, context, details, event_type] = line.parsed.texts(block);
                let (seq, time) = (Some(line.parsed.seq()), line.parsed.time());
                let captured = line.parsed.notes(block);
                on_entry(EntryView { actor, event_type, time, seq, context, details, captured });
            }
        }
        count
    }

    fn skip_malformed(&mut self) {
        self.in_sequence = false;
        self.malformed_at_end += 1;
        self.evidence.lose_tree();
        self.chain.trust_next();
    }

    fn explains_torn_tail(
        files: &[TrailFile],
        number: usize,
        offset: u64,
        length: u64,
    ) -> Result<bool, Error> {
        torn_tail_check::is_explained(files, number, offset, length)
    }
}

fn view<'a>(line: &Line<'a>) -> EntryView<'a> {
    EntryView {
        actor: line.actor,
        event_type: line.event_type,
        time: line.time,
        seq: Some(line.seq),
        context: line.context,
        details: line.details,
        captured: None,
    }
}

/// Returns the expected text at the place where a line stops being an entry, and the text that is there.
fn describe_malformed(malformed: &Malformed, bytes: &[u8]) -> NotAnEntry {
    let rest = bytes.get(malformed.at..).unwrap_or_default();
    let shown = rest.get(..MAX_MALFORMED_BYTES_SHOWN).unwrap_or(rest);
    let more = if rest.len() > shown.len() { "…" } else { "" };
    let found = match shown {
        [] => "the end of the line".to_owned(),
        shown => format!("{}{more}", String::from_utf8_lossy(shown)),
    };
    NotAnEntry { expected: format!("{} at byte {} of the line", malformed.what.trim(), malformed.at), found }
}

/// Returns the format that an `audit_started` states, unless it is format 1. Such an entry has the form of format 1,
/// but the entries after it may mean something else.
fn other_format(line: &Line<'_>) -> Option<String> {
    match line.detail("format") {
        Some(Value::Number(format)) if format == "1" => None,
        Some(other) => {
            let mut text = Vec::new();
            other.write(&mut text);
            Some(String::from_utf8_lossy(&text).chars().take(40).collect())
        }
        None => None,
    }
}

/// Returns the hash length of a trail from its first readable entry. An entry that contradicts itself is an error;
/// the next entry decides then.
fn first_hash_length(line: &Line<'_>) -> Result<HashLength, NotAnEntry> {
    let length = line.stated.length();
    if line.is("audit_started")
        && line.holds()
        && let Some(Value::Number(digits)) = line.detail("hash_length")
        && digits != length.digits().to_string()
    {
        return Err(NotAnEntry {
            expected: format!("a hash of {digits} digits, as `hash_length` says"),
            found: format!("one of {}", length.digits()),
        });
    }
    Ok(length)
}

fn unknown_format(at: Position<'_>, format: &str) -> String {
    format!("{} line {} begins a part in format {format}, and only format 1 is known", at.file.name, at.line)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, num::NonZero, path::Path};

    use super::*;
    use crate::{
        codec::{
            digest::Digest,
            json::{object_reader::MemberTexts, random_value::Random},
            sha256::Message,
        },
        format::draft::Draft,
        log::AuditLog,
        storage::segments,
        verify::{observer::Observer, scan},
        write::settings::Durability,
    };

    /// The same checker for lines that are each parsed on their own: no thread remembers anything, and no run is
    /// accepted.
    struct OneByOne(Format1);

    impl LineChecker for OneByOne {
        const MAX_LINE_BYTES: usize = Format1::MAX_LINE_BYTES;

        type Parsed = Parts;

        type Context = ();

        fn begins_like_an_entry(bytes: &[u8]) -> bool {
            Format1::begins_like_an_entry(bytes)
        }

        fn ends_like_an_entry(bytes: &[u8]) -> bool {
            Format1::ends_like_an_entry(bytes)
        }

        fn parse_block(_: &[u8], (): &mut (), _: &mut Vec<ParsedLine<Parts>>) {}

        fn check_line(
            &mut self,
            at: Position<'_>,
            bytes: &[u8],
            _: Option<(&Parts, &[u8])>,
            state: &mut ScanState,
            on_entry: Option<&mut dyn FnMut(EntryView<'_>)>,
        ) -> Result<LineCheck, Error> {
            self.0.check_line(at, bytes, None, state, on_entry)
        }

        fn accept_run(
            &mut self,
            _: &[ParsedLine<Parts>],
            _: &[u8],
            _: &mut ScanState,
            _: Option<&mut dyn FnMut(EntryView<'_>)>,
        ) -> usize {
            0
        }

        fn skip_malformed(&mut self) {
            self.0.skip_malformed();
        }

        fn explains_torn_tail(
            files: &[TrailFile],
            number: usize,
            offset: u64,
            length: u64,
        ) -> Result<bool, Error> {
            Format1::explains_torn_tail(files, number, offset, length)
        }
    }

    /// Scans the trail. Returns the final state and all entries that the observer was shown, as texts.
    fn scanned<C: LineChecker>(
        trail: &Path,
        threads: usize,
        mut checker: C,
        inner: impl FnOnce(C) -> Format1,
    ) -> (String, String) {
        let files = segments::list(trail).expect("listed");
        let mut state = ScanState::default();
        let mut shown = String::new();
        let mut on_entry = |entry: EntryView<'_>| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            // Members that the parser did not capture are searched for.
            let captured = entry.captured.unwrap_or_else(|| {
                EntryView::CAPTURED_NAMES.map(|name| {
                    MemberTexts::of(entry.details)
                        .find(|(known, _)| *known == name.as_bytes())
                        .map(|(_, value)| value)
                })
            });
            let texts = [entry.actor, entry.event_type, entry.context, entry.details].map(text);
            shown.push_str(&format!(
                "{:?} {} {texts:?} {:?}\n",
                entry.seq,
                entry.time,
                captured.map(|captured| captured.map(text))
            ));
        };
        let threads = NonZero::new(threads).expect("not zero");
        let mut observer = Observer { threads, on_entry: Some(&mut on_entry), progress: &mut |_| {} };
        scan::scan(&files, 0, &mut checker, &mut state, &mut observer).expect("read");
        let outcome = inner(checker).conclude("audit.head", &mut state);
        (format!("{state:#?} {outcome:#?}"), shown)
    }

    /// Writes a trail of one file, longer than some blocks. Most of its lines have the same form.
    fn trail(directory: &Path) {
        let log = AuditLog::builder(directory)
            .durability(Durability::Buffered)
            .clock(|| "2026-11-24T12:00:00Z".parse().expect("a time"))
            .open()
            .expect("opens");
        for number in 0..700_u64 {
            let draft = Draft::new("task_submitted")
                .actor(format!("user-{}", number % 3))
                .detail("action", "text_to_video")
                .detail("a name that is longer than any window of bytes", number * 7_919)
                .detail("external_task_id", format!("t-{number}"))
                .detail("nested", [Some(number as f64 / 8.0), None])
                .detail("text", "\u{e9}\n".repeat(number as usize % 40));
            let draft = if number % 5 == 0 { draft.detail("extra", number % 2 == 0) } else { draft };
            log.append(draft).expect("recorded");
        }
        log.close().expect("closes");
    }

    /// Changes the line at a place that is likely to matter.
    fn change(line: &mut Vec<u8>, random: &mut Random) {
        let at = random.below(line.len() as u64) as usize;
        let likely = b"0123456789abcdef\"\\{}[],:.eE+-/ unrtb\n";
        let byte = likely[random.below(likely.len() as u64) as usize];
        let texts = |line: &[u8], text: &[u8]| memchr::memmem::find_iter(line, text).collect::<Vec<_>>();
        let members = texts(line, b", \"");
        let member = |random: &mut Random| members[random.below(members.len() as u64) as usize];
        match random.below(12) {
            0 => line[at] = byte,
            1 => line[at] ^= 1 << random.below(8),
            2 => line.insert(at, byte),
            3 => drop(line.remove(at)),
            4 => {
                let digit = line[at..].iter().position(u8::is_ascii_digit).map_or(at, |digit| at + digit);
                line[digit] = b'0' + random.below(10) as u8;
            }
            // Repeats a member, removes one, or exchanges two.
            5..8 => {
                let mut ends = [member(random), member(random), member(random)];
                ends.sort_unstable();
                let [from, middle, to] = ends;
                let (first, second) = (line[from..middle].to_vec(), line[middle..to].to_vec());
                let instead = match random.below(3) {
                    0 => [&first[..], &second, &first].concat(),
                    1 => second,
                    _ => [second, first].concat(),
                };
                line.splice(from..to, instead);
            }
            // Replaces a value by another, or by another spelling.
            8..10 => {
                let values: &[&[u8]] = &[
                    b"01",
                    b"1.0",
                    b"1e5",
                    b"-0",
                    b"null",
                    b"tru",
                    b"true",
                    b"\"x\"",
                    b"\"\\u0041\"",
                    b"\"\\u00E9\"",
                    b"\"\xc3\xa9\"",
                    b"{}",
                    b"[]",
                    b"[1,2]",
                    b"{\"b\": 1, \"a\": 2}",
                    b"",
                    b" 1",
                    b"1234567890123456789012345678901234567890",
                ];
                let colons = texts(line, b": ");
                let from = colons[random.below(colons.len() as u64) as usize] + 2;
                let length = line[from..].iter().position(|byte| matches!(byte, b',' | b'}')).unwrap_or(0);
                let value = values[random.below(values.len() as u64) as usize];
                line.splice(from..from + length, value.iter().copied());
            }
            10 => line.truncate(at),
            _ => line.extend_from_slice(&line.clone()[..at]),
        }
    }

    /// Writes the line's true hash into it, so that nothing but its form is wrong, and returns that hash. With
    /// `before`, the line is linked to that hash.
    fn hash_anew(line: &mut Vec<u8>, before: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let at = memchr::memmem::rfind(line, b", \"hash\": \"")?;
        let from = memchr::memmem::rfind(&line[..at], b"\"prev_hash\": \"")? + 14;
        let previous = line.get_mut(from..from + 64)?;
        if let Some(before) = before {
            previous.copy_from_slice(&before);
        }
        let sha256 = Message::new(&line[..at], &line[from..from + 64]).sha256();
        let hash = Digest::new(sha256, HashLength::Full).to_string().into_bytes();
        line.truncate(at);
        line.extend_from_slice(&[b", \"hash\": \"", &hash[..], b"\"}"].concat());
        Some(hash)
    }

    #[test]
    fn runs_of_lines_are_judged_like_single_lines() {
        let place = tempfile::tempdir().expect("a directory");
        let audit = place.path().join("audit");
        trail(&audit);
        let path = audit.join("audit-2026-11-24.jsonl");
        let whole = fs::read(&path).expect("readable");
        assert!(whole.len() > 3 << 17, "{}", whole.len());
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        let by_itself = || scanned(&audit, 1, OneByOne(Format1::whole()), |checker| checker.0);
        let together = |threads| scanned(&audit, threads, Format1::whole(), |checker| checker);
        assert_eq!(together(1), by_itself());
        let mut random = Random::new(51);
        let mut kinds = BTreeSet::new();

        for round in 0..100 {
            let mut changed: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
            // A short trail is read by one thread. At its end, and at the end of a block, windows of bytes reach
            // beyond.
            let length = if round % 8 == 0 { lines.len() } else { 3 + random.below(40) as usize };
            changed.truncate(length);
            for _ in 0..1 + random.below(if length > 100 { 12 } else { 3 }) {
                let number = match random.below(3) {
                    0 => changed.len() - 1,
                    _ => random.below(changed.len() as u64) as usize,
                };
                let line = &mut changed[number];
                let newline = line.pop();
                if line.len() > 100 {
                    change(line, &mut random);
                }
                line.extend(newline);
                let mut before = None;
                for line in changed[number..].iter_mut().take([0, 1, 700][random.below(3) as usize]) {
                    let newline = line.pop_if(|byte| *byte == b'\n');
                    before = hash_anew(line, before);
                    line.extend(newline);
                }
            }
            fs::write(&path, changed.concat()).expect("written");

            let expected = by_itself();

            for threads in [1, 3] {
                assert_eq!(together(threads), expected, "round {round}");
            }
            let known =
                ["MalformedLine", "HashMismatch", "ChainBroken", "SequenceGap", "WrongFile", "findings: []"];
            kinds.extend(known.into_iter().filter(|kind| expected.0.contains(kind)));
        }
        assert!(kinds.len() >= 5, "{kinds:?}");
    }
}
