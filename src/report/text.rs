//! The report as text for a terminal of 80 columns.

use std::{cmp::Reverse, collections::BTreeMap, fmt};

use crate::report::{Report, capped_list::Capped, tasks::TaskCounts};
use crate::{
    codec::terminal::Escaped,
    findings::verification::{Verdict, count},
};

/// How many rows of a table are shown; the JSON has them all.
const SHOWN: usize = 1_000;

/// The widest bar, in characters.
const BAR: u64 = 40;

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
        list(f, "Why tasks were refused or failed", &self.reasons, |f, reason| {
            let code = reason.code.map_or_else(String::new, |code| code.to_string());
            let reason_text = if reason.reason.is_empty() { "(no reason)" } else { &reason.reason };
            writeln!(f, "  {:>9}  {:<13}{code:>5}  {}", reason.count, reason.event_type, Escaped(reason_text))
        })?;
        for (title, tasks) in [
            ("Submissions without an outcome", &self.without_outcome),
            ("Tasks accepted and not seen to end", &self.unfinished),
            ("Tasks of which nobody knows what became", &self.ambiguous),
        ] {
            list(f, title, tasks, |f, task| {
                let seq = task.seq.map_or_else(String::new, |seq| format!("seq {seq}"));
                writeln!(f, "  {seq:<12}{}  {}", task.timestamp, Escaped(task.external_task_id.as_str()))
            })?;
        }
        list(f, "Spans opened and never closed", &self.open_spans, |f, span| {
            let (name, actor) = (Escaped(span.name.as_str()), Escaped(span.actor.as_str()));
            writeln!(f, "  seq {:<8}{}  {name} by {actor}", span.seq, span.timestamp)
        })?;
        self.credentials(f)?;
        let runs = self.runs;
        let ended = if runs.not_stopped == 0 {
            String::new()
        } else {
            format!(", {} ended without notice", runs.not_stopped)
        };
        writeln!(f, "\nRuns: {} started, {} stopped in order{ended}", runs.started, runs.stopped)?;
        list(f, "What the log said about itself", &self.remarks, |f, remark| {
            let seq = remark.seq.map_or_else(String::new, |seq| format!("seq {seq}"));
            writeln!(f, "  {seq:<12}{}  {}", remark.timestamp, Escaped(remark.event_type.as_str()))?;
            writeln!(f, "      {}", Escaped(remark.details.to_string().as_str()))
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
        for (day, events) in self.days.iter().take(SHOWN) {
            let bar = usize::try_from((events * BAR).div_ceil(most)).unwrap_or_default();
            writeln!(f, "  {events:>9}  {day}  {}", "#".repeat(bar))?;
        }
        more(f, self.days.len())
    }

    fn tasks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tasks.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nTasks                     sent accepted refused unknown    done  failed  mean")?;
        for task in self.tasks.iter().take(SHOWN) {
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
        for used in self.credentials.iter().take(SHOWN) {
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

/// Names by how often they occurred, most first.
fn counts(f: &mut fmt::Formatter<'_>, title: &str, counts: &BTreeMap<String, u64>) -> fmt::Result {
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by_key(|&(name, count)| (Reverse(*count), name));
    writeln!(f, "\n{title}")?;
    for (name, count) in rows.iter().take(SHOWN) {
        let name = if name.is_empty() { "(empty)" } else { name };
        writeln!(f, "  {count:>9}  {}", Escaped(name))?;
    }
    more(f, rows.len())
}

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

fn more(f: &mut fmt::Formatter<'_>, rows: usize) -> fmt::Result {
    match rows.saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more"),
    }
}
