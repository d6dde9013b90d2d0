//! Dependencies run one way: the read side never imports the write side, so old trails verify without it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// From the bottom up. A module may use those before it, and no others.
const ORDER: [&[&str]; 21] = [
    &["vector", "blocks"],
    &["escape", "digest", "timestamp", "redaction", "lines", "receipt", "boot", "process", "spare", "sha256"],
    &["canonical", "clock"],
    &["members", "line", "commitment"],
    // `Error` carries a whole verification, so it belongs to what verification is made of.
    &[
        "access",
        "error",
        "regular",
        "ending",
        "head",
        "directory",
        "lookup",
        "private",
        "checkpoint",
        "pruned",
        "verify",
    ],
    &["report", "show"],
    // From here on: the write side.
    &["draft"],
    &["template"],
    &["entry", "cut", "withhold"],
    &["chain", "batch", "health", "sink"],
    &["lock"],
    &["segment", "settings"],
    &["writer", "private_file"],
    &["signing"],
    &["torn", "adopt", "erasure"],
    // Opening a trail gives what commits to it, and both speak of the log's settings and errors.
    &["commit", "trail", "log", "builder", "erase", "prune"],
    &["json", "erasable", "not_recorded", "global"],
    &["fields", "outcome", "event_recording"],
    &["layer"],
    &["site", "self_test", "macros", "audit_span", "try_audit", "try_audit_async"],
    &["kling"],
];

fn rust_files(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a source directory") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The modules of the crate that `text` uses.
fn used(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut used = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let line = text[..at].rsplit('\n').next().unwrap_or_default();
        if line.contains("//") {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        let heads: Vec<&str> = match rest.strip_prefix('{') {
            None => vec![rest],
            Some(group) => {
                // The heads of a group stand at its first level of braces.
                let mut depth = 0;
                let mut start = 0;
                let mut heads = Vec::new();
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => {
                            heads.push(&group[start..at]);
                            break;
                        }
                        '}' => depth -= 1,
                        ',' if depth == 0 => {
                            heads.push(&group[start..at]);
                            start = at + 1;
                        }
                        _ => {}
                    }
                }
                heads
            }
        };
        for head in heads {
            let name: String = head.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if name.chars().next().is_some_and(char::is_lowercase) {
                used.push(name);
            }
        }
    }
    used
}

#[test]
fn dependencies_run_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let rank = |module: &str| ORDER.iter().position(|level| level.contains(&module));
    let mut wrong = Vec::new();

    for file in files {
        let inside = file.strip_prefix(&source).expect("inside");
        let module =
            inside.iter().next().and_then(|name| name.to_str()).expect("a name").trim_end_matches(".rs");
        if ["lib", "bin", "manual"].contains(&module) {
            continue;
        }
        let Some(own) = rank(module) else {
            wrong.push(format!("{module} has no place in ORDER"));
            continue;
        };
        for other in used(&fs::read_to_string(&file).expect("a source file")) {
            if rank(&other).is_none_or(|rank| rank > own) {
                wrong.push(format!("{} uses crate::{other}", inside.display()));
            }
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
}
