//! The manual: its example verifies, by this crate and by its shell commands, and its pages read well on a code host.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn manual(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual").join(page);
    fs::read_to_string(path).expect("a page of the manual")
}

/// The first fenced block of that language.
fn block(page: &str, language: &str) -> String {
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("a block");
    rest.split_once("```").expect("its end").0.to_owned()
}

/// The pages of the manual and the documents at the top of the repository, each with its path.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> =
        ["README.md", "CHANGELOG.md", "benches/RESULTS.md"].iter().map(|name| root.join(name)).collect();
    for folder in ["src/manual", ".github"] {
        // A package has no `.github`.
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        paths.extend(entries.map(|entry| entry.expect("readable").path()));
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let text = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("text");
        (path, text)
    };
    paths.into_iter().map(text).collect()
}

#[test]
fn documents_read_well_on_a_code_host() {
    const MAX_TABLE_ROW: usize = 110;

    let mut wrong = Vec::new();
    for (path, text) in documents() {
        let mut in_rust = false;
        for (number, line) in (1..).zip(text.lines()) {
            let mut complain = |what: &str| wrong.push(format!("{}:{number}: {what}", path.display()));
            if line.starts_with('|') && line.chars().count() > MAX_TABLE_ROW {
                complain("a table wider than a page");
            }
            if line.contains("](crate::") || line.contains("]: crate::") {
                complain("a link that only rustdoc follows");
            }
            if line.starts_with("```") {
                in_rust = line.starts_with("```rust");
            } else if in_rust && line.starts_with("# ") {
                complain("a hidden line of a doctest, which a code host shows");
            }
            for (_, after) in line.match_indices("](").map(|(at, _)| line.split_at(at + 2)) {
                let target = after.split([')', '#']).next().unwrap_or_default();
                let is_file = !target.is_empty() && !target.contains("://");
                if is_file && !path.with_file_name(target).exists() {
                    complain("a link to a file that is not there");
                }
            }
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A file that moved within its folder is still found by its name.
#[test]
fn files_named_in_the_architecture_page_exist() {
    fn holds(directory: &Path, name: &std::ffi::OsStr) -> bool {
        let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
        entries
            .map(|entry| entry.path())
            .any(|path| path.file_name() == Some(name) || path.is_dir() && holds(&path, name))
    }

    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let page = manual("architecture.md");
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs")).collect();
    assert!(named.len() > 30, "{named:?}");

    let is_there = |name: &str| {
        let path = Path::new(name);
        let folder = path.components().next().expect("a first component");
        source.join(path).is_file() || path.file_name().is_some_and(|file| holds(&source.join(folder), file))
    };
    let missing: Vec<_> = named.into_iter().filter(|name| !is_there(name)).collect();

    assert!(missing.is_empty(), "not in src: {missing:?}");
}

#[test]
fn the_example_of_the_format_verifies() {
    let directory = tempfile::tempdir().expect("a directory");
    let example = block(&manual("format.md"), "json");
    fs::write(directory.path().join("audit-2026-11-24.jsonl"), &example).expect("written");

    let verification =
        kling_audit::verify::Verifier::new(directory.path()).without_head().run().expect("readable");

    assert_eq!(verification.verdict(), kling_audit::verify::Verdict::Intact, "{verification}");
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
