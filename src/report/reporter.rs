//! The pass over the files of a period that verifies and counts.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    checkpoint::verifying_key::VerifyingKey,
    codec::timestamp::Timestamp,
    error::{Error, Operation},
    findings::progress::Progress,
    report::{counters::PeriodCounters, summary::Report},
    storage::{
        prune_record::first_seq,
        segments::{self, TrailFile},
        tail::is_before,
    },
    verify::{
        evidence::{Evidence, Requirements},
        head_check::HeadPolicy,
        observer::Observer,
        parallel_read::default_threads,
        run::{Against, verify_files},
        verdict::Extent,
    },
};

/// Settings of a [`Report`].
///
/// | setting | default |
/// |---|---|
/// | [`days`](Self::days) | 30 |
/// | [`key`](Self::key) | none: checkpoints are not checked |
/// | [`now`](Self::now) | the OS's time when the report is made |
/// | [`threads`](Self::threads) | the machine's number of parallel threads, at most 16 |
#[derive(Clone, Debug)]
#[must_use = "nothing is reported before `run`"]
pub struct Reporter {
    path: PathBuf,
    days: u32,
    now: Option<DateTime<Utc>>,
    head: HeadPolicy,
    requirements: Requirements,
    threads: NonZero<usize>,
}

impl Reporter {
    /// Prepares a report on the trail at `path`, which is a directory or one file of a trail.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            days: 30,
            now: None,
            head: HeadPolicy::default(),
            requirements: Requirements::default(),
            threads: default_threads(),
        }
    }

    /// Sets the number of threads that check lines, as [`Verifier::threads`](crate::verify::Verifier::threads) does.
    pub fn threads(mut self, threads: NonZero<usize>) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the length of the period, which begins `days` times 24 hours before now.
    pub fn days(mut self, days: u32) -> Self {
        self.days = days;
        self
    }

    /// Sets the time from which the period is counted back. Later entries count too, since clocks differ.
    pub fn now(mut self, now: DateTime<Utc>) -> Self {
        self.now = Some(now);
        self
    }

    /// Accepts a trail without a head, as a copy of a trail may be. The end of the trail is then not checked.
    pub fn without_head(mut self) -> Self {
        self.head = HeadPolicy::NotRequired;
        self
    }

    /// Checks the trail's checkpoints with `key`, as [`Verifier::key`](crate::verify::Verifier::key) does.
    ///
    /// A checkpoint covers a trail from its first entry, so all files are verified and not only those of the period.
    /// The counts are the same with and without a key.
    pub fn key(mut self, key: VerifyingKey) -> Self {
        self.requirements.keys.push(key);
        self
    }

    /// Reads and verifies the files of the period, and counts their entries.
    ///
    /// A trail that is not intact is no error: [`Report::verdict`] and the first line of the text report it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], or [`Error::Unreadable`] if the path holds nothing that can be read as a trail.
    pub fn run(&self) -> Result<Report, Error> {
        self.run_with_progress(|_| {})
    }

    /// Makes the report as [`run`](Self::run) does, and calls `progress` on this thread about every 128 KiB.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_with_progress(&self, mut progress: impl FnMut(Progress)) -> Result<Report, Error> {
        let now = self.now.unwrap_or_else(Utc::now);
        let from = now
            .checked_sub_signed(TimeDelta::days(i64::from(self.days)))
            .map_or(Timestamp::from(DateTime::<Utc>::MIN_UTC), Timestamp::from);
        let is_directory =
            std::fs::metadata(&self.path).map_err(Error::io(Operation::Open, &self.path))?.is_dir();
        // The head is read before the files are listed. So the trail can only be longer than the head states, and an
        // entry that is missing at its end was not written since.
        let head = if is_directory { self.head.read(&self.path)? } else { None };
        let evidence = Evidence::gather(&self.requirements, is_directory.then_some(&*self.path))?;
        let files =
            if is_directory { segments::list(&self.path)? } else { vec![TrailFile::alone(&self.path)?] };
        let before = ended_before(&files, from)?;
        // With a key, the files before the period are verified and not counted.
        let (first_verified, first_counted) = match self.requirements.keys.is_empty() {
            true => (before, None),
            false => (0, first_seq(&files[before..])?),
        };
        let extent = match (is_directory, first_verified) {
            (false, _) => Extent::File,
            (true, 0) => Extent::Whole,
            (true, _) => Extent::Newest,
        };

        let mut counters = PeriodCounters::new(from);
        let mut observer = Observer {
            threads: self.threads,
            on_entry: Some(&mut |entry| {
                if entry.seq >= first_counted {
                    counters.add(&entry);
                }
            }),
            progress: &mut progress,
        };
        let files = &files[first_verified..];
        let verification =
            verify_files(&self.path, files, extent, Against { head, evidence }, &mut observer)?;
        Ok(Report {
            verdict: verification.verdict(),
            period_days: self.days,
            total_events: counters.total,
            event_types: counters.event_types.decoded(),
            unique_actors: counters.actors.distinct(),
            actors: counters.actors.decoded(),
            first_event: counters.first.map(|time| time.to_string()),
            last_event: counters.last.map(|time| time.to_string()),
            days: counters.days(),
            tasks: counters.tasks.counts(),
            reasons: counters.tasks.reasons(),
            without_outcome: counters.tasks.without_outcome(),
            unfinished: counters.tasks.unfinished(),
            ambiguous: counters.tasks.ambiguous(),
            open_spans: counters.spans.never_closed(),
            credentials: counters.credentials.uses(),
            runs: counters.log_events.runs,
            remarks: counters.log_events.listed,
            verification,
        })
    }
}

/// Returns the number of files, from the oldest on, that have no entry at or after `from`.
///
/// The newest file is never one of them, so that the verdict rests on at least one file.
fn ended_before(files: &[TrailFile], from: Timestamp) -> Result<usize, Error> {
    let mut before = 0;
    while before + 1 < files.len() && is_before(&files[before], from)? {
        before += 1;
    }
    Ok(before)
}
