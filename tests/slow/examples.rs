//! The examples of the client, run by Cargo: their output, their trails and their exit status.

use std::{
    io::{self, BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::support::{
    files::text,
    kling::{
        event_types,
        stand_in::{ACCESS_KEY, Fault, SECRET_KEY, StandIn},
    },
};

const PROMPT: &str = "a clockwork heron wades through violet fog";

/// A command that builds and runs an example, with the features of this test, so that its dependencies are built
/// already.
fn example(name: &str) -> Command {
    let features = if cfg!(feature = "cli") { "kling,cli" } else { "kling" };
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--features", features, "--example", name, "--"]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn generate_video(server: &StandIn, audit: &Path, more: &[&str]) -> Output {
    example("generate_video")
        .args(["--audit-dir", audit.to_str().unwrap()])
        .args(more)
        .env("KLING_ACCESS_KEY", ACCESS_KEY)
        .env("KLING_SECRET_KEY", SECRET_KEY)
        .env("KLING_BASE_URL", server.base_url())
        .output()
        .unwrap()
}

#[test]
fn generate_video_exits_with_0_only_with_a_video() {
    let server = StandIn::start();
    server.fail_queries([Fault::Html(502)]);
    let audit = TempDir::new().unwrap();
    let directory = audit.path().join("audit");

    let made = generate_video(&server, &directory, &["--prompt", PROMPT]);
    server.fail_next_task("not allowed: a clockwork heron wades");
    let failed = generate_video(&server, &directory, &["--prompt", PROMPT]);
    let refused = generate_video(&server, &directory, &["--prompt", ""]);
    let unknown = generate_video(&server, &directory, &["clockwork heron"]);

    let codes = [&made, &failed, &refused, &unknown].map(|output| output.status.code());
    assert_eq!(codes, [Some(0), Some(1), Some(2), Some(2)], "{}", String::from_utf8_lossy(&made.stderr));
    assert!(made.stdout.starts_with(server.base_url().as_bytes()));
    for output in [&made, &failed, &refused, &unknown] {
        let printed =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        for secret in ["heron", ACCESS_KEY, SECRET_KEY, "eyJhbGci", "eyJpc3Mi"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
    let types = event_types(&directory);
    for event_type in ["task_completed", "task_failed"] {
        assert_eq!(types.iter().filter(|other| *other == event_type).count(), 1, "{types:?}");
    }
    kling_audit::verify(&directory).unwrap();
}

#[test]
fn generate_video_without_credentials_names_the_variable() {
    let output = example("generate_video")
        .args(["--prompt", PROMPT])
        .env("KLING_ACCESS_KEY", ACCESS_KEY)
        .env("KLING_SECRET_KEY", " ")
        .output()
        .unwrap();

    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(printed.contains("KLING_SECRET_KEY is blank"), "{printed}");
}

#[test]
fn quickstart_records_every_event_in_order() {
    let output = example("quickstart").output().unwrap();

    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let directory = printed.lines().find_map(|line| line.split_once("on disk in ")).unwrap().1;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory.trim());
    assert_eq!(
        event_types(&directory),
        [
            "kling.submit.opened",
            "auth_event",
            "task_submitted",
            "task_accepted",
            "kling.submit.closed",
            "kling.wait.opened",
            "api_call",
            "task_status_changed",
            "api_call",
            "api_call",
            "task_status_changed",
            "task_completed",
            "kling.wait.closed",
        ]
    );
    kling_audit::verify(&directory).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}

/// The example `kling_stand_in` in a process of its own. Dropping it kills the process.
struct StandInProcess {
    child: Child,
    /// Kept open until the end: the server fails if it cannot print.
    lines: Lines<BufReader<ChildStdout>>,
}

impl StandInProcess {
    /// Starts the example without Cargo, so that the test can kill the server itself. Cargo must have built it.
    fn start(arguments: &[&str]) -> StandInProcess {
        let this = std::env::current_exe().unwrap();
        let built = this.parent().and_then(Path::parent).unwrap().join("examples/kling_stand_in");
        let mut child = Command::new(built).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        StandInProcess { child, lines }
    }

    /// Runs `generate_video` with the three environment variables that the server prints.
    fn generate_video(&mut self, directory: &Path) -> Output {
        let variable = |line: io::Result<String>| {
            let line = line.unwrap();
            let (name, value) = line.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        };
        let variables: Vec<(String, String)> = self.lines.by_ref().take(3).map(variable).collect();
        example("generate_video")
            .args(["--audit-dir", directory.to_str().unwrap(), "--prompt", PROMPT])
            .envs(variables)
            .output()
            .unwrap()
    }
}

impl Drop for StandInProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn stand_in_serves_a_client_with_the_printed_keys() {
    // These two calls build the example.
    let unusable = example("kling_stand_in").args(["--port", "none"]).output().unwrap();
    let unknown = example("kling_stand_in").args(["--lose-every", "0"]).output().unwrap();
    let mut server = StandInProcess::start(&[
        "--port=0",
        "--seconds",
        "1",
        "--lose-every",
        "2",
        "--throttle-every",
        "3",
        "--cash",
        "--callback-secret",
        "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=",
        "--callbacks-out-of-order",
    ]);
    let audit = TempDir::new().unwrap();
    let directory = audit.path().join("audit");

    let made = server.generate_video(&directory);

    assert_eq!((unusable.status.code(), unknown.status.code()), (Some(2), Some(2)));
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    kling_audit::verify(&directory).unwrap();
}

#[test]
fn stand_in_fails_in_the_requested_ways() {
    // This call builds the example. Its argument is not a number, so it exits with an error.
    let unusable = example("kling_stand_in").args(["--clock-ahead", "soon"]).output().unwrap();
    for (switches, expected) in [
        (["--halve-every", "1", "--clock-ahead=-60"].as_slice(), [true, true]),
        (&["--error-every", "1"], [false, true]),
        (&["--slow-every", "1", "--late", "0"], [false, false]),
    ] {
        let mut server = StandInProcess::start(&[&["--seconds", "0"], switches].concat());
        let audit = TempDir::new().unwrap();
        let directory = audit.path().join("audit");

        let made = server.generate_video(&directory);

        assert!(made.status.success(), "{switches:?} {}", String::from_utf8_lossy(&made.stderr));
        let trail = text(&directory);
        let there = ["\"code\": 1003", "\"resolved_by\": \"lookup\""].map(|member| trail.contains(member));
        assert_eq!(there, expected, "{switches:?} {trail}");
    }
    assert_eq!(unusable.status.code(), Some(2));
}
