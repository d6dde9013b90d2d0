//! The rule of logs that the Python tool writes: 16-digit hashes over the entry as Python prints it, no numbers, a
//! chain that each restart of the tool breaks.

use sha2::{Digest as _, Sha256};

use crate::{
    codec::{
        digest::{Digest, HashLength},
        json::{self, value::Value, wtf8::Text},
        timestamp::Timestamp,
    },
    error::Error,
    storage::segments::{MAX_TOOL_LINE, TOOL_START, TrailFile},
};
use crate::{
    findings::finding::FindingKind,
    verify::{
        parallel_read::LineFacts,
        scan::{At, NoEntry, Rule, Said, Seen},
    },
};

/// Checks lines of the tool.
pub(super) struct Tool {
    /// What the next line may name as its predecessor; `None`: anything.
    previous: Option<[String; 2]>,
}

/// A line of the tool, read.
pub(super) struct ToolLine {
    actor: Vec<u8>,
    event_type: Vec<u8>,
    time: Timestamp,
    details: Vec<u8>,
    previous: String,
    stated: Digest,
    computed: Digest,
}

impl Tool {
    /// From a log's first line on.
    pub(super) fn whole() -> Self {
        let genesis = "genesis".to_owned();
        Self { previous: Some([genesis.clone(), genesis]) }
    }

    /// From somewhere in a log on.
    pub(super) fn part() -> Self {
        Self { previous: None }
    }
}

impl ToolLine {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let parsed = json::parse_tool(bytes, 128).map_err(|error| error.to_string())?;
        let Value::Object(mut members) = parsed else { return Err("not an object".to_owned()) };
        let at = members.iter().position(|(name, _)| name.to_str() == Some("hash"));
        let stated = match at.map(|at| members.remove(at).1) {
            Some(Value::String(text)) => Digest::parse(text.as_bytes()),
            _ => return Err("`hash` is missing or is not a string".to_owned()),
        };
        let stated = stated.filter(|digest| digest.length() == HashLength::Short);
        let stated = stated.ok_or("`hash` is not 16 hex digits")?;
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
        let mut unhashed = Vec::with_capacity(bytes.len());
        Value::Object(members).write(&mut unhashed);
        let mut sha256 = Sha256::new_with_prefix(&unhashed);
        // The tool hashes what Python encodes as UTF-8; a hash has nothing that it couldn't.
        sha256.update(previous.as_bytes());
        let computed = Digest::new(sha256.finalize().into(), HashLength::Short);
        Ok(Self {
            actor: quoted(&actor),
            event_type: quoted(&event_type),
            time,
            details,
            previous: previous.to_string_lossy(),
            stated,
            computed,
        })
    }
}

impl Rule for Tool {
    const LIMIT: usize = MAX_TOOL_LINE;

    fn begins_like_an_entry(bytes: &[u8]) -> bool {
        bytes.starts_with(TOOL_START)
    }

    fn ends_like_an_entry(bytes: &[u8]) -> bool {
        crate::format::line::ends_like_an_entry(bytes)
    }

    type Facts = ToolLine;

    type Remembered = ();

    fn look(bytes: &[u8], (): &mut (), known: &mut Vec<LineFacts<ToolLine>>) {
        let mut from = 0;
        for to in memchr::memchr_iter(b'\n', bytes) {
            let line = &bytes[from..to];
            if line.len() < MAX_TOOL_LINE
                && let Ok(facts) = ToolLine::read(line)
            {
                known.push(LineFacts { from, to, facts });
            }
            from = to + 1;
        }
    }

    fn check(
        &mut self,
        at: At<'_>,
        bytes: &[u8],
        known: Option<(&ToolLine, &[u8])>,
        seen: &mut Seen,
        observe: Option<&mut dyn FnMut(Said<'_>)>,
    ) -> Result<Result<(), NoEntry>, Error> {
        let own;
        let line = match known {
            Some((line, _)) => line,
            None => {
                own = match ToolLine::read(bytes) {
                    Ok(line) => line,
                    Err(found) => {
                        return Ok(Err(NoEntry { expected: "a line of the Python tool".to_owned(), found }));
                    }
                };
                &own
            }
        };
        seen.entry(None, line.stated, line.time);
        if let Some(observe) = observe {
            observe(Said {
                actor: &line.actor,
                event_type: &line.event_type,
                time: line.time,
                seq: None,
                context: b"",
                details: &line.details,
                noted: None,
            });
        }
        let expected = self.previous.replace([line.stated.to_string(), line.computed.to_string()]);
        if line.stated != line.computed {
            let (expected, found) = (line.computed.to_string(), line.stated.to_string());
            seen.finding(at.finding(FindingKind::HashMismatch, None, &expected, &found));
            return Ok(Ok(()));
        }
        if let Some([expected, other]) = expected
            && line.previous != expected
            && line.previous != other
        {
            seen.finding(at.finding(FindingKind::ChainBroken, None, &expected, &line.previous));
        }
        seen.day(line.time.date());
        Ok(Ok(()))
    }

    fn pass(
        &mut self,
        _: &[LineFacts<ToolLine>],
        _: &[u8],
        _: &mut Seen,
        _: Option<&mut dyn FnMut(Said<'_>)>,
    ) -> usize {
        0
    }

    fn begins_next(_: &[TrailFile], _: &TrailFile, _: u64, _: u64) -> Result<bool, Error> {
        Ok(false)
    }

    fn tells_of(_: &[TrailFile], _: &TrailFile, _: u64) -> Result<bool, Error> {
        Ok(false)
    }

    fn pass_malformed(&mut self) {
        self.previous = None;
    }
}

/// Canonical text between its quotes.
fn quoted(text: &Text) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.as_bytes().len() + 2);
    json::text(&mut out, text);
    out.pop();
    if !out.is_empty() {
        out.remove(0);
    }
    out
}
