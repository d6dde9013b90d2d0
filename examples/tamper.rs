//! Changes one byte of a copy of a trail, and shows what verification says: `cargo run --example tamper [-- DIR]`
//!
//! Without a directory it makes a small trail first. The original is left alone.

use std::{error::Error, fs, path::PathBuf};

use kling_audit::{
    AuditLog, Draft,
    verify::{Verdict, Verifier},
};

fn main() -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let trail = match std::env::args_os().nth(1) {
        Some(path) => PathBuf::from(path),
        None => sample(scratch.path().join("audit"))?,
    };
    println!("As it is:\n{}", Verifier::new(&trail).run()?);

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
    let file = files.first().ok_or("there is no file of a trail in that directory")?;

    // Files that are closed are read-only; a copy of one is too.
    let mut bytes = fs::read(file)?;
    let at = bytes.len() / 2;
    let byte = bytes.get_mut(at).ok_or("the first file is empty")?;
    let before = *byte;
    *byte ^= 1;
    let after = *byte;
    fs::remove_file(file)?;
    fs::write(file, bytes)?;
    println!(
        "Byte {at} of a copy of the first file changed from {:?} to {:?}:",
        char::from(before),
        char::from(after)
    );

    let verification = Verifier::new(&copy).without_head().run()?;
    println!("{verification}");
    if verification.verdict() != Verdict::Tampered {
        return Err("the change was not found".into());
    }
    Ok(())
}

/// A trail of a few entries.
fn sample(directory: PathBuf) -> Result<PathBuf, Box<dyn Error>> {
    let log = AuditLog::builder(&directory).service("tamper example").open()?;
    for rows in [10, 2_000, 30] {
        log.append(Draft::new("export_requested").actor("alice").detail("rows", rows))?;
    }
    log.close()?;
    Ok(directory)
}
