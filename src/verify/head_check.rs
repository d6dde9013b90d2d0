//! The comparison of a trail's end with its head.
//!
//! The head states the last entry that was written and the last that was synced. If an entry that the head names is
//! missing, the trail was truncated, unless a power cut can have taken the entry. Then the verdict is `unverifiable`
//! and not `tampered`.

use std::path::Path;

use crate::{
    codec::digest::Digest,
    error::Error,
    findings::{
        finding::{Finding, FindingKind},
        notice::Notice,
    },
    format::head::{self, Head, Mark},
    storage::{head_file::FoundHead, process::is_other_boot},
    verify::scan_state::ScanState,
};

/// The requirement of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HeadPolicy {
    #[default]
    Required,
    /// The files are a copy, which may lack its head.
    NotRequired,
}

impl HeadPolicy {
    /// Reads the head of the trail in `directory`, if it is required.
    pub(crate) fn read(self, directory: &Path) -> Result<Option<FoundHead>, Error> {
        match self {
            Self::Required => FoundHead::read(directory).map(Some),
            Self::NotRequired => Ok(None),
        }
    }
}

/// Compares the end of a trail with its head.
#[derive(Debug)]
pub(super) enum HeadCheck {
    /// No comparison: the files are a copy, or a single file.
    NotRequired,
    /// The head is missing or unreadable; the text describes what was found instead.
    NoHead(&'static str),
    Head(Box<HeadComparison>),
}

/// A head, and the entries that contradict it.
#[derive(Debug)]
pub(super) struct HeadComparison {
    head: Head,
    /// Set if the trail has another hash than the head at the last synced entry.
    synced_differs: Option<OtherHash>,
    /// Set if the trail has another hash than the head at the last written entry.
    written_differs: Option<OtherHash>,
    /// `true` if an `audit_recovered` records that a power cut took entries which this head names.
    loss_is_recorded: bool,
    /// The trail's id from its first `audit_started`.
    trail_id: Option<String>,
}

/// An entry with another hash than the head states.
#[derive(Clone, Debug)]
struct OtherHash {
    mark: Mark,
    found: String,
}

impl HeadCheck {
    pub(super) fn of(found: Option<FoundHead>) -> Self {
        match found {
            None => Self::NotRequired,
            Some(FoundHead::Missing) => Self::NoHead("nothing"),
            Some(FoundHead::Blank) => Self::NoHead("a file in which nothing was written"),
            Some(FoundHead::Unreadable) => Self::NoHead("two blocks that can't be read"),
            Some(FoundHead::Head(head)) => Self::Head(Box::new(HeadComparison {
                head,
                synced_differs: None,
                written_differs: None,
                loss_is_recorded: false,
                trail_id: None,
            })),
        }
    }

    /// Returns `true` for a trail in its own directory, which must have a head.
    pub(super) fn is_required(&self) -> bool {
        !matches!(self, Self::NotRequired)
    }

    /// Returns the numbers of the entries that [`add_entry`](Self::add_entry) compares.
    pub(super) fn seqs(&self) -> [Option<u64>; 2] {
        let Self::Head(comparison) = self else { return [None; 2] };
        let Head { synced, written, .. } = &comparison.head;
        [synced, written].map(|mark| mark.as_ref().map(|mark| mark.seq))
    }

    /// Compares an entry whose printed hash is its own.
    pub(super) fn add_entry(&mut self, seq: u64, hash: &Digest) {
        let Self::Head(comparison) = self else { return };
        let HeadComparison { head, synced_differs, written_differs, .. } = &mut **comparison;
        for (mark, differs) in [(&head.synced, synced_differs), (&head.written, written_differs)] {
            if let Some(mark) = mark.as_ref().filter(|mark| mark.seq == seq) {
                let found = hash.to_string();
                // The last entry with a number counts: a number can be used again after a power cut.
                *differs = (found != mark.hash).then(|| OtherHash { mark: mark.clone(), found });
            }
        }
    }

    /// Adds a loss that an `audit_recovered` records. `head_hash` is the hash of the last entry that the head named
    /// then.
    pub(super) fn add_recorded_loss(&mut self, head_hash: &str) {
        if let Self::Head(comparison) = self {
            comparison.loss_is_recorded |=
                comparison.head.written.as_ref().is_some_and(|mark| mark.hash == head_hash);
        }
    }

    /// Sets the trail's id. Only the first call counts.
    pub(super) fn set_trail_id(&mut self, trail_id: String) {
        if let Self::Head(comparison) = self {
            comparison.trail_id.get_or_insert(trail_id);
        }
    }

    /// Ends the comparison. `next` is the number after the trail's last entry.
    pub(super) fn conclude(self, next: u64, last_file: &str, state: &mut ScanState) {
        match self {
            Self::NotRequired => {}
            Self::NoHead(found) if state.entries > 0 => state.add_finding(head_missing(found)),
            Self::NoHead(_) => {}
            Self::Head(comparison) => comparison.conclude(next, last_file, state),
        }
    }
}

impl HeadComparison {
    fn conclude(self, next: u64, last_file: &str, state: &mut ScanState) {
        // Nothing that the head of another trail states applies to this one.
        if self.trail_id.as_ref().is_some_and(|id| *id != self.head.trail_id) {
            state.add_finding(head_missing(&format!("that of trail {}", self.head.trail_id)));
            return;
        }
        let truncated = |seq: u64, expected: String, found: String| Finding {
            kind: FindingKind::Truncated,
            file: last_file.to_owned(),
            line: None,
            offset: None,
            seq: Some(seq),
            expected,
            found,
        };
        let differs = self.synced_differs.clone().or_else(|| {
            self.written_differs.clone().filter(|other| !self.may_be_lost_in_power_cut(&other.mark))
        });
        // The trail was cut before this entry and continued with others.
        if let Some(OtherHash { mark, found }) = differs {
            let expected = format!("seq {} with hash {}", mark.seq, mark.hash);
            state.add_finding(truncated(mark.seq, expected, format!("hash {found}")));
            return;
        }
        // A power cut took this entry, and its number was used again.
        if let Some(OtherHash { mark, .. }) = &self.written_differs {
            if !self.loss_is_recorded {
                stop_at_loss(mark.seq, mark.seq, state);
            }
            return;
        }
        let Some(written) = self.head.written.as_ref().filter(|mark| mark.seq >= next) else { return };
        // A power cut takes no synced entry.
        let is_synced_missing = self.head.synced.as_ref().is_some_and(|mark| mark.seq >= next);
        if is_synced_missing || !self.may_be_lost_in_power_cut(written) {
            let found = match next.checked_sub(1) {
                Some(last) => format!("the end after seq {last}"),
                None => "no entries".to_owned(),
            };
            let expected = format!("entries as far as seq {}", written.seq);
            state.add_finding(truncated(written.seq, expected, found));
        } else if !self.loss_is_recorded {
            stop_at_loss(next, written.seq, state);
        }
    }

    /// Returns `true` if a power cut can have taken the entry: it was written under another boot of the machine and
    /// never synced. Its number may be used again before the head is renewed.
    fn may_be_lost_in_power_cut(&self, mark: &Mark) -> bool {
        let is_unsynced = self.head.synced.as_ref().is_none_or(|synced| synced.seq < mark.seq);
        is_unsynced && is_other_boot(self.head.boot_id.as_deref())
    }
}

/// Ends the verification without a verdict: a power cut takes unsynced entries, and so can an attacker.
fn stop_at_loss(from: u64, to: u64, state: &mut ScanState) {
    state.add_notice(Notice::UnsyncedLoss { from, to });
    state.stopped = Some(format!(
        "entries {from} to {to} were acknowledged, never put on the device, and are not there under another \
         boot of the machine: a power cut takes them, and so may somebody"
    ));
}

fn head_missing(found: &str) -> Finding {
    Finding {
        kind: FindingKind::HeadMissing,
        file: head::NAME.to_owned(),
        line: None,
        offset: None,
        seq: None,
        expected: "the head of this trail".to_owned(),
        found: found.to_owned(),
    }
}
