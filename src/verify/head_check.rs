//! The end of a trail, held against its head.

use crate::storage::head_file::FoundHead;
use crate::{
    codec::digest::Digest,
    format::head::{self, Head, Mark},
    storage::process,
};
use crate::{
    findings::{
        finding::{Finding, FindingKind},
        notice::Notice,
    },
    verify::scan::Seen,
};

/// What is asked of the end of a trail.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing: this is a copy, or a file by itself.
    Unasked,
    /// The head is not there, or can't be read.
    NoHead(&'static str),
    Head(Box<Expected>),
}

/// What a head says, and what of it the walk has seen.
#[derive(Debug)]
pub(super) struct Expected {
    head: Head,
    /// An entry that was on the device by the head's word, and that has another hash in the trail.
    other_synced: Option<(Mark, String)>,
    /// The same of one that was written.
    other_written: Option<(Mark, String)>,
    /// An entry tells what a power cut took of what the head names.
    told: bool,
    /// The trail's own id, where its first entry was seen.
    trail_id: Option<String>,
}

impl End {
    pub(super) fn of(found: Option<FoundHead>) -> Self {
        match found {
            None => Self::Unasked,
            Some(FoundHead::Missing) => Self::NoHead("nothing"),
            Some(FoundHead::Blank) => Self::NoHead("a file in which nothing was written"),
            Some(FoundHead::Unreadable) => Self::NoHead("two blocks that can't be read"),
            Some(FoundHead::Head(head)) => Self::Head(Box::new(Expected {
                head,
                other_synced: None,
                other_written: None,
                told: false,
                trail_id: None,
            })),
        }
    }

    /// Whether this is a trail in its place, and no copy.
    pub(super) fn is_asked(&self) -> bool {
        !matches!(self, Self::Unasked)
    }

    /// The numbers of the entries that [`see`](Self::see) looks at.
    pub(super) fn numbers(&self) -> [Option<u64>; 2] {
        let Self::Head(expected) = self else { return [None; 2] };
        let Head { synced, written, .. } = &expected.head;
        [synced, written].map(|mark| mark.as_ref().map(|mark| mark.seq))
    }

    /// An entry that holds.
    pub(super) fn see(&mut self, seq: u64, hash: &Digest) {
        let Self::Head(expected) = self else { return };
        let Expected { head, other_synced, other_written, .. } = &mut **expected;
        for (mark, other) in [(&head.synced, other_synced), (&head.written, other_written)] {
            if let Some(mark) = mark.as_ref().filter(|mark| mark.seq == seq) {
                let found = hash.to_string();
                *other = (found != mark.hash).then(|| (mark.clone(), found));
            }
        }
    }

    /// An entry tells what a power cut took, by the hash of the last entry that the head named then.
    pub(super) fn see_loss(&mut self, head_hash: &str) {
        if let Self::Head(expected) = self {
            expected.told |= expected.head.written.as_ref().is_some_and(|mark| mark.hash == head_hash);
        }
    }

    pub(super) fn see_trail_id(&mut self, trail_id: String) {
        if let Self::Head(expected) = self {
            expected.trail_id.get_or_insert(trail_id);
        }
    }

    /// The walk is over; the trail goes as far as the number before `next`.
    pub(super) fn conclude(self, next: u64, last_file: &str, seen: &mut Seen) {
        let missing = |found: &str| Finding {
            kind: FindingKind::HeadMissing,
            file: head::NAME.to_owned(),
            line: None,
            offset: None,
            seq: None,
            expected: "the head of this trail".to_owned(),
            found: found.to_owned(),
        };
        let expected = match self {
            Self::Unasked => return,
            Self::NoHead(found) => {
                if seen.entries > 0 {
                    seen.finding(missing(found));
                }
                return;
            }
            Self::Head(expected) => *expected,
        };
        let Expected { head, other_synced, other_written, told, trail_id } = expected;
        if trail_id.is_some_and(|id| id != head.trail_id) {
            seen.finding(missing(&format!("that of trail {}", head.trail_id)));
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
        // What was written under another boot and not put on the device, a power cut can take, and its number may be
        // given again before the head is renewed.
        let other_boot = head.boot_id.is_some() && head.boot_id != process::boot_id();
        let unsynced = |mark: &Mark| head.synced.as_ref().is_none_or(|synced| synced.seq < mark.seq);
        let may_be_lost = |mark: &Mark| other_boot && unsynced(mark);
        let lost = |from: u64, to: u64, seen: &mut Seen| {
            seen.notice(Notice::UnsyncedLoss { from, to });
            seen.stopped = Some(format!(
                "entries {from} to {to} were acknowledged, never put on the device, and are not there under another \
                 boot of the machine: a power cut takes them, and so may somebody"
            ));
        };
        if let Some((mark, found)) =
            other_synced.or_else(|| other_written.clone().filter(|(mark, _)| !may_be_lost(mark)))
        {
            let expected = format!("seq {} with hash {}", mark.seq, mark.hash);
            seen.finding(truncated(mark.seq, expected, format!("hash {found}")));
            return;
        }
        if let Some((mark, _)) = other_written {
            if !told {
                lost(mark.seq, mark.seq, seen);
            }
            return;
        }
        let Some(written) = head.written.as_ref().filter(|mark| mark.seq >= next) else { return };
        let found = match next.checked_sub(1) {
            Some(last) => format!("the end after seq {last}"),
            None => "no entries".to_owned(),
        };
        if !may_be_lost(written) || head.synced.as_ref().is_some_and(|mark| mark.seq >= next) {
            let expected = format!("entries as far as seq {}", written.seq);
            seen.finding(truncated(written.seq, expected, found));
        } else if !told {
            lost(next, written.seq, seen);
        }
    }
}
