//! Errors of the macros at compile time, and a caller without a dependency on `tracing`, which compiles without
//! warnings.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

/// Name of a binary, its statement, and the compile error that the statement must cause.
const REFUSED: [(&str, &str, &str); 19] = [
    ("twice", r#"audit!("x", rows = 1, rows = 2);"#, "the field `rows` is given twice"),
    ("twice_raw", r##"audit!("x", r#type = 1, "type" = 2);"##, "the field `type` is given twice"),
    (
        "twice_try",
        r#"try_audit!("x", a.b = 1, c = 2, "a.b" = 3).unwrap();"#,
        "the field `a.b` is given twice",
    ),
    ("twice_span", r#"audit_span!("x", rows = 1, rows = 2);"#, "the field `rows` is given twice"),
    ("twice_message", r#"audit!("x", message = 1, "and {}", 2);"#, "the field `message` is given twice"),
    ("no_type", "audit!(rows = 1);", "an audit event needs its type first"),
    ("nothing", "audit!();", "an audit event needs its type first"),
    ("quoted_field", r#"audit!("rows" = 1);"#, "an audit event needs its type first"),
    ("no_comma", r#"audit!("x" rows = 1);"#, "an audit event needs its type first"),
    ("no_name", "audit_span!(rows = 1);", "an audit span needs its name first"),
    ("empty_type", r#"audit!("");"#, "the event type is empty"),
    ("two_types", r#"audit!("x", event_type = "y");"#, "the event type is given twice"),
    ("debug", r#"audit!("x", level: DEBUG, rows = 1);"#, "an audit event has level INFO, WARN or ERROR"),
    ("trace", r#"audit!(level: TRACE, "x");"#, "an audit event has level INFO, WARN or ERROR"),
    ("computed", r#"audit!(level: Level::DEBUG, "x");"#, "an audit event has level INFO, WARN or ERROR"),
    ("reserved", r#"audit!("audit_started");"#, "the event type `audit_started` is reserved"),
    ("opened", r#"audit!("job.opened");"#, "the event type `job.opened` is reserved"),
    ("closed", r#"try_audit!("job.closed").unwrap();"#, "the event type `job.closed` is reserved"),
    ("target", r#"audit!("x", target: "y");"#, "leave `target:` out"),
];

const ACCEPTED: &str = r##"
#![deny(warnings)]

use kling_audit::{AuditLog, NotRecorded, audit, audit_span, json, try_audit};

async fn number() -> u8 { 1 }

async fn work(log: &AuditLog, user: &str) -> Result<u64, NotRecorded> {
    let span = audit_span!("span", actor = user, n = number().await, list = json(&[1, 2]));
    let _entered = { audit!("first", parent: &span, %user, r#type = 1, "said {}", number().await); 1 };
    audit!(log: log, event_type = user, level: WARN, list = ?[1, 2]);
    Ok(try_audit!(log: log, "second", n = number().await, "quoted" = 2)?.seq)
}

fn is_send<T: Send>(_: T) {}

fn main() {
    let log = AuditLog::open("unused").unwrap();
    is_send(work(&log, "alice"));
    let _: Option<kling_audit::Receipt> = audit!("statement").receipt();
}
"##;

#[test]
fn compile_errors_state_their_reason() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_time");
    write_package(&directory);

    let checked = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet", "--bins", "--keep-going", "--message-format=json"])
        .current_dir(&directory)
        .env("CARGO_TARGET_DIR", directory.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();

    let errors = messages(&checked.stdout);
    let failed = || String::from_utf8_lossy(&checked.stderr).into_owned();
    for (name, statement, expected) in REFUSED {
        let errors = errors.get(name).unwrap_or_else(|| panic!("`{statement}` compiles\n{}", failed()));
        assert!(errors.iter().any(|message| message.contains(expected)), "`{statement}`: {errors:?}");
    }
    assert_eq!(errors.get("accepted"), None);
}

/// A feature of `tracing` can remove audit events from a program. The crate must not compile with it.
#[test]
fn static_level_that_removes_audit_events_is_refused() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("static_level");
    let root = env!("CARGO_MANIFEST_DIR");
    fs::create_dir_all(directory.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"static_level\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         kling-audit = {{ path = {root:?} }}\ntracing = {{ version = \"0.1\", features = [\"max_level_warn\"] }}\n"
    );
    write(&directory.join("Cargo.toml"), &manifest);
    write(&directory.join("Cargo.lock"), &fs::read_to_string(Path::new(root).join("Cargo.lock")).unwrap());
    write(&directory.join("src/lib.rs"), "");

    let checked = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet"])
        .current_dir(&directory)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_time/target"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&checked.stderr);
    assert!(!checked.status.success());
    assert!(text.contains("compiles events of level INFO out, and audit events with them"), "{text}");
}

fn write_package(directory: &Path) {
    let root = env!("CARGO_MANIFEST_DIR");
    let bins = directory.join("src/bin");
    fs::create_dir_all(&bins).unwrap();
    let manifest = format!(
        "[package]\nname = \"callers\"\nedition = \"2021\"\n[workspace]\n[dependencies]\nkling-audit = {{ path = {root:?} }}\n"
    );
    write(&directory.join("Cargo.toml"), &manifest);
    write(&directory.join("Cargo.lock"), &fs::read_to_string(Path::new(root).join("Cargo.lock")).unwrap());
    write(&bins.join("accepted.rs"), ACCEPTED);
    for (name, statement, _) in REFUSED {
        let level = if statement.contains("Level::") { "use kling_audit::__private::Level;" } else { "" };
        let code =
            format!("#![allow(unused)]\nuse kling_audit::*;\n{level}\nfn main() {{\n    {statement}\n}}\n");
        write(&bins.join(format!("{name}.rs")), &code);
    }
}

/// Writes a file unless it has this text already. Cargo checks only packages with newer files again.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        fs::write(path, text).unwrap();
    }
}

/// Messages of the compiler, by binary.
fn messages(output: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut messages = BTreeMap::<_, Vec<_>>::new();
    for line in output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let message: Value = serde_json::from_slice(line).unwrap();
        if message["reason"] == "compiler-message" && message["target"]["kind"][0] == "bin" {
            let name = message["target"]["name"].as_str().unwrap().to_owned();
            messages
                .entry(name)
                .or_default()
                .push(message["message"]["message"].as_str().unwrap().to_owned());
        }
    }
    messages
}
