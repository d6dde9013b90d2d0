//! Where the chain stands while it is checked, and what the next line may be.
//!
//! One edit must give one finding. So the walk remembers which numbers a jump left out, lets the lines that come
//! late fill them, and knows both hashes that may follow a line whose own hash is wrong. Pure.

use super::FindingKind;
use crate::{digest::Link, line::Line, timestamp::Timestamp};

/// How many left-out ranges are remembered.
const REMEMBERED: usize = 64;

/// What may come next after some line.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    /// Two, since a damaged line may have stated a wrong number.
    seqs: [u64; 2],
    /// Two, since of a damaged line either the stated or the computed hash is the one that was linked.
    links: [Link; 2],
    /// The last believable time.
    time: Option<Timestamp>,
}

/// A line that is out of its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Break {
    pub(super) kind: FindingKind,
    pub(super) expected: String,
    pub(super) found: String,
}

/// The chain as far as it was followed.
#[derive(Debug)]
pub(super) struct Course {
    main: Cursor,
    /// After a line that came late or twice: what would follow it.
    side: Option<Cursor>,
    /// Numbers that were jumped over and may still come.
    left_out: Vec<(u64, u64)>,
    /// The next line's place is taken on trust.
    trusting: bool,
}

impl Cursor {
    fn after(line: &Line<'_>) -> Self {
        Self {
            seqs: [line.seq.saturating_add(1); 2],
            links: [Link::Hash(line.stated); 2],
            time: Some(line.time),
        }
    }

    fn expects(&self, line: &Line<'_>) -> bool {
        self.seqs.contains(&line.seq)
    }

    fn links_to(&self, line: &Line<'_>) -> bool {
        self.links.contains(&line.previous)
    }

    /// Goes past `line`; a break if its time is before the last one's.
    fn pass(&mut self, line: &Line<'_>) -> Option<Break> {
        let last = self.time;
        *self = Self::after(line);
        match last {
            Some(last) if line.time < last && !line.is("audit_clock_stepped") => Some(Break {
                kind: FindingKind::ClockWentBack,
                expected: format!("{last} or later"),
                found: line.time.to_string(),
            }),
            _ => None,
        }
    }

    /// Goes past a line that has not the hash it states: its number and time may be wrong too.
    fn pass_damaged(&mut self, line: &Line<'_>) {
        let in_place = if self.expects(line) { line.seq } else { self.seqs[0] };
        self.seqs = [in_place.saturating_add(1), line.seq.saturating_add(1)];
        self.links = [Link::Hash(line.stated), Link::Hash(line.computed)];
    }

    fn broken_chain(&self, line: &Line<'_>) -> Break {
        Break {
            kind: FindingKind::ChainBroken,
            expected: self.links[0].to_string(),
            found: line.previous.to_string(),
        }
    }
}

impl Course {
    /// A course from the first entry of a trail.
    pub(super) fn from_genesis() -> Self {
        let main = Cursor { seqs: [0; 2], links: [Link::Genesis; 2], time: None };
        Self { main, side: None, left_out: Vec::new(), trusting: false }
    }

    /// A course from wherever the first line stands.
    pub(super) fn from_trust() -> Self {
        Self { trusting: true, ..Self::from_genesis() }
    }

    /// Takes the next line's place on trust, since the line before it can't be read.
    pub(super) fn trust_next(&mut self) {
        self.trusting = true;
    }

    /// Follows a line that has not the hash it states, which is a finding already.
    pub(super) fn follow_damaged(&mut self, line: &Line<'_>) {
        self.trusting = false;
        let late = self.left_out.iter().any(|&(from, to)| (from..=to).contains(&line.seq));
        if !self.main.expects(line) && late {
            self.fill(line.seq);
            self.side.get_or_insert(Cursor { seqs: [line.seq; 2], ..self.main }).pass_damaged(line);
            return;
        }
        match &mut self.side {
            Some(side) if !self.main.expects(line) && side.expects(line) => side.pass_damaged(line),
            _ => self.main.pass_damaged(line),
        }
    }

    /// Follows a line that holds.
    pub(super) fn follow(&mut self, line: &Line<'_>) -> Option<Break> {
        if std::mem::take(&mut self.trusting) {
            return self.follow_on_trust(line);
        }
        if self.main.expects(line) {
            if self.main.links_to(line) {
                return self.main.pass(line);
            }
            if self.side.is_some_and(|side| side.expects(line) && side.links_to(line)) {
                // What stood in its place before was inserted, and named at the line after it.
                self.main = Cursor::after(line);
                self.side = None;
                return None;
            }
            let found = self.main.broken_chain(line);
            self.main = Cursor::after(line);
            return Some(found);
        }
        if let Some(side) = self.side.as_mut().filter(|side| side.expects(line)) {
            let found = if side.links_to(line) { None } else { Some(side.broken_chain(line)) };
            *side = Cursor::after(line);
            self.fill(line.seq);
            return found;
        }
        if self.is_left_out(line.seq) {
            // Late lines fill what a jump left out; among them, too, entries can have been removed.
            let jumped = self.side.filter(|side| line.seq > side.seqs[0] && self.is_left_out(side.seqs[0]));
            self.fill(line.seq);
            self.side = Some(Cursor::after(line));
            return jumped.map(|side| gap(side.seqs[0], line));
        }
        let expected = self.main.seqs[0];
        if line.seq > expected {
            self.leave_out(expected, line.seq - 1);
            self.main = Cursor::after(line);
        } else {
            self.side = Some(Cursor::after(line));
        }
        Some(gap(expected, line))
    }

    fn follow_on_trust(&mut self, line: &Line<'_>) -> Option<Break> {
        if line.seq == 0 && line.previous != Link::Genesis {
            self.main = Cursor::after(line);
            return Some(Break {
                kind: FindingKind::ChainBroken,
                expected: Link::Genesis.to_string(),
                found: line.previous.to_string(),
            });
        }
        let next = |cursor: &Cursor| [cursor.seqs[0], cursor.seqs[0].saturating_add(1)].contains(&line.seq);
        match &mut self.side {
            Some(side) if !next(&self.main) && next(side) => *side = Cursor::after(line),
            _ => self.main = Cursor::after(line),
        }
        None
    }

    fn is_left_out(&self, seq: u64) -> bool {
        self.left_out.iter().any(|&(from, to)| (from..=to).contains(&seq))
    }

    fn leave_out(&mut self, from: u64, to: u64) {
        if self.left_out.len() == REMEMBERED {
            self.left_out.remove(0);
        }
        self.left_out.push((from, to));
    }

    /// Takes `seq` out of what is left out.
    fn fill(&mut self, seq: u64) {
        let Some(at) = self.left_out.iter().position(|&(from, to)| (from..=to).contains(&seq)) else {
            return;
        };
        let (from, to) = self.left_out.remove(at);
        if from < seq {
            self.leave_out(from, seq - 1);
        }
        if seq < to {
            self.leave_out(seq + 1, to);
        }
    }
}

fn gap(expected: u64, line: &Line<'_>) -> Break {
    Break { kind: FindingKind::SequenceGap, expected: expected.to_string(), found: line.seq.to_string() }
}
