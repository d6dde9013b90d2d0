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

/// The code spans of `text` outside of fenced blocks.
fn code_spans(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// Paths in the architecture page are relative to `src`, except those of examples.
#[test]
fn files_named_in_the_architecture_page_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = manual("architecture.md");
    let is_path = |name: &&str| name.ends_with(".rs") || name.ends_with('/') && !name.contains(' ');
    let named: Vec<&str> = code_spans(&page).into_iter().filter(is_path).collect();
    assert!(named.len() > 30, "{named:?}");

    let top = ["src/", "examples/", "tests/"];
    let is_there = |name: &&str| {
        let base = if top.iter().any(|folder| name.starts_with(folder)) { root } else { &root.join("src") };
        base.join(name).exists()
    };
    let missing: Vec<_> = named.into_iter().filter(|name| !is_there(name)).collect();

    assert!(missing.is_empty(), "no such path: {missing:?}");
}

#[test]
fn files_named_in_the_contributing_guide_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A package has no `.github`.
    let Ok(page) = fs::read_to_string(root.join(".github/CONTRIBUTING.md")) else { return };
    let is_path = |name: &&str| name.contains('/') && !name.starts_with('/') && !name.contains(' ');
    let named: Vec<&str> = code_spans(&page).into_iter().filter(is_path).collect();
    assert!(named.len() > 15, "{named:?}");

    let missing: Vec<_> = named.into_iter().filter(|name| !root.join(name).exists()).collect();

    assert!(missing.is_empty(), "no such path: {missing:?}");
}

/// The file of the test module `name`: `slow/crash` is in the test binary `slow`, and `commit/counters` is a unit test.
fn test_module_exists(name: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = match name.strip_prefix("commit/") {
        Some(module) => vec![format!("src/write/commit/tests/{module}.rs")],
        None if name.contains('/') => vec![format!("tests/{name}.rs"), format!("tests/{name}/mod.rs")],
        None => vec![format!("tests/{name}.rs"), format!("tests/{name}/main.rs")],
    };
    candidates.iter().any(|path| root.join(path).is_file())
}

#[test]
fn each_promise_names_test_modules_that_exist() {
    let page = manual("architecture.md");
    let (_, section) = page.split_once("\n## Promises\n").expect("a section about promises");
    let (section, _) = section.split_once("\n## ").expect("a section after it");
    let mut named = 0;
    let mut wrong = Vec::new();

    for promise in section.split("\n- ").skip(1) {
        let promise = promise.split_whitespace().collect::<Vec<_>>().join(" ");
        let tests = promise.split_once("Test: ").or_else(|| promise.split_once("Tests: "));
        let modules = tests.map(|(_, tests)| code_spans(tests)).unwrap_or_default();
        if modules.is_empty() {
            wrong.push(format!("no test: {promise}"));
        }
        named += modules.len();
        let missing = modules.into_iter().filter(|module| !test_module_exists(module));
        wrong.extend(missing.map(|module| format!("no such test module: {module}")));
    }

    assert!(named > 30, "{named}");
    assert!(wrong.is_empty(), "{wrong:#?}");
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
