//! Two things measured in turns, and a table of their ratios.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    rounds: usize,
    divisor: u64,
}

impl Scale {
    /// `--test` asks for one short round.
    pub(crate) fn from_arguments() -> Self {
        if std::env::args().any(|argument| argument == "--test") {
            Self { rounds: 1, divisor: 1_000 }
        } else {
            Self { rounds: 25, divisor: 1 }
        }
    }

    /// The same with no more than so many rounds, for what takes long.
    pub(crate) fn rounds(self, most: usize) -> Self {
        Self { rounds: self.rounds.min(most), ..self }
    }

    pub(crate) fn events(self, count: u64) -> u64 {
        (count / self.divisor).max(10)
    }
}

/// The rows.
#[derive(Default)]
pub(crate) struct Table(Vec<String>);

impl Table {
    /// Measures `ours` against `theirs`, each doing `count` events a round.
    pub(crate) fn pair(
        &mut self,
        name: &str,
        peer: &str,
        count: u64,
        scale: Scale,
        ours: impl Fn(u64),
        theirs: impl Fn(u64),
    ) {
        let (our, their, ratio) = rounds(scale, || ours(count), || theirs(count));
        let (our, their) = (nanoseconds(our, count), nanoseconds(their, count));
        self.0.push(format!("{name:<36} {our:>9.0} ns   {peer:<36} {their:>9.0} ns   ratio {ratio:.2}"));
    }

    /// Measures `ours` against `theirs`, each going through `bytes` a round. A ratio above 1 is faster than the peer.
    pub(crate) fn pair_of_bytes(
        &mut self,
        name: &str,
        peer: &str,
        bytes: u64,
        scale: Scale,
        ours: impl Fn(),
        theirs: impl Fn(),
    ) {
        let (our, their, ratio) = rounds(scale, ours, theirs);
        let speed = |time: Duration| bytes as f64 / 1e9 / time.as_secs_f64();
        let (our, their, ratio) = (speed(our), speed(their), 1.0 / ratio);
        self.0.push(format!("{name:<36} {our:>7.2} GB/s   {peer:<36} {their:>7.2} GB/s   speed {ratio:.2}"));
    }

    /// Measures how many events a second `ours` and `theirs` get through, each with a count of its own a round.
    pub(crate) fn throughput(
        &mut self,
        name: &str,
        peer: &str,
        counts: (u64, u64),
        scale: Scale,
        ours: impl Fn(u64),
        theirs: impl Fn(u64),
    ) {
        let (our, their, ratio) = rounds(scale, || ours(counts.0), || theirs(counts.1));
        let (our, their) = (counts.0 as f64 / our.as_secs_f64(), counts.1 as f64 / their.as_secs_f64());
        let ratio = counts.0 as f64 / counts.1 as f64 / ratio;
        self.0.push(format!("{name:<36} {our:>9.0} /s   {peer:<36} {their:>9.0} /s   ratio {ratio:.1}"));
    }

    /// Measures how long `ours` and `theirs` take, each as a whole.
    pub(crate) fn pair_of_times(
        &mut self,
        name: &str,
        peer: &str,
        scale: Scale,
        ours: impl Fn(),
        theirs: impl Fn(),
    ) {
        let (our, their, ratio) = rounds(scale, ours, theirs);
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let (our, their) = (milliseconds(our), milliseconds(their));
        self.0.push(format!("{name:<36} {our:>9.1} ms   {peer:<36} {their:>9.1} ms   ratio {ratio:.3}"));
    }

    /// A row that says something else.
    pub(crate) fn row(&mut self, text: String) {
        self.0.push(text);
    }

    /// The median time of `count` events.
    pub(crate) fn time(&self, count: u64, scale: Scale, run: impl Fn(u64)) -> f64 {
        run(count);
        let mut times: Vec<_> = (0..scale.rounds).map(|_| timed(|| run(count))).collect();
        nanoseconds(median(&mut times), count)
    }

    pub(crate) fn difference(&mut self, name: &str, peer: &str, ours: f64, theirs: f64) {
        let more = ours - theirs;
        self.0.push(format!("{name:<36} {ours:>9.2} ns   {peer:<36} {theirs:>9.2} ns   {more:+.2} ns"));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

/// Medians of both, and of the rounds' ratios.
fn rounds(scale: Scale, ours: impl Fn(), theirs: impl Fn()) -> (Duration, Duration, f64) {
    ours();
    theirs();
    let pairs: Vec<_> = (0..scale.rounds).map(|_| (timed(&ours), timed(&theirs))).collect();
    let mut our: Vec<_> = pairs.iter().map(|pair| pair.0).collect();
    let mut their: Vec<_> = pairs.iter().map(|pair| pair.1).collect();
    let mut ratios: Vec<_> = pairs.iter().map(|pair| pair.0.as_secs_f64() / pair.1.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    (median(&mut our), median(&mut their), ratios[ratios.len() / 2])
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
