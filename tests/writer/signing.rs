//! Checkpoints that a running log signs: when it signs, what it refuses to sign, and which sinks receive them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use kling_audit::{
    AuditLog, AuditLogBuilder, Draft, Durability, Error, HashLength, TrailId,
    checkpoint::{CheckpointSink, Checkpoints, SignedCheckpoint, Signer, SigningKey, VerifyingKey},
    verify::{FindingKind, Verdict, Verification, Verifier},
};
use serde_json::Value;

use crate::support::{
    files::{copy_directory, entries, jsonl_files},
    limits::wait_until,
    trail::TestTrail,
};

/// A trail, and a key beside it that signs its checkpoints.
struct SignedTrail {
    trail: TestTrail,
}

impl SignedTrail {
    fn new() -> Self {
        let trail = TestTrail::new();
        SigningKey::generate(trail.root().join("key"), "example.com/audit").expect("a key");
        Self { trail }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.trail.root().join(name)
    }

    fn key(&self) -> SigningKey {
        SigningKey::open(self.path("key")).expect("a key")
    }

    /// Checkpoints on request and at the end only.
    fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.key()).every_entries(1_000_000)
    }

    fn builder(&self, checkpoints: Checkpoints) -> AuditLogBuilder {
        self.trail.builder().checkpoints(checkpoints)
    }

    fn open(&self) -> AuditLog {
        self.builder(self.checkpoints()).open().expect("opens")
    }

    fn verify(&self) -> Verification {
        let key = self.key().verifying_key().clone();
        Verifier::new(self.path("audit")).key(key).run().expect("readable")
    }

    /// Fails unless a checkpoint covers the whole trail.
    fn assert_signed(&self) {
        let verification = self.verify();
        assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
        assert_eq!(
            verification.signed_through(),
            verification.last().and_then(|last| last.seq),
            "{verification}"
        );
    }

    fn errors(&self) -> Vec<String> {
        self.trail.errors()
    }

    fn entries(&self) -> Vec<Value> {
        entries(&self.path("audit"))
    }

    fn notes(&self) -> Vec<Value> {
        self.entries().into_iter().filter(|entry| entry["event_type"] == "audit_checkpoint").collect()
    }

    fn stored(&self) -> Vec<SignedCheckpoint> {
        checkpoints(&self.path("audit/audit.checkpoints"))
    }
}

fn checkpoints(path: &Path) -> Vec<SignedCheckpoint> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let parts: Vec<_> = text.split("\n\n").collect();
    parts
        .chunks(2)
        .filter(|part| part.len() == 2)
        .map(|part| format!("{}\n\n{}\n", part[0], part[1].trim_end()).parse().expect("a checkpoint"))
        .collect()
}

fn append(log: &AuditLog, count: u64) {
    for number in 0..count {
        log.append(Draft::new("a").detail("number", number)).expect("recorded");
    }
}

#[test]
fn last_checkpoint_covers_the_end_without_an_entry() {
    let signed = SignedTrail::new();
    let log = signed.open();
    append(&log, 5);

    log.close().expect("closes");

    signed.assert_signed();
    assert_eq!(signed.entries().last().expect("entries")["event_type"], "audit_stopped");
    assert_eq!(signed.stored().len(), 1);
    assert!(signed.notes().is_empty());
    assert!(signed.errors().is_empty(), "{:?}", signed.errors());
}

#[test]
fn requested_checkpoint_is_recorded_in_an_entry() {
    let signed = SignedTrail::new();
    let log = signed.open();
    append(&log, 5);

    let checkpoint = log.checkpoint().expect("signed");

    assert_eq!(checkpoint.size(), 6);
    let notes = signed.notes();
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0]["seq"], 6);
    let details = &notes[0]["details"];
    assert_eq!(details["size"], 6);
    assert_eq!(details["root"], checkpoint.root().to_string());
    assert_eq!(details["frontier"].as_array().expect("hashes").len(), 2);
    let key = signed.key().verifying_key().to_string();
    assert!(key.starts_with(details["key"].as_str().expect("a name")), "{key}");
    let verification = signed.verify();
    assert_eq!((verification.verdict(), verification.signed_through()), (Verdict::Intact, Some(5)));
    log.close().expect("closes");
    signed.assert_signed();
}

#[test]
fn checkpoint_of_a_log_without_key_is_an_error() {
    let signed = SignedTrail::new();
    let log = signed.trail.open();

    let error = log.checkpoint().expect_err("the log has no key").to_string();

    assert!(error.contains("AuditLogBuilder::checkpoints"), "{error}");
    log.close().expect("closes");
}

#[test]
fn checkpoint_is_signed_after_a_number_of_entries() {
    for durability in [Durability::Buffered, Durability::Written, Durability::Synced] {
        let signed = SignedTrail::new();
        let checkpoints = signed.checkpoints().every_entries(20);
        let log = signed.builder(checkpoints).durability(durability).open().expect("opens");

        for round in 1..=3 {
            append(&log, 20);
            wait_until("signed", || signed.notes().len() >= round);
        }
        log.close().expect("closes");

        signed.assert_signed();
        assert_eq!(signed.stored().len(), signed.notes().len() + 1);
        assert!(signed.errors().is_empty(), "{:?}", signed.errors());
    }
}

#[test]
fn entry_about_a_checkpoint_causes_no_other() {
    let signed = SignedTrail::new();
    let log = signed.builder(signed.checkpoints().every_entries(1)).open().expect("opens");
    append(&log, 1);
    wait_until("signed", || signed.notes().len() == 1);

    // Enough time for several checkpoints, if the entry about one caused the next.
    thread::sleep(Duration::from_millis(100));

    assert_eq!(signed.notes().len(), 1);
    log.close().expect("closes");
}

#[test]
fn log_without_new_entries_signs_on_schedule() {
    let signed = SignedTrail::new();
    let log = signed.builder(signed.checkpoints().every(Duration::from_millis(20))).open().expect("opens");

    wait_until("signed", || signed.stored().len() >= 4);

    log.close().expect("closes");
    signed.assert_signed();
}

#[test]
fn new_file_causes_a_checkpoint() {
    let signed = SignedTrail::new();
    let log = signed.builder(signed.checkpoints()).max_file_size(2_000).open().expect("opens");
    append(&log, 20);

    wait_until("signed", || !signed.stored().is_empty());

    log.close().expect("closes");
    signed.assert_signed();
}

#[test]
fn reopened_log_does_not_read_entries_before_its_checkpoint() {
    let signed = SignedTrail::new();
    for _ in 0..4 {
        let log = signed.open();
        append(&log, 7);
        log.checkpoint().expect("signed");
        append(&log, 3);
        log.close().expect("closes");
        signed.assert_signed();
    }
    let file = jsonl_files(&signed.path("audit")).remove(0);
    let text = fs::read_to_string(&file).expect("text");
    fs::write(&file, text.replacen("\"number\": 3", "\"number\": 4", 1)).expect("written");

    let log = signed.open();
    log.checkpoint().expect("signed, because opening does not read the changed entry");
    log.close().expect("closes");

    let verification = signed.verify();
    assert_eq!(verification.verdict(), Verdict::Tampered, "{verification}");
    assert_eq!(verification.findings().len(), 1, "{verification}");
    assert_eq!(verification.findings()[0].kind, FindingKind::HashMismatch);
}

#[test]
fn unsigned_trail_can_be_signed_later() {
    let signed = SignedTrail::new();
    let log = signed.trail.open();
    append(&log, 30);
    log.close().expect("closes");

    let log = signed.open();
    append(&log, 1);
    log.close().expect("closes");

    signed.assert_signed();
}

#[test]
fn signed_trail_with_short_hashes_can_be_reopened() {
    let signed = SignedTrail::new();
    let log = signed.builder(signed.checkpoints()).hash_length(HashLength::Short).open().expect("opens");
    append(&log, 3);
    log.checkpoint().expect("signed");
    log.close().expect("closes");
    signed.assert_signed();

    signed.open().close().expect("closes");

    signed.assert_signed();
}

#[test]
fn concurrent_appends_and_checkpoints_stay_signed() {
    for durability in [Durability::Buffered, Durability::Written] {
        let signed = SignedTrail::new();
        let checkpoints = signed.checkpoints().every_entries(30);
        let log =
            signed.builder(checkpoints).durability(durability).max_file_size(20_000).open().expect("opens");

        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| append(&log, 200));
            }
            scope.spawn(|| (0..10).for_each(|_| drop(log.checkpoint().expect("signed"))));
        });
        log.close().expect("closes");

        signed.assert_signed();
        assert_eq!(signed.stored().len(), signed.notes().len() + 1);
    }
}

#[test]
fn every_sink_receives_every_checkpoint() {
    let signed = SignedTrail::new();
    let seen: Arc<Mutex<Vec<SignedCheckpoint>>> = Arc::default();
    let by_callback = Arc::clone(&seen);
    let mut all = signed.checkpoints().sink(CheckpointSink::file(signed.path("file"))).sink(
        CheckpointSink::callback(move |checkpoint| {
            by_callback.lock().map_err(|_| "poisoned")?.push(checkpoint.clone());
            Ok(())
        }),
    );
    if cfg!(unix) {
        let script = format!("cat >> '{0}'; echo >> '{0}'", signed.path("command").display());
        all = all.sink(CheckpointSink::command("sh", ["-c", &script]));
    }
    let log = signed.builder(all).open().expect("opens");
    append(&log, 2);
    log.checkpoint().expect("signed");
    log.close().expect("closes");

    let stored = signed.stored();
    assert_eq!(stored.len(), 2);
    assert_eq!(checkpoints(&signed.path("file")), stored);
    assert_eq!(*seen.lock().expect("no panic"), stored);
    if cfg!(unix) {
        assert_eq!(checkpoints(&signed.path("command")), stored);
    }
    let verifier = Verifier::new(signed.path("audit")).key(signed.key().verifying_key().clone());
    let verification = verifier.checkpoint(signed.path("file")).run().expect("readable");
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
}

#[test]
fn truncated_checkpoint_file_is_continued() {
    let signed = SignedTrail::new();
    let file = signed.path("file");
    let run = || {
        let sink = CheckpointSink::file(&file);
        let log = signed.builder(signed.checkpoints().sink(sink)).open().expect("opens");
        append(&log, 2);
        log.close().expect("closes");
    };
    run();
    run();
    let two = fs::read(&file).expect("readable");
    for cut in [1, 10, 30, 70, two.len() / 2 - 3, two.len() / 2 + 10, two.len() - 1] {
        fs::write(&file, &two[..cut]).expect("written");

        run();

        let verifier = Verifier::new(signed.path("audit")).key(signed.key().verifying_key().clone());
        let verification = verifier.checkpoint(&file).run().expect("readable");
        assert_eq!(verification.verdict(), Verdict::Intact, "cut at {cut}: {verification}");
        assert_eq!(checkpoints(&file).last(), signed.stored().last());
    }
}

#[test]
fn failing_sink_is_reported_and_changes_nothing_else() {
    let signed = SignedTrail::new();
    let all = signed
        .checkpoints()
        .sink(CheckpointSink::file(signed.path("no/such/directory")))
        .sink(CheckpointSink::command(signed.path("no-such-program"), ["x"]))
        .sink(CheckpointSink::command("false", [""; 0]))
        .sink(CheckpointSink::callback(|_| Err("not today".into())));
    let log = signed.builder(all).open().expect("opens");

    log.checkpoint().expect("signed");

    let errors = signed.errors();
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(errors[0].starts_with("append a checkpoint to"), "{errors:?}");
    assert!(errors[3].ends_with("not today"), "{errors:?}");
    log.close().expect("closes");
    signed.assert_signed();
}

#[test]
fn sink_that_calls_the_log_gets_an_error_without_waiting() {
    let signed = SignedTrail::new();
    let log: Arc<Mutex<Option<AuditLog>>> = Arc::default();
    let inside = Arc::clone(&log);
    let answers: Arc<Mutex<Vec<String>>> = Arc::default();
    let from_sink = Arc::clone(&answers);
    let sink = CheckpointSink::callback(move |_| {
        let log = inside.lock().map_err(|_| "poisoned")?.take();
        if let Some(log) = log {
            let mut answers = from_sink.lock().map_err(|_| "poisoned")?;
            answers.extend(log.checkpoint().err().map(|error| error.to_string()));
            answers.extend(log.close().err().map(|error| error.to_string()));
        }
        Ok(())
    });
    let own = signed.builder(signed.checkpoints().sink(sink)).open().expect("opens");
    *log.lock().expect("no panic") = Some(own.clone());

    own.checkpoint().expect("signed");

    let answers = answers.lock().expect("no panic").clone();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.contains("a sink or a signer requested it")), "{answers:?}");
    own.close().expect("closed by the sink before");
    let verification = signed.verify();
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
}

/// A signer that fails, or panics, while `fails` is set.
struct FailingSigner {
    key: SigningKey,
    fails: Arc<AtomicBool>,
    panics: bool,
}

impl Signer for FailingSigner {
    fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>> {
        match self.fails.load(Ordering::Relaxed) {
            true if self.panics => panic!("out of order"),
            true => Err("out of order".into()),
            false => self.key.sign(message),
        }
    }
}

#[test]
fn failing_signer_only_delays_the_signature() {
    for panics in [false, true] {
        let signed = SignedTrail::new();
        let fails = Arc::new(AtomicBool::new(true));
        let signer = FailingSigner { key: signed.key(), fails: Arc::clone(&fails), panics };
        let log = signed.builder(Checkpoints::new(signer)).open().expect("opens");
        append(&log, 3);

        let error = log.checkpoint().expect_err("the signer fails").to_string();
        assert!(error.contains("out of order") || panics && error.contains("panicked"), "{error}");
        append(&log, 3);
        assert!(signed.stored().is_empty());
        fails.store(false, Ordering::Relaxed);

        assert_eq!(log.checkpoint().expect("signed").size(), 7);
        log.close().expect("closes");
        signed.assert_signed();
    }
}

#[test]
fn signature_of_another_key_is_refused() {
    struct Wrong(SigningKey, SigningKey);
    impl Signer for Wrong {
        fn verifying_key(&self) -> &VerifyingKey {
            self.0.verifying_key()
        }
        fn sign(&self, message: &[u8]) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>> {
            self.1.sign(message)
        }
    }
    let signed = SignedTrail::new();
    let other = SigningKey::generate(signed.path("other"), "example.com/audit").expect("a key");
    let log = signed.builder(Checkpoints::new(Wrong(signed.key(), other))).open().expect("opens");

    let error = log.checkpoint().expect_err("refused").to_string();

    assert!(error.contains("not one of the key"), "{error}");
    log.close().expect_err("the last one is refused too");
    assert!(signed.stored().is_empty());
}

#[test]
fn key_of_another_trail_signs_nothing_but_log_continues() {
    let signed = SignedTrail::new();
    signed.key().claim("0".repeat(32).parse::<TrailId>().expect("an id")).expect("taken");
    let log = signed.open();
    append(&log, 3);

    let error = log.checkpoint().expect_err("refused").to_string();

    assert!(error.contains("one key, one trail"), "{error}");
    let error = log.close().expect_err("the last one is refused too").to_string();
    assert!(error.contains("one key, one trail"), "{error}");
    assert!(signed.stored().is_empty());
    assert!(
        signed.errors().iter().all(|error| error.contains("one key, one trail")),
        "{:?}",
        signed.errors()
    );
    kling_audit::verify(signed.path("audit")).expect("intact");
}

#[test]
fn trail_that_contradicts_its_checkpoint_is_not_signed() {
    type Disturb = fn(&Path);
    fn live(audit: &Path) -> PathBuf {
        jsonl_files(audit).remove(0)
    }
    let ways: [(&str, Disturb, &str); 4] = [
        (
            "an entry was changed",
            |audit| {
                let text = fs::read_to_string(live(audit)).expect("text");
                fs::write(live(audit), text.replacen("\"number\": 8", "\"number\": 9", 1)).expect("written");
            },
            "not an entry that verifies",
        ),
        (
            "the checkpoints were deleted",
            |audit| fs::remove_file(audit.join("audit.checkpoints")).expect("removed"),
            "must be put back",
        ),
        (
            "the last checkpoint was replaced by one of another key",
            |audit| {
                let key = SigningKey::generate(audit.join("../forger"), "example.com/audit").expect("a key");
                let path = audit.join("audit.checkpoints");
                let good = fs::read_to_string(&path).expect("text");
                let copy = audit.join("../copy");
                AuditLog::builder(&copy)
                    .checkpoints(Checkpoints::new(key))
                    .open()
                    .expect("opens")
                    .close()
                    .expect("closes");
                let forged = fs::read_to_string(copy.join("audit.checkpoints")).expect("text");
                fs::write(&path, format!("{good}\n{forged}")).expect("written");
            },
            "is not signed by",
        ),
        (
            "the file of checkpoints holds other text",
            |audit| {
                let path = audit.join("audit.checkpoints");
                let good = fs::read_to_string(&path).expect("text");
                fs::write(&path, format!("{good}\n\u{2014} junk\n")).expect("written");
            },
            "not a checkpoint",
        ),
    ];
    for (case, disturb, expected) in ways {
        let signed = SignedTrail::new();
        let log = signed.open();
        append(&log, 5);
        log.checkpoint().expect("signed");
        append(&log, 10);
        log.close().expect("closes");
        let before = signed.stored();

        disturb(&signed.path("audit"));
        let log = signed.open();
        append(&log, 1);
        let error = log.checkpoint().expect_err(case).to_string();

        assert!(error.contains(expected), "{case}: {error}");
        assert!(matches!(log.close(), Err(Error::Conflict { .. })), "{case}");
        let after = fs::read_to_string(signed.path("audit/audit.checkpoints")).unwrap_or_default();
        assert!(after.matches("example.com/audit\n").count() <= before.len() + 1, "{case}: {after}");
        let errors = signed.errors();
        assert!(
            !errors.is_empty() && errors.iter().all(|error| error.contains(expected)),
            "{case}: {errors:?}"
        );
    }
}

#[test]
fn log_that_was_not_closed_continues_signing() {
    let signed = SignedTrail::new();
    let log = signed.open();
    append(&log, 5);
    log.checkpoint().expect("signed");
    append(&log, 5);
    log.flush().expect("flushed");
    let copy = signed.path("copy");
    copy_directory(&signed.path("audit"), &copy);
    let remembered = fs::read(signed.path("key")).expect("readable");
    log.close().expect("closes");
    fs::remove_dir_all(signed.path("audit")).expect("removed");
    fs::rename(copy, signed.path("audit")).expect("renamed");
    fs::write(signed.path("key"), remembered).expect("written");
    // The process died while it was writing a checkpoint.
    let path = signed.path("audit/audit.checkpoints");
    let good = fs::read_to_string(&path).expect("text");
    fs::write(&path, format!("{good}\nexample.com/audit\n12\nAAAA")).expect("written");

    let log = signed.open();
    append(&log, 1);
    log.close().expect("closes");

    signed.assert_signed();
    assert_eq!(signed.stored().len(), 2);
}

#[cfg(unix)]
#[test]
fn read_only_key_file_can_sign() {
    use std::os::unix::fs::PermissionsExt as _;

    let signed = SignedTrail::new();
    signed.open().close().expect("closes");
    let secrets = signed.path("secrets");
    fs::create_dir(&secrets).expect("created");
    fs::copy(signed.path("key"), secrets.join("key")).expect("copied");
    let mode = |mode| fs::set_permissions(&secrets, fs::Permissions::from_mode(mode)).expect("set");
    mode(0o500);
    let unwritable = fs::write(secrets.join("x"), "").is_err();
    let before = fs::read(secrets.join("key")).expect("readable");

    let key = SigningKey::open(secrets.join("key")).expect("a key");
    let log = signed.builder(Checkpoints::new(key)).open().expect("opens");
    append(&log, 3);
    log.close().expect("closes");

    // Root may write to the file in spite of its mode.
    assert_eq!(fs::read(secrets.join("key")).expect("readable") == before, unwritable);
    mode(0o700);
    assert!(signed.errors().is_empty(), "{:?}", signed.errors());
    signed.assert_signed();
}

#[test]
fn adopted_trail_starts_with_new_checkpoints() {
    let signed = SignedTrail::new();
    signed.open().close().expect("closes");
    SigningKey::generate(signed.path("key2"), "example.com/audit-2").expect("a key");
    let key = SigningKey::open(signed.path("key2")).expect("a key");
    let public = key.verifying_key().clone();

    let log = signed.builder(Checkpoints::new(key)).adopt("alice", "a test").expect("adopted");
    log.close().expect("closes");

    let verification = Verifier::new(signed.path("audit")).key(public).run().expect("readable");
    assert_eq!(verification.verdict(), Verdict::Intact, "{verification}");
    assert_eq!(verification.signed_through(), Some(1), "{verification}");
}
