//! Verifies trails with a few lines over the library: `cargo run --example verify -- DIR...`
//!
//! Exit code 0: intact, 1: tampered, 2: could not look, 3: unverifiable; of several trails the worst.

use std::{io::Write as _, process::ExitCode};

use kling_audit::verify::Verifier;

/// Which of two exit codes counts: the one that stands first here.
const WORST_FIRST: [u8; 4] = [1, 2, 3, 0];

fn main() -> ExitCode {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    if paths.is_empty() {
        eprintln!("usage: verify DIR...");
        return ExitCode::from(2);
    }
    let mut codes = Vec::new();
    for path in paths {
        match Verifier::new(path).run() {
            Ok(verification) => {
                codes.push(verification.verdict().exit_code());
                // A verdict that nobody could read was not given.
                if write!(std::io::stdout(), "{verification}").is_err() {
                    codes.push(2);
                }
            }
            Err(error) => {
                eprintln!("{error}");
                codes.push(2);
            }
        }
    }
    ExitCode::from(WORST_FIRST.into_iter().find(|code| codes.contains(code)).unwrap_or(0))
}
