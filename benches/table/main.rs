//! Everything that is measured, each figure beside its peer in the same run, in one table: `cargo bench`.
//!
//! `cargo bench -- reading` measures one section. With `-- --test` everything runs once, to prove that it does; with
//! `-- --large` reading goes on to trails of 10 GB.
//!
//! The two of a row take turns, round by round, so that a noisy machine disturbs both; the ratio is the median of the rounds'
//! ratios. Absolute figures are this machine's, ratios travel better. A row of two threads says how many times as much two
//! threads hashed in its rounds as one did, in memory and with nothing in common: where that is below 1.8, the row says
//! nothing of this crate.

mod checkpoints;
mod erasable;
mod group_commit;
mod measure;
mod reading;
mod subject;
mod writing;

use measure::{Scale, Table};

type Section = fn(&mut Table, Scale);

const SECTIONS: [(&str, Section); 5] = [
    ("writing", writing::measure),
    ("group_commit", group_commit::measure),
    ("checkpoints", checkpoints::measure),
    ("erasable", erasable::measure),
    ("reading", reading::measure),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, what, trail] = &arguments[..]
        && flag == "--measure"
    {
        return reading::measured(what, trail.as_ref());
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let wanted: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    for name in &wanted {
        assert!(SECTIONS.iter().any(|(known, _)| known == name), "there is no section {name}");
    }
    let scale = Scale::new(has("--test"), has("--large"));
    let mut table = Table::default();
    for (name, measure) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            table.section(name);
            measure(&mut table, scale);
        }
    }
}
