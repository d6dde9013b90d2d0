//! Other programs change files under a running log. Each change is a clear error or a recovery, never a panic and never
//! a silent loss.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use kling_audit::{
    AuditLog, Draft, Durability, Error, Health, Receipt,
    verify::{Verdict, Verifier},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{
    files,
    limits::wait_until,
    process::{child_through, is_child, isolated, isolated_by, test_path},
    trail::{DAY, LIVE, TestTrail, assert_recorded},
};

fn append(log: &AuditLog, event_type: &'static str) -> Receipt {
    log.append(Draft::new(event_type)).expect("recorded")
}

/// An open log whose three entries are on disk.
fn open_with_entries(trail: &TestTrail) -> (AuditLog, Vec<Receipt>) {
    let log = trail.open();
    let receipts = ["one", "two", "three"].map(|name| append(&log, name)).to_vec();
    log.flush().expect("flushed");
    (log, receipts)
}

#[test]
fn removed_live_file_is_restored() {
    type Take = fn(&Path);
    let ways: [(&str, Take); 4] = [
        ("deleted", |live| fs::remove_file(live).expect("removed")),
        ("renamed, as logrotate does", |live| {
            fs::rename(live, live.with_extension("jsonl.1")).expect("renamed");
        }),
        ("renamed and created anew, as logrotate does", |live| {
            fs::rename(live, live.with_extension("jsonl.1")).expect("renamed");
            fs::write(live, "").expect("created");
        }),
        ("moved out of the directory", |live| {
            fs::rename(live, live.parent().and_then(Path::parent).expect("a parent").join("away"))
                .expect("renamed");
        }),
    ];
    for (case, take) in ways {
        for flushed in [false, true] {
            let trail = TestTrail::new();
            let (log, mut receipts) = open_with_entries(&trail);

            take(&trail.path(LIVE));
            if flushed {
                receipts.push(append(&log, "four"));
                log.flush().expect("flushed");
                receipts.push(append(&log, "five"));
            }
            log.close().expect("closes");

            let entries = trail.entries();
            assert_recorded(&receipts, &entries);
            let replaced: Vec<_> =
                entries.iter().filter(|entry| entry["event_type"] == "audit_file_replaced").collect();
            assert_eq!(replaced.len(), 1, "{case}, {flushed}");
            assert_eq!(replaced[0]["details"]["file"], LIVE, "{case}");
            assert_eq!(replaced[0]["details"]["restored"], true, "{case}");
            let errors = trail.errors();
            assert_eq!(errors.len(), 1, "{case}: {errors:?}");
            assert!(errors[0].contains(LIVE) && errors[0].contains("copied back"), "{errors:?}");
            trail.record_run(1);
            assert_eq!(trail.event_types().last().map(String::as_str), Some("audit_stopped"), "{case}");
        }
    }
}

#[test]
fn replaced_live_file_is_found_and_no_entry_is_lost() {
    let trail = TestTrail::new();
    let (log, mut receipts) = open_with_entries(&trail);
    let foreign = trail.path("foreign");
    fs::write(&foreign, "not of this log\n").expect("written");

    fs::rename(&foreign, trail.path(LIVE)).expect("replaced");
    receipts.push(append(&log, "four"));
    log.flush().expect("flushed");
    receipts.push(append(&log, "five"));
    log.close().expect("closes");

    // The foreign line is the only finding.
    assert_eq!(trail.finding_kinds(), ["malformed_line"]);
    let verification = trail.verify();
    let entries = trail.readable_entries(&verification);
    assert_recorded(&receipts, &entries);
    assert!(entries.iter().any(|entry| entry["event_type"] == "audit_file_replaced"));
}

#[test]
fn truncated_live_file_is_found_and_names_copytruncate() {
    for length in [0, 100, 700] {
        let trail = TestTrail::new();
        let (log, _) = open_with_entries(&trail);

        fs::File::options().write(true).open(trail.path(LIVE)).expect("opens").set_len(length).expect("cut");
        append(&log, "four");
        log.flush().expect("flushed");
        let receipt = append(&log, "five");
        log.close().expect("closes");

        let errors = trail.errors();
        assert!(
            errors.len() == 1 && errors[0].contains("copytruncate") && errors[0].contains(LIVE),
            "{errors:?}"
        );
        let verification = trail.verify();
        assert_eq!(verification.verdict(), Verdict::Tampered, "{length}: {verification}");
        assert_eq!(verification.findings_total(), 1, "{length}: {verification}");
        let entries = trail.readable_entries(&verification);
        let replaced = entries.iter().find(|entry| entry["event_type"] == "audit_file_replaced");
        assert_eq!(replaced.expect("one")["details"]["restored"], false);
        assert!(entries.iter().any(|entry| entry["hash"] == receipt.hash.to_string()));
    }
}

#[test]
fn foreign_append_to_the_live_file_poisons_the_log() {
    append_foreign_bytes("a foreign line\n");
    // The next line of the log completes the foreign half line. On a slow machine the log may check its file before it
    // has written a second one; then the round proves nothing.
    let trail = (0..50).map(|_| append_foreign_bytes("half a foreign line")).find(|(_, more)| *more > 1);
    let (trail, _) = trail.expect("a round in which the log wrote two lines");
    // Whole lines of the log follow, so the trail can be continued, and the finding remains.
    trail.record_run(1);
    assert_eq!(trail.verify().findings_total(), 1);
}

/// Appends foreign bytes to the live file of a running log. Returns the trail, and the number of entries until the log
/// noticed.
fn append_foreign_bytes(bytes: &str) -> (TestTrail, u64) {
    let trail = TestTrail::new();
    let (log, receipts) = open_with_entries(&trail);

    fs::File::options()
        .append(true)
        .open(trail.path(LIVE))
        .expect("opens")
        .write_all(bytes.as_bytes())
        .expect("written");
    let mut more = 0;
    wait_until("the log checks its live file", || log.append(Draft::new("more")).map(|_| more += 1).is_err());

    assert!(matches!(log.health(), Health::Poisoned { .. }), "{:?}", log.health());
    let refused = log.append(Draft::new("more")).expect_err("poisoned").to_string();
    assert!(refused.contains("another writer appended") && refused.contains(LIVE), "{refused}");
    log.close().expect_err("poisoned");
    let verification = trail.verify();
    assert_eq!(verification.findings_total(), 1, "{bytes}: {verification}");
    assert_recorded(&receipts, &trail.readable_entries(&verification));
    (trail, more)
}

#[test]
fn moved_directory_poisons_the_log_and_loses_no_entry() {
    for again in [false, true] {
        let trail = TestTrail::new();
        let (log, mut receipts) = open_with_entries(&trail);
        let away = trail.root().join("away");

        fs::rename(trail.directory(), &away).expect("moved");
        if again {
            fs::create_dir(trail.directory()).expect("created");
        }
        let error = loop {
            match log.append(Draft::new("more")) {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => break error,
            }
        };

        assert!(error.to_string().contains("/audit"), "{error}");
        assert!(matches!(log.health(), Health::Poisoned { .. }), "{:?}", log.health());
        log.close().expect_err("poisoned");
        let verification = Verifier::new(&away).run().expect("can be read");
        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
        let text = fs::read_to_string(away.join(LIVE)).expect("there");
        let entries: Vec<_> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_recorded(&receipts, &entries);
        if again {
            fs::remove_dir_all(trail.directory()).expect("removed");
        }
        fs::rename(&away, trail.directory()).expect("moved back");
        trail.record_run(1);
        trail.entries();
    }
}

#[test]
fn deleted_lock_file_admits_no_second_writer() {
    let trail = TestTrail::new();
    let (log, mut receipts) = open_with_entries(&trail);
    for round in 0..10 {
        receipts.push(append(&log, "more"));
        log.flush().expect("flushed");
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::remove_file(trail.path("audit.lock")).expect("removed");

        let second = trail.builder().open().expect_err("there is a writer");

        assert!(matches!(second, Error::Locked { .. }), "round {round}: {second}");
        assert!(second.to_string().contains(LIVE), "{second}");
        receipts.push(append(&log, "more"));
        log.flush().expect("the log locks a new file");
        let second = trail.builder().open().expect_err("there is a writer");
        assert!(second.to_string().contains("audit.lock"), "round {round}: {second}");
    }
    log.close().expect("closes");
    assert_recorded(&receipts, &trail.entries());
}

#[test]
fn second_writer_without_lock_file_keeps_an_unfinished_line() {
    let trail = TestTrail::new();
    let (log, _) = open_with_entries(&trail);
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::remove_file(trail.path("audit.lock")).expect("removed");
    // The first writer could be in the middle of a write.
    let mut live = fs::File::options().append(true).open(trail.path(LIVE)).expect("opens");
    live.write_all(b"{\"actor\": \"al").expect("written");
    let before = files::contents(&trail.directory());

    let second = trail.builder().open().expect_err("there is a writer");

    assert!(matches!(second, Error::Locked { .. }), "{second}");
    assert_eq!(files::contents(&trail.directory()), before);
    log.close().expect_err("another program wrote to the live file");
}

#[test]
fn damaged_head_is_rewritten_by_the_running_log() {
    type Take = fn(&Path);
    let ways: [(&str, Take); 4] = [
        ("deleted", |head| fs::remove_file(head).expect("removed")),
        ("renamed", |head| fs::rename(head, head.with_extension("away")).expect("renamed")),
        ("overwritten", |head| fs::write(head, "nonsense").expect("written")),
        ("cut", |head| fs::write(head, "").expect("written")),
    ];
    for (case, take) in ways {
        for level in [Durability::Written, Durability::Buffered, Durability::Synced] {
            let trail = TestTrail::new();
            let log = trail.builder().durability(level).open().expect("opens");
            append(&log, "one");
            log.flush().expect("flushed");

            take(&trail.path("audit.head"));
            append(&log, "two");
            log.close().expect("closes");

            assert_eq!(trail.entries().len(), 4, "{case}, {level:?}");
            trail.record_run(1);
        }
    }
}

#[test]
fn foreign_head_is_a_finding_and_refuses_opening() {
    let other = TestTrail::new();
    other.record_run(1);
    let foreign = fs::read(other.path("audit.head")).expect("there");
    let trail = TestTrail::new();
    trail.record_run(1);
    let rolled_back = fs::read(trail.path("audit.head")).expect("there");
    trail.record_run(1);
    let head = fs::read(trail.path("audit.head")).expect("there");

    let mut one_block = head.clone();
    one_block[..512].fill(b'x');
    let mut no_block = one_block.clone();
    no_block[512..].fill(0);
    let heads: [(&str, &[u8], &[&str], bool); 7] = [
        ("of another trail", &foreign, &["head_missing"], false),
        ("nonsense", &no_block, &["head_missing"], false),
        ("empty", b"", &["head_missing"], false),
        ("of nothing but zeros", &[0; 1024], &["head_missing"], false),
        // The trail continues behind this head, as it does when a crash prevents the next write of the head.
        ("rolled back alone", &rolled_back, &[], true),
        ("with one block", &one_block, &[], true),
        ("its own", &head, &[], true),
    ];
    for (case, bytes, findings, opens) in heads {
        fs::write(trail.path("audit.head"), bytes).expect("written");
        let before = files::contents(&trail.directory());

        assert_eq!(trail.finding_kinds(), findings, "{case}");
        match trail.builder().open() {
            Ok(log) => {
                assert!(opens, "{case}");
                log.close().expect("closes");
            }
            Err(error) => {
                assert!(!opens, "{case}: {error}");
                assert!(matches!(error, Error::CannotResume { .. }), "{case}: {error}");
                assert!(error.to_string().contains("audit.head"), "{case}: {error}");
                assert!(error.to_string().contains("kling-audit adopt"), "{case}: {error}");
                assert_eq!(files::contents(&trail.directory()), before, "{case}");
            }
        }
    }
    fs::remove_file(trail.path("audit.head")).expect("removed");
    assert_eq!(trail.finding_kinds(), ["head_missing"]);
    assert!(matches!(trail.builder().open(), Err(Error::CannotResume { .. })));
    assert!(!trail.path("audit.head").exists());
}

#[test]
fn trail_shorter_than_its_head_is_truncated() {
    let trail = TestTrail::new();
    trail.record_run(3);
    let whole = fs::read(trail.path(LIVE)).expect("there");
    let lines: Vec<usize> =
        whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    for (entries, length) in std::iter::once(0).chain(lines).enumerate().take(5) {
        fs::write(trail.path(LIVE), &whole[..length]).expect("written");

        assert_eq!(trail.finding_kinds(), ["truncated"], "{entries} entries");
        let error = trail.builder().open().expect_err("its end is gone");
        assert!(matches!(error, Error::CannotResume { .. }), "{error}");
        assert!(error.to_string().contains("truncated"), "{error}");
    }
    fs::remove_file(trail.path(LIVE)).expect("removed");
    assert_eq!(trail.finding_kinds(), ["truncated"]);
    assert!(matches!(trail.builder().open(), Err(Error::CannotResume { .. })));
}

#[test]
fn symbolic_links_are_not_followed() {
    for name in ["audit.head", "audit.lock", LIVE] {
        for target in ["elsewhere", "/dev/zero", "/nonexistent/file", "."] {
            let trail = TestTrail::new();
            trail.record_run(1);
            let elsewhere = trail.root().join("elsewhere");
            fs::rename(trail.path(name), &elsewhere).expect("moved");
            let target = if target == "elsewhere" { elsewhere.to_str().expect("Unicode") } else { target };
            symlink(target, trail.path(name)).expect("linked");
            let before = fs::read(&elsewhere).expect("there");

            let error = trail.builder().open().expect_err("a link");

            assert!(error.to_string().contains(name), "{name} {target}: {error}");
            assert_eq!(fs::read(&elsewhere).expect("there"), before);
            if name != "audit.lock" {
                let error = Verifier::new(trail.directory()).run().expect_err("a link").to_string();
                assert!(error.contains(name), "{error}");
            }
        }
    }
    // Torn bytes would be kept under these names.
    for suffix in ["torn", "torn-unrecorded"] {
        let trail = TestTrail::new();
        trail.record_run(1);
        let length = fs::metadata(trail.path(LIVE)).expect("there").len();
        trail.edit(LIVE, |bytes| bytes.extend_from_slice(b"half"));
        let elsewhere = trail.root().join("elsewhere");
        fs::write(&elsewhere, "untouched").expect("written");
        symlink(&elsewhere, trail.path(&format!("{LIVE}.{length}.{suffix}"))).expect("linked");

        trail.record_run(1);

        let entries = trail.entries();
        let recovered = entries.iter().find(|entry| entry["event_type"] == "audit_recovered").expect("one");
        let kept = trail.path(recovered["details"]["kept_as"].as_str().expect("a name"));
        assert!(kept.symlink_metadata().expect("there").is_file());
        assert_eq!(fs::read(kept).expect("there"), b"half");
        assert_eq!(fs::read(&elsewhere).expect("there"), b"untouched");
    }
}

#[test]
fn read_only_trail_can_be_verified_but_not_opened() {
    let Some(trail) = TestTrail::on_tmpfs("size=1m") else { return };
    trail.record_run(2);
    assert!(trail.remount("ro"));

    let error = trail.builder().open().expect_err("read only");

    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert!(error.to_string().contains("audit.lock") && error.to_string().contains("Read-only"), "{error}");
    assert_eq!(trail.entries().len(), 4);
    assert!(trail.remount("rw"));
    trail.record_run(1);
    assert_eq!(trail.entries().len(), 7);
}

/// Runs the body of a test in a process without privileges. Prints that it skips the test where root cannot drop them.
fn unprivileged(name: &str, body: impl FnOnce()) {
    const WITHOUT_PRIVILEGES: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !rustix::process::geteuid().is_root() && !is_child(name) {
        return body();
    }
    let command = ["setpriv", "--help"];
    let known = std::process::Command::new(command[0]).arg(command[1]).output().is_ok();
    if !known && !is_child(name) {
        println!("skipped: the process is root, and there is no setpriv to drop its privileges");
        return;
    }
    isolated_by(name, child_through(name, &WITHOUT_PRIVILEGES), body);
}

#[test]
fn missing_permission_is_an_error_with_the_path() {
    unprivileged(test_path!(), || {
        let set =
            |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        let trail = TestTrail::new();
        trail.record_run(1);
        for name in [".", "audit.lock", "audit.head"] {
            let path = if name == "." { trail.directory() } else { trail.path(name) };
            let mode = fs::metadata(&path).expect("there").permissions().mode();
            set(&path, 0o000);
            let error = trail.builder().open().expect_err("not allowed");
            set(&path, mode);

            assert!(matches!(error, Error::Io { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("/audit") && text.contains("Permission denied"), "{text}");
        }
        trail.record_run(1);

        let elsewhere = TestTrail::new();
        set(elsewhere.root(), 0o500);
        let error = elsewhere.builder().open().expect_err("not allowed");
        assert!(error.to_string().starts_with("create "), "{error}");
        set(elsewhere.root(), 0o700);
        elsewhere.record_run(1);
    });
}

#[test]
fn log_continues_once_its_directory_is_writable_again() {
    unprivileged(test_path!(), || {
        let set =
            |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        let trail = TestTrail::new();
        let log = trail.open();
        let mut receipts = vec![append(&log, "one")];

        set(&trail.directory(), 0o500);
        trail.advance_clock(DAY);
        for _ in 0..3 {
            let error = log.append(Draft::new("two")).expect_err("no file for the new day");
            assert!(error.to_string().contains("audit-2026-11-25.jsonl"), "{error}");
            assert!(error.to_string().contains("Permission denied"), "{error}");
        }
        assert!(matches!(log.health(), Health::Degraded { lost: 3, .. }));
        set(&trail.directory(), 0o700);
        receipts.push(append(&log, "three"));
        log.close().expect("closes");

        assert_recorded(&receipts, &trail.entries());
        assert_eq!(trail.event_types()[2..], ["audit_degraded", "three", "audit_stopped"]);
    });
}

#[test]
fn closed_newest_file_is_continued_in_a_new_file() {
    unprivileged(test_path!(), || {
        let trail = TestTrail::new();
        trail.record_run(1);
        // A crash can leave the newest file closed, before the next file exists.
        fs::set_permissions(trail.path(LIVE), fs::Permissions::from_mode(0o400)).expect("set");

        trail.record_run(1);

        assert_eq!(trail.jsonl_names(), [LIVE, "audit-2026-11-24_0002.jsonl"]);
        assert_eq!(trail.entries().len(), 6);
    });
}

#[test]
fn trail_with_a_restored_file_can_be_reopened() {
    unprivileged(test_path!(), || {
        let trail = TestTrail::new();
        let (log, receipts) = open_with_entries(&trail);
        fs::remove_file(trail.path(LIVE)).expect("removed");
        log.close().expect("closes");

        trail.record_run(1);

        assert_recorded(&receipts, &trail.entries());
    });
}

#[test]
fn log_recovers_from_too_many_open_files() {
    isolated(test_path!(), || {
        let maximum = getrlimit(Resource::Nofile).maximum;
        let plenty = 10_000.min(maximum.unwrap_or(u64::MAX));
        let limit =
            |files| setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum }).expect("allowed");
        limit(plenty);
        let open_all_files = || {
            let mut files = Vec::new();
            while let Ok(file) = fs::File::open("/dev/null") {
                files.push(file);
            }
            files
        };

        // Opening, with every number of files that the process may still open, from none on.
        for beginning in [true, false] {
            let trail = TestTrail::new();
            if !beginning {
                trail.record_run(1);
            }
            let mut files = open_all_files();
            assert!(files.len() > 1_000 || files.len() as u64 + 50 > plenty);
            let mut refused = 0;
            let log = loop {
                match trail.builder().open() {
                    Ok(log) => break log,
                    Err(error) => {
                        let text = error.to_string();
                        assert!(text.contains("Too many open files") && text.contains("/audit"), "{text}");
                        refused += 1;
                    }
                }
                files.pop();
            };
            assert!(refused > 1);
            drop(files);
            append(&log, "one");
            log.close().expect("closes");
            trail.entries();
        }

        // A running log that needs a new file, or one that was removed.
        let trail = TestTrail::new();
        let (log, mut receipts) = open_with_entries(&trail);
        let files = open_all_files();
        trail.advance_clock(DAY);
        for _ in 0..3 {
            let error = log.append(Draft::new("four")).expect_err("no new file");
            assert!(error.to_string().contains("Too many open files"), "{error}");
        }
        let Health::Degraded { lost: 3, cause, .. } = log.health() else {
            unreachable!("{:?}", log.health())
        };
        assert!(cause.contains("Too many open files") && cause.contains("/audit"), "{cause}");
        drop(files);
        receipts.push(append(&log, "five"));
        log.close().expect("closes");
        assert_recorded(&receipts, &trail.entries());
        assert!(trail.event_types().contains(&"audit_degraded".to_owned()));

        for name in ["audit-2026-11-24.jsonl", "audit.lock", "audit.head"] {
            let trail = TestTrail::new();
            let (log, mut receipts) = open_with_entries(&trail);
            fs::remove_file(trail.path(name)).expect("removed");
            let files = open_all_files();
            // The log cannot replace the file now. It replaces the file later, or it is poisoned.
            receipts.extend(log.append(Draft::new("four")).ok());
            std::thread::sleep(std::time::Duration::from_millis(50));
            drop(files);
            receipts.extend(log.append(Draft::new("five")).ok());
            let closed = log.close();

            let errors = trail.errors().join("\n");
            if closed.is_err() {
                assert!(errors.contains("Too many open files"), "{name}: {errors}");
            } else {
                assert_recorded(&receipts, &trail.entries());
            }
        }
    });
}

#[test]
fn unrelated_files_in_the_directory_are_ignored() {
    let trail = TestTrail::new();
    trail.record_run(1);
    for name in ["notes.txt", "audit", "audit-.jsonl.gz", "x.torn", "x.torn-unrecorded", ".audit.swp"] {
        fs::write(trail.path(name), "x").expect("written");
    }
    for name in ["audit.d", "sealed", "a.jsonl.1.torn-unrecorded"] {
        fs::create_dir(trail.path(name)).expect("created");
    }
    let before = files::names(&trail.directory());

    trail.record_run(1);

    assert_eq!(files::names(&trail.directory()), before);
    assert_eq!(trail.entries().len(), 6);
}
