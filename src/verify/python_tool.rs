//! The checker of logs that the Python tool wrote.
//!
//! Their entries have no numbers and 16-digit hashes over the entry as Python prints it. Each restart of the tool
//! breaks the chain, which is a finding.

use sha2::{Digest as _, Sha256};

use crate::{
    codec::{
        digest::{Digest, HashLength},
        json::{parse::parse_python, value::Value, write, wtf8::Text},
        timestamp::Timestamp,
    },
    error::Error,
    findings::finding::FindingKind,
    storage::segments::{MAX_TOOL_LINE, TOOL_START, TrailFile},
    verify::{
        entry_view::EntryView,
        line_checker::{LineCheck, LineChecker},
        parallel_read::ParsedLine,
        position::Position,
        scan_state::{NotAnEntry, ScanState},
    },
};

/// Checks lines of the Python tool.
pub(super) struct PythonTool {
    /// Hashes to which the next line may be linked; `None` if it may have any link. Two, since the successor of a
    /// damaged line was linked to either its printed or its computed hash.
    links: Option<[String; 2]>,
}

/// One parsed line of the Python tool.
pub(super) struct PythonLine {
    actor: Vec<u8>,
    event_type: Vec<u8>,
    time: Timestamp,
    details: Vec<u8>,
    previous: String,
    printed: Digest,
    computed: Digest,
}

impl PythonTool {
    /// Checks a log from its first line on.
    pub(super) fn whole() -> Self {
        let genesis = "genesis".to_owned();
        Self { links: Some([genesis.clone(), genesis]) }
    }

    /// Checks a log from somewhere on.
    pub(super) fn part() -> Self {
        Self { links: None }
    }
}

impl PythonLine {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let parsed = parse_python(bytes, 128).map_err(|error| error.to_string())?;
        let Value::Object(mut members) = parsed else { return Err("not an object".to_owned()) };
        let at = members.iter().position(|(name, _)| name.to_str() == Some("hash"));
        let printed = match at.map(|at| members.remove(at).1) {
            Some(Value::String(text)) => Digest::parse(text.as_bytes()),
            _ => return Err("`hash` is missing or is not a string".to_owned()),
        };
        let printed = printed.filter(|digest| digest.length() == HashLength::Short);
        let printed = printed.ok_or("`hash` is not 16 hex digits")?;
        let text = |name: &str| match members.iter().find(|(known, _)| known.to_str() == Some(name)) {
            Some((_, Value::String(text))) => Ok(text.clone()),
            _ => Err(format!("`{name}` is missing or is not a string")),
        };
        let (actor, event_type, time, previous) =
            (text("actor")?, text("event_type")?, text("timestamp")?, text("prev_hash")?);
        let details = members.iter().find(|(name, _)| name.to_str() == Some("details"));
        let (_, found) = details.ok_or("`details` is missing")?;
        let mut details = Vec::new();
        found.write(&mut details);
        let time = Timestamp::parse_isoformat(time.as_bytes())
            .ok_or("`timestamp` is not what Python's isoformat gives, and `Z`")?;
        // The hash is over the entry without `hash`, printed again, followed by the text of `prev_hash`.
        let mut unhashed = Vec::with_capacity(bytes.len());
        Value::Object(members).write(&mut unhashed);
        let mut sha256 = Sha256::new_with_prefix(&unhashed);
        // The tool encodes `prev_hash` as UTF-8. A text that can't be encoded is no hash, so its bytes do not matter.
        sha256.update(previous.as_bytes());
        let computed = Digest::new(sha256.finalize().into(), HashLength::Short);
        Ok(Self {
            actor: canonical_text(&actor),
            event_type: canonical_text(&event_type),
            time,
            details,
            previous: previous.to_string_lossy(),
            printed,
            computed,
        })
    }
}

impl LineChecker for PythonTool {
    const MAX_LINE_BYTES: usize = MAX_TOOL_LINE;

    type Parsed = PythonLine;

    type Context = ();

    fn begins_like_an_entry(bytes: &[u8]) -> bool {
        bytes.starts_with(TOOL_START)
    }

    fn ends_like_an_entry(bytes: &[u8]) -> bool {
        crate::format::line::ends_like_an_entry(bytes)
    }

    fn parse_block(block: &[u8], (): &mut (), entries: &mut Vec<ParsedLine<PythonLine>>) {
        let mut from = 0;
        for to in memchr::memchr_iter(b'\n', block) {
            let line = &block[from..to];
            if line.len() < MAX_TOOL_LINE
                && let Ok(parsed) = PythonLine::parse(line)
            {
                entries.push(ParsedLine { from, to, parsed });
            }
            from = to + 1;
        }
    }

    fn check_line(
        &mut self,
        at: Position<'_>,
        bytes: &[u8],
        parsed: Option<(&PythonLine, &[u8])>,
        state: &mut ScanState,
        on_entry: Option<&mut dyn FnMut(EntryView<'_>)>,
    ) -> Result<LineCheck, Error> {
        let own;
        let line = match parsed {
            Some((line, _)) => line,
            None => {
                own = match PythonLine::parse(bytes) {
                    Ok(line) => line,
                    Err(found) => {
                        let expected = "a line of the Python tool".to_owned();
                        return Ok(LineCheck::NotAnEntry(NotAnEntry { expected, found }));
                    }
                };
                &own
            }
        };
        state.add_entry(None, line.printed, line.time);
        if let Some(on_entry) = on_entry {
            on_entry(EntryView {
                actor: &line.actor,
                event_type: &line.event_type,
                time: line.time,
                seq: None,
                context: b"",
                details: &line.details,
                captured: None,
            });
        }
        let links = self.links.replace([line.printed.to_string(), line.computed.to_string()]);
        // The link of a changed line may be changed too. The hash alone is the finding.
        if line.printed != line.computed {
            let (expected, found) = (line.computed.to_string(), line.printed.to_string());
            state.add_finding(at.finding(FindingKind::HashMismatch, None, &expected, &found));
            return Ok(LineCheck::Entry);
        }
        if let Some(links) = links
            && !links.contains(&line.previous)
        {
            state.add_finding(at.finding(FindingKind::ChainBroken, None, &links[0], &line.previous));
        }
        state.add_day(line.time.date());
        Ok(LineCheck::Entry)
    }

    /// Accepts none: each line has to be compared with the one before it.
    fn accept_run(
        &mut self,
        _: &[ParsedLine<PythonLine>],
        _: &[u8],
        _: &mut ScanState,
        _: Option<&mut dyn FnMut(EntryView<'_>)>,
    ) -> usize {
        0
    }

    fn skip_malformed(&mut self) {
        self.links = None;
    }

    /// Returns `false`: the tool never explains an unfinished line.
    fn explains_torn_tail(_: &[TrailFile], _: usize, _: u64, _: u64) -> Result<bool, Error> {
        Ok(false)
    }
}

/// Returns `text` as canonical JSON without its quotes.
fn canonical_text(text: &Text) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.as_bytes().len() + 2);
    write::text(&mut out, text);
    out.pop();
    if !out.is_empty() {
        out.remove(0);
    }
    out
}
