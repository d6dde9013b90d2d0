//! Attacks on a trail. Each is carried out on a directory, which is then verified with each kind of evidence. The
//! manual has the table of the results.

use std::{
    fs,
    path::{Path, PathBuf},
};

use chrono::{DateTime, TimeDelta, Utc};
use kling_audit::{
    AuditLog, Draft, Error, Receipt, Retention,
    checkpoint::{CheckpointSink, Checkpoints, SigningKey},
    verify::{Verdict, Verification, Verifier},
};
use serde_json::Value;

use crate::support::{
    files::{copy_directory, jsonl_files, lines},
    forge::{before_hash, details_of, head_block, own_entry, with_hash},
};

/// Evidence that a verifier may have: the columns of the table. The manual explains each name.
const COLUMNS: [&str; 6] = ["files", "head", "key", "age", "kept", "receipt"];

const MAX_AGE: TimeDelta = TimeDelta::days(10);

/// A signed trail of two runs, 20 days apart. Around it: its key, kept checkpoints and receipts, and a copy of the
/// first run.
struct World {
    root: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { root: tempfile::tempdir().expect("a directory") };
        SigningKey::generate(world.path("key"), "example.com/audit").expect("a key");
        let mut receipts = Vec::new();
        world.run("audit", Utc::now() - MAX_AGE * 2, &mut receipts);
        copy_directory(&world.path("audit"), &world.path("old"));
        world.run("audit", Utc::now(), &mut receipts);
        let line = |receipt: &Receipt| format!("{} {} {}\n", receipt.trail_id, receipt.seq, receipt.hash);
        fs::write(world.path("receipts"), receipts.iter().map(line).collect::<String>()).expect("written");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn trail(&self) -> PathBuf {
        self.path("audit")
    }

    fn key(&self) -> SigningKey {
        SigningKey::open(self.path("key")).expect("a key")
    }

    /// Appends five entries, signs, appends five more, and closes the log, which signs again.
    fn run(&self, name: &str, now: DateTime<Utc>, receipts: &mut Vec<Receipt>) {
        let checkpoints = Checkpoints::new(self.key()).sink(CheckpointSink::file(self.path("kept")));
        let builder = AuditLog::builder(self.path(name)).clock(move || now);
        let log = builder.checkpoints(checkpoints).open().expect("opens");
        let mut append = || {
            for number in 0..5 {
                let draft = Draft::new("transfer").actor("alice").detail("amount", number);
                receipts.push(log.append(draft).expect("recorded"));
            }
        };
        append();
        log.checkpoint().expect("signed");
        append();
        log.close().expect("closes");
    }

    /// Verifies the trail with the evidence of a column.
    fn verify(&self, column: usize) -> Result<Verification, Error> {
        let verifier = Verifier::new(self.trail());
        let with_key = || verifier.clone().key(self.key().verifying_key().clone());
        match column {
            0 => verifier.without_head(),
            1 => verifier,
            2 => with_key(),
            3 => with_key().max_age(MAX_AGE.to_std().expect("positive")),
            4 => with_key().checkpoint(self.path("kept")),
            _ => verifier.receipts(self.path("receipts")),
        }
        .run()
    }

    fn outcome(&self, column: usize) -> String {
        let Ok(verification) = self.verify(column) else { return "error".to_owned() };
        match verification.verdict() {
            Verdict::Intact => "not found".to_owned(),
            Verdict::Unverifiable => "unverifiable".to_owned(),
            _ => {
                let mut kinds: Vec<_> = verification.findings().iter().map(|one| one.kind.name()).collect();
                kinds.sort_unstable();
                kinds.dedup();
                kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// Replaces the trail by another directory.
fn swap_in(world: &World, name: &str) {
    fs::remove_dir_all(world.trail()).expect("removed");
    fs::rename(world.path(name), world.trail()).expect("renamed");
}

/// Replaces all lines of a trail. Each goes into the file of its day.
fn store(trail: &Path, lines: &[String]) {
    jsonl_files(trail).iter().for_each(|path| fs::remove_file(path).expect("removed"));
    for line in lines {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        let day = &entry["timestamp"].as_str().expect("a time")[..10];
        let path = trail.join(format!("audit-{day}.jsonl"));
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, format!("{before}{line}\n")).expect("written");
    }
}

/// Gives every line a new number, link and hash. None of these needs a key.
fn relink(lines: &mut [String]) {
    relink_after(lines, 0, "genesis");
}

/// As [`relink`], with numbers from `first` on, behind an entry with the hash `previous`.
fn relink_after(lines: &mut [String], first: usize, previous: &str) {
    let mut previous = previous.to_owned();
    for (seq, line) in (first..).zip(lines) {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        let unhashed = before_hash(line);
        let old = format!("\"prev_hash\": {}, \"seq\": {}", entry["prev_hash"], entry["seq"]);
        let new = format!("\"prev_hash\": \"{previous}\", \"seq\": {seq}");
        let (relinked, hash) = with_hash(&unhashed.replace(&old, &new), &previous);
        *line = relinked;
        previous = hash;
    }
}

/// Writes a head that names the last line. A head needs no key either.
fn renew_head(trail: &Path) {
    let path = trail.join("audit.head");
    let old = fs::read_to_string(&path).expect("text");
    let old: Value = serde_json::from_str(old[..512].trim_end()).expect("JSON");
    let last: Value = serde_json::from_str(lines(trail).last().expect("lines")).expect("JSON");
    let mark = format!("{{\"hash\": {}, \"seq\": {}}}", last["hash"], last["seq"]);
    let turn = old["turn"].as_u64().expect("a number") + 2;
    let block = head_block(&format!(
        "{{\"boot_id\": {}, \"file\": {}, \"synced\": {mark}, \"trail_id\": {}, \"turn\": {turn}, \"written\": {mark}",
        old["boot_id"], old["file"], old["trail_id"]
    ));
    fs::write(&path, format!("{block}{block}")).expect("written");
}

/// Changes lines, and makes hashes, links and head valid again.
fn forge(trail: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let mut all = lines(trail);
    change(&mut all);
    relink(&mut all);
    store(trail, &all);
    renew_head(trail);
}

fn raise_an_amount(lines: &mut [String]) {
    let line = lines.iter_mut().find(|line| line.contains("\"amount\": 3")).expect("a transfer");
    *line = line.replace("\"amount\": 3", "\"amount\": 3000");
}

/// Removes the entries about checkpoints.
fn remove_checkpoint_entries(lines: &mut Vec<String>) {
    lines.retain(|line| !line.contains("\"audit_checkpoint\""));
}

/// Replaces all entries by three invented ones, and adds a record that the entries before them were pruned.
fn invent_after_pruned(trail: &Path) {
    let all = lines(trail);
    let mut invented: Vec<_> =
        all[all.len() - 5..].iter().filter(|line| line.contains("\"transfer\"")).cloned().collect();
    raise_an_amount(&mut invented);
    let through = "ab".repeat(32);
    relink_after(&mut invented, 40, &through);
    let head = fs::read_to_string(trail.join("audit.head")).expect("text");
    let head: Value = serde_json::from_str(head[..512].trim_end()).expect("JSON");
    let node = |byte: char| format!("{}=", byte.to_string().repeat(43));
    let details = format!(
        "{{\"archived\": true, \"files\": [], \"files_total\": 1, \"frontier\": [\"{}\", \"{}\"], \"keep_days\": 365, \
         \"min_retention_days\": 0, \"through_hash\": \"{through}\", \"through_seq\": 39, \"trail_id\": {}}}",
        node('A'),
        node('Q'),
        head["trail_id"]
    );
    invented.push(own_entry(invented.last().expect("lines"), "audit_pruned", &details));
    store(trail, &invented);
    renew_head(trail);
}

/// Adds the record that a log would write for a prune of the oldest file.
fn forge_pruned(world: &World) {
    copy_directory(&world.trail(), &world.path("pruned"));
    fs::copy(world.path("key"), world.path("key-of-copy")).expect("copied");
    let key = SigningKey::open(world.path("key-of-copy")).expect("a key");
    let builder = AuditLog::builder(world.path("pruned")).checkpoints(Checkpoints::new(key));
    let log = builder.open().expect("opens");
    log.prune(&Retention::days(10)).expect("pruned");
    log.close().expect("closes");
    let pruned = lines(&world.path("pruned"));
    let mut all = lines(&world.trail());
    all.push(own_entry(all.last().expect("lines"), "audit_pruned", details_of(&pruned, "audit_pruned")));
    store(&world.trail(), &all);
    renew_head(&world.trail());
}

/// Fails if `checkpoint` or a running log signs the trail.
fn assert_signing_refused(world: &World, reason: &str) {
    let error = kling_audit::checkpoint(world.trail(), &world.key()).expect_err("refused").to_string();
    assert!(error.contains(reason), "{error}");
    let signed = fs::read(checkpoints(&world.trail())).expect("readable");
    let builder = AuditLog::builder(world.trail()).checkpoints(Checkpoints::new(world.key()));
    let log = builder.open().expect("opens");
    let error = log.checkpoint().expect_err("refused").to_string();
    assert!(error.contains(reason), "{error}");
    log.close().expect_err("the last checkpoint is refused too");
    assert_eq!(fs::read(checkpoints(&world.trail())).expect("readable"), signed);
}

fn checkpoints(trail: &Path) -> PathBuf {
    trail.join("audit.checkpoints")
}

/// Removes the trail from the file of the key, which then has no memory of it.
fn reset_key(world: &World) {
    let text = fs::read_to_string(world.path("key")).expect("text");
    fs::write(world.path("key"), text.lines().next().expect("a key")).expect("written");
}

/// Signs the trail as the holder of the key can, with a key file that has no memory of it.
fn sign_as_if_new(world: &World) {
    fs::remove_file(checkpoints(&world.trail())).expect("removed");
    reset_key(world);
    kling_audit::checkpoint(world.trail(), &world.key()).expect("signed");
}

/// Signs the trail with another key of the same name.
fn forge_checkpoints(world: &World) {
    let key = SigningKey::generate(world.path("forger"), "example.com/audit").expect("a key");
    fs::remove_file(checkpoints(&world.trail())).expect("removed");
    kling_audit::checkpoint(world.trail(), &key).expect("signed");
}

struct Attack {
    what: &'static str,
    carry_out: fn(&World),
    /// The outcome for each column.
    found: [&'static str; 6],
}

const NOT_FOUND: &str = "not found";
const UNVERIFIABLE: &str = "unverifiable";
const HASH: &str = "`hash_mismatch`";
const GAP: &str = "`sequence_gap`";
const FILE_MISSING: &str = "`missing_file`";
const TRUNCATED: &str = "`truncated`";
const HEAD_MISSING: &str = "`head_missing`";
const MISMATCH: &str = "`checkpoint_mismatch`";
const FORGED: &str = "`checkpoint_forged`";
const FORGED_AND_MORE: &str = "`checkpoint_forged`, `checkpoint_mismatch`, `truncated`";
const STALE: &str = "`checkpoint_stale`";
const RECEIPT: &str = "`receipt_missing`";

/// The words of the table's cells.
const CELLS: [(&str, &str); 11] = [
    (NOT_FOUND, "-"),
    (UNVERIFIABLE, "?"),
    (HASH, "hash"),
    (GAP, "gap"),
    (FILE_MISSING, "file"),
    (TRUNCATED, "end"),
    (HEAD_MISSING, "head"),
    (MISMATCH, "differs"),
    (FORGED, "forged"),
    (STALE, "stale"),
    (RECEIPT, "receipt"),
];

/// Attacks by a reader of the directory.
const READS: [Attack; 1] = [Attack {
    what: "copy the trail and read its values",
    carry_out: |world| {
        copy_directory(&world.trail(), &world.path("copy"));
        swap_in(world, "copy");
    },
    found: [NOT_FOUND; 6],
}];

/// Attacks by a writer of the directory, who has no key.
const WRITES: [Attack; 22] = [
    Attack {
        what: "edit an entry and leave its hash",
        carry_out: |world| {
            let mut all = lines(&world.trail());
            raise_an_amount(&mut all);
            store(&world.trail(), &all);
        },
        found: [HASH; 6],
    },
    Attack {
        what: "delete an entry",
        carry_out: |world| {
            let mut all = lines(&world.trail());
            all.remove(3);
            store(&world.trail(), &all);
        },
        found: [GAP, GAP, GAP, GAP, GAP, "`receipt_missing`, `sequence_gap`"],
    },
    Attack {
        what: "delete the oldest file",
        carry_out: |world| fs::remove_file(&jsonl_files(&world.trail())[0]).expect("removed"),
        found: [
            FILE_MISSING,
            FILE_MISSING,
            FILE_MISSING,
            FILE_MISSING,
            FILE_MISSING,
            "`missing_file`, `receipt_missing`",
        ],
    },
    Attack {
        what: "rewrite the trail with new hashes and a new head",
        carry_out: |world| forge(&world.trail(), |lines| raise_an_amount(lines)),
        found: [NOT_FOUND, NOT_FOUND, MISMATCH, MISMATCH, MISMATCH, RECEIPT],
    },
    Attack {
        what: "remove the last entries",
        carry_out: |world| {
            let all = lines(&world.trail());
            store(&world.trail(), &all[..all.len() - 3]);
        },
        found: [NOT_FOUND, TRUNCATED, TRUNCATED, TRUNCATED, TRUNCATED, "`receipt_missing`, `truncated`"],
    },
    Attack {
        what: "remove the end after a checkpoint, put back head and checkpoints",
        carry_out: |world| {
            let old = lines(&world.path("old")).len();
            forge(&world.trail(), |lines| lines.truncate(old));
            fs::copy(checkpoints(&world.path("old")), checkpoints(&world.trail())).expect("copied");
        },
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, STALE, TRUNCATED, RECEIPT],
    },
    Attack {
        what: "replace the directory by an older copy",
        carry_out: |world| swap_in(world, "old"),
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, STALE, TRUNCATED, RECEIPT],
    },
    Attack {
        what: "continue an older copy with other entries, then swap it in",
        carry_out: |world| {
            let log = AuditLog::open(world.path("old")).expect("opens");
            for _ in 0..30 {
                log.append(Draft::new("nothing_to_see")).expect("recorded");
            }
            log.close().expect("closes");
            swap_in(world, "old");
        },
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, STALE, MISMATCH, RECEIPT],
    },
    Attack {
        what: "as the row before, then ask for a signature (refused)",
        carry_out: |world| {
            let log = AuditLog::open(world.path("old")).expect("opens");
            for _ in 0..30 {
                log.append(Draft::new("nothing_to_see")).expect("recorded");
            }
            log.close().expect("closes");
            swap_in(world, "old");
            assert_signing_refused(world, "the trail was put back to an older state");
        },
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, STALE, MISMATCH, RECEIPT],
    },
    Attack {
        what: "replace the directory by an older copy, ask for a signature (refused)",
        carry_out: |world| {
            swap_in(world, "old");
            assert_signing_refused(world, "it was put back to an older state");
        },
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, STALE, TRUNCATED, RECEIPT],
    },
    Attack {
        what: "replace the trail by another one with a key of its own",
        carry_out: |world| {
            SigningKey::generate(world.path("key-2"), "example.com/other").expect("a key");
            let key = SigningKey::open(world.path("key-2")).expect("a key");
            let log = AuditLog::builder(world.path("other")).checkpoints(Checkpoints::new(key)).open();
            let log = log.expect("opens");
            for _ in 0..40 {
                log.append(Draft::new("something_else")).expect("recorded");
            }
            log.close().expect("closes");
            swap_in(world, "other");
        },
        found: [NOT_FOUND, NOT_FOUND, UNVERIFIABLE, UNVERIFIABLE, MISMATCH, RECEIPT],
    },
    Attack {
        what: "rewrite, sign with a key of the same name",
        carry_out: |world| {
            forge(&world.trail(), |lines| {
                raise_an_amount(lines);
                remove_checkpoint_entries(lines);
            });
            forge_checkpoints(world);
        },
        found: [NOT_FOUND, NOT_FOUND, FORGED, FORGED, FORGED_AND_MORE, RECEIPT],
    },
    Attack {
        what: "remove the checkpoints",
        carry_out: |world| fs::remove_file(checkpoints(&world.trail())).expect("removed"),
        found: [NOT_FOUND, NOT_FOUND, UNVERIFIABLE, UNVERIFIABLE, NOT_FOUND, NOT_FOUND],
    },
    Attack {
        what: "rewrite, remove checkpoints, ask for a signature (refused)",
        carry_out: |world| {
            forge(&world.trail(), |lines| {
                raise_an_amount(lines);
                remove_checkpoint_entries(lines);
            });
            fs::remove_file(checkpoints(&world.trail())).expect("removed");
            let error =
                kling_audit::checkpoint(world.trail(), &world.key()).expect_err("refused").to_string();
            assert!(error.contains("the signed checkpoints must be put back"), "{error}");
        },
        found: [
            NOT_FOUND,
            NOT_FOUND,
            UNVERIFIABLE,
            UNVERIFIABLE,
            "`checkpoint_mismatch`, `truncated`",
            RECEIPT,
        ],
    },
    Attack {
        what: "rewrite, keep checkpoints, ask for a signature (refused)",
        carry_out: |world| {
            forge(&world.trail(), |lines| raise_an_amount(lines));
            let error = kling_audit::checkpoint(world.trail(), &world.key()).expect_err("refused");
            assert!(matches!(error, Error::NotIntact(_)), "{error}");
        },
        found: [NOT_FOUND, NOT_FOUND, MISMATCH, MISMATCH, MISMATCH, RECEIPT],
    },
    Attack {
        what: "invent a trail behind a forged `audit_pruned`, ask for a signature (refused)",
        carry_out: |world| {
            invent_after_pruned(&world.trail());
            assert_signing_refused(world, "the entries below 40 are missing");
        },
        found: [UNVERIFIABLE; 6],
    },
    Attack {
        what: "delete the oldest file, forge its `audit_pruned`, ask for a signature (refused)",
        carry_out: |world| {
            forge_pruned(world);
            fs::remove_file(&jsonl_files(&world.trail())[0]).expect("removed");
            assert_signing_refused(world, "were removed before a checkpoint covered it");
        },
        found: [UNVERIFIABLE; 6],
    },
    Attack {
        what: "have a plausible forged `audit_pruned` signed, then delete the oldest file",
        carry_out: |world| {
            forge_pruned(world);
            kling_audit::checkpoint(world.trail(), &world.key()).expect("signed");
            fs::remove_file(&jsonl_files(&world.trail())[0]).expect("removed");
        },
        found: [UNVERIFIABLE, UNVERIFIABLE, NOT_FOUND, NOT_FOUND, NOT_FOUND, UNVERIFIABLE],
    },
    Attack {
        what: "have an entry with a future time signed, to hide old age",
        carry_out: |world| {
            forge(&world.trail(), |lines| {
                let last: Value = serde_json::from_str(lines.last().expect("lines")).expect("JSON");
                let time = last["timestamp"].as_str().expect("a time");
                let of_2099 = lines.last().expect("lines").replace(time, "2099-01-01T00:00:00.000000Z");
                lines.push(of_2099);
            });
            kling_audit::checkpoint(world.trail(), &world.key()).expect("signed");
        },
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, STALE, NOT_FOUND, NOT_FOUND],
    },
    Attack {
        what: "delete the head",
        carry_out: |world| fs::remove_file(world.trail().join("audit.head")).expect("removed"),
        found: [NOT_FOUND, HEAD_MISSING, HEAD_MISSING, HEAD_MISSING, NOT_FOUND, HEAD_MISSING],
    },
    Attack {
        what: "append forged entries",
        carry_out: |world| {
            forge(&world.trail(), |lines| {
                let forged = lines[3].replace("alice", "mallory");
                let time = |line: &str| {
                    let entry: Value = serde_json::from_str(line).expect("JSON");
                    entry["timestamp"].as_str().expect("a time").to_owned()
                };
                let last = lines.last().expect("lines");
                lines.push(forged.replace(&time(&forged), &time(last)));
            });
        },
        found: [NOT_FOUND; 6],
    },
    Attack {
        what: "rewrite entries that no checkpoint covers yet, have them signed",
        carry_out: |world| {
            let log = AuditLog::open(world.trail()).expect("opens");
            let receipt = log.append(Draft::new("transfer").detail("amount", 77)).expect("recorded");
            log.close().expect("closes");
            let mut receipts = fs::read_to_string(world.path("receipts")).expect("text");
            receipts.push_str(&format!("{} {}\n", receipt.seq, receipt.hash));
            fs::write(world.path("receipts"), receipts).expect("written");
            forge(&world.trail(), |lines| {
                let line = lines.iter_mut().find(|line| line.contains("\"amount\": 77")).expect("a transfer");
                *line = line.replace("\"amount\": 77", "\"amount\": 0");
            });
            kling_audit::checkpoint(world.trail(), &world.key()).expect("signed");
        },
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, RECEIPT],
    },
];

/// Attacks by root on the host, who has all files of the host, but no key.
const ROOT: [Attack; 2] = [
    Attack {
        what: "delete all files of the directory",
        carry_out: |world| {
            fs::remove_dir_all(world.trail()).expect("removed");
            fs::create_dir(world.trail()).expect("created");
        },
        found: [UNVERIFIABLE, UNVERIFIABLE, UNVERIFIABLE, UNVERIFIABLE, TRUNCATED, RECEIPT],
    },
    Attack {
        what: "replace directory and kept checkpoints of this host by older copies",
        carry_out: |world| {
            fs::copy(checkpoints(&world.path("old")), world.path("kept")).expect("copied");
            swap_in(world, "old");
        },
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, STALE, NOT_FOUND, RECEIPT],
    },
];

/// Attacks by the holder of the signing key, who can write the directory.
const KEY: [Attack; 3] = [
    Attack {
        what: "rewrite the trail and sign it again",
        carry_out: |world| {
            forge(&world.trail(), |lines| {
                raise_an_amount(lines);
                remove_checkpoint_entries(lines);
            });
            sign_as_if_new(world);
        },
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, "`checkpoint_mismatch`, `truncated`", RECEIPT],
    },
    Attack {
        what: "continue an older copy, sign it, swap it in",
        carry_out: |world| {
            let mut none = Vec::new();
            reset_key(world);
            let kept = fs::read(world.path("kept")).expect("readable");
            world.run("old", Utc::now(), &mut none);
            fs::write(world.path("kept"), kept).expect("written");
            swap_in(world, "old");
        },
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, MISMATCH, RECEIPT],
    },
    Attack {
        what: "rewrite, sign again, replace the kept checkpoints",
        carry_out: |world| {
            forge(&world.trail(), |lines| {
                raise_an_amount(lines);
                remove_checkpoint_entries(lines);
            });
            sign_as_if_new(world);
            fs::copy(checkpoints(&world.trail()), world.path("kept")).expect("copied");
        },
        found: [NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, RECEIPT],
    },
];

fn groups() -> [(&'static str, &'static [Attack]); 4] {
    [
        ("Read access to the directory", &READS),
        ("Write access to the directory", &WRITES),
        ("Root access to the host", &ROOT),
        ("Write access and the signing key", &KEY),
    ]
}

#[test]
fn without_an_attack_nothing_is_found() {
    let world = World::new();

    for (column, name) in COLUMNS.iter().enumerate() {
        assert_eq!(world.outcome(column), NOT_FOUND, "{name}");
    }
    let verification = world.verify(2).expect("readable");
    assert_eq!(
        verification.signed_through(),
        verification.last().and_then(|last| last.seq),
        "{verification}"
    );
}

#[test]
fn each_attack_is_found_as_the_table_says() {
    let mut wrong = Vec::new();
    for (who, attacks) in groups() {
        for attack in attacks {
            let world = World::new();
            (attack.carry_out)(&world);
            for (column, expected) in attack.found.iter().enumerate() {
                let outcome = world.outcome(column);
                if outcome != *expected {
                    let name = COLUMNS[column];
                    wrong.push(format!(
                        "{who}: {}, with {name}: expected {expected}, got {outcome}",
                        attack.what
                    ));
                }
            }
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn undetected_attacks_are_covered_by_the_chain_alone() {
    for what in ["append forged entries", "continue an older copy with other entries, then swap it in"] {
        let world = World::new();
        let attack = WRITES.iter().find(|attack| attack.what == what).expect("in the table");

        (attack.carry_out)(&world);

        let verification = world.verify(2).expect("readable");
        assert!(verification.basis().contains("by the chain alone"), "{what}: {verification}");
        assert!(verification.signed_through() < verification.last().and_then(|last| last.seq), "{what}");
    }
}

/// Converts an outcome into a cell of the table, which has a short word for each kind of finding.
fn cell(outcome: &str) -> String {
    let word = |kind| CELLS.iter().find(|(known, _)| *known == kind).expect("a word for each kind").1;
    outcome.split(", ").map(word).collect::<Vec<_>>().join(", ")
}

#[test]
fn manual_contains_the_table_of_attacks() {
    let manual = include_str!("../../src/manual/trust.md");
    let mut parts: Vec<String> =
        CELLS.iter().map(|(outcome, word)| format!("- `{word}`: {outcome}")).collect();
    for (who, attacks) in groups() {
        let mut table = format!(
            "### {who}\n\n| attack | {} |\n|{}\n",
            COLUMNS.join(" | "),
            "---|".repeat(COLUMNS.len() + 1)
        );
        for attack in attacks {
            let cells = attack.found.map(cell).join(" | ");
            table.push_str(&format!("| {} | {cells} |\n", attack.what));
        }
        parts.push(table);
    }

    let missing: Vec<_> = parts.iter().filter(|part| !manual.contains(part.as_str())).cloned().collect();

    assert!(missing.is_empty(), "not in the manual:\n{}", missing.join("\n"));
}
