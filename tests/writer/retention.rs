//! Retention: which files a prune removes, how it is recorded, and how the trail verifies before, during and after it.
use std::{fs, path::Path};

use kling_audit::{
    AuditLog, Draft, Error, Receipt, Retention,
    checkpoint::{Checkpoints, SigningKey},
    report::Reporter,
    verify::{Notice, Verdict, Verification, Verifier},
};
use serde_json::Value;

use crate::support::{
    files::{copy_directory, lines, names},
    forge::{details_of, own_entry},
    trail::{DAY, NOON, TestTrail},
};

fn key(trail: &TestTrail) -> SigningKey {
    let path = trail.root().join("key");
    if path.exists() {
        SigningKey::open(path).expect("a key")
    } else {
        SigningKey::generate(path, "example.com/audit").expect("a key")
    }
}

fn signing(trail: &TestTrail) -> AuditLog {
    let checkpoints = Checkpoints::new(key(trail)).every_entries(1_000_000);
    trail.builder().checkpoints(checkpoints).open().expect("opens")
}

fn verify(trail: &TestTrail) -> Verification {
    Verifier::new(trail.directory()).key(key(trail).verifying_key().clone()).run().expect("readable")
}

fn assert_intact(trail: &TestTrail) {
    let verification = verify(trail);
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
}

/// Records five entries on each of six days, and one on the seventh. Each day has a file.
fn record_days(trail: &TestTrail, log: &AuditLog) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for day in 0..6 {
        for number in 0..5 {
            let draft = Draft::new("worked").detail("day", day).erasable("who", format!("person {number}"));
            receipts.push(log.append(draft).expect("recorded"));
        }
        // Signs now, so that the entry about the checkpoint belongs to this day and not to the next.
        if let Err(error) = log.checkpoint() {
            assert!(error.to_string().contains("AuditLogBuilder::checkpoints"), "{error}");
        }
        trail.advance_clock(DAY);
    }
    log.append(Draft::new("today")).expect("recorded");
    receipts
}

/// A closed and signed trail of six days.
fn six_days() -> (TestTrail, Vec<Receipt>) {
    let trail = TestTrail::new();
    // Signed after it is closed: a running log adds entries about its checkpoints at times that the test cannot know.
    let log = trail.open();
    let receipts = record_days(&trail, &log);
    log.close().expect("closes");
    kling_audit::checkpoint(trail.directory(), &key(&trail)).expect("signed");
    (trail, receipts)
}

fn first_seq(trail: &TestTrail) -> u64 {
    verify(trail).first().and_then(|first| first.seq).expect("an entry")
}

fn prune_records(trail: &TestTrail) -> Vec<Value> {
    let mut records = trail.readable_entries(&trail.verify());
    records.retain(|entry| entry["event_type"] == "audit_pruned");
    records
}

#[test]
fn prune_archive_restore_and_erase_leave_the_trail_intact() {
    let trail = TestTrail::new();
    let archive = trail.root().join("archive");
    let log = signing(&trail);
    let receipts = record_days(&trail, &log);
    let files = trail.jsonl_names();
    log.erase(receipts[0].seq, "who", "office", "r").expect("erased");

    let pruning = log.prune(&Retention::days(4).archive(&archive).actor("ops")).expect("pruned");

    assert_eq!(pruning.files, files[..2]);
    assert_intact(&trail);
    let first = first_seq(&trail);
    assert_eq!(pruning.through, Some(first - 1));
    let verification = verify(&trail);
    let notice = Notice::Pruned { last: first - 1, recorded_at: pruning.recorded_at.expect("a record") };
    assert!(verification.notices().contains(&notice), "{verification}");
    let records = prune_records(&trail);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["actor"], "ops");
    assert_eq!(records[0]["details"]["files"], serde_json::json!(files[..2]));
    assert_eq!(records[0]["details"]["archived"], true);
    assert_eq!(names(&archive.join("audit.private")), files[..2], "private values move with their file");

    log.append(Draft::new("later")).expect("recorded");
    log.erase(receipts[25].seq, "who", "office", "r").expect("erased");
    log.close().expect("closes");
    assert_intact(&trail);
    trail.advance_clock(DAY);
    let log = signing(&trail);
    assert_eq!(log.trail_id(), receipts[0].trail_id);
    log.append(Draft::new("after opening")).expect("recorded");
    assert_intact(&trail);
    let again = log.prune(&Retention::days(4).archive(&archive)).expect("pruned");
    assert_eq!(again.files, files[2..3]);
    assert_intact(&trail);
    log.close().expect("closes");
    assert_intact(&trail);

    // Files come back from the archive, the newest first.
    for name in [&files[2], &files[1], &files[0]] {
        fs::rename(archive.join(name), trail.path(name)).expect("moved");
        let values = Path::new("audit.private").join(name);
        fs::rename(archive.join(&values), trail.directory().join(&values)).expect("moved");
        assert_intact(&trail);
    }
    assert_eq!(first_seq(&trail), 0);
    let verification = verify(&trail);
    let withheld = verification.erasable().expect("values");
    assert_eq!((withheld.values, withheld.at_hand, withheld.erased, withheld.missing), (30, 28, 2, 0));
    assert!(!verification.notices().iter().any(|notice| matches!(notice, Notice::Pruned { .. })));
    assert_eq!(prune_records(&trail).len(), 2);

    // The files are pruned again. Their record exists, so no second one is written.
    let log = signing(&trail);
    let third = log.prune(&Retention::days(4)).expect("pruned");
    assert_eq!(third.files, files[..3]);
    assert_eq!(third.recorded_at, again.recorded_at);
    log.close().expect("closes");
    assert_intact(&trail);
    assert_eq!(prune_records(&trail).len(), 2);
    assert!(!trail.path("audit.private").join(&files[0]).exists(), "private values move with their file");
}

#[test]
fn prune_without_old_files_records_nothing() {
    let (trail, _) = six_days();
    let log = signing(&trail);
    let before = log.counters().bytes;

    let pruning = log.prune(&Retention::days(30)).expect("nothing to do");

    assert!(pruning.files.is_empty() && pruning.recorded_at.is_none());
    assert_eq!(log.counters().bytes, before);
    assert!(prune_records(&trail).is_empty());
}

#[test]
fn wrong_clock_prunes_no_file_early() {
    let (trail, _) = six_days();
    // The clock is years ahead of the last entry, which is of the seventh day.
    let log = signing(&trail);
    trail.advance_clock(3_000 * DAY);

    let pruning = log.prune(&Retention::days(365)).expect("nothing to do");

    assert!(pruning.files.is_empty(), "{pruning}");
}

#[test]
fn longest_stated_retention_stays_in_force() {
    let trail = TestTrail::new();
    let days = |days| {
        let checkpoints = Checkpoints::new(key(&trail));
        trail.builder().checkpoints(checkpoints).min_retention_days(days).open().expect("opens")
    };
    days(0).close().expect("closes");
    days(4).close().expect("closes");
    let log = days(0);
    record_days(&trail, &log);

    let refused = log.prune(&Retention::days(3)).expect_err("four days are stated").to_string();

    assert!(refused.contains("keep entries for 4 days, and the retention is 3 days"), "{refused}");
    assert_eq!(trail.jsonl_names().len(), 7);
    assert_eq!(log.prune(&Retention::days(4)).expect("pruned").files.len(), 2);
    log.close().expect("closes");
    trail.advance_clock(DAY);
    // The entry that stated four days is pruned, and the record of the prune repeats its statement.
    let log = days(0);
    log.prune(&Retention::days(3)).expect_err("four days are stated");
    log.close().expect("closes");
    assert_intact(&trail);
}

#[test]
fn log_without_checkpoints_prunes_nothing() {
    let (trail, _) = six_days();
    let files = trail.jsonl_names();
    let checkpoints = trail.path("audit.checkpoints");
    let good = fs::read_to_string(&checkpoints).expect("text");
    let signature = good.trim_end().rsplit(' ').next().expect("a signature");
    for stored in [good.clone(), good.replace(signature, &"A".repeat(signature.len())), String::new()] {
        fs::write(&checkpoints, stored).expect("written");
        let log = trail.open();

        let refused = log.prune(&Retention::days(4)).expect_err("the log does not sign").to_string();

        assert!(refused.contains("use a log that signs checkpoints"), "{refused}");
        log.close().expect("closes");
        assert!(files.iter().all(|name| trail.path(name).exists()));
        assert!(prune_records(&trail).is_empty());
    }
}

#[test]
fn trail_that_contradicts_its_checkpoint_is_not_pruned() {
    let (trail, _) = six_days();
    let files = trail.jsonl_names();
    let checkpoints = trail.path("audit.checkpoints");
    let good = fs::read_to_string(&checkpoints).expect("text");
    let signature = good.trim_end().rsplit(' ').next().expect("a signature");
    fs::write(&checkpoints, good.replace(signature, &"A".repeat(signature.len()))).expect("written");
    let log = signing(&trail);

    let refused = log.prune(&Retention::days(4)).expect_err("the signature is invalid").to_string();

    assert!(refused.contains("is no checkpoint") || refused.contains("not signed by"), "{refused}");
    log.close().expect_err("the last checkpoint is refused too");
    assert!(files.iter().all(|name| trail.path(name).exists()));
    assert!(prune_records(&trail).is_empty());
}

#[test]
fn forged_prune_record_is_not_signed() {
    let trail = TestTrail::new();
    trail.set_clock(NOON - 100 * DAY);
    let log = trail.builder().min_retention_days(4).open().expect("opens");
    record_days(&trail, &log);
    log.close().expect("closes");
    kling_audit::checkpoint(trail.directory(), &key(&trail)).expect("signed");
    let (good, files) = details_of_a_prune(&trail);
    let with = |keep_days: u32| good.replace("\"keep_days\": 4", &format!("\"keep_days\": {keep_days}"));
    let details: Value = serde_json::from_str(&good).expect("JSON");
    let through = details["through_hash"].as_str().expect("a hash").to_owned();
    let before = trail.root().join("before");
    copy_directory(&trail.directory(), &before);

    for (details, gone, reason) in [
        (good.clone(), &files[..], "were removed before a checkpoint covered it"),
        (with(3), &[][..], "it keeps entries for fewer than the 4 days that the trail states"),
        (with(300), &[][..], "are younger than 300 days"),
        (good.replace(&through, &"0".repeat(64)), &[][..], "is not there"),
    ] {
        fs::remove_dir_all(trail.directory()).expect("removed");
        copy_directory(&before, &trail.directory());
        forge(&trail, "audit_pruned", &details);
        for name in gone {
            fs::remove_file(trail.path(name)).expect("removed");
        }

        let refused =
            kling_audit::checkpoint(trail.directory(), &key(&trail)).expect_err("forged").to_string();

        assert!(refused.contains(reason), "{details}: {refused}");
        let log = signing(&trail);
        let refused = log.checkpoint().expect_err("forged").to_string();
        assert!(refused.contains(reason), "{details}: {refused}");
        log.close().expect_err("the last checkpoint is refused too");
    }
}

#[test]
fn interrupted_prune_is_harmless_and_completed_by_the_next() {
    let (trail, _) = six_days();
    let before = trail.root().join("before");
    copy_directory(&trail.directory(), &before);
    let log = signing(&trail);
    let pruning = log.prune(&Retention::days(3)).expect("pruned");
    log.close().expect("closes");
    assert_eq!(pruning.files.len(), 3);
    // A prune removes the oldest file first. An interrupted one leaves the newest of its files.
    for name in pruning.files.iter().rev() {
        fs::copy(before.join(name), trail.path(name)).expect("copied");
        let values = Path::new("audit.private").join(name);
        fs::copy(before.join(&values), trail.directory().join(&values)).expect("copied");
        assert_intact(&trail);
    }
    fs::remove_file(trail.path(&pruning.files[0])).expect("removed");

    let log = signing(&trail);
    let again = log.prune(&Retention::days(3)).expect("pruned");
    log.close().expect("closes");

    assert_eq!(again.files, pruning.files[1..]);
    assert_eq!(again.recorded_at, pruning.recorded_at, "recorded once");
    assert_intact(&trail);
    assert_eq!(prune_records(&trail).len(), 1);
}

#[test]
fn trail_directory_is_refused_as_archive() {
    let (trail, _) = six_days();
    let files = trail.jsonl_names();
    let link = trail.root().join("link");
    std::os::unix::fs::symlink(trail.directory(), &link).expect("linked");
    let log = signing(&trail);
    for archive in [trail.directory().to_path_buf(), trail.directory().join("."), link] {
        let refused = log.prune(&Retention::days(4).archive(&archive)).expect_err("the same directory");
        assert!(refused.to_string().contains("own directory"), "{refused}");
    }
    log.close().expect("closes");
    assert!(files.iter().all(|file| trail.path(file).exists()));
    assert_intact(&trail);
}

#[test]
fn interrupted_copy_to_the_archive_is_continued() {
    let (trail, _) = six_days();
    let archive = trail.root().join("archive");
    let files = trail.jsonl_names();
    fs::create_dir(&archive).expect("created");
    fs::copy(trail.path(&files[0]), archive.join(&files[0])).expect("copied");
    fs::write(archive.join(&files[1]), "another file").expect("written");
    let log = signing(&trail);

    let refused = log.prune(&Retention::days(4).archive(&archive)).expect_err("in the way").to_string();

    assert!(refused.contains("exists and is another file"), "{refused}");
    assert_intact(&trail);
    fs::remove_file(archive.join(&files[1])).expect("removed");
    log.prune(&Retention::days(4).archive(&archive)).expect("pruned");
    assert_intact(&trail);
    assert_eq!(prune_records(&trail).len(), 1);
    let mut archived = names(&archive);
    archived.retain(|name| name.ends_with(".jsonl"));
    assert_eq!(archived, files[..2]);
}

#[test]
fn file_removed_without_a_prune_record_is_a_finding() {
    let (trail, _) = six_days();
    let files = trail.jsonl_names();
    fs::remove_file(trail.path(&files[0])).expect("removed");
    let verification = verify(&trail);
    assert_eq!(verification.verdict(), Verdict::Tampered);
    assert_eq!(trail.finding_kinds(), ["missing_file"]);
    fs::remove_file(trail.path(&files[1])).expect("removed");
    assert_eq!(trail.finding_kinds(), ["missing_file"]);
    let refused = trail.builder().open().expect_err("refused").to_string();
    assert!(refused.contains("no entry records that the entries before it were pruned"), "{refused}");

    // A prune record does not excuse a file that it does not name,
    let (trail, _) = six_days();
    let log = signing(&trail);
    log.prune(&Retention::days(4)).expect("pruned");
    log.close().expect("closes");
    fs::remove_file(trail.path(&files[2])).expect("removed");
    assert_eq!(trail.finding_kinds(), ["missing_file"]);
    // nor one in the middle of the trail.
    let (trail, _) = six_days();
    let log = signing(&trail);
    log.prune(&Retention::days(4)).expect("pruned");
    log.close().expect("closes");
    fs::remove_file(trail.path(&files[3])).expect("removed");
    assert_eq!(trail.finding_kinds(), ["missing_file"]);
}

/// Appends an entry with a valid hash to the newest file, as any program with write access can.
fn forge(trail: &TestTrail, event_type: &str, details: &str) {
    let name = trail.jsonl_names().pop().expect("files");
    trail.edit(&name, |bytes| {
        let text = String::from_utf8(std::mem::take(bytes)).expect("text");
        let forged = own_entry(text.lines().last().expect("a line"), event_type, details);
        *bytes = format!("{text}{forged}\n").into_bytes();
    });
}

/// Prunes a copy of the trail. Returns the details of its prune record, and the names of the removed files.
fn details_of_a_prune(trail: &TestTrail) -> (String, Vec<String>) {
    let copied = trail.root().join("copied");
    copy_directory(&trail.directory(), &copied);
    let clock = verify(trail).last().expect("an entry").timestamp;
    let key = trail.root().join("copied-key");
    fs::copy(trail.root().join("key"), &key).expect("copied");
    let checkpoints = Checkpoints::new(SigningKey::open(key).expect("a key"));
    let builder = AuditLog::builder(&copied).clock(move || clock).checkpoints(checkpoints);
    let log = builder.open().expect("opens");
    let pruning = log.prune(&Retention::days(4)).expect("pruned");
    log.close().expect("closes");
    let details = details_of(&lines(&copied), "audit_pruned").to_owned();
    (details, pruning.files)
}

#[test]
fn forged_prune_record_does_not_make_a_trail_intact() {
    let (trail, _) = six_days();
    let (details, files) = details_of_a_prune(&trail);
    let good: Value = serde_json::from_str(&details).expect("JSON");
    let node = good["frontier"][0].as_str().expect("a hash");
    let other = format!("{}{}", if node.starts_with('A') { 'B' } else { 'A' }, &node[1..]);
    let through = good["through_hash"].as_str().expect("a hash");
    let seq = good["through_seq"].as_u64().expect("a number");
    let before = trail.root().join("before");
    copy_directory(&trail.directory(), &before);

    for (details, verdict, finding) in [
        // A true record without a signature.
        (details.clone(), Verdict::Unverifiable, None),
        // The frontier of another tree, which the checkpoints over the remaining entries contradict.
        (details.replace(node, &node.chars().rev().collect::<String>()), Verdict::Tampered, None),
        (details.replace(node, &other), Verdict::Tampered, Some("checkpoint_mismatch")),
        (details.replace(through, &"0".repeat(64)), Verdict::Tampered, Some("missing_file")),
        // A record may name more entries than are gone, but not fewer.
        (
            details.replace(&format!("\"through_seq\": {seq}"), &format!("\"through_seq\": {}", seq - 1)),
            Verdict::Tampered,
            Some("missing_file"),
        ),
        ("{}".to_owned(), Verdict::Tampered, Some("missing_file")),
    ] {
        fs::remove_dir_all(trail.directory()).expect("removed");
        copy_directory(&before, &trail.directory());
        forge(&trail, "audit_pruned", &details);
        for name in &files {
            fs::remove_file(trail.path(name)).expect("removed");
        }

        let verification = verify(&trail);

        assert_eq!(verification.verdict(), verdict, "{details}\n{verification}");
        if let Some(finding) = finding {
            assert_eq!(verification.findings()[0].kind.name(), finding, "{verification}");
        }
        assert_ne!(trail.verify().verdict(), Verdict::Intact);
    }
}

#[test]
fn damaged_file_is_not_pruned() {
    let (trail, _) = six_days();
    let files = trail.jsonl_names();
    let log = signing(&trail);
    trail.edit(&files[0], |bytes| {
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
    });

    let refused = log.prune(&Retention::days(4)).expect_err("a prune would hide the damage");

    assert!(matches!(refused, Error::NotIntact(_)), "{refused}");
    assert!(trail.path(&files[0]).exists());
    assert!(prune_records(&trail).is_empty());
}

#[test]
fn evidence_about_pruned_entries_is_unverifiable() {
    let trail = TestTrail::new();
    let log = signing(&trail);
    let early = log.checkpoint().expect("signed");
    let kept = trail.root().join("early");
    fs::write(&kept, early.to_string()).expect("written");
    let receipts = record_days(&trail, &log);
    let late = trail.root().join("late");
    fs::write(&late, log.checkpoint().expect("signed").to_string()).expect("written");
    let verifier = || Verifier::new(trail.directory()).key(key(&trail).verifying_key().clone());
    let verdict = |verifier: Verifier| verifier.run().expect("readable").verdict();
    assert_eq!(verdict(verifier().checkpoint(&kept).receipt(receipts[0])), Verdict::Intact);

    log.prune(&Retention::days(4)).expect("pruned");
    log.close().expect("closes");

    assert_eq!(verdict(verifier().checkpoint(&late).receipt(receipts[29])), Verdict::Intact);
    let verification = verifier().checkpoint(&kept).run().expect("readable");
    assert_eq!(verification.verdict(), Verdict::Unverifiable, "{verification}");
    assert!(verification.basis().contains("some were pruned"), "{verification}");
    let verification = verifier().receipt(receipts[0]).run().expect("readable");
    assert_eq!(verification.verdict(), Verdict::Unverifiable, "{verification}");
    assert!(verification.basis().contains("a receipt for seq"), "{verification}");
    let forged = Receipt::clone(&receipts[29]);
    let verification = verifier().receipt(receipts[28]).receipt(forged).run().expect("readable");
    assert_eq!(verification.verdict(), Verdict::Intact);
}

#[test]
fn report_over_pruned_entries_needs_the_key() {
    let (trail, _) = six_days();
    let now = verify(&trail).last().expect("an entry").timestamp;
    let reporter = |days| Reporter::new(trail.directory()).days(days).now(now);
    let with_key = |reporter: Reporter| reporter.key(key(&trail).verifying_key().clone());
    let whole = reporter(100).run().expect("readable");
    let part = reporter(3).run().expect("readable");
    let keyed = with_key(reporter(3)).run().expect("readable");
    assert_eq!(
        keyed.verification.first().and_then(|first| first.seq),
        Some(0),
        "the whole trail is verified"
    );
    assert!(keyed.verification.signed_through().is_some());
    assert_eq!(
        (keyed.total_events, keyed.days.len()),
        (part.total_events, part.days.len()),
        "the same entries are counted"
    );
    assert!(part.total_events < whole.total_events);

    let log = signing(&trail);
    log.prune(&Retention::days(4)).expect("pruned");
    log.close().expect("closes");

    assert_eq!(
        reporter(3).run().expect("readable").verdict,
        Verdict::Intact,
        "all entries of the period exist"
    );
    assert_eq!(reporter(100).run().expect("readable").verdict, Verdict::Unverifiable);
    let verified = with_key(reporter(100)).run().expect("readable");
    assert_eq!(verified.verdict, Verdict::Intact);
    assert!(verified.total_events < whole.total_events);
}

#[test]
fn pruned_trail_opens_with_a_missing_or_wrong_note() {
    let (trail, receipts) = six_days();
    let log = signing(&trail);
    let pruning = log.prune(&Retention::days(4)).expect("pruned");
    log.close().expect("closes");
    let note = trail.path("audit.pruned");
    let recorded_at = pruning.recorded_at.expect("a record");
    assert_eq!(fs::read_to_string(&note).expect("a note"), format!("{recorded_at}\n"));

    for odd in [None, Some("0"), Some("x"), Some("99999"), Some(""), Some("12")] {
        match odd {
            Some(text) => fs::write(&note, text).expect("written"),
            None => fs::remove_file(&note).expect("removed"),
        }

        let log = signing(&trail);

        assert_eq!(log.trail_id(), receipts[0].trail_id, "{odd:?}");
        log.close().expect("closes");
        assert_intact(&trail);
    }
}

#[test]
fn remaining_entries_can_be_proven_after_a_prune() {
    let (trail, receipts) = six_days();
    let earlier = kling_audit::checkpoint(trail.directory(), &key(&trail)).expect("signed");
    let log = signing(&trail);
    let pruning = log.prune(&Retention::days(4)).expect("pruned");
    log.append(Draft::new("later")).expect("recorded");
    log.close().expect("closes");
    let first = pruning.through.expect("pruned") + 1;
    let key = key(&trail);
    let last = verify(&trail).last().and_then(|last| last.seq).expect("an entry");
    assert!(first.count_ones() > 1, "{first} entries make more than one subtree");

    for seq in first..=last {
        let proof = kling_audit::checkpoint::prove(trail.directory(), seq).expect("proven");
        let entry = proof.check(key.verifying_key()).expect("holds");
        assert_eq!(entry.seq, seq);
    }
    let grown = kling_audit::checkpoint::prove_consistency(trail.directory(), &earlier).expect("proven");
    grown.check(key.verifying_key()).expect("holds");
    let gone =
        kling_audit::checkpoint::prove(trail.directory(), receipts[0].seq).expect_err("pruned").to_string();
    assert!(gone.contains(&format!("entries before seq {first} were pruned")), "{gone}");
}

#[test]
fn torn_bytes_are_pruned_with_their_file() {
    let (trail, _) = six_days();
    let files = trail.jsonl_names();
    let torn = format!("{}.123.torn", files[0]);
    fs::write(trail.path(&torn), "{\"actor\": \"al").expect("written");
    fs::write(trail.path(&format!("{}.9.torn", files[4])), "{").expect("written");

    let log = signing(&trail);
    log.prune(&Retention::days(4)).expect("pruned");
    log.close().expect("closes");

    let left: Vec<_> = trail.names().into_iter().filter(|name| name.ends_with(".torn")).collect();
    assert_eq!(left, [format!("{}.9.torn", files[4])]);
}

#[cfg(feature = "cli")]
#[test]
fn command_prunes_signs_and_prints_the_files() {
    use crate::support::command;

    let trail = TestTrail::new();
    // The command uses the clock of the machine.
    trail.set_clock(NOON - 400 * DAY);
    let long_ago = trail.builder().open().expect("opens");
    record_days(&trail, &long_ago);
    long_ago.close().expect("closes");
    key(&trail);
    let files = trail.jsonl_names();
    let archive = trail.root().join("archive");
    let prune = |arguments: &[&str]| {
        let mut command = command::command(&["prune"]);
        command.arg(trail.directory()).args(arguments).env("USER", "ops").output().expect("runs")
    };
    assert_eq!(prune(&[]).status.code(), Some(2), "--keep-days is required");
    let nowhere = command::run(&["prune", "/nowhere/at/all", "--keep-days", "1"]);
    assert_eq!(nowhere.status.code(), Some(2));

    let key_file = trail.root().join("key");
    let arguments = ["--keep-days", "4", "--key", key_file.to_str().expect("Unicode"), "--archive"];
    let output = prune(&[&arguments[..], &[archive.to_str().expect("Unicode")]].concat());

    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(printed.starts_with(&files[0]), "{printed}");
    assert!(printed.contains("entries through seq"), "{printed}");
    assert_intact(&trail);
    assert_eq!(prune_records(&trail)[0]["actor"], "ops");
    assert!(archive.join(&files[0]).exists());
}
