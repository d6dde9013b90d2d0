//! The report: what a trail says about a period, and whether to believe it.
//!
//! It reads each file of the period once, verifying on the way, and its memory grows with distinct actors and types
//! alone. Files that ended before the period are not read.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    fs::File,
    path::{Path, PathBuf},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::{
    canonical::{self, Value},
    directory::{self, MAX_TOOL_LINE, TrailFile},
    error::Error,
    escape::Escaped,
    segment::Ending,
    timestamp::Timestamp,
    verify::{self, Extent, Verdict, Verification, count},
};

/// Reports what the trail at `path` says about the last `days` days.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("audit");
/// # kling_audit::AuditLog::open(&directory)?.close()?;
/// let report = kling_audit::report(&directory, 30)?;
///
/// println!("{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`Reporter::run`].
pub fn report(path: impl AsRef<Path>, days: u32) -> Result<Report, Error> {
    Reporter::new(path).days(days).run()
}

/// Makes a [`Report`].
///
/// | setting | default |
/// |---|---|
/// | [`days`](Self::days) | 30 |
/// | [`now`](Self::now) | the system's time when it runs |
#[derive(Clone, Debug)]
#[must_use = "nothing is reported before `run`"]
pub struct Reporter {
    path: PathBuf,
    days: u32,
    now: Option<DateTime<Utc>>,
}

impl Reporter {
    /// Prepares a report on the trail at `path`: a directory, or one file of a trail.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), days: 30, now: None }
    }

    /// How many days back the period reaches: `days` times 24 hours before now.
    pub fn days(mut self, days: u32) -> Self {
        self.days = days;
        self
    }

    /// When the period ends. Entries later than that count too, since clocks differ.
    pub fn now(mut self, now: DateTime<Utc>) -> Self {
        self.now = Some(now);
        self
    }

    /// Reads the period's files, verifying them, and counts.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Unreadable`] for what can't be read. A trail that is not intact is no error: the
    /// report says so first.
    pub fn run(&self) -> Result<Report, Error> {
        let now = self.now.unwrap_or_else(Utc::now);
        let from = now
            .checked_sub_signed(TimeDelta::days(i64::from(self.days)))
            .map_or(Timestamp::from(DateTime::<Utc>::MIN_UTC), Timestamp::from);
        let directory = std::fs::metadata(&self.path).map_err(Error::io("open", &self.path))?.is_dir();
        let files =
            if directory { directory::list(&self.path)? } else { vec![TrailFile::alone(&self.path)?] };
        let before = ended_before(&files, from)?;
        let extent = match (directory, before) {
            (false, _) => Extent::File,
            (true, 0) => Extent::Whole,
            (true, _) => Extent::Newest,
        };

        let mut counts = Counts::default();
        let verification = verify::verify_files(&self.path, &files[before..], extent, &mut |said| {
            if said.time >= from {
                counts.total += 1;
                add(&mut counts.event_types, said.event_type);
                add(&mut counts.actors, said.actor);
                counts.first.get_or_insert(said.time);
                counts.last = Some(said.time);
            }
        })?;
        Ok(Report {
            verdict: verification.verdict(),
            period_days: self.days,
            total_events: counts.total,
            event_types: decoded(&counts.event_types),
            unique_actors: counts.actors.len() as u64,
            actors: decoded(&counts.actors),
            first_event: counts.first.map(|time| time.to_string()),
            last_event: counts.last.map(|time| time.to_string()),
            verification,
        })
    }
}

/// What a trail says about a period. Its JSON has these members under these names.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whether what is counted here can be believed.
    pub verdict: Verdict,
    /// How many days back the period reaches.
    pub period_days: u32,
    /// Entries of the period, the log's own among them.
    pub total_events: u64,
    /// Entries by type.
    pub event_types: BTreeMap<String, u64>,
    /// How many actors there are.
    pub unique_actors: u64,
    /// Entries by actor.
    pub actors: BTreeMap<String, u64>,
    /// The time of the period's first entry, as RFC 3339.
    pub first_event: Option<String>,
    /// The time of its last entry.
    pub last_event: Option<String>,
    /// The verification that this rests on: of the files that were read.
    pub verification: Verification,
}

#[derive(Default)]
struct Counts {
    total: u64,
    event_types: HashMap<Vec<u8>, u64>,
    actors: HashMap<Vec<u8>, u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

fn add(counts: &mut HashMap<Vec<u8>, u64>, name: &[u8]) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_vec(), 1);
        }
    }
}

fn decoded(counts: &HashMap<Vec<u8>, u64>) -> BTreeMap<String, u64> {
    let mut decoded = BTreeMap::new();
    for (name, count) in counts {
        *decoded.entry(canonical::decode(name).to_string_lossy()).or_default() += count;
    }
    decoded
}

/// How many of `files`, from the oldest on, have nothing at or after `from`. The newest is always read, so that
/// the verdict stands on something.
fn ended_before(files: &[TrailFile], from: Timestamp) -> Result<usize, Error> {
    let mut before = 0;
    while before + 1 < files.len() && last_time(&files[before])?.is_some_and(|last| last < from) {
        before += 1;
    }
    Ok(before)
}

/// The time of a file's last entry, if that can be read.
fn last_time(file: &TrailFile) -> Result<Option<Timestamp>, Error> {
    let mut opened: File = file.open()?;
    let ending =
        Ending::read(&mut opened, file.length, MAX_TOOL_LINE).map_err(Error::io("read", &file.path))?;
    let Some((_, line)) = ending.last_line else { return Ok(None) };
    let Ok(Value::Object(members)) = canonical::parse_tool(&line, 128) else { return Ok(None) };
    let time = members.iter().find(|(name, _)| name.to_str() == Some("timestamp"));
    Ok(match time {
        Some((_, Value::String(text))) => Timestamp::parse_isoformat(text.as_bytes()),
        _ => None,
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdict != Verdict::Intact {
            writeln!(f, "DO NOT RELY ON THIS REPORT: the trail is {}.", self.verdict.name().to_uppercase())?;
            writeln!(f)?;
        }
        write!(f, "{}", self.verification)?;
        writeln!(f)?;
        let days = count(u64::from(self.period_days), "day", "days");
        writeln!(f, "Audit report, {days}: {}", count(self.total_events, "event", "events"))?;
        if let (Some(first), Some(last)) = (&self.first_event, &self.last_event) {
            writeln!(f, "  from {first} to {last}")?;
        }
        writeln!(f)?;
        table(f, "Event types", &self.event_types)?;
        writeln!(f)?;
        table(f, &format!("Actors ({})", self.unique_actors), &self.actors)
    }
}

/// The counts, most first.
fn table(f: &mut fmt::Formatter<'_>, title: &str, counts: &BTreeMap<String, u64>) -> fmt::Result {
    /// How many rows are shown; the JSON has them all.
    const SHOWN: usize = 1_000;
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by_key(|&(name, count)| (std::cmp::Reverse(*count), name));
    writeln!(f, "{title}")?;
    for (name, count) in rows.iter().take(SHOWN) {
        let name = if name.is_empty() { "(empty)" } else { name };
        writeln!(f, "  {count:>9}  {}", Escaped(name))?;
    }
    match rows.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more"),
    }
}
