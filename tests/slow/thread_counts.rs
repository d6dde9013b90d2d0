//! Verification and report give the same result with any number of threads.

use std::{fs, num::NonZero, path::Path};

use kling_audit::{AuditLog, Draft, Durability, report::Reporter, verify::Verifier};

use crate::support::{files::jsonl_files, random::Random};

/// Writes a trail of several files, with lines of very different lengths.
fn trail(directory: &Path, entries: u64) {
    let log = AuditLog::builder(directory)
        .durability(Durability::Buffered)
        .max_file_size(400_000)
        .open()
        .expect("a log");
    for number in 0..entries {
        let text =
            "lorem é ipsum \u{1f600} ".repeat((number % 7) as usize * usize::from(number % 50 == 0) * 60);
        let draft = Draft::new("task_submitted")
            .actor(format!("user-{}", number % 5))
            .detail("action", "text_to_video")
            .detail("external_task_id", format!("kling-{number}"))
            .detail("note", text)
            .detail("weight", number as f64 / 7.0);
        log.append(draft).expect("appended");
    }
    log.close().expect("closes");
}

/// Verification and report, as JSON.
fn results(directory: &Path, threads: usize) -> String {
    let threads = NonZero::new(threads).expect("not zero");
    let verification = Verifier::new(directory).threads(threads).run().expect("can be read");
    let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(40_000);
    let report = Reporter::new(directory).days(40_000).now(now).threads(threads).run().expect("can be read");
    serde_json::to_string(&(verification, report)).expect("serialises")
}

/// Damages a file in one of seven ways.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    let line = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    match random.below(7) {
        0 => bytes[at] ^= 1 << random.below(7),
        1 => bytes[at] = b'\n',
        2 => drop(bytes.splice(at..at, *b"\n\n\n")),
        3 => drop(bytes.drain(at..(at + 70_000).min(bytes.len()))),
        4 => drop(bytes.splice(at..at, vec![b'x'; 140_000])),
        5 => {
            let end = bytes[at..]
                .iter()
                .position(|&byte| byte == b'\n')
                .map_or(bytes.len(), |length| at + length + 1);
            let twice = bytes[line..end].to_vec();
            drop(bytes.splice(line..line, twice));
        }
        _ => bytes.truncate(at),
    }
}

#[test]
fn result_does_not_depend_on_the_number_of_threads() {
    let root = tempfile::tempdir().expect("a directory");
    let whole = root.path().join("audit");
    trail(&whole, 2_500);
    let originals: Vec<_> =
        jsonl_files(&whole).into_iter().map(|path| (fs::read(&path).expect("readable"), path)).collect();
    assert!(originals.len() > 2);
    let mut random = Random(6);
    let mut tampered = 0;

    for round in 0..10 {
        for _ in 0..round {
            let path = &originals[random.below(originals.len())].1;
            let mut bytes = fs::read(path).expect("readable");
            if !bytes.is_empty() {
                damage(&mut bytes, &mut random);
                fs::remove_file(path).expect("removed");
                fs::write(path, bytes).expect("written");
            }
        }
        let expected = results(&whole, 1);

        for threads in [2, 3, 8] {
            assert_eq!(results(&whole, threads), expected, "{threads} threads, {round} kinds of damage");
        }
        tampered += usize::from(expected.contains("\"verdict\":\"tampered\""));
        for (bytes, path) in &originals {
            fs::remove_file(path).expect("removed");
            fs::write(path, bytes).expect("written");
        }
    }

    assert_eq!(tampered, 9);
}
