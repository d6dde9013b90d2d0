//! The chain of a trail: follows it line by line and decides what the next line may be.
//!
//! Promise: one edit of a trail gives one finding. For that, a [`ChainFollower`] keeps three things in memory:
//!
//! - ranges of numbers that a jump omitted: lines that fill them later are no second finding;
//! - both hashes that may follow a line whose own hash is wrong: the printed one and the computed one;
//! - a second expectation for the line that an unexpected line displaced. Later lines show whether the unexpected
//!   line was inserted, moved, or put in the place of another.
//!
//! No input or output.

use std::ops::RangeInclusive;

use crate::{
    codec::{digest::Link, timestamp::Timestamp},
    findings::finding::FindingKind,
    format::line::Line,
};

/// Maximum number of omitted ranges in memory. With more, the oldest range is dropped: late lines of it are findings of
/// their own then.
const MAX_OMITTED_RANGES: usize = 64;

/// The lines that may follow some line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    /// Numbers that the next line may have. Two, since a damaged line may have printed a wrong number.
    seqs: [u64; 2],
    /// Links that the next line may have. Two, since the successor of a damaged line was linked to either its printed
    /// or its computed hash.
    links: [Link; 2],
    /// The last believable time.
    time: Option<Timestamp>,
    /// `true` after a finding. The next line may be linked to the true line that was replaced, so a broken link or an
    /// earlier time is no second finding.
    suppress_next: bool,
    /// `true` after an unexpected line, which may stand in the place of several: the next line may have any later
    /// number.
    may_skip: bool,
}

/// A break of the chain at one line, as a finding states it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChainBreak {
    pub(super) kind: FindingKind,
    pub(super) expected: String,
    pub(super) found: String,
}

/// The place of a line in the chain.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// The line follows its predecessor.
    InPlace,
    /// The line comes late. The line at which it was missing is a finding already.
    Late,
    /// The line is a finding.
    Broken(ChainBreak),
}

/// Follows the chain of a trail.
///
/// A worked example, in which line 5 was moved before line 3:
///
/// ```text
/// lines read   0  1  2  5  3  4  6
/// at 5         finding: expected 3, found 5; omitted = [3..=4], main expects 6, side expects 3
/// at 3 and 4   side is followed, the omitted numbers are filled: no finding
/// at 6         main is followed: no finding
/// ```
#[derive(Debug)]
pub(super) struct ChainFollower {
    /// Lines that may follow the furthest line in its place.
    main: Expected,
    /// The value of `main` one line earlier.
    before: Expected,
    /// A second place at which the chain may go on: after late or repeated lines, or where an unexpected line was
    /// inserted.
    side: Option<Expected>,
    /// Numbers that were omitted by a jump and may still come.
    omitted: Vec<RangeInclusive<u64>>,
    /// `true` if the place of the next line is taken on trust.
    trusts_next: bool,
}

impl Expected {
    fn after(line: &Line<'_>) -> Self {
        Self {
            seqs: [line.seq.saturating_add(1); 2],
            links: [Link::Hash(line.stated); 2],
            time: Some(line.time),
            suppress_next: false,
            may_skip: false,
        }
    }

    fn after_finding(line: &Line<'_>) -> Self {
        Self { suppress_next: true, ..Self::after(line) }
    }

    fn next_seq(&self) -> u64 {
        self.seqs[0]
    }

    fn has_seq_of(&self, line: &Line<'_>) -> bool {
        self.seqs.contains(&line.seq)
    }

    fn has_link_of(&self, line: &Line<'_>) -> bool {
        self.links.contains(&line.previous)
    }

    fn matches(&self, line: &Line<'_>) -> bool {
        self.has_seq_of(line) && self.has_link_of(line)
    }

    /// Advances over `line`. Returns a break if the line's time is before the last one.
    fn advance(&mut self, line: &Line<'_>) -> Placement {
        let before = std::mem::replace(self, Self::after(line));
        match before.time {
            Some(last) if !before.suppress_next && line.time < last && !line.is("audit_clock_stepped") => {
                self.suppress_next = true;
                Placement::Broken(ChainBreak {
                    kind: FindingKind::ClockWentBack,
                    expected: format!("{last} or later"),
                    found: line.time.to_string(),
                })
            }
            _ => Placement::InPlace,
        }
    }

    /// Advances over a line whose printed hash is not its own. The line's number and time may be wrong too: the last
    /// believable time stays, and the next line may follow either the expected number or the printed one.
    fn advance_damaged(&mut self, line: &Line<'_>) {
        let in_place = if self.has_seq_of(line) { line.seq } else { self.next_seq() };
        self.seqs = [in_place.saturating_add(1), line.seq.saturating_add(1)];
        self.links = [Link::Hash(line.stated), Link::Hash(line.computed())];
        self.may_skip = false;
    }

    fn broken_link(&self, line: &Line<'_>) -> Placement {
        Placement::Broken(ChainBreak {
            kind: FindingKind::ChainBroken,
            expected: self.links[0].to_string(),
            found: line.previous.to_string(),
        })
    }
}

impl ChainFollower {
    /// Follows the chain from the first entry of a trail.
    pub(super) fn from_genesis() -> Self {
        let main = Expected {
            seqs: [0; 2],
            links: [Link::Genesis; 2],
            time: None,
            suppress_next: false,
            may_skip: false,
        };
        Self { main, before: main, side: None, omitted: Vec::new(), trusts_next: false }
    }

    /// Follows the chain from any line: the place of the first line is taken on trust.
    pub(super) fn from_any_line() -> Self {
        Self { trusts_next: true, ..Self::from_genesis() }
    }

    /// Returns the number after the furthest entry in its place.
    pub(super) fn next_seq(&self) -> u64 {
        self.main.next_seq().max(self.main.seqs[1])
    }

    /// Returns `true` if an entry with this number and link may be the next. An unknown number matches any.
    pub(super) fn may_be_followed_by(&self, seq: Option<u64>, previous: &Link) -> bool {
        self.trusts_next
            || seq.is_none_or(|seq| self.main.seqs.contains(&seq)) && self.main.links.contains(previous)
    }

    /// Returns `true` if the next line must follow `line`, and no other line may.
    pub(super) fn is_exactly_after(&self, line: &Line<'_>) -> bool {
        !self.trusts_next && self.main == Expected::after(line)
    }

    /// Advances over a run of lines, each of which follows the line before it. `last` is the last line of the run,
    /// `before` the line before that, if the run has two or more. The caller has checked the run.
    pub(super) fn skip_run(&mut self, before: Option<&Line<'_>>, last: &Line<'_>) {
        self.before = before.map_or(self.main, Expected::after);
        self.main = Expected::after(last);
        self.side = None;
    }

    /// Takes the place of the next line on trust, since the line before it is unreadable.
    pub(super) fn trust_next(&mut self) {
        self.trusts_next = true;
    }

    /// Suppresses a finding at the next line. The last line is a finding for something other than its place, and the
    /// edit that caused it broke the next link too.
    pub(super) fn suppress_next(&mut self) {
        match &mut self.side {
            Some(side) => side.suppress_next = true,
            None => {
                self.main.suppress_next = true;
                // If the last line was inserted, the true line follows and is linked to the line before.
                self.side = Some(self.before);
            }
        }
    }

    /// Follows a line whose printed hash is not its own. The caller has made the finding.
    pub(super) fn follow_damaged(&mut self, line: &Line<'_>) {
        if std::mem::take(&mut self.trusts_next) {
            self.main.advance_damaged(line);
            return;
        }
        // A link shows a line's place better than a number: a number with a damaged digit is another line's number,
        // but a damaged link is the link of no other line.
        let fits: [fn(&Expected, &Line<'_>) -> bool; 3] =
            [Expected::matches, Expected::has_link_of, Expected::has_seq_of];
        for fits in fits {
            if fits(&self.main, line) {
                self.main.advance_damaged(line);
                self.side = None;
                return;
            }
            if let Some(side) = self.side.as_mut().filter(|side| fits(side, line)) {
                let seq = side.next_seq();
                side.advance_damaged(line);
                self.fill(seq);
                return;
            }
        }
        if self.is_omitted(line.seq) {
            self.fill(line.seq);
            self.side = Some(Expected { seqs: [line.seq; 2], ..self.main });
        }
        self.side.as_mut().unwrap_or(&mut self.main).advance_damaged(line);
    }

    /// Follows a line whose printed hash is its own.
    pub(super) fn follow(&mut self, line: &Line<'_>) -> Placement {
        if std::mem::take(&mut self.trusts_next) {
            return self.follow_on_trust(line);
        }
        if self.main.matches(line) {
            self.before = self.main;
            self.side = None;
            let placement = self.main.advance(line);
            if placement != Placement::InPlace {
                self.suppress_next();
            }
            return placement;
        }
        if let Some(side) = self.side.as_mut().filter(|side| side.matches(line)) {
            // The unexpected line before this one displaced it; this line was not moved itself.
            let late = side.may_skip && line.seq < self.main.next_seq();
            let placement = match side.advance(line) {
                Placement::InPlace if late => Placement::Late,
                placement => placement,
            };
            if self.main.has_seq_of(line) {
                // The line that stood in this line's place was inserted. The finding is made at the line after it.
                self.main = *side;
                self.side = None;
            }
            self.fill(line.seq);
            return placement;
        }
        if self.main.has_seq_of(line) {
            if self.main.suppress_next {
                self.main = Expected::after(line);
                self.side = None;
                return Placement::InPlace;
            }
            let placement = self.main.broken_link(line);
            // If this line was inserted, the true one follows and is linked to the line before.
            self.side = Some(std::mem::replace(&mut self.main, Expected::after_finding(line)));
            return placement;
        }
        if self.main.may_skip && line.seq > self.main.next_seq() {
            self.omit(self.main.next_seq(), line.seq - 1);
            self.main = Expected::after(line);
            self.side = None;
            return Placement::InPlace;
        }
        if let Some(side) = &mut self.side {
            let is_replaced = side.may_skip && (side.next_seq()..self.main.next_seq()).contains(&line.seq);
            if is_replaced || side.has_seq_of(line) {
                let placement = if is_replaced || side.suppress_next {
                    Placement::InPlace
                } else {
                    side.broken_link(line)
                };
                *side = Expected { suppress_next: placement != Placement::InPlace, ..Expected::after(line) };
                self.fill(line.seq);
                return placement;
            }
        }
        if self.is_omitted(line.seq) {
            // A late line fills a part of what a jump omitted. Entries can have been removed from among late lines,
            // too.
            let jumped =
                self.side.filter(|side| line.seq > side.next_seq() && self.is_omitted(side.next_seq()));
            self.fill(line.seq);
            self.side = Some(Expected::after(line));
            return jumped.map_or(Placement::Late, |side| gap(side.next_seq(), line));
        }
        let expected = self.main.next_seq();
        if line.seq > expected {
            // Either lines were removed before this one, or this line does not belong here and the true one follows.
            self.omit(expected, line.seq - 1);
            let displaced = std::mem::replace(&mut self.main, Expected::after(line));
            self.side = Some(Expected { may_skip: true, ..displaced });
        } else {
            self.side = Some(Expected::after(line));
            self.main.may_skip = true;
        }
        gap(expected, line)
    }

    fn follow_on_trust(&mut self, line: &Line<'_>) -> Placement {
        if line.seq == 0 && line.previous != Link::Genesis {
            self.main = Expected::after_finding(line);
            return Placement::Broken(ChainBreak {
                kind: FindingKind::ChainBroken,
                expected: Link::Genesis.to_string(),
                found: line.previous.to_string(),
            });
        }
        // The unreadable line before was one entry, two entries that were joined, or no entry at all.
        let is_near = |expected: &Expected| (0..=2).contains(&line.seq.wrapping_sub(expected.next_seq()));
        let next = self.main.next_seq();
        match &mut self.side {
            _ if is_near(&self.main) || self.main.time.is_none() => self.main = Expected::after(line),
            Some(side) if is_near(side) => {
                *side = Expected::after(line);
                self.fill(line.seq);
            }
            _ if line.seq < next => {
                self.main.may_skip = true;
                self.side = Some(Expected::after(line));
                self.fill(line.seq);
            }
            _ => {
                self.omit(next, line.seq - 1);
                let displaced = std::mem::replace(&mut self.main, Expected::after(line));
                self.side = Some(Expected { may_skip: true, ..displaced });
            }
        }
        Placement::InPlace
    }

    fn is_omitted(&self, seq: u64) -> bool {
        self.omitted.iter().any(|range| range.contains(&seq))
    }

    fn omit(&mut self, from: u64, to: u64) {
        if self.omitted.len() == MAX_OMITTED_RANGES {
            self.omitted.remove(0);
        }
        self.omitted.push(from..=to);
    }

    /// Removes `seq` from the omitted numbers. A range with `seq` inside is split in two.
    fn fill(&mut self, seq: u64) {
        let Some(at) = self.omitted.iter().position(|range| range.contains(&seq)) else {
            return;
        };
        let (from, to) = self.omitted.remove(at).into_inner();
        if from < seq {
            self.omit(from, seq - 1);
        }
        if seq < to {
            self.omit(seq + 1, to);
        }
    }
}

fn gap(expected: u64, line: &Line<'_>) -> Placement {
    Placement::Broken(ChainBreak {
        kind: FindingKind::SequenceGap,
        expected: expected.to_string(),
        found: line.seq.to_string(),
    })
}
