//! Checkpoints and proofs: `keygen`, `checkpoint`, `prove`, `check-proof`, and `verify` with their output.

use std::{fs, path::PathBuf, process::Output};

use kling_audit::{
    AuditLog, Draft, HashLength,
    checkpoint::{EntryProof, SignedCheckpoint, VerifyingKey},
};

use crate::support::{
    command::{command, exit_status, status_and_text, stderr, stdout},
    files::jsonl_files,
};

struct Workspace {
    root: tempfile::TempDir,
    vkey: String,
}

impl Workspace {
    /// A directory with a key and a closed trail, to which a caller appended five entries.
    fn new() -> Self {
        let workspace = Self { root: tempfile::tempdir().expect("a directory"), vkey: String::new() };
        let vkey = workspace.succeed(&["keygen", "--out", "KEY", "--origin", "example.com/audit"]);
        let workspace = Self { vkey: vkey.trim_end().to_owned(), ..workspace };
        workspace.append("a", 5);
        workspace
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

    /// Runs the command in the directory. The argument VKEY is replaced by the verifying key.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut arguments = arguments.to_vec();
        arguments.iter_mut().filter(|argument| **argument == "VKEY").for_each(|key| *key = &self.vkey);
        command(&arguments).current_dir(&self.root).output().expect("runs")
    }

    /// Runs a command that must succeed, and returns what it prints.
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(exit_status(&output), Some(0), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    /// Runs a command, and returns its exit status and all that it prints.
    fn status_and_text(&self, arguments: &[&str]) -> (Option<i32>, String) {
        status_and_text(self.run(arguments))
    }
}

#[test]
fn keygen_prints_the_verifying_key_and_stores_the_other() {
    let workspace = Workspace::new();

    let key: VerifyingKey = workspace.vkey.parse().expect("a key");

    assert_eq!(key.name(), "example.com/audit");
    let secret = fs::read_to_string(workspace.path("KEY")).expect("text");
    assert!(secret.starts_with("PRIVATE+KEY+example.com/audit+"));
    let (status, text) =
        workspace.status_and_text(&["keygen", "--out", "KEY", "--origin", "example.com/audit"]);
    assert_eq!(status, Some(2), "{text}");
    assert_eq!(fs::read_to_string(workspace.path("KEY")).expect("text"), secret);
    let (status, text) = workspace.status_and_text(&["keygen", "--out", "OTHER", "--origin", "two words"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(!workspace.path("OTHER").exists());
}

#[test]
fn checkpoint_is_printed_and_stored_in_the_trail() {
    let workspace = Workspace::new();

    let printed = workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]);

    let checkpoint: SignedCheckpoint = printed.parse().expect("a checkpoint and nothing else");
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("example.com/audit", 7));
    assert!(checkpoint.is_signed_by(&workspace.vkey.parse().expect("a key")));
    assert_eq!(fs::read_to_string(workspace.path("DIR/audit.checkpoints")).expect("text"), printed);
    // Without new entries, the checkpoint is the same, and is not stored again.
    assert_eq!(workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]), printed);
    assert_eq!(fs::read_to_string(workspace.path("DIR/audit.checkpoints")).expect("text"), printed);
    workspace.append("b", 2);
    let more = workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]);
    let both = fs::read_to_string(workspace.path("DIR/audit.checkpoints")).expect("text");
    assert_eq!(both, format!("{printed}\n{more}"));
}

#[test]
fn verdict_names_its_evidence() {
    let workspace = Workspace::new();

    let (status, text) = workspace.status_and_text(&["verify", "DIR"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("the directory's owner could rewrite both"), "{text}");

    let (status, text) = workspace.status_and_text(&["verify", "DIR", "--key", "VKEY"]);
    assert_eq!(status, Some(3), "{text}");
    assert!(text.contains("there is no checkpoint in audit.checkpoints: no such file"), "{text}");

    workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]);
    let (status, text) = workspace.status_and_text(&["verify", "DIR", "--key", "VKEY"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("signed through seq 6 by example.com/audit+"), "{text}");
    assert!(!text.contains("by the chain alone"), "{text}");

    workspace.append("b", 2);
    let (status, text) = workspace.status_and_text(&["verify", "DIR", "--key", "VKEY"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("signed through seq 6") && text.contains("7 to 10 by the chain alone"), "{text}");
    let json = workspace.succeed(&["verify", "DIR", "--key", "VKEY", "--json"]);
    assert!(json.contains("\"signed_through\":6"), "{json}");
}

#[test]
fn kept_checkpoint_needs_no_head_and_no_stored_checkpoint() {
    let workspace = Workspace::new();
    let kept = workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]);
    fs::write(workspace.path("KEPT"), kept).expect("written");
    fs::remove_file(workspace.path("DIR/audit.checkpoints")).expect("removed");
    fs::remove_file(workspace.path("DIR/audit.head")).expect("removed");

    let (status, text) =
        workspace.status_and_text(&["verify", "DIR", "--key", "VKEY", "--checkpoint", "KEPT"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("signed through seq 6"), "{text}");

    let (status, text) =
        workspace.status_and_text(&["verify", "DIR", "--key", "VKEY", "--checkpoint", "NONE"]);
    assert_eq!(status, Some(3), "{text}");
    assert!(text.contains("there is no checkpoint in NONE: no such file"), "{text}");
    fs::write(workspace.path("EMPTY"), "").expect("written");
    let (status, text) =
        workspace.status_and_text(&["verify", "DIR", "--key", "VKEY", "--checkpoint", "EMPTY"]);
    assert_eq!(status, Some(3), "{text}");
    let (status, text) = workspace.status_and_text(&["verify", "DIR", "--checkpoint", "KEPT"]);
    assert_eq!(status, Some(2), "{text}");
}

#[test]
fn invalid_key_is_a_usage_error() {
    let workspace = Workspace::new();

    for key in ["", "example.com/audit", "example.com/audit+00000000+AAAA"] {
        let (status, text) = workspace.status_and_text(&["verify", "DIR", "--key", key]);

        assert_eq!(status, Some(2), "{text}");
    }
}

#[test]
fn receipts_are_compared_with_the_trail() {
    let workspace = Workspace::new();
    let receipt = workspace.succeed(&["append", "DIR", "--event-type", "c"]);
    fs::write(workspace.path("RECEIPTS"), &receipt).expect("written");

    let (status, text) = workspace.status_and_text(&["verify", "DIR", "--receipt", "RECEIPTS"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("1 receipt holds through seq 8; seq 9 by the chain alone"), "{text}");

    let other = receipt.replace(|c: char| c.is_ascii_lowercase(), "0");
    fs::write(workspace.path("OTHER"), format!("{other}77 {}\n", "a".repeat(64))).expect("written");
    let (status, text) = workspace.status_and_text(&["verify", "DIR", "--receipt", "OTHER"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("OTHER:1: receipt_missing at seq 8"), "{text}");
    assert!(text.contains("OTHER:2: receipt_missing at seq 77"), "{text}");

    let (status, text) = workspace.status_and_text(&["verify", "DIR", "--receipt", "NONE"]);
    assert_eq!(status, Some(3), "{text}");
    fs::write(workspace.path("JUNK"), "\nseven\n").expect("written");
    let (status, text) = workspace.status_and_text(&["verify", "DIR", "--receipt", "JUNK"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("line 2"), "{text}");
}

#[test]
fn old_checkpoint_is_stale() {
    let workspace = Workspace::new();
    workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]);

    let (status, text) = workspace.status_and_text(&["verify", "DIR", "--key", "VKEY", "--max-age", "1h"]);
    assert_eq!(status, Some(0), "{text}");
    let (status, text) = workspace.status_and_text(&["verify", "DIR", "--key", "VKEY", "--max-age", "0s"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("audit.checkpoints:1: checkpoint_stale at seq 6"), "{text}");
}

#[test]
fn entry_proof_verifies_without_the_trail() {
    let workspace = Workspace::new();
    workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]);

    let proof = workspace.succeed(&["prove", "DIR", "--seq", "3"]);

    fs::write(workspace.path("PROOF"), &proof).expect("written");
    let text = workspace.succeed(&["check-proof", "PROOF", "--key", "VKEY"]);
    assert!(text.starts_with("PROVEN  seq 3 of the trail of example.com/audit\n{\"actor\": "), "{text}");
    assert!(text.contains("{\"number\": 2}"), "{text}");

    let line = proof.replace("\\\"number\\\": 2", "\\\"number\\\": 9");
    assert_ne!(line, proof);
    fs::write(workspace.path("CHANGED"), line).expect("written");
    let (status, text) = workspace.status_and_text(&["check-proof", "CHANGED", "--key", "VKEY"]);
    assert_eq!(status, Some(1), "{text}");

    let other = workspace.succeed(&["keygen", "--out", "KEY2", "--origin", "example.org/other"]);
    let (status, text) = workspace.status_and_text(&["check-proof", "PROOF", "--key", other.trim_end()]);
    assert_eq!(status, Some(3), "{text}");
    let same = workspace.succeed(&["keygen", "--out", "KEY3", "--origin", "example.com/audit"]);
    let (status, text) = workspace.status_and_text(&["check-proof", "PROOF", "--key", same.trim_end()]);
    assert_eq!(status, Some(1), "{text}");

    let (status, text) = workspace.status_and_text(&["check-proof", "NONE", "--key", "VKEY"]);
    assert_eq!(status, Some(2), "{text}");
    fs::write(workspace.path("JUNK"), "{}").expect("written");
    let (status, text) = workspace.status_and_text(&["check-proof", "JUNK", "--key", "VKEY"]);
    assert_eq!(status, Some(2), "{text}");
    let (status, text) = workspace.status_and_text(&["prove", "DIR", "--seq", "7"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("no checkpoint in audit.checkpoints covers seq 7"), "{text}");
}

#[test]
fn consistency_proof_shows_the_growth_of_a_trail() {
    let workspace = Workspace::new();
    let early = workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]);
    fs::write(workspace.path("EARLY"), early).expect("written");
    workspace.append("b", 9);
    workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]);

    let proof = workspace.succeed(&["prove", "DIR", "--since", "EARLY"]);

    fs::write(workspace.path("PROOF"), &proof).expect("written");
    let text = workspace.succeed(&["check-proof", "PROOF", "--key", "VKEY"]);
    assert!(text.starts_with("PROVEN  the trail of example.com/audit grew from 7 to 18 entries"), "{text}");
    let start = "\"consistency\":[\"";
    let other = if proof.contains(&format!("{start}A")) { "B" } else { "A" };
    let at = proof.find(start).expect("a proof") + start.len();
    let changed = format!("{}{other}{}", &proof[..at], &proof[at + 1..]);
    fs::write(workspace.path("CHANGED"), changed).expect("written");
    let (status, text) = workspace.status_and_text(&["check-proof", "CHANGED", "--key", "VKEY"]);
    assert_eq!(status, Some(1), "{text}");
}

#[test]
fn entry_proof_is_small() {
    let workspace = Workspace::new();
    workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]);
    let proof: EntryProof = workspace.succeed(&["prove", "DIR", "--seq", "3"]).parse().expect("a proof");
    // Depth of a tree of 100 million entries.
    let hashes = 27;
    let hash = proof.checkpoint().root().to_string().len() + 3;

    let bare = proof.to_string().len() - proof.line().len();

    assert!(bare + hashes * hash < 4_096, "{bare} + {hashes} * {hash}");
}

#[test]
fn trail_with_short_hashes_is_signed_and_proven() {
    let workspace = Workspace::new();
    let log =
        AuditLog::builder(workspace.path("SHORT")).hash_length(HashLength::Short).open().expect("opens");
    log.append(Draft::new("a")).expect("recorded");
    log.close().expect("closes");

    workspace.succeed(&["checkpoint", "SHORT", "--key", "KEY"]);

    let (status, text) = workspace.status_and_text(&["verify", "SHORT", "--key", "VKEY"]);
    assert_eq!(status, Some(0), "{text}");
    let proof = workspace.succeed(&["prove", "SHORT", "--seq", "1"]);
    fs::write(workspace.path("PROOF"), proof).expect("written");
    workspace.succeed(&["check-proof", "PROOF", "--key", "VKEY"]);
}

#[test]
fn only_an_intact_trail_is_signed_by_its_own_key() {
    let workspace = Workspace::new();
    let file = jsonl_files(&workspace.path("DIR")).remove(0);
    let good = fs::read_to_string(&file).expect("text");
    fs::write(&file, good.replace("\"number\": 2", "\"number\": 7")).expect("written");

    let output = workspace.run(&["checkpoint", "DIR", "--key", "KEY"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("hash_mismatch"));

    fs::write(&file, good).expect("written");
    workspace.succeed(&["checkpoint", "DIR", "--key", "KEY"]);
    let other = AuditLog::open(workspace.path("DIR2")).expect("opens");
    other.close().expect("closes");
    let (status, text) = workspace.status_and_text(&["checkpoint", "DIR2", "--key", "KEY"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("one key, one trail"), "{text}");

    fs::remove_file(workspace.path("DIR/audit.checkpoints")).expect("removed");
    let (status, text) = workspace.status_and_text(&["checkpoint", "DIR", "--key", "KEY"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("must be put back"), "{text}");

    let log = AuditLog::open(workspace.path("DIR")).expect("opens");
    let (status, text) = workspace.status_and_text(&["checkpoint", "DIR", "--key", "KEY"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("another writer holds the lock"), "{text}");
    log.close().expect("closes");

    let (status, text) = workspace.status_and_text(&["checkpoint", "NONE", "--key", "KEY"]);
    assert_eq!(status, Some(2), "{text}");
    fs::create_dir(workspace.path("PLAIN")).expect("created");
    let (status, text) = workspace.status_and_text(&["checkpoint", "PLAIN", "--key", "KEY"]);
    assert_eq!(status, Some(2), "{text}");
    assert_eq!(fs::read_dir(workspace.path("PLAIN")).expect("there").count(), 0);
}
