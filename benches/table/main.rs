//! All benches in one table, each figure next to that of a peer from the same run: `cargo bench`.
//!
//! `cargo bench -- reading` measures one section. `-- --test` runs everything once, without useful figures.
//! `-- --large` adds trails of up to 10 GB to the section `reading`.
//!
//! The two sides of a row take turns, so that a noisy machine disturbs both. The ratio is the median over the rounds.
//! Ratios are comparable between machines, absolute figures are not. A row with two threads has a control: hashing by
//! two threads against hashing by one, without shared data. If the control is below 1.8, the row does not count.

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
    // The section `reading` starts this program again to measure the peak memory of one verification.
    if let [flag, what, trail] = &arguments[..]
        && flag == "--measure"
    {
        return reading::print_figures(what, trail.as_ref());
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
