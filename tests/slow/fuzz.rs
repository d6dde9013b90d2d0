//! Fuzzing with random mutations: lines and the verifier, recovery, the head, and whole directories.
//!
//! A seed repeats all mutations: `KLING_AUDIT_SEED` sets another one. Trails contain the process id, so a repetition
//! needs an id with as many digits. The tests run a few thousand executions; with `KLING_AUDIT_LONG=1` they run
//! `KLING_AUDIT_EXECUTIONS` each, or 200,000.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use kling_audit::{
    AuditLog, Draft, HashLength,
    report::Reporter,
    verify::{Verdict, Verification, Verifier},
};

use crate::support::{
    files,
    limits::is_long,
    random::Random,
    trail::{DAY, LIVE, SECOND, TestTrail},
};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn executions(short: u64) -> u64 {
    if is_long() { number("KLING_AUDIT_EXECUTIONS").unwrap_or(200_000) } else { short }
}

fn random(own: u64) -> Random {
    Random(number("KLING_AUDIT_SEED").unwrap_or(20_261_124).wrapping_mul(1_000_003) ^ own)
}

/// Contents of files, by name.
type Files = BTreeMap<String, Vec<u8>>;

/// Files of a trail of two days, with all kinds of values.
fn trail(short: bool) -> Files {
    let trail = TestTrail::new();
    let length = if short { HashLength::Short } else { HashLength::Full };
    for run in 0..2 {
        let log = trail.builder().hash_length(length).max_file_size(1_200).open().expect("opens");
        for text in ["plain", "\"\\\n\u{7f}\u{e9}\u{2028}\u{1f600}", ""] {
            let draft = Draft::new("worked").actor(text).detail(text, text).detail("number", -1.5e-7);
            log.append(draft.detail("nested", [[Some(u64::MAX), None]])).expect("recorded");
        }
        if run == 0 {
            trail.advance_clock(-5 * SECOND);
            log.append(Draft::new("earlier")).expect("recorded");
            trail.advance_clock(DAY);
        }
        log.close().expect("closes");
    }
    assert!(trail.jsonl_names().len() > 2);
    let mut files = Files::new();
    for name in trail.names() {
        let bytes = fs::read(trail.path(&name)).expect("there");
        files.insert(name, bytes);
    }
    files.remove("audit.lock");
    files
}

/// Changes bytes and lines, as damaged disks, programs and persons do.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        let until = (at + random.below(80)).min(bytes.len());
        match random.below(12) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..until)),
            5 => {
                let copy = bytes[at..until].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            6 => {
                let noise: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
                bytes.splice(at..at, noise);
            }
            7 => {
                const WORDS: [&[u8]; 14] = [
                    b"\n",
                    b"\"",
                    b"{",
                    b"}",
                    b"\\u0000",
                    b"\\ud800",
                    b"1e400",
                    b"-0",
                    b", ",
                    b"null",
                    b"\0",
                    b"\"seq\": 18446744073709551615, ",
                    b"[[[[[[[[",
                    b"\"hash\": \"",
                ];
                bytes.splice(at..at, WORDS[random.below(WORDS.len())].iter().copied());
            }
            8 => {
                // Removes, doubles or moves a line.
                let mut lines: Vec<Vec<u8>> =
                    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let line = random.below(lines.len());
                if !lines.is_empty() {
                    let taken = lines.remove(line);
                    for _ in 0..random.below(3) {
                        lines.insert(random.below(lines.len() + 1), taken.clone());
                    }
                }
                *bytes = lines.concat();
            }
            9 if !other.is_empty() => {
                let from = random.below(other.len());
                let to = (from + random.below(600)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            10 => {
                // Replaces a digit by a digit, or a letter by a letter. The line often stays canonical.
                if let Some(byte) = bytes.get_mut(at) {
                    if byte.is_ascii_digit() {
                        *byte = b'0' + random.below(10) as u8;
                    } else if byte.is_ascii_lowercase() {
                        *byte = b'a' + random.below(26) as u8;
                    }
                }
            }
            _ => bytes.extend((0..random.below(30)).map(|_| random.next() as u8)),
        }
    }
}

/// A directory that each execution fills again. It is in memory, if the machine has `/dev/shm`.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory")
}

fn fill(directory: &Path, files: &Files) {
    drop(fs::remove_dir_all(directory));
    fs::create_dir(directory).expect("created");
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).expect("allowed");
    for (name, bytes) in files {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("created");
        }
        fs::write(path, bytes).expect("written");
    }
}

/// Fails unless verdict, findings and text of a verification agree.
fn assert_sane(verification: &Verification) {
    let found = verification.findings_total() > 0;
    assert_eq!(verification.verdict() == Verdict::Tampered, found, "{verification}");
    assert!(verification.findings().len() as u64 <= verification.findings_total());
    let text = verification.to_string();
    assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text:?}");
    serde_json::to_string(verification).expect("JSON");
}

#[test]
fn mutated_trails_never_panic_and_never_verify() {
    let mut random = random(1);
    let trails = [trail(false), trail(true)];
    let scratch = scratch();
    let directory = scratch.path().join("audit");
    let (count, mut verdicts) = (executions(1_200), BTreeMap::<String, u64>::new());
    for execution in 0..count {
        let seed = random.0;
        let which = random.below(2);
        let whole = &trails[which];
        let mut files = whole.clone();
        let names: Vec<&String> = whole.keys().filter(|name| name.ends_with(".jsonl")).collect();
        let name = names[random.below(names.len())];
        let other = trails[1 - which].values().next().expect("one").clone();
        mutate(files.get_mut(name).expect("there"), &other, &mut random);
        fill(&directory, &files);

        let verification = Verifier::new(&directory).run().expect("can be read");

        assert_sane(&verification);
        if verification.verdict() == Verdict::Intact {
            // Only unchanged files verify, and unfinished bytes after the last line.
            let same = |(name, bytes): (&String, &Vec<u8>)| {
                let newest = Some(name) == names.last().copied();
                files[name] == *bytes || newest && files[name].starts_with(bytes)
            };
            let kept = whole.iter().all(same);
            // A removed last newline is tampering, because the head names the last entry.
            assert!(kept, "execution {execution}, seed {seed}: {verification}");
        }
        *verdicts.entry(format!("{:?}", verification.verdict())).or_default() += 1;
        if execution % 8 == 0 {
            Reporter::new(&directory).run().expect("can be read");
        }
    }
    println!("mutated trails: {count} executions, {verdicts:?}");
}

#[test]
fn recovery_loses_no_byte_and_refusal_changes_none() {
    let mut random = random(2);
    let trails = [trail(false), trail(true)];
    let scratch = scratch();
    let directory = scratch.path().join("audit");
    let (count, mut opened) = (executions(500), 0);
    let clock = || "2026-11-26T00:00:00Z".parse().expect("a time");
    for execution in 0..count {
        let seed = random.0;
        let whole = &trails[random.below(2)];
        let mut files = whole.clone();
        let name = whole.keys().rfind(|name| name.ends_with(".jsonl")).expect("a file").clone();
        let bytes = files.get_mut(&name).expect("there");
        match random.below(3) {
            0 => mutate(bytes, b"", &mut random),
            // Bytes that a crash can leave: an unfinished line, or zeros.
            1 => bytes.extend(
                (0..random.below(300)).map(|at| if seed.is_multiple_of(2) { 0 } else { at as u8 | 0x40 }),
            ),
            _ => {
                // A truncated file without a head, which names no entry as written.
                let at = random.below(bytes.len() + 1);
                bytes.truncate(at);
                files.remove("audit.head");
            }
        }
        fill(&directory, &files);

        let result = AuditLog::builder(&directory).clock(clock).open();

        let mut after = BTreeMap::new();
        for name in files::names(&directory) {
            after.insert(name.clone(), fs::read(directory.join(name)).expect("there"));
        }
        after.remove("audit.lock");
        match result {
            Err(_) => {
                assert_eq!(after, files, "execution {execution}, seed {seed}: a refusal changes nothing")
            }
            Ok(log) => {
                opened += 1;
                log.append(Draft::new("worked")).expect("recorded");
                log.close().expect("closes");
                let newest = &files[&name];
                let torn: Vec<u8> = after
                    .iter()
                    .filter(|(name, _)| name.ends_with(".torn"))
                    .flat_map(|(_, bytes)| bytes.clone())
                    .collect();
                let (kept, aside) = newest.split_at(newest.len() - torn.len());
                assert!(
                    after[&name].starts_with(kept) && aside == torn,
                    "execution {execution}, seed {seed}"
                );
                for (other, bytes) in
                    files.iter().filter(|(other, _)| **other != name && *other != "audit.head")
                {
                    assert_eq!(&after[other], bytes, "execution {execution}, seed {seed}");
                }
                let before = {
                    let mut only = files.clone();
                    only.insert(name.clone(), kept.to_vec());
                    let copy = scratch.path().join("copy");
                    fill(&copy, &only);
                    Verifier::new(copy).run().expect("can be read").findings_total()
                };
                let verification = Verifier::new(&directory).run().expect("can be read");
                assert_sane(&verification);
                // Damage in the middle remains a finding. Continuing the trail adds no finding and hides none.
                assert_eq!(
                    verification.findings_total(),
                    before,
                    "execution {execution}, seed {seed}: {verification}"
                );
            }
        }
    }
    println!("recovery: {count} executions, {opened} opened");
    assert!(opened > count / 20);
}

#[test]
fn mutated_heads_never_panic_and_never_shorten_a_trail() {
    let mut random = random(3);
    let whole = trail(false);
    let other = trail(false);
    let scratch = scratch();
    let directory = scratch.path().join("audit");
    let (count, mut verdicts) = (executions(250), BTreeMap::<String, u64>::new());
    for execution in 0..count {
        let seed = random.0;
        let mut files = whole.clone();
        let head = files.get_mut("audit.head").expect("there");
        match random.below(4) {
            0 => {
                // One of the two blocks belongs to another trail.
                let at = 512 * random.below(2);
                head[at..at + 512].copy_from_slice(&other["audit.head"][at..at + 512]);
            }
            1 => head.rotate_left(512),
            _ => {}
        }
        if random.below(5) > 0 {
            mutate(head, &other["audit.head"], &mut random);
        }
        let head = head.clone();
        fill(&directory, &files);

        let verification = Verifier::new(&directory).run().expect("can be read");

        assert_sane(&verification);
        let kinds: Vec<_> = verification.findings().iter().map(|finding| finding.kind.name()).collect();
        assert!(
            matches!(kinds[..], [] | ["head_missing"]),
            "execution {execution}, seed {seed}: {verification}"
        );
        *verdicts.entry(format!("{kinds:?}")).or_default() += 1;
        let opened =
            AuditLog::builder(&directory).clock(|| "2026-11-26T00:00:00Z".parse().expect("a time")).open();
        match opened {
            Ok(log) => {
                assert!(kinds.is_empty(), "execution {execution}, seed {seed}");
                log.close().expect("closes");
                let verification = Verifier::new(&directory).run().expect("can be read");
                assert_eq!(verification.verdict(), Verdict::Intact, "execution {execution}, seed {seed}");
            }
            Err(error) => {
                assert!(!kinds.is_empty(), "execution {execution}, seed {seed}: {error}");
                assert_eq!(fs::read(directory.join("audit.head")).expect("there"), head);
            }
        }
    }
    println!("heads: {count} executions, {verdicts:?}");
    assert!(verdicts.len() == 2);
}

#[test]
fn arbitrary_directories_never_panic() {
    let mut random = random(4);
    let trails = [trail(false), trail(true), adopted()];
    let pieces: Vec<(&String, &Vec<u8>)> = trails.iter().flatten().collect();
    let scratch = scratch();
    let directory = scratch.path().join("audit");
    let (count, mut outcomes) = (executions(300), BTreeMap::<String, u64>::new());
    for execution in 0..count {
        let seed = random.0;
        let mut files = Files::new();
        for _ in 0..random.below(7) {
            let (name, bytes) = pieces[random.below(pieces.len())];
            let name = match random.below(5) {
                0 => ["audit.head", "audit.checkpoints", "audit-x.jsonl", "sealed/untold.json"]
                    [random.below(4)]
                .to_owned(),
                1 => pieces[random.below(pieces.len())].0.clone(),
                2 => format!("{name}.{}.torn-unrecorded", random.below(3_000)),
                _ => name.clone(),
            };
            let mut bytes = bytes.clone();
            if random.below(2) == 0 {
                mutate(&mut bytes, pieces[random.below(pieces.len())].1, &mut random);
            }
            files.insert(name, bytes);
        }
        fill(&directory, &files);

        let verified = Verifier::new(&directory).run();
        if let Ok(verification) = &verified {
            assert_sane(verification);
            let again = Verifier::new(&directory).run().expect("can be read again");
            assert_eq!(again.to_string(), verification.to_string(), "execution {execution}, seed {seed}");
        }
        drop(Reporter::new(&directory).run());
        let opened = AuditLog::open(&directory).map(|log| log.close().expect("closes"));
        let given_up = opened.is_err().then(|| {
            AuditLog::builder(&directory).adopt("alice", "fuzz").map(|log| log.close().expect("closes"))
        });
        let after = Verifier::new(&directory).run();
        if matches!(given_up, Some(Ok(()))) {
            let verdict = after.expect("a trail of its own").verdict();
            let stale = files.keys().any(|name| name.starts_with("sealed/"));
            assert!(verdict == Verdict::Intact || stale, "execution {execution}, seed {seed}");
        }
        let outcome = format!("verified {}, opened {}", verified.is_ok(), opened.is_ok());
        *outcomes.entry(outcome).or_default() += 1;
    }
    println!("directories: {count} executions, {outcomes:?}");
}

/// Files of an adopted trail, including the sealed directory.
fn adopted() -> Files {
    let trail = TestTrail::new();
    trail.record_run(2);
    trail.edit(LIVE, |bytes| bytes[20] ^= 1);
    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
    let inside =
        |path: PathBuf| path.strip_prefix(trail.directory()).expect("inside").to_string_lossy().into_owned();
    files::contents(&trail.directory()).into_iter().map(|(path, bytes)| (inside(path), bytes)).collect()
}
