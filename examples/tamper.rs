//! Changes one byte in a copy of a trail and prints the verification of it: `cargo run --example tamper [-- DIR]`.
//!
//! Without a directory, the program writes a small trail first. It never changes the original.

use std::{error::Error, fs, path::PathBuf};

use kling_audit::{
    AuditLog, Draft,
    verify::{Verdict, Verifier},
};

fn main() -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let trail = match std::env::args_os().nth(1) {
        Some(path) => PathBuf::from(path),
        None => write_trail(scratch.path().join("audit"))?,
    };
    println!("Unchanged:\n{}", Verifier::new(&trail).run()?);

    let copy = scratch.path().join("copy");
    fs::create_dir(&copy)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(&trail)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let to = copy.join(path.file_name().ok_or("a file without a name")?);
            fs::copy(&path, &to)?;
            files.push(to);
        }
    }
    files.sort();
    let file = files.first().ok_or("the directory has no files of a trail")?;

    // The log makes closed files read-only, and `fs::copy` copies the permissions. Therefore the copy is replaced
    // instead of overwritten.
    let mut bytes = fs::read(file)?;
    let at = bytes.len() / 2;
    let byte = bytes.get_mut(at).ok_or("the first file is empty")?;
    let before = *byte;
    *byte ^= 1;
    let after = *byte;
    fs::remove_file(file)?;
    fs::write(file, bytes)?;
    println!(
        "Byte {at} of the copied first file changed from {:?} to {:?}:",
        char::from(before),
        char::from(after)
    );

    // The head file stays in the original directory. The change must be found without it.
    let verification = Verifier::new(&copy).without_head().run()?;
    println!("{verification}");
    if verification.verdict() != Verdict::Tampered {
        return Err("verification did not find the change".into());
    }
    Ok(())
}

/// Writes a trail with a few entries.
fn write_trail(directory: PathBuf) -> Result<PathBuf, Box<dyn Error>> {
    let log = AuditLog::builder(&directory).service("tamper example").open()?;
    for rows in [10, 2_000, 30] {
        log.append(Draft::new("export_requested").actor("alice").detail("rows", rows))?;
    }
    log.close()?;
    Ok(directory)
}
