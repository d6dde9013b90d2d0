//! Checks of an `audit_pruned` that no checkpoint covers yet: another program may have forged it.
//!
//! A log that prunes has its `audit_pruned` signed before it removes files. So an `audit_pruned` may be signed only
//! while the entries that it covers are still there, and are old enough to be removed.

use std::path::Path;

use chrono::{TimeDelta, Utc};

use crate::{
    codec::{json::object_reader::MemberTexts, timestamp::Timestamp},
    error::Error,
    findings::verification::Verdict,
    format::line::Line,
    storage::{lookup, prune_record::Pruned, segments::TrailFile},
    verify::Verifier,
    write::signing::sign::refused,
};

/// Fails if `record`, an `audit_pruned` with the time `time`, must not be signed.
pub(super) fn check(
    directory: &Path,
    files: &[TrailFile],
    record: &Pruned,
    time: Timestamp,
) -> Result<(), Error> {
    let (seq, size) = (record.seq, record.size());
    let refuse =
        |reason: String| Err(refused(directory, format!("seq {seq} is an audit_pruned, and {reason}")));
    if Pruned::of_trail(files)?.is_some_and(|first| first.seq == seq) {
        return refuse(format!(
            "the entries below {size}, which it covers, were removed before a checkpoint covered it: put their files \
             back"
        ));
    }
    let last = match size.checked_sub(1) {
        Some(last) => lookup::find_entry_in(files, last)?,
        None => None,
    };
    let last = last.as_ref().and_then(|last| Line::recognise(&last.line).ok());
    let Some(last) = last.filter(|last| last.stated == record.through) else {
        return refuse(format!("the last entry below {size}, which it covers, is not there"));
    };
    let stated_days = stated_days(directory)?;
    let Some(days) = record.keep_days.filter(|days| *days >= stated_days) else {
        return refuse(format!(
            "it keeps entries for fewer than the {stated_days} days that the trail states"
        ));
    };
    // A forged time in the future would make all entries look old enough.
    let made = time.to_utc().min(Utc::now());
    let from = made.checked_sub_signed(TimeDelta::days(i64::from(days)));
    if from.is_none_or(|from| last.time.to_utc() >= from) {
        return refuse(format!("entries below {size}, which it covers, are younger than {days} days"));
    }
    Ok(())
}

/// Verifies the trail and returns its retention: the highest `min_retention_days` that it ever stated.
///
/// # Errors
///
/// [`Error::NotIntact`] if the trail does not verify.
pub(crate) fn stated_days(trail: &Path) -> Result<u32, Error> {
    let mut highest = 0;
    let verification = Verifier::new(trail).accept_pruned().run_observing(&mut |entry| {
        if matches!(entry.event_type, b"audit_started" | b"audit_pruned")
            && let Some((_, days)) =
                MemberTexts::of(entry.details).find(|(name, _)| *name == b"min_retention_days")
        {
            let days = std::str::from_utf8(days).ok().and_then(|days| days.parse().ok());
            highest = highest.max(days.unwrap_or(0));
        }
    })?;
    match verification.verdict() {
        Verdict::Intact => Ok(highest),
        Verdict::Tampered | Verdict::Unverifiable => Err(Error::NotIntact(Box::new(verification))),
    }
}
