//! An `audit_pruned` that no checkpoint covers yet: anybody who can write the directory can have written it.
//!
//! A log that prunes has its record signed while the files are still there. So a record that is read back must be one that
//! such a log could have made: what it tells of is there, and is old enough.

use std::path::Path;

use chrono::{TimeDelta, Utc};

use crate::write::signing::refused;
use crate::{
    codec::{json::object_reader::MemberTexts, timestamp::Timestamp},
    error::Error,
    findings::verification::Verdict,
    format::line::Line,
    storage::{lookup, prune_record::Pruned, segments::TrailFile},
    verify::Verifier,
};

/// Refuses a record that must not be signed; `time` is when it says that it was made.
pub(super) fn check(
    directory: &Path,
    files: &[TrailFile],
    record: &Pruned,
    time: Timestamp,
) -> Result<(), Error> {
    let (seq, size) = (record.seq, record.size());
    let refuse =
        |reason: String| Err(refused(directory, format!("seq {seq} is an audit_pruned, and {reason}")));
    if Pruned::look(files)?.is_some_and(|told| told.seq == seq) {
        return refuse(format!(
            "entries below {size}, of which it tells, were taken out before a checkpoint covered it: put their files \
             back"
        ));
    }
    let last = match size.checked_sub(1) {
        Some(last) => lookup::entry_of(files, last)?,
        None => None,
    };
    let last = last.as_ref().and_then(|last| Line::recognise(&last.line).ok());
    let Some(last) = last.filter(|last| last.stated == record.through) else {
        return refuse(format!("the last entry below {size}, of which it tells, is not there"));
    };
    let stated = stated_days(directory)?;
    let Some(days) = record.keep_days.filter(|days| *days >= stated) else {
        return refuse(format!("it keeps less than the {stated} days that the trail states"));
    };
    // A record of a time to come makes nothing older than it is.
    let made = time.to_utc().min(Utc::now());
    let from = made.checked_sub_signed(TimeDelta::days(i64::from(days)));
    if from.is_none_or(|from| last.time.to_utc() >= from) {
        return refuse(format!("entries below {size}, of which it tells, are younger than {days} days"));
    }
    Ok(())
}

/// Verifies the trail, and gives the most days that it ever stated entries to be kept.
pub(crate) fn stated_days(trail: &Path) -> Result<u32, Error> {
    let mut stated = 0;
    let verification = Verifier::new(trail).accept_pruned().run_observing(&mut |said| {
        if matches!(said.event_type, b"audit_started" | b"audit_pruned")
            && let Some((_, days)) =
                MemberTexts::of(said.details).find(|(name, _)| *name == b"min_retention_days")
        {
            let days = std::str::from_utf8(days).ok().and_then(|days| days.parse().ok());
            stated = stated.max(days.unwrap_or(0));
        }
    })?;
    match verification.verdict() {
        Verdict::Intact => Ok(stated),
        Verdict::Tampered | Verdict::Unverifiable => Err(Error::NotIntact(Box::new(verification))),
    }
}
