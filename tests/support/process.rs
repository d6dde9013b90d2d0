//! Tests in processes of their own.
//!
//! A global subscriber is set once per process. A limit on files, a fork or an exit would disturb the other tests of a
//! binary. Such a test runs its binary again, as a child process that runs this test alone.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::limits::is_long;

/// Holds, in a child, the path of the test that it runs.
const CHILD_TEST: &str = "KLING_AUDIT_CHILD_TEST";
/// Holds, in a child, the directory that it works in.
const CHILD_DIRECTORY: &str = "KLING_AUDIT_CHILD_DIRECTORY";
/// A child prints this when the body of its test has returned.
const BODY_RETURNED: &str = "the body of the isolated test has returned";

/// Enough for the longest test on a busy machine. A deadlock lasts longer.
const CHILD_SECONDS: u64 = 400;
const LONG_CHILD_SECONDS: u64 = 3_600;

/// The path by which the test harness knows the calling test, or the named one: `module::name`.
macro_rules! test_path {
    () => {{
        fn here() {}
        $crate::support::process::path_of(std::any::type_name_of_val(&here))
    }};
    ($test:ident) => {
        $crate::support::process::path_of(std::any::type_name_of_val(&$test))
    };
}
pub(crate) use test_path;

/// Takes the crate and what is inside the test off the path of an item.
pub(crate) fn path_of(item: &'static str) -> &'static str {
    let (_, path) = item.split_once("::").expect("a crate's name comes first");
    let path = path.strip_suffix("::here").unwrap_or(path);
    path.split("::{{").next().unwrap_or(path)
}

/// A command that runs the test of this path again, alone. In that process, [`is_child`] is `true`.
pub(crate) fn child(test: &str) -> Command {
    child_through(test, &[])
}

/// As [`child`], after a shell has run `first`.
pub(crate) fn child_after(test: &str, first: &str) -> Command {
    child_through(test, &["sh", "-c", &format!("{first}; exec \"$@\""), "sh"])
}

/// As [`child`], started through another program with its arguments.
pub(crate) fn child_through(test: &str, program: &[&str]) -> Command {
    let this = env::current_exe().expect("this program has a path");
    let mut command = match program {
        [] => Command::new(this),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(this);
            command
        }
    };
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD_TEST, test)
        .env_remove("RUST_LOG");
    command
}

/// Gives a child a directory to work in, which [`child_directory`] returns there.
pub(crate) fn in_directory(mut child: Command, directory: &Path) -> Command {
    child.env(CHILD_DIRECTORY, directory);
    child
}

/// The directory that a child works in; `None` in any other process.
pub(crate) fn child_directory() -> Option<PathBuf> {
    env::var_os(CHILD_DIRECTORY).map(PathBuf::from)
}

/// `true` in a process that was started to run the test of this path.
pub(crate) fn is_child(test: &str) -> bool {
    env::var(CHILD_TEST).is_ok_and(|child| child == test)
}

/// Runs the body of a test in a process of its own. The calling test has the path `test`.
pub(crate) fn isolated(test: &str, body: impl FnOnce()) {
    isolated_by(test, child(test), body);
}

/// As [`isolated`], with these environment variables.
pub(crate) fn isolated_with(test: &str, variables: &[(&str, &str)], body: impl FnOnce()) {
    let mut command = child(test);
    command.envs(variables.iter().copied());
    isolated_by(test, command, body);
}

/// As [`isolated`], after a shell has run `first`.
pub(crate) fn isolated_after(test: &str, first: &str, body: impl FnOnce()) {
    isolated_by(test, child_after(test, first), body);
}

/// As [`isolated`], by another command than [`child`] gives.
pub(crate) fn isolated_by(test: &str, command: Command, body: impl FnOnce()) {
    if is_child(test) {
        body();
        println!("\n{BODY_RETURNED}");
        return;
    }
    let Ended { status, text } = run(command);
    assert!(status.success(), "{test}: {status}\n{text}");
    // The harness runs nothing, successfully, if no test has that path.
    assert!(text.contains(BODY_RETURNED), "{test} did not run\n{text}");
    print!("{text}");
}

/// A process that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// All that the process wrote to standard output and standard error.
    pub(crate) text: String,
}

/// Runs a command. A process that takes too long is killed, and fails the test.
pub(crate) fn run(mut command: Command) -> Ended {
    let output = tempfile::NamedTempFile::new().expect("a file");
    let stream = || Stdio::from(fs::File::options().append(true).open(output.path()).expect("opens"));
    let mut child = command.stdout(stream()).stderr(stream()).stdin(Stdio::null()).spawn().expect("starts");
    let text = || String::from_utf8_lossy(&fs::read(output.path()).unwrap_or_default()).into_owned();
    let seconds = if is_long() { LONG_CHILD_SECONDS } else { CHILD_SECONDS };
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(status) = child.try_wait().expect("waits") {
            return Ended { status, text: text() };
        }
        if Instant::now() > deadline {
            child.kill().expect("killed");
            child.wait().expect("reaped");
            assert!(Instant::now() < deadline, "a process runs for more than {seconds} s: {}", text());
        }
        thread::sleep(Duration::from_millis(5));
    }
}
