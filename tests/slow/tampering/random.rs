//! Random edits: the trail is tampered, and has at most two findings for each edit.

use kling_audit::verify::{Verdict, Verifier};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};

use super::copy::{Copy, rehash, set};
use crate::support::limits::is_long;

/// An edit of a trail. Positions are fractions from 0 to 1, so that an edit applies to any trail.
#[derive(Clone, Debug)]
enum Edit {
    Byte { line: f64, at: f64, value: u8 },
    InsertBytes { line: f64, at: f64, bytes: Vec<u8> },
    RemoveBytes { line: f64, at: f64, length: usize },
    RemoveLine { line: f64 },
    Copy { from: f64, to: f64 },
    Move { from: f64, to: f64 },
    Swap { one: f64, other: f64 },
    Insert { line: f64, bytes: Vec<u8> },
    Forge { line: f64, seq: Option<u16>, back: bool },
    RemoveFile { file: f64 },
    Rename { file: f64, day: u8 },
    Extend { file: f64, bytes: Vec<u8> },
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0.0..1.0;
    let bytes = || {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 1..40),
            prop::collection::vec(prop::sample::select(b"\n\"{}[], :\\u01ae".to_vec()), 1..20),
        ]
    };
    prop_oneof![
        (at(), at(), any::<u8>()).prop_map(|(line, at, value)| Edit::Byte { line, at, value }),
        (at(), at(), bytes()).prop_map(|(line, at, bytes)| Edit::InsertBytes { line, at, bytes }),
        (at(), at(), 1..900_usize).prop_map(|(line, at, length)| Edit::RemoveBytes { line, at, length }),
        at().prop_map(|line| Edit::RemoveLine { line }),
        (at(), at()).prop_map(|(from, to)| Edit::Copy { from, to }),
        (at(), at()).prop_map(|(from, to)| Edit::Move { from, to }),
        (at(), at()).prop_map(|(one, other)| Edit::Swap { one, other }),
        (at(), bytes()).prop_map(|(line, bytes)| Edit::Insert { line, bytes }),
        (at(), any::<Option<u16>>(), any::<bool>()).prop_map(|(line, seq, back)| Edit::Forge {
            line,
            seq,
            back
        }),
        at().prop_map(|file| Edit::RemoveFile { file }),
        (at(), 1..30_u8).prop_map(|(file, day)| Edit::Rename { file, day }),
        (at(), bytes()).prop_map(|(file, bytes)| Edit::Extend { file, bytes }),
    ]
}

fn choose(fraction: f64, of: usize) -> usize {
    ((fraction * of as f64) as usize).min(of.saturating_sub(1))
}

/// Applies an edit, but not to the last line, because no later entry commits to it.
fn apply(copy: &mut Copy, edit: &Edit) {
    let lines = copy.entries() - 1;
    if lines == 0 {
        return;
    }
    let place = |line: f64| copy.place(choose(line, lines));
    match edit.clone() {
        Edit::Byte { line, at, value } => {
            let line = copy.line(choose(line, lines));
            let at = choose(at, line.len());
            line[at] = value;
        }
        Edit::InsertBytes { line, at, bytes } => {
            let line = copy.line(choose(line, lines));
            let at = choose(at, line.len());
            line.splice(at..at, bytes);
        }
        Edit::RemoveBytes { line, at, length } => {
            let line = copy.line(choose(line, lines));
            let at = choose(at, line.len());
            line.drain(at..line.len().min(at + length));
        }
        Edit::RemoveLine { line } => drop(copy.take(choose(line, lines))),
        Edit::Copy { from, to } => {
            let line = copy.line(choose(from, lines)).clone();
            let (file, at) = copy.place(choose(to, lines));
            copy.sheets[file].lines.insert(at, line);
        }
        Edit::Move { from, to } => {
            let line = copy.take(choose(from, lines));
            let (file, at) = copy.place(choose(to, copy.entries() - 1));
            copy.sheets[file].lines.insert(at, line);
        }
        Edit::Swap { one, other } => copy.swap(choose(one, lines), choose(other, lines)),
        Edit::Insert { line, bytes } => {
            let (file, at) = place(line);
            copy.sheets[file].lines.insert(at, [bytes, b"\n".to_vec()].concat());
        }
        Edit::Forge { line, seq, back } => {
            let line = copy.line(choose(line, lines));
            if std::str::from_utf8(line)
                .is_ok_and(|text| text.contains("\"prev_hash\": ") && text.contains(", \"hash\": \""))
            {
                set(line, "pid", "1");
                set(line, "duration", "60");
                if let Some(seq) = seq {
                    set(line, "seq", &seq.to_string());
                }
                if back {
                    set(line, "timestamp", "\"2026-11-24T00:00:00.000000Z\"");
                }
                rehash(line, 64);
            }
        }
        Edit::RemoveFile { file } => {
            let files = copy.sheets.len() - 1;
            if files > 0 {
                copy.sheets.remove(choose(file, files));
            }
        }
        Edit::Rename { file, day } => {
            let file = choose(file, copy.sheets.len());
            copy.sheets[file].name = format!("audit-2026-11-{day:02}_0042.jsonl");
        }
        Edit::Extend { file, bytes } => {
            let files = copy.sheets.len() - 1;
            if files > 0 {
                copy.sheets[choose(file, files)].lines.push(bytes);
            }
        }
    }
    copy.sheets.retain(|sheet| !sheet.lines.is_empty());
}

#[test]
fn random_edits_give_about_one_finding_each() {
    let config = Config {
        cases: if is_long() { 50_000 } else { 700 },
        rng_seed: RngSeed::Fixed(20_261_124),
        failure_persistence: None,
        ..Config::default()
    };
    let base = Copy::large();
    let original: Vec<_> =
        base.sheets.iter().map(|sheet| (sheet.name.clone(), sheet.lines.concat())).collect();
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");

    TestRunner::new(config)
        .run(&prop::collection::vec(edit(), 1..4), |edits| {
            let mut copy = base.clone();
            edits.iter().for_each(|edit| apply(&mut copy, edit));
            let edited: Vec<_> =
                copy.sheets.iter().map(|sheet| (sheet.name.clone(), sheet.lines.concat())).collect();
            // Two edits can undo each other, and files of one day may have any names of that day.
            let same_days = edited.len() == original.len()
                && edited.iter().zip(&original).all(|(one, other)| one.0[..16] == other.0[..16]);
            let same = same_days && edited.iter().zip(&original).all(|(one, other)| one.1 == other.1);
            prop_assume!(!same);
            copy.write(&trail);

            let verification = Verifier::new(&trail).run().expect("can be read");

            prop_assert_eq!(verification.verdict(), Verdict::Tampered, "{:?} {}", edits, verification);
            let most = 2 * edits.len() as u64;
            prop_assert!(verification.findings_total() <= most, "{:?} {}", edits, verification);
            Ok(())
        })
        .expect("holds for all edits");
}
