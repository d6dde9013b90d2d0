//! Where the chain stands while it is checked, and what the next line may be.
//!
//! One edit must give one finding. So the walk remembers which numbers a jump left out, lets the lines that come
//! late fill them, and knows both hashes that may follow a line whose own hash is wrong. What an odd line displaced
//! is kept until the next lines show whether it was inserted, moved, or stands in the place of another. Pure.

use crate::findings::finding::FindingKind;
use crate::{
    codec::{digest::Link, timestamp::Timestamp},
    format::line::Line,
};

/// How many left-out ranges are remembered.
const REMEMBERED: usize = 64;

/// What may come next after some line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    /// Two, since a damaged line may have stated a wrong number.
    seqs: [u64; 2],
    /// Two, since of a damaged line either the stated or the computed hash is the one that was linked.
    links: [Link; 2],
    /// The last believable time.
    time: Option<Timestamp>,
    /// The last line was a finding: what follows it may be what followed the true one.
    excused: bool,
    /// An odd line was found here, which may stand in the place of others: any later number may go on from here.
    lenient: bool,
}

/// A line that is out of its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Break {
    pub(super) kind: FindingKind,
    pub(super) expected: String,
    pub(super) found: String,
}

/// Where a line turned out to stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes on from what came before.
    InPlace,
    /// It comes late; the finding was made where it is missing.
    Late,
    /// It is a finding.
    Broken(Break),
}

/// The chain as far as it was followed.
#[derive(Debug)]
pub(super) struct Course {
    main: Cursor,
    /// What `main` was one line ago.
    before: Cursor,
    /// Another place from which it may go on: after lines that came late or twice, or where an odd line was put in
    /// between.
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
            excused: false,
            lenient: false,
        }
    }

    fn excused_after(line: &Line<'_>) -> Self {
        Self { excused: true, ..Self::after(line) }
    }

    fn next(&self) -> u64 {
        self.seqs[0]
    }

    fn expects(&self, line: &Line<'_>) -> bool {
        self.seqs.contains(&line.seq)
    }

    fn links_to(&self, line: &Line<'_>) -> bool {
        self.links.contains(&line.previous)
    }

    fn precedes(&self, line: &Line<'_>) -> bool {
        self.expects(line) && self.links_to(line)
    }

    /// Goes past `line`; a break if its time is before the last one's.
    fn pass(&mut self, line: &Line<'_>) -> Step {
        let before = std::mem::replace(self, Self::after(line));
        match before.time {
            Some(last) if !before.excused && line.time < last && !line.is("audit_clock_stepped") => {
                self.excused = true;
                Step::Broken(Break {
                    kind: FindingKind::ClockWentBack,
                    expected: format!("{last} or later"),
                    found: line.time.to_string(),
                })
            }
            _ => Step::InPlace,
        }
    }

    /// Goes past a line that has not the hash it states: its number and time may be wrong too.
    fn pass_damaged(&mut self, line: &Line<'_>) {
        let in_place = if self.expects(line) { line.seq } else { self.next() };
        self.seqs = [in_place.saturating_add(1), line.seq.saturating_add(1)];
        self.links = [Link::Hash(line.stated), Link::Hash(line.computed())];
        self.lenient = false;
    }

    fn broken_chain(&self, line: &Line<'_>) -> Step {
        Step::Broken(Break {
            kind: FindingKind::ChainBroken,
            expected: self.links[0].to_string(),
            found: line.previous.to_string(),
        })
    }
}

impl Course {
    /// A course from the first entry of a trail.
    pub(super) fn from_genesis() -> Self {
        let main =
            Cursor { seqs: [0; 2], links: [Link::Genesis; 2], time: None, excused: false, lenient: false };
        Self { main, before: main, side: None, left_out: Vec::new(), trusting: false }
    }

    /// A course from wherever the first line stands.
    pub(super) fn from_trust() -> Self {
        Self { trusting: true, ..Self::from_genesis() }
    }

    /// The number after the furthest entry in its place.
    pub(super) fn next(&self) -> u64 {
        self.main.next().max(self.main.seqs[1])
    }

    /// Whether an entry with that number and predecessor would go on from here.
    pub(super) fn leads_to(&self, seq: Option<u64>, previous: &Link) -> bool {
        self.trusting
            || seq.is_none_or(|seq| self.main.seqs.contains(&seq)) && self.main.links.contains(previous)
    }

    /// Whether nothing may follow but what follows `line`.
    pub(super) fn is_after(&self, line: &Line<'_>) -> bool {
        !self.trusting && self.main == Cursor::after(line)
    }

    /// Follows lines that follow each other and the last one, which is all that they may follow: `last`, and the one
    /// before it if there are two.
    pub(super) fn go_on(&mut self, before: Option<&Line<'_>>, last: &Line<'_>) {
        self.before = before.map_or(self.main, Cursor::after);
        self.main = Cursor::after(last);
        self.side = None;
    }

    /// Takes the next line's place on trust, since the line before it can't be read.
    pub(super) fn trust_next(&mut self) {
        self.trusting = true;
    }

    /// Learns that the last line is a finding for something else than its place: who altered it broke the link to
    /// it, too.
    pub(super) fn excuse_next(&mut self) {
        match &mut self.side {
            Some(side) => side.excused = true,
            None => {
                self.main.excused = true;
                // If that line was inserted, the true one follows.
                self.side = Some(self.before);
            }
        }
    }

    /// Follows a line that has not the hash it states, which is a finding already.
    pub(super) fn follow_damaged(&mut self, line: &Line<'_>) {
        if std::mem::take(&mut self.trusting) {
            self.main.pass_damaged(line);
            return;
        }
        // A link tells a line's place better than a number, which is one damaged digit away from another.
        let fits: [fn(&Cursor, &Line<'_>) -> bool; 3] = [Cursor::precedes, Cursor::links_to, Cursor::expects];
        for fits in fits {
            if fits(&self.main, line) {
                self.main.pass_damaged(line);
                self.side = None;
                return;
            }
            if let Some(side) = self.side.as_mut().filter(|side| fits(side, line)) {
                let seq = side.next();
                side.pass_damaged(line);
                self.fill(seq);
                return;
            }
        }
        if self.is_left_out(line.seq) {
            self.fill(line.seq);
            self.side = Some(Cursor { seqs: [line.seq; 2], ..self.main });
        }
        self.side.as_mut().unwrap_or(&mut self.main).pass_damaged(line);
    }

    /// Follows a line that holds.
    pub(super) fn follow(&mut self, line: &Line<'_>) -> Step {
        if std::mem::take(&mut self.trusting) {
            return self.follow_on_trust(line);
        }
        if self.main.precedes(line) {
            self.before = self.main;
            self.side = None;
            let step = self.main.pass(line);
            if step != Step::InPlace {
                self.excuse_next();
            }
            return step;
        }
        if let Some(side) = self.side.as_mut().filter(|side| side.precedes(line)) {
            // A line that was displaced by the one before it was not moved by itself.
            let late = side.lenient && line.seq < self.main.next();
            let step = match side.pass(line) {
                Step::InPlace if late => Step::Late,
                step => step,
            };
            if self.main.expects(line) {
                // What stood in its place before was inserted, and named at the line after it.
                self.main = *side;
                self.side = None;
            }
            self.fill(line.seq);
            return step;
        }
        if self.main.expects(line) {
            if self.main.excused {
                self.main = Cursor::after(line);
                self.side = None;
                return Step::InPlace;
            }
            let step = self.main.broken_chain(line);
            // If this line was inserted, the true one follows.
            self.side = Some(std::mem::replace(&mut self.main, Cursor::excused_after(line)));
            return step;
        }
        if self.main.lenient && line.seq > self.main.next() {
            self.leave_out(self.main.next(), line.seq - 1);
            self.main = Cursor::after(line);
            self.side = None;
            return Step::InPlace;
        }
        if let Some(side) = &mut self.side {
            let replaced = side.lenient && (side.next()..self.main.next()).contains(&line.seq);
            if replaced || side.expects(line) {
                let step = if replaced || side.excused { Step::InPlace } else { side.broken_chain(line) };
                *side = Cursor { excused: step != Step::InPlace, ..Cursor::after(line) };
                self.fill(line.seq);
                return step;
            }
        }
        if self.is_left_out(line.seq) {
            // Late lines fill what a jump left out; among them, too, entries can have been removed.
            let jumped = self.side.filter(|side| line.seq > side.next() && self.is_left_out(side.next()));
            self.fill(line.seq);
            self.side = Some(Cursor::after(line));
            return jumped.map_or(Step::Late, |side| gap(side.next(), line));
        }
        let expected = self.main.next();
        if line.seq > expected {
            // Either lines are gone, or this one does not belong here and the true one follows.
            self.leave_out(expected, line.seq - 1);
            let displaced = std::mem::replace(&mut self.main, Cursor::after(line));
            self.side = Some(Cursor { lenient: true, ..displaced });
        } else {
            self.side = Some(Cursor::after(line));
            self.main.lenient = true;
        }
        gap(expected, line)
    }

    fn follow_on_trust(&mut self, line: &Line<'_>) -> Step {
        if line.seq == 0 && line.previous != Link::Genesis {
            self.main = Cursor::excused_after(line);
            return Step::Broken(Break {
                kind: FindingKind::ChainBroken,
                expected: Link::Genesis.to_string(),
                found: line.previous.to_string(),
            });
        }
        // What could not be read was one line, or two in one, or a part of nothing.
        let near = |cursor: &Cursor| (0..=2).contains(&line.seq.wrapping_sub(cursor.next()));
        let next = self.main.next();
        match &mut self.side {
            _ if near(&self.main) || self.main.time.is_none() => self.main = Cursor::after(line),
            Some(side) if near(side) => {
                *side = Cursor::after(line);
                self.fill(line.seq);
            }
            _ if line.seq < next => {
                self.main.lenient = true;
                self.side = Some(Cursor::after(line));
                self.fill(line.seq);
            }
            _ => {
                self.leave_out(next, line.seq - 1);
                let displaced = std::mem::replace(&mut self.main, Cursor::after(line));
                self.side = Some(Cursor { lenient: true, ..displaced });
            }
        }
        Step::InPlace
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

fn gap(expected: u64, line: &Line<'_>) -> Step {
    Step::Broken(Break {
        kind: FindingKind::SequenceGap,
        expected: expected.to_string(),
        found: line.seq.to_string(),
    })
}
