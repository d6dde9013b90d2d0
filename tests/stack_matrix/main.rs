//! A matrix of subscriber stacks and scenarios. Each cell runs one scenario in one stack, in processes of its own:
//!
//! ```sh
//! cargo test --test stack_matrix                          # the table
//! cargo test --test stack_matrix -- opentelemetry         # the cells with this word in their name
//! KLING_AUDIT_LONG=1 cargo test --test stack_matrix       # the heavy scenarios in every stack
//! ```
//!
//! Each cell runs with the audit layer and without it. All other layers must receive the same events in both runs.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test is meant to panic")]

mod cell;
mod record;
mod scenarios;
mod stacks;
#[path = "../support"]
mod support {
    pub(crate) mod files;
    pub(crate) mod log;
    pub(crate) mod noisy;
}
mod table;

use std::{
    env,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use cell::{Cell, Verdict};
use parking_lot::Mutex;
use scenarios::SCENARIOS;
use stacks::STACKS;
use table::Table;

fn main() -> ExitCode {
    if let Some(cell) = Cell::of_this_process() {
        cell.run_here();
        return ExitCode::SUCCESS;
    }
    let filter = Filter::from_arguments();
    let long = env::var_os("KLING_AUDIT_LONG").is_some();
    let cells: Vec<Cell> = STACKS
        .iter()
        .flat_map(|stack| SCENARIOS.iter().map(|scenario| Cell { stack, scenario }))
        .filter(|cell| filter.wants(&cell.name()) && (long || cell.is_quick()))
        .collect();
    if filter.lists {
        cells.iter().for_each(|cell| println!("{}: test", cell.name()));
        return ExitCode::SUCCESS;
    }

    let verdicts = run_all(&cells);
    let table = Table { verdicts: &verdicts };
    print!("{table}");
    if verdicts.iter().all(Verdict::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the cells, one on each processor.
fn run_all(cells: &[Cell]) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = cell.run_apart();
                    verdicts.lock().push(verdict);
                }
            });
        }
    });
    verdicts.into_inner()
}

/// The arguments that Cargo and callers pass to a test binary.
struct Filter {
    names: Vec<String>,
    lists: bool,
}

impl Filter {
    fn from_arguments() -> Self {
        let mut filter = Self { names: Vec::new(), lists: false };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => filter.lists = true,
                // No cell is marked as ignored, so none has this name.
                "--ignored" => filter.names.push("\0".to_owned()),
                // Options of the usual harness. Their value is no name of a cell.
                "--test-threads" | "--skip" | "--format" | "--color" | "--logfile" => drop(arguments.next()),
                option if option.starts_with('-') => {}
                name => filter.names.push(name.to_owned()),
            }
        }
        filter
    }

    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|part| name.contains(part.as_str()))
    }
}
