//! The rule of trails that this crate writes.

use chrono::NaiveDate;

use super::{
    FindingKind,
    cursor::{Break, Course, Step},
    walk::{At, NoEntry, Rule, Said, Seen},
};
use crate::{
    canonical::{Malformed, Value},
    digest::HashLength,
    line::{self, Line, MAX_LINE},
};

/// Checks lines of format 1.
pub(super) struct Native {
    course: Course,
    /// What the trail's first entry has; a trail never mixes two.
    length: Option<HashLength>,
    /// The file and day of the last finding about an entry in another day's file: a renamed file is one finding.
    misplaced: Option<(String, NaiveDate)>,
    /// Whether a file's name must be that of a day.
    labelled: bool,
}

impl Native {
    /// For the files of a trail, from its first entry on.
    pub(super) fn whole() -> Self {
        Self { course: Course::from_genesis(), length: None, misplaced: None, labelled: true }
    }

    /// For files from somewhere in a trail on.
    pub(super) fn part() -> Self {
        Self { course: Course::from_trust(), ..Self::whole() }
    }

    /// For one file, under whatever name.
    pub(super) fn file() -> Self {
        Self { labelled: false, ..Self::part() }
    }

    /// Whether `line` stands in a file of another day, and no neighbour of its day was remarked on already.
    fn stands_in_wrong_file(&mut self, at: At<'_>, line: &Line<'_>) -> bool {
        let day = line.time.date();
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

    fn check(
        &mut self,
        at: At<'_>,
        bytes: &[u8],
        seen: &mut Seen,
        observe: &mut dyn FnMut(Said<'_>),
    ) -> Result<(), NoEntry> {
        let line = match Line::recognise(bytes) {
            Ok(line) => line,
            Err(malformed) => {
                if let Some(format) = line::foreign_format(bytes) {
                    seen.stopped = Some(unknown_format(at, &format));
                    return Ok(());
                }
                return Err(no_entry(&malformed, bytes));
            }
        };
        if line.is("audit_started")
            && line.holds()
            && let Some(format) = foreign(&line)
        {
            seen.stopped = Some(unknown_format(at, &format));
            return Ok(());
        }
        if self.length.is_none() {
            self.length = own_length(&line)?;
        }
        let length = self.length.unwrap_or_default();
        if line.stated.length() != length {
            return Err(NoEntry {
                expected: format!("a hash of {} digits, as the trail has", length.digits()),
                found: format!("one of {}", line.stated.length().digits()),
            });
        }
        seen.entry(Some(line.seq), line.stated, line.time);
        observe(Said {
            actor: line.actor,
            event_type: line.event_type,
            time: line.time,
            seq: Some(line.seq),
            context: line.context,
            details: line.details,
        });
        if !line.holds() {
            self.course.follow_damaged(&line);
            let (expected, found) = (line.computed.to_string(), line.stated.to_string());
            seen.finding(at.finding(FindingKind::HashMismatch, Some(line.seq), &expected, &found));
            return Ok(());
        }
        let step = self.course.follow(&line);
        // Lines that were moved are named where they are missing, not once more where they are.
        let in_wrong_file = self.stands_in_wrong_file(at, &line);
        let broken = match step {
            Step::Broken(broken) if broken.kind != FindingKind::ClockWentBack => Some(broken),
            Step::InPlace | Step::Broken(_) if in_wrong_file => {
                self.course.excuse_next();
                Some(Break {
                    kind: FindingKind::WrongFile,
                    expected: format!("a file of {}", line.time.date()),
                    found: at.file.name.clone(),
                })
            }
            Step::Broken(broken) => Some(broken),
            Step::InPlace | Step::Late => None,
        };
        if let Some(broken) = broken {
            seen.finding(at.broken(Some(line.seq), &broken));
        }
        seen.day(line.time.date());
        Ok(())
    }

    fn pass_malformed(&mut self) {
        self.course.trust_next();
    }
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
