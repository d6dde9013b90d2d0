//! The files of a trail's directory, read and copied without the crate's help.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

fn paths(directory: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(directory).expect("the directory is there").map(|entry| entry.expect("readable").path())
}

/// Names in a directory, sorted.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().and_then(|name| name.to_str()).expect("Unicode").to_owned();
    let mut names: Vec<String> = paths(directory).map(name).collect();
    names.sort();
    names
}

/// Paths of the `.jsonl` files in a directory, in the order of their entries.
pub(crate) fn jsonl_files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = paths(directory).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files
}

/// Text of all `.jsonl` files in a directory, one behind the other.
pub(crate) fn text(directory: &Path) -> String {
    jsonl_files(directory).iter().map(|path| fs::read_to_string(path).expect("text")).collect()
}

/// Lines of all `.jsonl` files in a directory.
pub(crate) fn lines(directory: &Path) -> Vec<String> {
    text(directory).lines().map(str::to_owned).collect()
}

/// Lines of all `.jsonl` files in a directory, parsed.
pub(crate) fn entries(directory: &Path) -> Vec<Value> {
    text(directory).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Every file below a directory with its bytes, except for the lock file.
pub(crate) fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for path in paths(&directory) {
            if path.symlink_metadata().expect("there").is_dir() {
                open.push(path);
            } else if !path.ends_with("audit.lock") {
                found.insert(path.clone(), fs::read(&path).unwrap_or_default());
            }
        }
    }
    found
}

/// Copies a directory with all that is below it.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for path in paths(from) {
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_directory(&path, &target);
        } else {
            fs::copy(&path, target).expect("copied");
        }
    }
}
