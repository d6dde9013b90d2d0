//! The end of a trail, held against its head.

use super::{Finding, FindingKind, Notice, walk::Seen};
use crate::{
    boot,
    digest::Digest,
    head::{self, Found, Head, Mark},
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
    /// An entry that the head names and that has another hash in the trail.
    other: Option<(Mark, String)>,
    /// The trail's own id, where its first entry was seen.
    trail_id: Option<String>,
}

impl End {
    pub(super) fn of(found: Option<Found>) -> Self {
        match found {
            None => Self::Unasked,
            Some(Found::Missing) => Self::NoHead("nothing"),
            Some(Found::Blank) => Self::NoHead("a file in which nothing was written"),
            Some(Found::Unreadable) => Self::NoHead("two blocks that can't be read"),
            Some(Found::Head(head)) => Self::Head(Box::new(Expected { head, other: None, trail_id: None })),
        }
    }

    /// Whether this is a trail in its place, and no copy.
    pub(super) fn is_asked(&self) -> bool {
        !matches!(self, Self::Unasked)
    }

    /// An entry that holds.
    pub(super) fn see(&mut self, seq: u64, hash: &Digest) {
        let Self::Head(expected) = self else { return };
        let Expected { head, other, .. } = &mut **expected;
        for mark in [&head.synced, &head.written].into_iter().flatten() {
            if mark.seq == seq {
                let found = hash.to_string();
                *other = (found != mark.hash).then(|| (mark.clone(), found));
            }
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
        let Expected { head, other, trail_id } = expected;
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
        if let Some((mark, found)) = other {
            let expected = format!("seq {} with hash {}", mark.seq, mark.hash);
            seen.finding(truncated(mark.seq, expected, format!("hash {found}")));
            return;
        }
        let Some(written) = head.written.filter(|mark| mark.seq >= next) else { return };
        let found = match next.checked_sub(1) {
            Some(last) => format!("the end after seq {last}"),
            None => "no entries".to_owned(),
        };
        let synced = head.synced.is_some_and(|mark| mark.seq >= next);
        if synced || head.boot_id.is_none() || head.boot_id == boot::id() {
            let expected = format!("entries as far as seq {}", written.seq);
            seen.finding(truncated(written.seq, expected, found));
        } else {
            seen.notice(Notice::UnsyncedLoss { from: next, to: written.seq });
            seen.stopped = Some(format!(
                "entries {next} to {} were acknowledged, never put on the device, and are not there under another \
                 boot of the machine: a power cut takes them, and so may somebody",
                written.seq
            ));
        }
    }
}
