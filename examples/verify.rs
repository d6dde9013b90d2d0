//! Verifies trails with a few lines of code: `cargo run --example verify -- DIR...`.
//!
//! The exit status is 0 (intact), 1 (tampered), 2 (path unreadable) or 3 (cannot be determined). For several trails,
//! the most serious status applies.

use std::{io::Write as _, process::ExitCode};

use kling_audit::verify::Verifier;

/// Exit statuses, the most serious first.
const BY_SEVERITY: [u8; 4] = [1, 2, 3, 0];

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
                // If the verdict cannot be printed, the exit status must not report success.
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
    ExitCode::from(BY_SEVERITY.into_iter().find(|code| codes.contains(code)).unwrap_or(0))
}
