//! Lines and heads with hashes that hold, made without the crate: everything that needs no key.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of an entry before its hash.
pub(crate) fn before_hash(line: &str) -> &str {
    &line[..line.rfind(", \"hash\": ").expect("a hash")]
}

/// Completes an entry that ends before its hash, and returns its line without the newline, and the hash.
pub(crate) fn with_hash(before_hash: &str, previous: &str) -> (String, String) {
    let hash = sha256_hex(format!("{before_hash}}}{previous}"));
    (format!("{before_hash}, \"hash\": \"{hash}\"}}"), hash)
}

/// An entry that follows `last` and claims to be the log's own, without the newline.
pub(crate) fn own_entry(last: &str, event_type: &str, details: &str) -> String {
    let last: Value = serde_json::from_str(last).expect("JSON");
    let seq = last["seq"].as_u64().expect("a number") + 1;
    let previous = last["hash"].as_str().expect("a hash");
    let before_hash = format!(
        "{{\"actor\": \"system\", \"context\": {{\"source\": {{\"via\": \"log\"}}}}, \"details\": {details}, \
         \"event_type\": \"{event_type}\", \"prev_hash\": \"{previous}\", \"seq\": {seq}, \"timestamp\": {}",
        last["timestamp"]
    );
    with_hash(&before_hash, previous).0
}

/// The text of the details of the first entry of that type.
pub(crate) fn details_of<'a>(lines: &'a [String], event_type: &str) -> &'a str {
    let event_type = format!("\"event_type\": \"{event_type}\"");
    let line = lines.iter().find(|line| line.contains(&event_type)).expect("an entry of that type");
    let (_, details) = line.split_once("\"details\": ").expect("details");
    details.split_once(", \"event_type\"").expect("a type").0
}

/// A block of `audit.head`: 511 bytes and a newline. `members` is its object up to the checksum.
pub(crate) fn head_block(members: &str) -> String {
    let summed = format!("{members}, \"checksum\": ");
    let checksum = &sha256_hex(&summed)[..32];
    format!("{:<511}\n", format!("{summed}\"{checksum}\"}}"))
}
