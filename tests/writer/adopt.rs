//! Adoption: a trail that cannot be opened is sealed as it is, and a new trail records what was sealed.

use std::{collections::BTreeMap, fs, path::PathBuf};

use kling_audit::{
    AuditLog, Draft, Error, HashLength,
    verify::{Notice, Verdict, Verifier},
};
use serde_json::Value;

#[cfg(feature = "cli")]
use crate::support::command;
use crate::support::{
    files,
    trail::{DAY, LIVE, TestTrail},
};

type Damage = fn(&TestTrail);

/// Ways to damage a trail so that it cannot be opened, and the kinds of the findings. An empty list stands for one
/// finding of any kind.
const DAMAGES: [(&str, Damage, &[&str]); 9] = [
    (
        "a changed tail",
        |trail| {
            trail.edit(LIVE, |bytes| {
                let at = bytes.len() - 200;
                bytes[at] ^= 1;
            });
        },
        &[],
    ),
    (
        "a garbage line",
        |trail| trail.edit(LIVE, |bytes| bytes.extend_from_slice(b"garbage\n")),
        &["malformed_line"],
    ),
    (
        "a cut end",
        |trail| {
            trail.edit(LIVE, |bytes| {
                let end = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("a line");
                bytes.truncate(end + 1);
            });
        },
        &["truncated"],
    ),
    ("all entries gone", |trail| fs::remove_file(trail.path(LIVE)).expect("removed"), &["truncated"]),
    ("no head", |trail| fs::remove_file(trail.path("audit.head")).expect("removed"), &["head_missing"]),
    ("a broken head", |trail| fs::write(trail.path("audit.head"), "x").expect("written"), &["head_missing"]),
    (
        "a blank head",
        |trail| fs::write(trail.path("audit.head"), [0; 9]).expect("written"),
        &["head_missing"],
    ),
    (
        "a head of another trail",
        |trail| {
            let other = TestTrail::new();
            other.record_run(5);
            fs::copy(other.path("audit.head"), trail.path("audit.head")).expect("copied");
        },
        &["head_missing"],
    ),
    (
        "a missing beginning",
        |trail| {
            trail.edit(LIVE, |bytes| {
                let end = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
                bytes.drain(..=end);
            });
        },
        &["missing_file"],
    ),
];

/// A trail with this damage. Fails if it can still be opened.
fn damaged(damage: Damage) -> TestTrail {
    let trail = TestTrail::new();
    trail.record_run(3);
    damage(&trail);
    let error = trail.builder().open().expect_err("damaged");
    assert!(matches!(error, Error::CannotResume { .. }), "{error}");
    assert!(error.to_string().contains("kling-audit adopt"), "{error}");
    trail
}

/// Directory of the only sealed trail.
fn sealed_directory(trail: &TestTrail) -> PathBuf {
    let [name] = &files::names(&trail.path("sealed"))[..] else { unreachable!("one trail is sealed") };
    trail.path("sealed").join(name)
}

fn by_name(files: BTreeMap<PathBuf, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let name = |path: PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    files.into_iter().map(|(path, bytes)| (name(path), bytes)).collect()
}

/// Returns what the first entry records of the adoption. Fails unless the new trail is intact and has a notice of it.
fn assert_adopted(trail: &TestTrail, case: &str) -> Value {
    let verification = trail.verify();
    assert_eq!(verification.verdict(), Verdict::Intact, "{case}: {verification}");
    let adopted = |notice: &&Notice| matches!(notice, Notice::Adopted { actor, reason, .. } if actor == "alice" && reason == "it broke");
    assert!(verification.notices().iter().any(|notice| adopted(&notice)), "{case}: {verification}");
    trail.entries()[0]["details"]["adopted"].clone()
}

#[test]
fn trail_that_cannot_be_opened_is_adopted() {
    for (case, damage, findings) in DAMAGES {
        let trail = damaged(damage);
        let before = by_name(files::contents(&trail.directory()));
        let found = trail.finding_kinds();
        assert!(found == findings || findings.is_empty() && found.len() == 1, "{case}: {found:?}");

        let log = trail.builder().adopt("alice", "it broke").expect("adopted");
        log.append(Draft::new("anew")).expect("recorded");
        log.close().expect("closes");

        let adopted = assert_adopted(&trail, case);
        assert_eq!(adopted["verdict"], "tampered", "{case}");
        assert_eq!(adopted["findings"], 1, "{case}");
        let mut kept = by_name(files::contents(&sealed_directory(&trail)));
        let old: Value =
            serde_json::from_slice(&kept.remove("verification.json").expect("kept")).expect("JSON");
        assert_eq!(old["findings"][0]["kind"], found[0], "{case}");
        assert!(kept.remove("SHA256SUMS").is_some());
        assert_eq!(kept, before, "{case}: unchanged");
        let checked = std::process::Command::new("sha256sum")
            .args(["--check", "--quiet", "SHA256SUMS"])
            .current_dir(sealed_directory(&trail))
            .status();
        assert!(checked.is_ok_and(|status| status.success()), "{case}");
        // Later runs do not remove the notice.
        trail.advance_clock(DAY);
        trail.record_run(2);
        assert_adopted(&trail, case);
        assert!(!trail.path("sealed/untold.json").exists());
    }
}

#[cfg(feature = "cli")]
#[test]
fn command_adopts_a_damaged_trail() {
    let run = |arguments: &[&str], trail: &TestTrail| {
        let directory = trail.directory();
        let directory = directory.to_str().expect("Unicode");
        command::status_and_text(command::run(&[&[arguments[0], directory], &arguments[1..]].concat()))
    };
    let adopt = ["adopt", "--actor", "alice", "--reason", "it broke"];
    for (case, damage, _) in DAMAGES {
        let trail = damaged(damage);
        let (code, text) = run(&["append", "--event-type", "more"], &trail);
        assert_eq!(code, Some(2), "{case}: {text}");
        assert!(text.contains("kling-audit adopt DIR --actor A --reason R"), "{case}: {text}");

        let (code, text) = run(&adopt, &trail);

        assert_eq!(code, Some(0), "{case}: {text}");
        assert!(text.starts_with("the new trail is "), "{text}");
        let (code, text) = run(&["verify"], &trail);
        assert_eq!(code, Some(0), "{case}: {text}");
        assert!(text.contains("when alice sealed it: it broke"), "{text}");
        assert_eq!(run(&["append", "--event-type", "more"], &trail).0, Some(0), "{case}");
        assert_adopted(&trail, case);
    }

    let trail = TestTrail::new();
    fs::create_dir(trail.directory()).expect("created");
    let (code, text) = run(&adopt, &trail);
    assert_eq!(code, Some(2));
    assert!(text.contains("there is no trail to seal"), "{text}");
    let log = trail.open();
    let (code, text) = run(&adopt, &trail);
    assert_eq!(code, Some(2));
    assert!(text.contains("another writer holds the lock"), "{text}");
    log.close().expect("closes");
    assert_eq!(run(&["adopt", "--actor", "alice"], &trail).0, Some(2), "--reason is required");
}

#[test]
fn intact_trail_can_be_adopted() {
    let trail = TestTrail::new();
    trail.record_run(3);
    let old = trail.entries()[0]["details"]["trail_id"].clone();

    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");

    let adopted = assert_adopted(&trail, "whole");
    assert_eq!(adopted["verdict"], "intact");
    assert_eq!(adopted["entries"], 5);
    assert_eq!(adopted["trail_id"], old);
    assert_ne!(trail.entries()[0]["details"]["trail_id"], old);
    // The sealed directory is a trail of its own.
    assert_eq!(Verifier::new(sealed_directory(&trail)).run().expect("read").verdict(), Verdict::Intact);
}

#[test]
fn adoption_without_trail_or_lock_changes_nothing() {
    let trail = TestTrail::new();
    fs::create_dir(trail.directory()).expect("created");
    fs::write(trail.path("notes.txt"), "no trail").expect("written");
    let error = trail.builder().adopt("alice", "it broke").expect_err("nothing");
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    assert!(error.to_string().contains("there is no trail to seal"), "{error}");
    assert!(!trail.path("sealed").exists());
    trail.record_run(1);

    let log = trail.open();
    let before = files::contents(&trail.directory());
    let error = trail.builder().adopt("alice", "it broke").expect_err("held");
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    assert_eq!(files::contents(&trail.directory()), before);
    log.close().expect("closes");
    assert_eq!(trail.entries().len(), 5);
}

#[test]
fn trail_can_be_adopted_repeatedly() {
    for (case, damage, _) in DAMAGES {
        let trail = damaged(damage);
        for round in 0..3 {
            let log = trail.builder().adopt("alice", "it broke").expect("adopted");
            for _ in 0..3 {
                log.append(Draft::new("worked")).expect("recorded");
            }
            log.close().expect("closes");

            assert_adopted(&trail, case);
            assert_eq!(files::names(&trail.path("sealed")).len(), round + 1, "{case}");
            damage(&trail);
            assert!(trail.builder().open().is_err(), "{case}");
        }
    }
}

#[test]
fn verification_covers_trails_adopted_earlier() {
    let trail = TestTrail::new();
    trail.record_run(3);
    let mut oldest = None;
    for round in 0..3 {
        trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
        oldest.get_or_insert_with(|| sealed_directory(&trail));
        let verification = trail.verify();
        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
        let adoptions =
            verification.notices().iter().filter(|notice| matches!(notice, Notice::Adopted { .. }));
        assert_eq!(adoptions.count(), round + 1);
    }
    let oldest = oldest.expect("adopted");
    for name in files::names(&oldest) {
        let path = oldest.join(&name);
        let bytes = fs::read(&path).expect("there");
        fs::remove_file(&path).expect("removed");
        fs::write(&path, [&bytes[..], b"x"].concat()).expect("written");

        let verification = trail.verify();

        assert_eq!(verification.verdict(), Verdict::Tampered, "{name}: {verification}");
        let id = oldest.file_name().expect("a name").to_str().expect("Unicode");
        assert_eq!(verification.findings()[0].file, format!("sealed/{id}/{name}"));
        fs::write(&path, bytes).expect("written");
    }
    // An adoption starts from the state that it finds: the new trail does not expect the directory that is gone.
    fs::remove_dir_all(&oldest).expect("removed");
    assert_eq!(trail.verify().verdict(), Verdict::Tampered);
    trail.builder().adopt("alice", "it is gone").expect("adopted").close().expect("closes");
    let verification = trail.verify();
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
}

#[test]
fn sealed_files_are_not_blamed_for_a_line_with_a_wrong_hash() {
    let trail = TestTrail::new();
    trail.record_run(3);
    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
    let manifest = trail.entries()[0]["details"]["adopted"]["manifest_sha256"].clone();
    let manifest = manifest.as_str().expect("a hash").to_owned();
    trail.edit(LIVE, |bytes| {
        let at = memchr::memmem::find(bytes, manifest.as_bytes()).expect("there");
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    });
    assert_eq!(trail.finding_kinds(), ["hash_mismatch"]);

    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");

    assert_adopted(&trail, "a changed hash of a manifest");
}

#[test]
fn sealed_files_are_not_blamed_for_a_line_of_another_trail() {
    let other = TestTrail::new();
    other.record_run(3);
    other.builder().adopt("alice", "elsewhere").expect("adopted").close().expect("closes");
    let trail = TestTrail::new();
    trail.builder().hash_length(HashLength::Short).open().expect("opens").close().expect("closes");
    fs::rename(trail.path(LIVE), trail.path("audit-x.jsonl")).expect("renamed");
    fs::copy(other.path(LIVE), trail.path(LIVE)).expect("copied");
    assert_eq!(trail.finding_kinds(), ["wrong_file", "malformed_line", "malformed_line"]);

    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");

    assert_adopted(&trail, "two lengths of hashes");
}

#[test]
fn file_added_beside_sealed_files_hides_no_finding() {
    let trail = TestTrail::new();
    trail.record_run(3);
    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
    let oldest = sealed_directory(&trail);
    let old = trail.entries()[0]["details"]["trail_id"].clone();
    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
    let beside = trail.path("sealed").join(old.as_str().expect("an id")).join("audit-2000-01-01.jsonl");
    trail.edit(
        &format!("sealed/{}/{LIVE}", oldest.file_name().expect("a name").to_string_lossy()),
        Vec::clear,
    );

    for text in ["", "{}\n"] {
        fs::write(&beside, text).expect("written");
        assert_eq!(trail.finding_kinds(), ["hash_mismatch"]);
    }
    fs::remove_file(&beside).expect("removed");
    std::os::unix::fs::symlink("nowhere", &beside).expect("linked");
    assert_eq!(trail.finding_kinds(), ["hash_mismatch"]);
}

/// A damaged trail of this many files, with torn bytes beside them.
fn damaged_files(files: usize) -> TestTrail {
    let trail = TestTrail::new();
    let log = trail.builder().max_file_size(1).open().expect("opens");
    for number in 2..files {
        log.append(Draft::new("worked").detail("number", number)).expect("recorded");
    }
    log.close().expect("closes");
    assert_eq!(trail.jsonl_names().len(), files);
    fs::write(trail.path(&format!("{LIVE}.77.torn")), "half").expect("written");
    trail.edit(LIVE, |bytes| bytes[20] ^= 1);
    assert!(trail.builder().open().is_err());
    trail
}

#[test]
fn interrupted_adoption_is_refused_by_open_finished_by_adopt() {
    // The process ended after it had moved `moved` files. If all are moved, only the new trail was still to begin.
    let template = damaged_files(5);
    let whole = files::contents(&template.directory());
    for headless in [false, true] {
        let moves = if headless { 6 } else { 7 };
        for moved in 0..=moves {
            let trail = TestTrail::new();
            fs::create_dir(trail.directory()).expect("created");
            for (path, bytes) in &whole {
                let name = path.file_name().expect("a name").to_str().expect("Unicode");
                if !headless || name != "audit.head" {
                    fs::write(trail.path(name), bytes).expect("written");
                }
            }
            let pending = interrupt_adoption(&trail, moves, moved);

            let opened = trail.builder().open();
            if moved < moves {
                let error = opened.expect_err("half of it is moved");
                assert!(error.to_string().contains("an adoption was interrupted"), "{moved}: {error}");
                trail.builder().adopt("bob", "once more").expect("adopted").close().expect("closes");
            } else {
                opened.expect("nothing is left to move").close().expect("closes");
            }

            let adopted = assert_adopted(&trail, &format!("{moved} moved"));
            assert_eq!(adopted, pending, "{moved} moved");
            assert_eq!(adopted["verdict"], "tampered");
            let names = files::names(&sealed_directory(&trail));
            assert_eq!(names.len(), moves + 2, "{names:?}");
            trail.record_run(1);
            assert_eq!(
                trail.entries().iter().filter(|entry| entry["details"]["adopted"].is_object()).count(),
                1,
                "recorded once"
            );
        }
    }
}

/// Brings a trail into the state of an adoption that ended after it had moved `moved` files. Returns what that adoption
/// was going to record.
fn interrupt_adoption(trail: &TestTrail, moves: usize, moved: usize) -> Value {
    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
    let adopted = trail.entries()[0]["details"]["adopted"].clone();
    let sealed = sealed_directory(trail);
    for name in trail.jsonl_names().iter().map(String::as_str).chain(["audit.head"]) {
        fs::remove_file(trail.path(name)).expect("removed");
    }
    let mut names: Vec<String> =
        files::names(&sealed).into_iter().filter(|name| name.starts_with("audit")).collect();
    assert_eq!(names.len(), moves);
    names.sort_by_key(|name| (name == "audit.head", name.clone()));
    for name in &names[moved..] {
        fs::rename(sealed.join(name), trail.path(name)).expect("moved back");
    }
    fs::write(trail.path("sealed/untold.json"), serde_json::to_vec(&adopted).expect("JSON"))
        .expect("written");
    adopted
}

#[test]
fn adoption_recorded_before_a_crash_is_not_recorded_again() {
    let trail = damaged(DAMAGES[1].1);
    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
    let adopted = trail.entries()[0]["details"]["adopted"].clone();
    fs::write(trail.path("sealed/untold.json"), serde_json::to_vec(&adopted).expect("JSON"))
        .expect("written");

    trail.record_run(1);

    assert!(!trail.path("sealed/untold.json").exists());
    assert_adopted(&trail, "recorded before");
    // Another adoption replaces the pending one.
    fs::write(trail.path("sealed/untold.json"), serde_json::to_vec(&adopted).expect("JSON"))
        .expect("written");
    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
    assert_ne!(assert_adopted(&trail, "again"), adopted);
}

#[test]
fn adoption_interrupted_before_the_first_move_starts_over() {
    let trail = damaged(DAMAGES[1].1);
    let id = {
        let probe = TestTrail::new();
        fs::create_dir(probe.directory()).expect("created");
        for name in [LIVE, "audit.head"] {
            fs::copy(trail.path(name), probe.path(name)).expect("copied");
        }
        probe.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
        sealed_directory(&probe).file_name().expect("a name").to_owned()
    };
    let unfinished = trail.path("sealed").join(id);
    fs::create_dir_all(&unfinished).expect("created");
    fs::write(unfinished.join("verification.json"), "{").expect("written");
    fs::write(trail.path("sealed/untold.new"), "{").expect("written");

    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");

    assert_adopted(&trail, "started over");
    assert_eq!(sealed_directory(&trail), unfinished);
}

#[test]
fn verification_checks_every_sealed_file() {
    for files in [3, 252] {
        let trail = damaged_files(files);
        trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
        let adopted = assert_adopted(&trail, "many files");
        assert_eq!(
            adopted["files"].is_array(),
            files < 250,
            "beyond 250 files, the entry has only the hash of the manifest"
        );
        let sealed = sealed_directory(&trail);
        let id = sealed.file_name().expect("a name").to_str().expect("Unicode").to_owned();
        let all = files::names(&sealed);
        assert_eq!(all.len(), files + 4, "head, torn bytes, verification, manifest");

        for name in all.iter().step_by(if files > 100 { 50 } else { 1 }) {
            let path = sealed.join(name);
            let bytes = fs::read(&path).expect("there");
            let mut changes: Vec<Option<Vec<u8>>> =
                vec![None, Some(Vec::new()), Some([&bytes[..], b"x"].concat())];
            for at in [0, bytes.len() / 2, bytes.len() - 1] {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                changes.push(Some(changed));
            }
            for change in changes {
                fs::remove_file(&path).expect("removed");
                if let Some(bytes) = &change {
                    fs::write(&path, bytes).expect("written");
                }

                let verification = trail.verify();
                assert_eq!(verification.verdict(), Verdict::Tampered, "{name}");
                assert_eq!(verification.findings_total(), 1, "{name}: {verification}");
                let finding = &verification.findings()[0];
                assert_eq!(finding.file, format!("sealed/{id}/{name}"));
                let kind = if change.is_some() { "hash_mismatch" } else { "missing_file" };
                assert_eq!((finding.kind.name(), finding.line), (kind, None), "{name}");
                assert!(verification.notices().iter().any(|notice| matches!(notice, Notice::Adopted { .. })));
                // Without the head, verification does not require the sealed files.
                let copy = Verifier::new(trail.directory()).without_head().run().expect("read");
                assert_eq!(copy.verdict(), Verdict::Intact, "{name}: {copy}");

                fs::write(&path, &bytes).expect("written");
            }
        }
        assert_adopted(&trail, "restored");
    }
}

#[test]
fn link_or_pipe_instead_of_a_sealed_file_is_not_read() {
    let trail = damaged_files(252);
    trail.builder().adopt("alice", "it broke").expect("adopted").close().expect("closes");
    for name in ["SHA256SUMS", LIVE] {
        let path = sealed_directory(&trail).join(name);
        let bytes = fs::read(&path).expect("there");
        fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("linked");
        assert_eq!(trail.finding_kinds(), ["missing_file"], "{name}");
        fs::remove_file(&path).expect("removed");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
        assert!(made.success());
        assert_eq!(trail.finding_kinds(), ["missing_file"], "{name}");
        fs::remove_file(&path).expect("removed");
        fs::write(&path, bytes).expect("written");
    }
}

#[test]
fn trail_is_locked_during_its_adoption() {
    let trail = damaged(DAMAGES[0].1);
    let log = trail.builder().adopt("alice", "it broke").expect("adopted");

    assert!(matches!(AuditLog::open(trail.directory()), Err(Error::Locked { .. })));
    log.close().expect("closes");
}
