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

/// How many times the work of one thread two must do in a control, for a row of two threads to count.
const SCALES: f64 = 1.8;

/// The rows.
#[derive(Default)]
pub(crate) struct Table<'c> {
    rows: Vec<String>,
    /// Work that so many threads share and that needs nothing but a processor for each: while it is here, each round does
    /// it too, with one thread and with two, and the row says how far that got the machine.
    pub(crate) control: Option<&'c dyn Fn(usize)>,
}

impl Table<'_> {
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
        let (our, their, ratio, control) = self.rounds(scale, || ours(count), || theirs(count));
        let (our, their) = (nanoseconds(our, count), nanoseconds(their, count));
        self.rows.push(format!(
            "{name:<36} {our:>9.0} ns   {peer:<36} {their:>9.0} ns   ratio {ratio:.2}{control}"
        ));
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
        let (our, their, ratio, control) = self.rounds(scale, ours, theirs);
        let speed = |time: Duration| bytes as f64 / 1e9 / time.as_secs_f64();
        let (our, their, ratio) = (speed(our), speed(their), 1.0 / ratio);
        self.rows.push(format!(
            "{name:<36} {our:>7.2} GB/s   {peer:<36} {their:>7.2} GB/s   speed {ratio:.2}{control}"
        ));
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
        let (our, their, ratio, control) = self.rounds(scale, || ours(counts.0), || theirs(counts.1));
        let (our, their) = (counts.0 as f64 / our.as_secs_f64(), counts.1 as f64 / their.as_secs_f64());
        let ratio = counts.0 as f64 / counts.1 as f64 / ratio;
        self.rows.push(format!(
            "{name:<36} {our:>9.0} /s   {peer:<36} {their:>9.0} /s   ratio {ratio:.1}{control}"
        ));
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
        let (our, their, ratio, control) = self.rounds(scale, ours, theirs);
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let (our, their) = (milliseconds(our), milliseconds(their));
        self.rows.push(format!(
            "{name:<36} {our:>9.1} ms   {peer:<36} {their:>9.1} ms   ratio {ratio:.3}{control}"
        ));
    }

    /// Medians of both, and of the rounds' ratios, and what the control says.
    fn rounds(&self, scale: Scale, ours: impl Fn(), theirs: impl Fn()) -> (Duration, Duration, f64, String) {
        ours();
        theirs();
        let mut scaling = Vec::new();
        let mut round = || {
            let pair = (timed(&ours), timed(&theirs));
            if let Some(control) = self.control {
                scaling.push(timed(|| control(1)).as_secs_f64() / timed(|| control(2)).as_secs_f64());
            }
            pair
        };
        let pairs: Vec<_> = (0..scale.rounds).map(|_| round()).collect();
        let mut our: Vec<_> = pairs.iter().map(|pair| pair.0).collect();
        let mut their: Vec<_> = pairs.iter().map(|pair| pair.1).collect();
        let mut ratios: Vec<_> =
            pairs.iter().map(|pair| pair.0.as_secs_f64() / pair.1.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        scaling.sort_by(f64::total_cmp);
        let control = match scaling.get(scaling.len() / 2) {
            Some(scaling @ SCALES..) => format!("   control {scaling:.2}"),
            Some(scaling) => format!("   does NOT count: control {scaling:.2}, and not {SCALES}"),
            None => String::new(),
        };
        (median(&mut our), median(&mut their), ratios[ratios.len() / 2], control)
    }

    /// A row that says something else.
    pub(crate) fn row(&mut self, text: String) {
        self.rows.push(text);
    }

    /// The median time of `count` events.
    pub(crate) fn time(&self, count: u64, scale: Scale, run: impl Fn(u64)) -> f64 {
        run(count);
        let mut times: Vec<_> = (0..scale.rounds).map(|_| timed(|| run(count))).collect();
        nanoseconds(median(&mut times), count)
    }

    pub(crate) fn difference(&mut self, name: &str, peer: &str, ours: f64, theirs: f64) {
        let more = ours - theirs;
        self.rows.push(format!("{name:<36} {ours:>9.2} ns   {peer:<36} {theirs:>9.2} ns   {more:+.2} ns"));
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
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
