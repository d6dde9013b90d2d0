//! The rule of trails that this crate writes.

use std::io::{Read as _, Seek as _, SeekFrom};

use chrono::NaiveDate;

use crate::storage::head_file::FoundHead;
use crate::{
    codec::{
        digest::{HashLength, Link},
        json::{
            shape_cache::Shapes,
            string_bitmap::StringBitmap,
            validate::{Malformed, Validator},
            value::Value,
        },
        sha256::sha256_of_each,
    },
    error::{Error, Operation},
    format::line::{self, Line, MAX_LINE, Parts},
    storage::{line_reader::Piece, prune_record::Pruned, segments::TrailFile, tail::hash_from},
};
use crate::{
    findings::{finding::FindingKind, notice::Notice},
    verify::{
        adopted_trail,
        evidence::Evidence,
        head_check::End,
        parallel_read::LineFacts,
        scan::{At, NoEntry, Rule, Said, Seen, Spot},
        sequence::{Break, Course, Step},
    },
};

/// Checks lines of format 1.
pub(super) struct Native {
    course: Course,
    /// What the trail's first entry has; a trail never mixes two.
    length: Option<HashLength>,
    /// The file and day of the last finding about an entry in another day's file: a renamed file is one finding.
    misplaced: Option<(String, NaiveDate)>,
    /// The day of the line before, counted from 1970-01-01, and its date.
    today: (i64, NaiveDate),
    /// Whether a file's name must be that of a day.
    labelled: bool,
    /// What the end is held against.
    end: End,
    /// What the whole is held against.
    evidence: Evidence,
    /// What the trail tells of its beginning, which is not there.
    pruned: Option<Pruned>,
    /// Lines at the end that are no entries.
    malformed: u64,
    /// The last line was an entry in its place and its file, and what may follow is what follows it alone.
    steady: bool,
}

/// What lines are looked at with.
pub(super) struct Sight {
    marks: StringBitmap,
    shapes: Shapes,
}

impl Default for Sight {
    fn default() -> Self {
        Self { marks: StringBitmap::default(), shapes: Shapes::of_many(Said::NOTED) }
    }
}

impl Native {
    /// For the files of a trail, from its first entry on.
    pub(super) fn whole() -> Self {
        Self {
            course: Course::from_genesis(),
            length: None,
            misplaced: None,
            today: (0, NaiveDate::default()),
            labelled: true,
            end: End::Unasked,
            evidence: Evidence::default(),
            pruned: None,
            malformed: 0,
            steady: false,
        }
    }

    /// Holds the end against what was found of a head.
    pub(super) fn until(self, head: Option<FoundHead>) -> Self {
        Self { end: End::of(head), ..self }
    }

    /// Holds the whole against what nobody but others can make up.
    pub(super) fn against(self, evidence: Evidence) -> Self {
        Self { evidence, ..self }
    }

    /// Begins where what was pruned ends.
    pub(super) fn after(self, pruned: Option<Pruned>) -> Self {
        let Some(pruned) = pruned else { return self };
        let evidence = self.evidence.after(&pruned);
        Self { course: Course::from_trust(), evidence, pruned: Some(pruned), ..self }
    }

    /// Whether `line` is the first that was not pruned, and does not follow what was.
    fn breaks_off(&self, line: &Line<'_>) -> Option<Break> {
        let pruned = self.pruned.as_ref().filter(|pruned| pruned.size() == line.seq)?;
        let expected = Link::Hash(pruned.through);
        (line.previous != expected).then(|| Break {
            kind: FindingKind::ChainBroken,
            expected: expected.to_string(),
            found: line.previous.to_string(),
        })
    }

    /// The walk is over.
    pub(super) fn conclude(self, last_file: &str, seen: &mut Seen) {
        if seen.stopped.is_none() {
            // A line that is no entry may have been one, or two that were joined.
            let slack = if self.malformed > 0 { self.malformed + 1 } else { 0 };
            self.end.conclude(self.course.next().saturating_add(slack), last_file, seen);
            let last = seen.last.and_then(|spot| spot.seq);
            seen.standing = self.evidence.conclude(last_file, last, seen);
        }
    }

    /// Entries of the log itself that say something about the trail.
    fn heed(&mut self, at: At<'_>, line: &Line<'_>, seen: &mut Seen) -> Result<(), Error> {
        if line.is("audit_started")
            && let Some(Value::String(id)) = line.detail("trail_id")
        {
            self.end.see_trail_id(id.to_string_lossy());
        }
        if line.is("audit_recovered")
            && let Some(Value::String(hash)) = line.detail("head_hash")
        {
            self.end.see_loss(&hash.to_string_lossy());
        }
        if line.is("audit_recovered")
            && let (Some(Value::Number(from)), Some(Value::Number(to))) =
                (line.detail("lost_from"), line.detail("lost_to"))
            && let (Ok(from), Ok(to)) = (from.parse(), to.parse())
        {
            seen.notice(Notice::UnsyncedLoss { from, to });
        }
        match line.detail("adopted") {
            Some(adopted) if line.is("audit_started") => {
                adopted_trail::look(&adopted, at, self.end.is_asked(), seen)
            }
            _ => Ok(()),
        }
    }

    /// For files from somewhere in a trail on.
    pub(super) fn part() -> Self {
        Self { course: Course::from_trust(), ..Self::whole() }
    }

    /// For one file, under whatever name.
    pub(super) fn file() -> Self {
        Self { labelled: false, ..Self::part() }
    }

    /// The day of `line`, which is mostly that of the one before.
    fn date(&mut self, line: &Line<'_>) -> NaiveDate {
        let day = line.time.day();
        if self.today.0 != day {
            self.today = (day, line.time.date());
        }
        self.today.1
    }

    /// Whether a line of `day` stands in a file of another one, and no neighbour of its day was remarked on already.
    fn stands_in_wrong_file(&mut self, at: At<'_>, day: NaiveDate) -> bool {
        let fits = match at.file.label {
            Some(label) => label.day == day,
            None => !self.labelled,
        };
        if fits {
            self.misplaced = None;
            return false;
        }
        let known = self.misplaced.as_ref().is_some_and(|(file, of)| *file == at.file.name && *of == day);
        if !known {
            self.misplaced = Some((at.file.name.clone(), day));
        }
        !known
    }
}

impl Rule for Native {
    const LIMIT: usize = MAX_LINE;

    fn begins_like_an_entry(bytes: &[u8]) -> bool {
        line::begins_like_an_entry(bytes)
    }

    fn ends_like_an_entry(bytes: &[u8]) -> bool {
        line::ends_like_an_entry(bytes)
    }

    type Facts = Parts;

    type Remembered = Sight;

    fn look(bytes: &[u8], Sight { marks, shapes }: &mut Sight, known: &mut Vec<LineFacts<Parts>>) {
        marks.set(bytes);
        let mut from = 0;
        for to in memchr::memchr_iter(b'\n', bytes) {
            if to - from < MAX_LINE {
                let mut text = Validator::from(&bytes[..to], marks, from);
                known.push(LineFacts { from, to, facts: Parts::BLANK });
                let recognised = known.split_last_mut().and_then(|(last, before)| {
                    let before = before.last().map(|before| &before.facts);
                    last.facts.recognise(bytes, &mut text, shapes, before)
                });
                if recognised.is_none() {
                    known.pop();
                }
            }
            from = to + 1;
        }
        sha256_of_each(known, |line| line.facts.message(bytes), |line, sha256| line.facts.set_sha256(sha256));
    }

    fn check(
        &mut self,
        at: At<'_>,
        bytes: &[u8],
        known: Option<(&Parts, &[u8])>,
        seen: &mut Seen,
        observe: Option<&mut dyn FnMut(Said<'_>)>,
    ) -> Result<Result<(), NoEntry>, Error> {
        self.steady = false;
        let line = match known.map_or_else(|| Line::recognise(bytes), |(parts, block)| Ok(parts.line(block)))
        {
            Ok(line) => line,
            Err(malformed) => {
                if let Some(start) = line::foreign_start(bytes)
                    && self.course.leads_to(start.seq, &start.previous)
                {
                    seen.stopped = Some(unknown_format(at, &start.format));
                    return Ok(Ok(()));
                }
                return Ok(Err(no_entry(&malformed, bytes)));
            }
        };
        if line.is("audit_started")
            && line.holds()
            && self.course.leads_to(Some(line.seq), &line.previous)
            && let Some(format) = foreign(&line)
        {
            seen.stopped = Some(unknown_format(at, &format));
            return Ok(Ok(()));
        }
        if self.length.is_none() {
            match own_length(&line) {
                Ok(length) => self.length = length,
                Err(why) => return Ok(Err(why)),
            }
        }
        let length = self.length.unwrap_or_default();
        if line.stated.length() != length {
            return Ok(Err(NoEntry {
                expected: format!("a hash of {} digits, as the trail has", length.digits()),
                found: format!("one of {}", line.stated.length().digits()),
            }));
        }
        self.malformed = 0;
        seen.entry(Some(line.seq), line.stated, line.time);
        if let Some(observe) = observe {
            observe(said(&line));
        }
        if !line.holds() {
            match line.stated.full() {
                Some(leaf) => self.evidence.see(line.seq, leaf, &line.stated, line.time),
                None => self.evidence.lose(),
            }
            self.course.follow_damaged(&line);
            let (expected, found) = (line.computed().to_string(), line.stated.to_string());
            seen.finding(at.finding(FindingKind::HashMismatch, Some(line.seq), &expected, &found));
            return Ok(Ok(()));
        }
        self.end.see(line.seq, &line.stated);
        self.evidence.see(line.seq, &line.sha256, &line.stated, line.time);
        if line.event_type.starts_with(b"audit_") {
            self.heed(at, &line, seen)?;
        }
        let step = match (self.course.follow(&line), self.breaks_off(&line)) {
            (Step::InPlace, Some(broken)) => Step::Broken(broken),
            (step, _) => step,
        };
        // Lines that were moved are named where they are missing, not once more where they are.
        let day = self.date(&line);
        let in_wrong_file = self.stands_in_wrong_file(at, day);
        let broken = match step {
            Step::Broken(broken) if broken.kind != FindingKind::ClockWentBack => Some(broken),
            Step::InPlace | Step::Broken(_) if in_wrong_file => {
                self.course.excuse_next();
                Some(Break {
                    kind: FindingKind::WrongFile,
                    expected: format!("a file of {day}"),
                    found: at.file.name.clone(),
                })
            }
            Step::Broken(broken) => Some(broken),
            Step::InPlace | Step::Late => None,
        };
        self.steady = broken.is_none() && self.misplaced.is_none() && self.course.is_after(&line);
        if let Some(broken) = broken {
            seen.finding(at.broken(Some(line.seq), &broken));
        }
        seen.day(day);
        Ok(Ok(()))
    }

    fn pass(
        &mut self,
        known: &[LineFacts<Parts>],
        block: &[u8],
        seen: &mut Seen,
        observe: Option<&mut dyn FnMut(Said<'_>)>,
    ) -> usize {
        if !self.steady {
            return 0;
        }
        let follow = known.iter().take_while(|line| line.facts.follows()).count();
        let Some(first) = known[..follow].first().map(|line| line.facts.seq()) else { return 0 };
        // Their numbers go up by one. What is asked of one of them alone is asked when it is checked by itself.
        let asked = self.end.numbers().into_iter().chain([self.pruned.as_ref().map(Pruned::size)]);
        let count = asked
            .flatten()
            .filter_map(|seq| seq.checked_sub(first))
            .fold(follow, |count, before| usize::try_from(before).map_or(count, |before| before.min(count)));
        let passed = &known[..count];
        let line = |at: Option<usize>| Some(passed.get(at?)?.facts.line(block));
        let Some(last) = line(count.checked_sub(1)) else { return 0 };
        self.course.go_on(line(count.checked_sub(2)).as_ref(), &last);
        seen.entries(count, Spot { seq: Some(last.seq), hash: last.stated, time: last.time });
        if self.evidence.is_asked() {
            for line in passed {
                let line = &line.facts;
                self.evidence.see(line.seq(), line.sha256(), line.stated(), line.time());
            }
        }
        if let Some(observe) = observe {
            for line in passed {
                let [actor, context, details, event_type] = line.facts.texts(block);
                let (seq, time) = (Some(line.facts.seq()), line.facts.time());
                let noted = line.facts.notes(block);
                observe(Said { actor, event_type, time, seq, context, details, noted });
            }
        }
        count
    }

    fn tells_of(later: &[TrailFile], file: &TrailFile, offset: u64) -> Result<bool, Error> {
        /// How many lines are looked at, where it is known which follow: more than gather in the writer's buffer.
        const LOOKED_AT: usize = 16_384;
        let found = hash_from(&file.path, offset)?;
        let mut looked_at = 0;
        for next in later {
            let mut lines = next.lines(MAX_LINE)?;
            while let Some(piece) = lines.next().map_err(Error::io(Operation::Read, &next.path))? {
                looked_at += 1;
                if looked_at > LOOKED_AT && offset > 0 {
                    return Ok(false);
                }
                let Piece::Line { bytes, .. } = piece else { continue };
                // The type is looked for before the line is read, since most are others.
                if memchr::memmem::find(bytes, b"\"audit_recovered\"").is_none() {
                    continue;
                }
                if Line::recognise(bytes)
                    .is_ok_and(|line| line.holds() && tells(&line, &file.name, offset, &found))
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn begins_next(later: &[TrailFile], file: &TrailFile, offset: u64, length: u64) -> Result<bool, Error> {
        if length >= MAX_LINE as u64 {
            return Ok(false);
        }
        let mut begun = Vec::new();
        let mut opened = file.open()?;
        opened
            .seek(SeekFrom::Start(offset))
            .and_then(|_| opened.take(length).read_to_end(&mut begun))
            .map_err(Error::io(Operation::Read, &file.path))?;
        for next in later {
            match next.lines(MAX_LINE)?.next().map_err(Error::io(Operation::Read, &next.path))? {
                Some(Piece::Line { bytes, .. }) => return Ok(bytes.starts_with(&begun)),
                // That write failed as well.
                Some(Piece::Rest) | None => {}
                Some(Piece::Long { .. }) => return Ok(false),
            }
        }
        Ok(false)
    }

    fn pass_malformed(&mut self) {
        self.steady = false;
        self.malformed += 1;
        self.evidence.lose();
        self.course.trust_next();
    }
}

fn said<'a>(line: &Line<'a>) -> Said<'a> {
    Said {
        actor: line.actor,
        event_type: line.event_type,
        time: line.time,
        seq: Some(line.seq),
        context: line.context,
        details: line.details,
        noted: None,
    }
}

/// Whether an entry tells of bytes that stand in a file behind its last whole line.
fn tells(line: &Line<'_>, file: &str, offset: u64, found: &(u64, String)) -> bool {
    let text = |name: &str, expected: &str| matches!(line.detail(name), Some(Value::String(text)) if text.to_str() == Some(expected));
    let number = |name: &str, expected: u64| matches!(line.detail(name), Some(Value::Number(digits)) if digits.parse() == Ok(expected));
    line.is("audit_recovered")
        && text("file", file)
        && number("offset", offset)
        && number("length", found.0)
        && text("sha256", &found.1)
}

/// What stands where something else is expected.
fn no_entry(malformed: &Malformed, bytes: &[u8]) -> NoEntry {
    /// How much of the line is shown.
    const SHOWN: usize = 32;
    let rest = bytes.get(malformed.at..).unwrap_or_default();
    let shown = rest.get(..SHOWN).unwrap_or(rest);
    let more = if rest.len() > shown.len() { "…" } else { "" };
    let found = match shown {
        [] => "the end of the line".to_owned(),
        shown => format!("{}{more}", String::from_utf8_lossy(shown)),
    };
    NoEntry { expected: format!("{} at byte {} of the line", malformed.what.trim(), malformed.at), found }
}

/// The format that an entry of this form states, if it is another.
fn foreign(line: &Line<'_>) -> Option<String> {
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

/// The hash length of the trail whose first readable entry this is. `Err` if the entry contradicts itself, so that
/// the one after it decides.
fn own_length(line: &Line<'_>) -> Result<Option<HashLength>, NoEntry> {
    let stated = line.stated.length();
    if line.is("audit_started")
        && line.holds()
        && let Some(Value::Number(digits)) = line.detail("hash_length")
        && digits != stated.digits().to_string()
    {
        return Err(NoEntry {
            expected: format!("a hash of {digits} digits, as `hash_length` says"),
            found: format!("one of {}", stated.digits()),
        });
    }
    Ok(Some(stated))
}

fn unknown_format(at: At<'_>, format: &str) -> String {
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

    /// The same rule for lines that are all read by themselves: nothing is remembered, and none is passed over.
    struct OneByOne(Native);

    impl Rule for OneByOne {
        const LIMIT: usize = Native::LIMIT;

        fn begins_like_an_entry(bytes: &[u8]) -> bool {
            Native::begins_like_an_entry(bytes)
        }

        fn ends_like_an_entry(bytes: &[u8]) -> bool {
            Native::ends_like_an_entry(bytes)
        }

        type Facts = Parts;

        type Remembered = ();

        fn look(_: &[u8], (): &mut (), _: &mut Vec<LineFacts<Parts>>) {}

        fn check(
            &mut self,
            at: At<'_>,
            bytes: &[u8],
            _: Option<(&Parts, &[u8])>,
            seen: &mut Seen,
            observe: Option<&mut dyn FnMut(Said<'_>)>,
        ) -> Result<Result<(), NoEntry>, Error> {
            self.0.check(at, bytes, None, seen, observe)
        }

        fn pass(
            &mut self,
            _: &[LineFacts<Parts>],
            _: &[u8],
            _: &mut Seen,
            _: Option<&mut dyn FnMut(Said<'_>)>,
        ) -> usize {
            0
        }

        fn tells_of(later: &[TrailFile], file: &TrailFile, offset: u64) -> Result<bool, Error> {
            Native::tells_of(later, file, offset)
        }

        fn begins_next(
            later: &[TrailFile],
            file: &TrailFile,
            offset: u64,
            length: u64,
        ) -> Result<bool, Error> {
            Native::begins_next(later, file, offset, length)
        }

        fn pass_malformed(&mut self) {
            self.0.pass_malformed();
        }
    }

    /// All that a walk has seen and shown.
    fn walked<R: Rule>(
        trail: &Path,
        threads: usize,
        mut rule: R,
        inner: impl FnOnce(R) -> Native,
    ) -> (String, String) {
        let files = segments::list(trail).expect("listed");
        let mut seen = Seen::default();
        let mut shown = String::new();
        let mut say = |said: Said<'_>| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            // What was not noted on the way is looked for.
            let noted = said.noted.unwrap_or_else(|| {
                Said::NOTED.map(|name| {
                    MemberTexts::of(said.details)
                        .find(|(known, _)| *known == name.as_bytes())
                        .map(|(_, value)| value)
                })
            });
            let texts = [said.actor, said.event_type, said.context, said.details].map(text);
            shown.push_str(&format!(
                "{:?} {} {texts:?} {:?}\n",
                said.seq,
                said.time,
                noted.map(|noted| noted.map(text))
            ));
        };
        let threads = NonZero::new(threads).expect("not zero");
        let mut watch = Observer { threads, said: Some(&mut say), progress: &mut |_| {} };
        scan::walk(&files, 0, &mut rule, &mut seen, &mut watch).expect("read");
        inner(rule).conclude("audit.head", &mut seen);
        (format!("{seen:#?}"), shown)
    }

    /// A trail of one file, most of whose lines are alike; longer than some blocks.
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

    /// Something else at a likely place of the line.
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
            // A member twice, or gone, or two that change places.
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
            // Another value, or another spelling of one.
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

    /// Gives a line the hash that it has, so that nothing but its form is wrong; `previous` is the one before it, if it
    /// should go on from that. Gives the hash.
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
    fn lines_are_judged_as_each_by_itself_wherever_they_stand() {
        let place = tempfile::tempdir().expect("a directory");
        let audit = place.path().join("audit");
        trail(&audit);
        let path = audit.join("audit-2026-11-24.jsonl");
        let whole = fs::read(&path).expect("readable");
        assert!(whole.len() > 3 << 17, "{}", whole.len());
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        let by_itself = || walked(&audit, 1, OneByOne(Native::whole()), |rule| rule.0);
        let together = |threads| walked(&audit, threads, Native::whole(), |rule| rule);
        assert_eq!(together(1), by_itself());
        let mut random = Random::new(51);
        let mut kinds = BTreeSet::new();

        for round in 0..100 {
            let mut changed: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
            // Few lines are read by few threads; at the end, and where a block ends, windows reach beyond.
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
