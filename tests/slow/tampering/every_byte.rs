//! Every byte of a trail changed, and every line removed, doubled or swapped.

use std::{fs::OpenOptions, os::unix::fs::FileExt};

use kling_audit::verify::{Verdict, Verification, Verifier};

use super::copy::{Copy, brief};
use crate::support::limits::is_long;

#[test]
fn changed_byte_is_one_finding_in_its_line() {
    let copy = Copy::small();
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    copy.write(&trail);
    let last = copy.sheets.len() - 1;
    let values: [fn(u8) -> u8; 6] =
        [|byte| byte ^ 1, |byte| byte ^ 0x20, |_| b'\n', |_| b'0', |_| 0, |_| 0xff];
    let mut changed = 0;
    for (at, sheet) in copy.sheets.iter().enumerate() {
        let bytes = sheet.lines.concat();
        let file = OpenOptions::new().write(true).open(trail.join(&sheet.name)).expect("opens");
        let end = if at == last { bytes.len() - 1 } else { bytes.len() };
        let mut line = 1;
        for (offset, &byte) in bytes[..end].iter().enumerate() {
            for (number, value) in values.iter().enumerate() {
                if value(byte) == byte || !is_long() && (number + offset) % values.len() != 0 {
                    continue;
                }
                file.write_at(&[value(byte)], offset as u64).expect("written");
                let verification = Verifier::new(&trail).run().expect("can be read");

                let case = format!("{}:{line} byte {offset} is {:?}", sheet.name, value(byte));
                let (kind, name, found, _) = only_finding(&case, &verification);
                assert!(["malformed_line", "hash_mismatch"].contains(&kind), "{case}: {verification}");
                assert_eq!(name, sheet.name, "{case}: {verification}");
                let next = byte == b'\n' && found == Some(line + 1);
                assert!(found == Some(line) || next, "{case}: {verification}");
                changed += 1;
            }
            file.write_at(&[byte], offset as u64).expect("written");
            line += u64::from(byte == b'\n');
        }
    }
    assert!(changed > 4_000, "{changed} changes");
    assert_eq!(Verifier::new(&trail).run().expect("can be read").verdict(), Verdict::Intact);
}

#[test]
fn moved_or_removed_line_is_one_finding_in_its_file() {
    let copy = Copy::small();
    let names = |one: usize, other: usize| {
        [one, other].map(|at| copy.sheets[copy.place(at.min(copy.entries() - 1)).0].name.clone())
    };
    let check = |case: String, edited: &Copy, names: [String; 2]| {
        let verification = edited.verify();

        let (_, file, ..) = only_finding(&case, &verification);
        assert!(names.contains(&file), "{case}: {verification}");
    };

    for one in 0..copy.entries() {
        if one + 1 < copy.entries() {
            let mut edited = copy.clone();
            edited.take(one);
            check(format!("{one} removed"), &edited, names(one, one + 1));
        }
        for other in 0..copy.entries() {
            let (file, line) = copy.place(other);
            let mut edited = copy.clone();
            let twice = edited.line(one).clone();
            edited.sheets[file].lines.insert(line + 1, twice);
            check(format!("{one} copied behind {other}"), &edited, names(other, other + 1));
            if one < other {
                let mut edited = copy.clone();
                edited.swap(one, other);
                check(format!("{one} swapped with {other}"), &edited, names(one, one + 1));
            }
        }
    }
}

fn only_finding(case: &str, verification: &Verification) -> (&'static str, String, Option<u64>, Option<u64>) {
    assert_eq!(verification.verdict(), Verdict::Tampered, "{case}: {verification}");
    assert_eq!(verification.findings_total(), 1, "{case}: {verification}");
    brief(&verification.findings()[0])
}
