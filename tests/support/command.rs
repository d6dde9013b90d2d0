//! The `kling-audit` command, run as its users run it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::process::{Command, Output, Stdio};

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kling-audit"));
    command.args(arguments).stdin(Stdio::null());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("runs")
}

pub(crate) fn exit_status(output: &Output) -> Option<i32> {
    output.status.code()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// The exit status, and all that was printed.
pub(crate) fn status_and_text(output: Output) -> (Option<i32>, String) {
    (output.status.code(), stdout(&output) + &stderr(&output))
}
