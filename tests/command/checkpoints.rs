//! Checkpoints from the command, and what the command says of them.

use std::{fs, path::PathBuf, process::Output};

use kling_audit::{
    AuditLog, Draft, HashLength,
    checkpoint::{EntryProof, SignedCheckpoint, VerifyingKey},
};

use crate::support::{
    command::{command, exit_status, status_and_text, stderr, stdout},
    files::jsonl_files,
};

struct Place {
    root: tempfile::TempDir,
    vkey: String,
}

impl Place {
    /// A key, and a closed trail with five entries of callers.
    fn new() -> Self {
        let place = Self { root: tempfile::tempdir().expect("a directory"), vkey: String::new() };
        let vkey = place.done(&["keygen", "--out", "KEY", "--origin", "example.com/audit"]);
        let place = Self { vkey: vkey.trim_end().to_owned(), ..place };
        place.append("a", 5);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn append(&self, event_type: &'static str, count: u64) {
        let log = AuditLog::open(self.path("DIR")).expect("opens");
        for number in 0..count {
            log.append(Draft::new(event_type).detail("number", number)).expect("recorded");
        }
        log.close().expect("closes");
    }

    /// Runs the command in the place; VKEY stands for the key.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut arguments = arguments.to_vec();
        arguments.iter_mut().filter(|argument| **argument == "VKEY").for_each(|key| *key = &self.vkey);
        command(&arguments).current_dir(&self.root).output().expect("runs")
    }

    /// Runs a command that has to succeed, and gives what it prints.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(exit_status(&output), Some(0), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    /// Runs a command, and gives how it ended and all that it said.
    fn said(&self, arguments: &[&str]) -> (Option<i32>, String) {
        status_and_text(self.run(arguments))
    }
}

#[test]
fn keygen_prints_the_verifying_key_and_stores_the_other() {
    let place = Place::new();

    let key: VerifyingKey = place.vkey.parse().expect("a key");

    assert_eq!(key.name(), "example.com/audit");
    let secret = fs::read_to_string(place.path("KEY")).expect("text");
    assert!(secret.starts_with("PRIVATE+KEY+example.com/audit+"));
    let (code, said) = place.said(&["keygen", "--out", "KEY", "--origin", "example.com/audit"]);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(fs::read_to_string(place.path("KEY")).expect("text"), secret);
    let (code, said) = place.said(&["keygen", "--out", "OTHER", "--origin", "two words"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(!place.path("OTHER").exists());
}

#[test]
fn checkpoint_is_printed_and_stored_in_the_trail() {
    let place = Place::new();

    let printed = place.done(&["checkpoint", "DIR", "--key", "KEY"]);

    let checkpoint: SignedCheckpoint = printed.parse().expect("a checkpoint and nothing else");
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("example.com/audit", 7));
    assert!(checkpoint.is_signed_by(&place.vkey.parse().expect("a key")));
    assert_eq!(fs::read_to_string(place.path("DIR/audit.checkpoints")).expect("text"), printed);
    // The same once more is the same.
    assert_eq!(place.done(&["checkpoint", "DIR", "--key", "KEY"]), printed);
    assert_eq!(fs::read_to_string(place.path("DIR/audit.checkpoints")).expect("text"), printed);
    place.append("b", 2);
    let more = place.done(&["checkpoint", "DIR", "--key", "KEY"]);
    let both = fs::read_to_string(place.path("DIR/audit.checkpoints")).expect("text");
    assert_eq!(both, format!("{printed}\n{more}"));
}

#[test]
fn verdict_names_its_evidence() {
    let place = Place::new();

    let (code, said) = place.said(&["verify", "DIR"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the directory's owner could rewrite both"), "{said}");

    let (code, said) = place.said(&["verify", "DIR", "--key", "VKEY"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("there is no checkpoint in audit.checkpoints: no such file"), "{said}");

    place.done(&["checkpoint", "DIR", "--key", "KEY"]);
    let (code, said) = place.said(&["verify", "DIR", "--key", "VKEY"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("signed through seq 6 by example.com/audit+"), "{said}");
    assert!(!said.contains("by the chain alone"), "{said}");

    place.append("b", 2);
    let (code, said) = place.said(&["verify", "DIR", "--key", "VKEY"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("signed through seq 6") && said.contains("7 to 10 by the chain alone"), "{said}");
    let json = place.done(&["verify", "DIR", "--key", "VKEY", "--json"]);
    assert!(json.contains("\"signed_through\":6"), "{json}");
}

#[test]
fn kept_checkpoint_needs_no_head_and_no_stored_checkpoint() {
    let place = Place::new();
    let kept = place.done(&["checkpoint", "DIR", "--key", "KEY"]);
    fs::write(place.path("KEPT"), kept).expect("written");
    fs::remove_file(place.path("DIR/audit.checkpoints")).expect("removed");
    fs::remove_file(place.path("DIR/audit.head")).expect("removed");

    let (code, said) = place.said(&["verify", "DIR", "--key", "VKEY", "--checkpoint", "KEPT"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("signed through seq 6"), "{said}");

    let (code, said) = place.said(&["verify", "DIR", "--key", "VKEY", "--checkpoint", "NONE"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("there is no checkpoint in NONE: no such file"), "{said}");
    fs::write(place.path("EMPTY"), "").expect("written");
    let (code, said) = place.said(&["verify", "DIR", "--key", "VKEY", "--checkpoint", "EMPTY"]);
    assert_eq!(code, Some(3), "{said}");
    let (code, said) = place.said(&["verify", "DIR", "--checkpoint", "KEPT"]);
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn invalid_key_is_a_usage_error() {
    let place = Place::new();

    for key in ["", "example.com/audit", "example.com/audit+00000000+AAAA"] {
        let (code, said) = place.said(&["verify", "DIR", "--key", key]);

        assert_eq!(code, Some(2), "{said}");
    }
}

#[test]
fn receipts_are_compared_with_the_trail() {
    let place = Place::new();
    let receipt = place.done(&["append", "DIR", "--event-type", "c"]);
    fs::write(place.path("RECEIPTS"), &receipt).expect("written");

    let (code, said) = place.said(&["verify", "DIR", "--receipt", "RECEIPTS"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 receipt holds through seq 8; seq 9 by the chain alone"), "{said}");

    let other = receipt.replace(|c: char| c.is_ascii_lowercase(), "0");
    fs::write(place.path("OTHER"), format!("{other}77 {}\n", "a".repeat(64))).expect("written");
    let (code, said) = place.said(&["verify", "DIR", "--receipt", "OTHER"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("OTHER:1: receipt_missing at seq 8"), "{said}");
    assert!(said.contains("OTHER:2: receipt_missing at seq 77"), "{said}");

    let (code, said) = place.said(&["verify", "DIR", "--receipt", "NONE"]);
    assert_eq!(code, Some(3), "{said}");
    fs::write(place.path("JUNK"), "\nseven\n").expect("written");
    let (code, said) = place.said(&["verify", "DIR", "--receipt", "JUNK"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("line 2"), "{said}");
}

#[test]
fn old_checkpoint_is_stale() {
    let place = Place::new();
    place.done(&["checkpoint", "DIR", "--key", "KEY"]);

    let (code, said) = place.said(&["verify", "DIR", "--key", "VKEY", "--max-age", "1h"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = place.said(&["verify", "DIR", "--key", "VKEY", "--max-age", "0s"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("audit.checkpoints:1: checkpoint_stale at seq 6"), "{said}");
}

#[test]
fn entry_proof_verifies_without_the_trail() {
    let place = Place::new();
    place.done(&["checkpoint", "DIR", "--key", "KEY"]);

    let proof = place.done(&["prove", "DIR", "--seq", "3"]);

    fs::write(place.path("PROOF"), &proof).expect("written");
    let said = place.done(&["check-proof", "PROOF", "--key", "VKEY"]);
    assert!(said.starts_with("PROVEN  seq 3 of the trail of example.com/audit\n{\"actor\": "), "{said}");
    assert!(said.contains("{\"number\": 2}"), "{said}");

    let line = proof.replace("\\\"number\\\": 2", "\\\"number\\\": 9");
    assert_ne!(line, proof);
    fs::write(place.path("CHANGED"), line).expect("written");
    let (code, said) = place.said(&["check-proof", "CHANGED", "--key", "VKEY"]);
    assert_eq!(code, Some(1), "{said}");

    let other = place.done(&["keygen", "--out", "KEY2", "--origin", "example.org/other"]);
    let (code, said) = place.said(&["check-proof", "PROOF", "--key", other.trim_end()]);
    assert_eq!(code, Some(3), "{said}");
    let same = place.done(&["keygen", "--out", "KEY3", "--origin", "example.com/audit"]);
    let (code, said) = place.said(&["check-proof", "PROOF", "--key", same.trim_end()]);
    assert_eq!(code, Some(1), "{said}");

    let (code, said) = place.said(&["check-proof", "NONE", "--key", "VKEY"]);
    assert_eq!(code, Some(2), "{said}");
    fs::write(place.path("JUNK"), "{}").expect("written");
    let (code, said) = place.said(&["check-proof", "JUNK", "--key", "VKEY"]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = place.said(&["prove", "DIR", "--seq", "7"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no checkpoint in audit.checkpoints covers seq 7"), "{said}");
}

#[test]
fn consistency_proof_shows_the_growth_of_a_trail() {
    let place = Place::new();
    let early = place.done(&["checkpoint", "DIR", "--key", "KEY"]);
    fs::write(place.path("EARLY"), early).expect("written");
    place.append("b", 9);
    place.done(&["checkpoint", "DIR", "--key", "KEY"]);

    let proof = place.done(&["prove", "DIR", "--since", "EARLY"]);

    fs::write(place.path("PROOF"), &proof).expect("written");
    let said = place.done(&["check-proof", "PROOF", "--key", "VKEY"]);
    assert!(said.starts_with("PROVEN  the trail of example.com/audit grew from 7 to 18 entries"), "{said}");
    let start = "\"consistency\":[\"";
    let other = if proof.contains(&format!("{start}A")) { "B" } else { "A" };
    let at = proof.find(start).expect("a proof") + start.len();
    let changed = format!("{}{other}{}", &proof[..at], &proof[at + 1..]);
    fs::write(place.path("CHANGED"), changed).expect("written");
    let (code, said) = place.said(&["check-proof", "CHANGED", "--key", "VKEY"]);
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn entry_proof_is_small() {
    let place = Place::new();
    place.done(&["checkpoint", "DIR", "--key", "KEY"]);
    let proof: EntryProof = place.done(&["prove", "DIR", "--seq", "3"]).parse().expect("a proof");
    let hashes = 27; // of a tree of 100 million entries
    let hash = proof.checkpoint().root().to_string().len() + 3;

    let bare = proof.to_string().len() - proof.line().len();

    assert!(bare + hashes * hash < 4_096, "{bare} + {hashes} * {hash}");
}

#[test]
fn trail_with_short_hashes_is_signed_and_proven() {
    let place = Place::new();
    let log = AuditLog::builder(place.path("SHORT")).hash_length(HashLength::Short).open().expect("opens");
    log.append(Draft::new("a")).expect("recorded");
    log.close().expect("closes");

    place.done(&["checkpoint", "SHORT", "--key", "KEY"]);

    let (code, said) = place.said(&["verify", "SHORT", "--key", "VKEY"]);
    assert_eq!(code, Some(0), "{said}");
    let proof = place.done(&["prove", "SHORT", "--seq", "1"]);
    fs::write(place.path("PROOF"), proof).expect("written");
    place.done(&["check-proof", "PROOF", "--key", "VKEY"]);
}

#[test]
fn only_an_intact_trail_is_signed_by_its_own_key() {
    let place = Place::new();
    let file = jsonl_files(&place.path("DIR")).remove(0);
    let good = fs::read_to_string(&file).expect("text");
    fs::write(&file, good.replace("\"number\": 2", "\"number\": 7")).expect("written");

    let output = place.run(&["checkpoint", "DIR", "--key", "KEY"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("hash_mismatch"));

    fs::write(&file, good).expect("written");
    place.done(&["checkpoint", "DIR", "--key", "KEY"]);
    let other = AuditLog::open(place.path("DIR2")).expect("opens");
    other.close().expect("closes");
    let (code, said) = place.said(&["checkpoint", "DIR2", "--key", "KEY"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("one key, one trail"), "{said}");

    fs::remove_file(place.path("DIR/audit.checkpoints")).expect("removed");
    let (code, said) = place.said(&["checkpoint", "DIR", "--key", "KEY"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("must be put back"), "{said}");

    let log = AuditLog::open(place.path("DIR")).expect("opens");
    let (code, said) = place.said(&["checkpoint", "DIR", "--key", "KEY"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("another writer holds the lock"), "{said}");
    log.close().expect("closes");

    let (code, said) = place.said(&["checkpoint", "NONE", "--key", "KEY"]);
    assert_eq!(code, Some(2), "{said}");
    fs::create_dir(place.path("PLAIN")).expect("created");
    let (code, said) = place.said(&["checkpoint", "PLAIN", "--key", "KEY"]);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(fs::read_dir(place.path("PLAIN")).expect("there").count(), 0);
}
