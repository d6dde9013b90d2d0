//! The result of a report: data, JSON, and text for a terminal of 80 columns.

use std::{cmp::Reverse, collections::BTreeMap, fmt};

use chrono::NaiveDate;
use serde::Serialize;

use crate::{
    codec::terminal::Escaped,
    findings::verification::{Verdict, Verification, count},
    report::{
        capped_list::Capped,
        credentials::CredentialUse,
        log_events::{LogEvent, Runs},
        spans::OpenSpan,
        tasks::{OpenTask, Reason, TaskCounts},
    },
};

/// Maximum number of rows of a table in the text. The JSON has all rows.
const MAX_TABLE_ROWS: usize = 1_000;

/// Width of the bar of the day with the most entries, in columns.
const BAR_COLUMNS: u64 = 40;

/// The entries of a trail in a period, counted. Its JSON has these members under the names of the fields.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Verdict on the files that were read. The counts can be relied on only if it is [`Verdict::Intact`].
    pub verdict: Verdict,
    /// Length of the period in days.
    pub period_days: u32,
    /// Number of entries in the period, including the log's own.
    pub total_events: u64,
    /// Number of entries by type.
    pub event_types: BTreeMap<String, u64>,
    /// Number of different actors.
    pub unique_actors: u64,
    /// Number of entries by actor.
    pub actors: BTreeMap<String, u64>,
    /// Time of the first entry in the period, as RFC 3339.
    pub first_event: Option<String>,
    /// Time of the last entry in the period, as RFC 3339.
    pub last_event: Option<String>,
    /// Number of entries by day in UTC.
    pub days: BTreeMap<NaiveDate, u64>,
    /// Counts of tasks by action and model.
    pub tasks: Vec<TaskCounts>,
    /// Reasons of refused and failed tasks.
    pub reasons: Capped<Reason>,
    /// Submissions without any outcome: not accepted, not refused, and not recorded as unknown.
    pub without_outcome: Capped<OpenTask>,
    /// Tasks that Kling accepted, without a recorded end.
    pub unfinished: Capped<OpenTask>,
    /// Submissions of which it is unknown if Kling accepted them.
    pub ambiguous: Capped<OpenTask>,
    /// Spans that were opened and not closed.
    pub open_spans: Capped<OpenSpan>,
    /// Uses of credentials, by the first characters of the access key.
    pub credentials: Vec<CredentialUse>,
    /// Counts of the log's runs.
    pub runs: Runs,
    /// Incidents that the log recorded about itself, such as a recovery or a clock that was set back.
    pub remarks: Capped<LogEvent>,
    /// Verification of the files that were read. Its notices name the days without entries.
    pub verification: Verification,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdict != Verdict::Intact {
            writeln!(
                f,
                "DO NOT RELY ON THIS REPORT: the trail is {}.\n",
                self.verdict.name().to_uppercase()
            )?;
        }
        writeln!(f, "{}", self.verification)?;
        let days = count(u64::from(self.period_days), "day", "days");
        writeln!(f, "Audit report, {days}: {}", count(self.total_events, "event", "events"))?;
        if let (Some(first), Some(last)) = (&self.first_event, &self.last_event) {
            writeln!(f, "  from {first} to {last}")?;
        }
        counts(f, "Event types", &self.event_types)?;
        counts(f, &format!("Actors ({})", self.unique_actors), &self.actors)?;
        self.days(f)?;
        self.tasks(f)?;
        list(f, "Reasons of refused and failed tasks", &self.reasons, |f, reason| {
            let code = reason.code.map_or_else(String::new, |code| code.to_string());
            let reason_text = if reason.reason.is_empty() { "(no reason)" } else { &reason.reason };
            writeln!(f, "  {:>9}  {:<13}{code:>5}  {}", reason.count, reason.event_type, Escaped(reason_text))
        })?;
        for (title, tasks) in [
            ("Submissions without an outcome", &self.without_outcome),
            ("Accepted tasks without a recorded end", &self.unfinished),
            ("Submissions with an unknown outcome", &self.ambiguous),
        ] {
            list(f, title, tasks, |f, task| {
                let seq = task.seq.map_or_else(String::new, |seq| format!("seq {seq}"));
                writeln!(f, "  {seq:<12}{}  {}", task.timestamp, Escaped(task.external_task_id.as_str()))
            })?;
        }
        list(f, "Spans opened and not closed", &self.open_spans, |f, span| {
            let (name, actor) = (Escaped(span.name.as_str()), Escaped(span.actor.as_str()));
            writeln!(f, "  seq {:<8}{}  {name} by {actor}", span.seq, span.timestamp)
        })?;
        self.credentials(f)?;
        let runs = self.runs;
        let ended = if runs.not_stopped == 0 {
            String::new()
        } else {
            format!(", {} ended without being closed", runs.not_stopped)
        };
        writeln!(f, "\nRuns of the log: {} started, {} closed{ended}", runs.started, runs.stopped)?;
        list(f, "Incidents recorded by the log", &self.remarks, |f, event| {
            let seq = event.seq.map_or_else(String::new, |seq| format!("seq {seq}"));
            writeln!(f, "  {seq:<12}{}  {}", event.timestamp, Escaped(event.event_type.as_str()))?;
            writeln!(f, "      {}", Escaped(event.details.to_string().as_str()))
        })
    }
}

impl Report {
    fn days(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days.len() < 2 {
            return Ok(());
        }
        let most = self.days.values().copied().max().unwrap_or(1).max(1);
        writeln!(f, "\nDays")?;
        for (day, events) in self.days.iter().take(MAX_TABLE_ROWS) {
            let bar = usize::try_from((events * BAR_COLUMNS).div_ceil(most)).unwrap_or_default();
            writeln!(f, "  {events:>9}  {day}  {}", "#".repeat(bar))?;
        }
        more(f, self.days.len())
    }

    fn tasks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tasks.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nTasks                     sent accepted refused unknown    done  failed  mean")?;
        for task in self.tasks.iter().take(MAX_TABLE_ROWS) {
            let TaskCounts { submitted, accepted, refused, ambiguous, completed, failed, .. } = task;
            let model = task.model.as_deref().unwrap_or("(no model)");
            let name = format!("{} {}", Escaped(task.action.as_str()), Escaped(model));
            let mean = task.seconds.map_or_else(String::new, |seconds| format!("{:.0} s", seconds.mean));
            if name.chars().count() > 20 {
                writeln!(f, "  {name}")?;
                write!(f, "  {:20}", "")?;
            } else {
                write!(f, "  {name:20}")?;
            }
            writeln!(
                f,
                "{submitted:>8} {accepted:>8} {refused:>7} {ambiguous:>7} {completed:>7} {failed:>7} {mean:>5}"
            )?;
        }
        more(f, self.tasks.len())
    }

    fn credentials(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.credentials.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nCredentials")?;
        for used in self.credentials.iter().take(MAX_TABLE_ROWS) {
            let prefix = Escaped(used.access_key_prefix.as_str());
            writeln!(f, "  {prefix}  from {} to {}", used.first, used.last)?;
            for (event, times) in &used.events {
                let event = if event.is_empty() { "(no event)" } else { event };
                writeln!(f, "  {times:>9}  {}", Escaped(event))?;
            }
        }
        more(f, self.credentials.len())
    }
}

/// Writes a table of names, the most frequent first.
fn counts(f: &mut fmt::Formatter<'_>, title: &str, counts: &BTreeMap<String, u64>) -> fmt::Result {
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by_key(|&(name, count)| (Reverse(*count), name));
    writeln!(f, "\n{title}")?;
    for (name, count) in rows.iter().take(MAX_TABLE_ROWS) {
        let name = if name.is_empty() { "(empty)" } else { name };
        writeln!(f, "  {count:>9}  {}", Escaped(name))?;
    }
    more(f, rows.len())
}

/// Writes a list with its total. Writes nothing if the list is empty.
fn list<T>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    rows: &Capped<T>,
    row: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if rows.total == 0 {
        return Ok(());
    }
    writeln!(f, "\n{title} ({})", rows.total)?;
    for item in &rows.listed {
        row(f, item)?;
    }
    match rows.total.saturating_sub(rows.listed.len() as u64) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more"),
    }
}

/// Writes the number of rows that a table left out.
fn more(f: &mut fmt::Formatter<'_>, rows: usize) -> fmt::Result {
    match rows.saturating_sub(MAX_TABLE_ROWS) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more"),
    }
}
