//! The report: what a trail says about a period, and whether to believe it.
//!
//! It reads each file of the period once, verifying on the way. Its memory grows with distinct actors and types, and
//! with what is open at once. Files that ended before the period are not read.

pub(crate) mod capped_list;
pub(crate) mod counters;
pub(crate) mod fields;
pub(crate) mod log_events;

pub(crate) mod credentials;
pub(crate) mod spans;
pub(crate) mod tasks;
pub(crate) mod text;

use std::{
    collections::BTreeMap,
    num::NonZero,
    path::{Path, PathBuf},
};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;

use crate::findings::progress::Progress;
use crate::report::counters::Tally;
pub use crate::report::{
    capped_list::Capped,
    credentials::CredentialUse,
    log_events::{LogEvent, Runs},
    spans::OpenSpan,
    tasks::{Durations, OpenTask, Reason, TaskCounts},
};
use crate::{
    checkpoint::verifying_key::VerifyingKey,
    codec::timestamp::Timestamp,
    error::{Error, Operation},
    findings::verification::{Verdict, Verification},
    storage::{
        prune_record::first_seq,
        segments::{self, TrailFile},
        tail::is_before,
    },
    verify::{
        self, Extent, HeadPolicy,
        evidence::{Evidence, Requirements},
        observer::Observer,
    },
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
/// | [`key`](Self::key) | none: checkpoints are not looked at |
/// | [`now`](Self::now) | the system's time when it runs |
/// | [`threads`](Self::threads) | as many as the machine runs at once, 16 at most |
#[derive(Clone, Debug)]
#[must_use = "nothing is reported before `run`"]
pub struct Reporter {
    path: PathBuf,
    days: u32,
    now: Option<DateTime<Utc>>,
    head: HeadPolicy,
    asked: Requirements,
    threads: NonZero<usize>,
}

impl Reporter {
    /// Prepares a report on the trail at `path`: a directory, or one file of a trail.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            days: 30,
            now: None,
            head: HeadPolicy::default(),
            asked: Requirements::default(),
            threads: verify::default_threads(),
        }
    }

    /// How many threads look at lines, as [`Verifier::threads`](crate::verify::Verifier::threads).
    pub fn threads(mut self, threads: NonZero<usize>) -> Self {
        self.threads = threads;
        self
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

    /// Says that this is a copy of a trail, which need not have a head.
    pub fn without_head(mut self) -> Self {
        self.head = HeadPolicy::Unasked;
        self
    }

    /// Checks the trail's checkpoints with `key`, as [`Verifier::key`](crate::verify::Verifier::key) does. They cover a trail from
    /// its beginning, so all of its files are verified then, and not those of the period alone; what is counted stays
    /// the same.
    pub fn key(mut self, key: VerifyingKey) -> Self {
        self.asked.keys.push(key);
        self
    }

    /// Reads the period's files, verifying them, and counts.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Unreadable`] for what can't be read. A trail that is not intact is no error: the
    /// report says so first.
    pub fn run(&self) -> Result<Report, Error> {
        self.run_with_progress(|_| {})
    }

    /// As [`run`](Self::run), and tells `progress` how far it is: often, about every 128 KiB, and on this thread.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    pub fn run_with_progress(&self, mut progress: impl FnMut(Progress)) -> Result<Report, Error> {
        let now = self.now.unwrap_or_else(Utc::now);
        let from = now
            .checked_sub_signed(TimeDelta::days(i64::from(self.days)))
            .map_or(Timestamp::from(DateTime::<Utc>::MIN_UTC), Timestamp::from);
        let directory =
            std::fs::metadata(&self.path).map_err(Error::io(Operation::Open, &self.path))?.is_dir();
        let head = if directory { self.head.read(&self.path)? } else { None };
        let evidence = Evidence::gather(&self.asked, directory.then_some(&*self.path))?;
        let files = if directory { segments::list(&self.path)? } else { vec![TrailFile::alone(&self.path)?] };
        let before = ended_before(&files, from)?;
        // Where all files are verified, those before the period are not counted.
        let (verified, counted) = match self.asked.keys.is_empty() {
            true => (before, None),
            false => (0, first_seq(&files[before..])?),
        };
        let extent = match (directory, verified) {
            (false, _) => Extent::File,
            (true, 0) => Extent::Whole,
            (true, _) => Extent::Newest,
        };

        let mut tally = Tally::new(from);
        let mut watch = Observer {
            threads: self.threads,
            said: Some(&mut |said| {
                if said.seq >= counted {
                    tally.take(&said);
                }
            }),
            progress: &mut progress,
        };
        let verification =
            verify::verify_files(&self.path, &files[verified..], extent, (head, evidence), &mut watch)?;
        Ok(Report {
            verdict: verification.verdict(),
            period_days: self.days,
            total_events: tally.total,
            event_types: tally.event_types.decoded(),
            unique_actors: tally.actors.distinct(),
            actors: tally.actors.decoded(),
            first_event: tally.first.map(|time| time.to_string()),
            last_event: tally.last.map(|time| time.to_string()),
            days: tally.days(),
            tasks: tally.tasks.counts(),
            reasons: tally.tasks.reasons(),
            without_outcome: tally.tasks.without_outcome(),
            unfinished: tally.tasks.unfinished(),
            ambiguous: tally.tasks.ambiguous(),
            open_spans: tally.spans.never_closed(),
            credentials: tally.credentials.uses(),
            runs: tally.remarks.runs,
            remarks: tally.remarks.remarks,
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
    /// Entries by day, in UTC.
    pub days: BTreeMap<NaiveDate, u64>,
    /// Tasks by action and model.
    pub tasks: Vec<TaskCounts>,
    /// Why tasks were refused or failed.
    pub reasons: Capped<Reason>,
    /// Submissions with no outcome at all: neither accepted nor refused, nor said to be unknown.
    pub without_outcome: Capped<OpenTask>,
    /// Tasks that the vendor accepted and that were not seen to end.
    pub unfinished: Capped<OpenTask>,
    /// Tasks of which nobody knows what became.
    pub ambiguous: Capped<OpenTask>,
    /// Spans opened and never closed.
    pub open_spans: Capped<OpenSpan>,
    /// Use of credentials, by the beginning of the access key.
    pub credentials: Vec<CredentialUse>,
    /// How often the log was opened and closed.
    pub runs: Runs,
    /// What the log said about itself: recoveries, steps of the clock, degradations, ….
    pub remarks: Capped<LogEvent>,
    /// The verification that this rests on: of the files that were read. Its notices name days without entries.
    pub verification: Verification,
}

/// How many of `files`, from the oldest on, have nothing at or after `from`. The newest is always read, so that
/// the verdict stands on something.
fn ended_before(files: &[TrailFile], from: Timestamp) -> Result<usize, Error> {
    let mut before = 0;
    while before + 1 < files.len() && is_before(&files[before], from)? {
        before += 1;
    }
    Ok(before)
}
