//! The manual is true: its example is a trail that verifies, by this crate and by the shell commands it gives.

use std::{fs, path::Path, process::Command};

fn manual(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual").join(page);
    fs::read_to_string(path).expect("a page of the manual")
}

/// The first fenced block of that language.
fn block(page: &str, language: &str) -> String {
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("a block");
    rest.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn the_example_of_the_format_verifies() {
    let directory = tempfile::tempdir().expect("a directory");
    let example = block(&manual("format.md"), "json");
    fs::write(directory.path().join("audit-2026-11-24.jsonl"), &example).expect("written");

    let verification = kling_audit::Verifier::new(directory.path()).without_head().run().expect("readable");

    assert_eq!(verification.verdict(), kling_audit::Verdict::Intact, "{verification}");
    assert_eq!(verification.entries(), 3);
}

#[cfg(unix)]
#[test]
fn the_commands_of_the_format_print_the_hash() {
    let directory = tempfile::tempdir().expect("a directory");
    let page = manual("format.md");
    let example = block(&page, "json");
    fs::write(directory.path().join("audit-2026-11-24.jsonl"), &example).expect("written");

    let output = Command::new("sh")
        .args(["-eu", "-c", &block(&page, "sh")])
        .current_dir(directory.path())
        .output()
        .expect("sh");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    let second = example.lines().nth(1).expect("a line");
    assert!(second.ends_with(&format!("\"hash\": \"{}\"}}", &printed[..64])), "{printed}");
}
