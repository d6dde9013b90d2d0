//! Measurement of two sides in turns, and the table of their ratios.

use std::{
    fmt,
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

/// The amount of work that a run does.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    rounds: usize,
    divisor: u64,
    /// `true` if trails of several gigabytes are measured too.
    pub(crate) large: bool,
}

impl Scale {
    /// Returns the scale of a run: 25 rounds, or one short round for `test`.
    pub(crate) fn new(test: bool, large: bool) -> Self {
        if test { Self { rounds: 1, divisor: 1_000, large } } else { Self { rounds: 25, divisor: 1, large } }
    }

    pub(crate) fn is_test(self) -> bool {
        self.divisor > 1
    }

    /// Returns this scale with at most `most` rounds, for measurements that take long.
    pub(crate) fn rounds(self, most: usize) -> Self {
        Self { rounds: self.rounds.min(most), ..self }
    }

    /// Returns the number of events of a round: `count`, or much fewer for a test.
    pub(crate) fn events(self, count: u64) -> u64 {
        (count / self.divisor).max(10)
    }
}

/// Minimum ratio of the control of a row with two threads. With a lower ratio, the row does not count.
const MIN_CONTROL_RATIO: f64 = 1.8;

/// Bytes that a control hashes in one round.
const CONTROL_BYTES: usize = 16 * 1024 * 1024;

/// Name of a row, its peer, and the ratio that the row must reach.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    name: &'a str,
    peer: &'a str,
    bar: Option<Bar>,
    has_control: bool,
}

/// The ratio that a row must reach.
#[derive(Clone, Copy)]
enum Bar {
    /// The ratio is one of times: lower is better.
    AtMost(f64),
    /// The ratio is one of speeds: higher is better.
    AtLeast(f64),
}

impl<'a> Row<'a> {
    pub(crate) fn new(name: &'a str, peer: &'a str) -> Self {
        Self { name, peer, bar: None, has_control: false }
    }

    pub(crate) fn at_most(self, bar: f64) -> Self {
        Self { bar: Some(Bar::AtMost(bar)), ..self }
    }

    pub(crate) fn at_least(self, bar: f64) -> Self {
        Self { bar: Some(Bar::AtLeast(bar)), ..self }
    }

    /// Adds a control to the row: in each round, two threads and one thread also hash.
    pub(crate) fn with_control(self) -> Self {
        Self { has_control: true, ..self }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bar) => write!(f, "<= {bar:.2}"),
            Self::AtLeast(bar) => write!(f, ">= {bar:.2}"),
        }
    }
}

/// The table, printed row by row during the run.
#[derive(Default)]
pub(crate) struct Table(());

/// Medians over the rounds of one row.
struct Measured {
    ours: Duration,
    theirs: Duration,
    /// Time of this crate divided by the time of the peer.
    ratio: f64,
    /// Speed of hashing on two threads divided by that on one.
    control: Option<f64>,
}

impl Table {
    /// Prints the headings of a section.
    pub(crate) fn section(&mut self, name: &str) {
        println!("\n{name:<38} {:>14}   {:<36} {:>14} {:>9}   bar", "", "beside", "", "ratio");
    }

    /// Measures `ours` against `theirs`. Each side processes `count` events in a round.
    pub(crate) fn pair(
        &mut self,
        row: Row<'_>,
        count: u64,
        scale: Scale,
        ours: impl Fn(u64),
        theirs: impl Fn(u64),
    ) {
        let measured = rounds(row, scale, || ours(count), || theirs(count));
        let each = |time| format!("{:.0} ns", nanoseconds(time, count));
        print(row, &each(measured.ours), &each(measured.theirs), measured.ratio, measured.control);
    }

    /// Measures `ours` against `theirs`. Each side reads `bytes` in a round. With a ratio above 1, this crate is
    /// faster.
    pub(crate) fn pair_of_bytes(
        &mut self,
        row: Row<'_>,
        bytes: u64,
        scale: Scale,
        ours: impl Fn(),
        theirs: impl Fn(),
    ) {
        let measured = rounds(row, scale, ours, theirs);
        let speed = |time: Duration| format!("{:.2} GB/s", bytes as f64 / 1e9 / time.as_secs_f64());
        print(row, &speed(measured.ours), &speed(measured.theirs), 1.0 / measured.ratio, measured.control);
    }

    /// Measures events a second of `ours` and `theirs`. Each side has its own number of events in a round.
    pub(crate) fn throughput(
        &mut self,
        row: Row<'_>,
        counts: (u64, u64),
        scale: Scale,
        ours: impl Fn(u64),
        theirs: impl Fn(u64),
    ) {
        let measured = rounds(row, scale, || ours(counts.0), || theirs(counts.1));
        let speed = |count: u64, time: Duration| format!("{:.0} /s", count as f64 / time.as_secs_f64());
        let ratio = counts.0 as f64 / counts.1 as f64 / measured.ratio;
        let (ours, theirs) = (speed(counts.0, measured.ours), speed(counts.1, measured.theirs));
        print(row, &ours, &theirs, ratio, measured.control);
    }

    /// Measures the whole duration of `ours` and of `theirs`.
    pub(crate) fn pair_of_times(&mut self, row: Row<'_>, scale: Scale, ours: impl Fn(), theirs: impl Fn()) {
        let measured = rounds(row, scale, ours, theirs);
        let time = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        print(row, &time(measured.ours), &time(measured.theirs), measured.ratio, measured.control);
    }

    /// Compares durations that `ours` and `theirs` measure themselves in each round.
    pub(crate) fn pair_of_readings(
        &mut self,
        row: Row<'_>,
        scale: Scale,
        ours: impl Fn() -> Duration,
        theirs: impl Fn() -> Duration,
    ) {
        let pairs: Vec<_> = (0..scale.rounds).map(|_| (ours(), theirs())).collect();
        let measured = Measured::of(&pairs, None);
        let each = |time: Duration| format!("{} ns", time.as_nanos());
        print(row, &each(measured.ours), &each(measured.theirs), measured.ratio, None);
    }

    /// Prints a figure that the caller measured, beside its peer.
    pub(crate) fn value(&mut self, row: Row<'_>, ratio: f64, unit: &str, ours: f64, theirs: f64) {
        let each = |value: f64| format!("{value:.2} {unit}");
        print(row, &each(ours), &each(theirs), ratio, None);
    }

    /// Prints a line of text in place of a row.
    pub(crate) fn note(&mut self, text: &str) {
        println!("{text}");
    }

    /// Returns the median time of one of `count` events, in nanoseconds.
    pub(crate) fn time(&self, count: u64, scale: Scale, run: impl Fn(u64)) -> f64 {
        run(count);
        let mut times: Vec<_> = (0..scale.rounds).map(|_| timed(|| run(count))).collect();
        nanoseconds(median(&mut times), count)
    }
}

impl Measured {
    fn of(pairs: &[(Duration, Duration)], control: Option<f64>) -> Self {
        let mut ours: Vec<_> = pairs.iter().map(|pair| pair.0).collect();
        let mut theirs: Vec<_> = pairs.iter().map(|pair| pair.1).collect();
        let mut ratios: Vec<_> =
            pairs.iter().map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        Self {
            ours: median(&mut ours),
            theirs: median(&mut theirs),
            ratio: ratios[ratios.len() / 2],
            control,
        }
    }
}

/// Runs both sides in turns, and the control if `row` has one.
fn rounds(row: Row<'_>, scale: Scale, ours: impl Fn(), theirs: impl Fn()) -> Measured {
    // One run of each side warms up caches and the allocator. It is not measured.
    ours();
    theirs();
    let mut scaling = Vec::new();
    let hashed = vec![b'x'; if scale.is_test() { 1024 } else { CONTROL_BYTES }];
    let mut round = || {
        let pair = (timed(&ours), timed(&theirs));
        if row.has_control {
            let [two, one] = [2, 1].map(|threads| timed(|| hash(&hashed, threads)).as_secs_f64());
            scaling.push(one / two);
        }
        pair
    };
    let pairs: Vec<_> = (0..scale.rounds).map(|_| round()).collect();
    scaling.sort_by(f64::total_cmp);
    Measured::of(&pairs, scaling.get(scaling.len() / 2).copied())
}

/// Hashes `bytes`. Each thread hashes one part.
fn hash(bytes: &[u8], threads: usize) {
    thread::scope(|scope| {
        for part in bytes.chunks(bytes.len().div_ceil(threads)) {
            scope.spawn(move || black_box(Sha256::digest(part)));
        }
    });
}

fn print(row: Row<'_>, ours: &str, theirs: &str, ratio: f64, control: Option<f64>) {
    let Row { name, peer, bar, .. } = row;
    let verdict = match bar {
        None => String::new(),
        Some(bar) => {
            let holds = match bar {
                Bar::AtMost(bar) => ratio <= bar,
                Bar::AtLeast(bar) => ratio >= bar,
            };
            format!("{bar}{}", if holds { "" } else { ": missed" })
        }
    };
    let control = match control {
        Some(control @ MIN_CONTROL_RATIO..) => format!("   control {control:.2}"),
        Some(control) => format!("   does NOT count: control {control:.2}, below {MIN_CONTROL_RATIO}"),
        None => String::new(),
    };
    println!("{name:<38} {ours:>14}   {peer:<36} {theirs:>14} {ratio:>9.3}   {verdict}{control}");
}

fn timed(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn nanoseconds(time: Duration, count: u64) -> f64 {
    time.as_nanos() as f64 / count as f64
}
