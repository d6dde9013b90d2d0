//! The head: the entries that a trail's writer last wrote and last synced. It makes a truncated trail detectable.
//!
//! The file has two blocks of 512 bytes that are overwritten alternately. A block that a crash tore has a wrong
//! checksum, and the other one is still there:
//!
//! ```text
//! byte 0                           512                              1024
//! | turn 8: written 41, synced 40   | turn 7: written 39, synced 35   |   the higher turn counts
//! ```
//!
//! A head is written after the entries that it names, never before. Pure.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    codec::{
        digest::{Digest, HashLength},
        json::{parse::parse, serialize::to_value, value::Value, write::string},
    },
    format::receipt::TrailId,
};

/// Name of the head file.
pub(crate) const NAME: &str = "audit.head";

/// Bytes of a block.
pub(crate) const BLOCK: usize = 512;

/// The content of a block. Its members are written in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Id of the boot during which `written` was written. Entries that vanish under the same boot were not lost to a
    /// power cut.
    pub(crate) boot_id: Option<String>,
    /// Name of the live file.
    pub(crate) file: String,
    /// Last entry that was synced.
    pub(crate) synced: Option<Mark>,
    pub(crate) trail_id: String,
    /// Number of the block among all that were written. Of two blocks, the one with the higher number is newer.
    pub(crate) turn: u64,
    /// Last entry that was written, which means handed to the OS.
    pub(crate) written: Option<Mark>,
}

/// Number and printed hash of an entry that a head names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) hash: String,
    pub(crate) seq: u64,
}

impl Mark {
    pub(crate) fn new(seq: u64, hash: &Digest) -> Self {
        Self { hash: hash.to_string(), seq }
    }
}

impl Head {
    /// Returns the head of a trail without entries.
    pub(crate) fn new(trail_id: TrailId, boot_id: Option<String>) -> Self {
        Self {
            boot_id,
            file: String::new(),
            synced: None,
            trail_id: trail_id.to_string(),
            turn: 0,
            written: None,
        }
    }

    /// Returns the block: canonical JSON whose last member is a `checksum` of the text before it, padded with spaces
    /// to a line of 512 bytes.
    pub(crate) fn block(&self) -> [u8; BLOCK] {
        let mut text = Vec::with_capacity(BLOCK);
        if let Ok(value) = to_value(self, 8) {
            value.write(&mut text);
        }
        // The closing brace makes way for the checksum.
        text.pop();
        text.extend_from_slice(b", \"checksum\": ");
        let sum = checksum(&text);
        string(&mut text, &sum);
        text.push(b'}');
        // The text always fits into the block: at most 36 bytes of boot id, 32 of trail id, 128 of hashes, 60 of numbers, 25 of file name,
        // 32 of checksum, and the names of the members.
        let mut block = [b' '; BLOCK];
        for (to, from) in block.iter_mut().zip(&text) {
            *to = *from;
        }
        block[BLOCK - 1] = b'\n';
        block
    }

    /// Reads a block. Returns `None` if its checksum is wrong.
    fn parse(block: &[u8]) -> Option<Self> {
        let text = block.trim_ascii_end();
        let at = memchr::memmem::rfind(text, b", \"checksum\": ")?;
        let summed = &text[..at + b", \"checksum\": ".len()];
        let Ok(Value::Object(members)) = parse(text, 8) else { return None };
        let (_, printed) = members.iter().find(|(name, _)| name.to_str() == Some("checksum"))?;
        if *printed != Value::String(checksum(summed).as_str().into()) {
            return None;
        }
        serde_json::from_slice(text).ok()
    }

    /// Returns the newer readable block of a head file.
    pub(crate) fn newest(bytes: &[u8]) -> Option<Self> {
        bytes.chunks(BLOCK).take(2).filter_map(Self::parse).max_by_key(|head| head.turn)
    }
}

/// Returns the first 32 digits of the text's SHA-256. They detect a torn write. They do not stop an attacker, who can
/// compute them too.
fn checksum(text: &[u8]) -> String {
    let sha256: [u8; 32] = Sha256::digest(text).into();
    Digest::new(sha256, HashLength::Full).to_string().chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(turn: u64) -> Head {
        let hash = "f".repeat(64);
        Head {
            boot_id: Some("0d05f1a4-2f3c-4b2a-9a53-6f7f3b8f2c11".to_owned()),
            file: "audit-2026-11-24_12345.jsonl".to_owned(),
            synced: Some(Mark { hash: hash.clone(), seq: u64::MAX }),
            trail_id: "6d1f0e5b0a9c4c6f8b7a2d3e4f506172".to_owned(),
            turn,
            written: Some(Mark { hash, seq: u64::MAX }),
        }
    }

    #[test]
    fn the_longest_head_fits_and_is_read_back() {
        let head = head(u64::MAX);

        assert_eq!(Head::newest(&head.block()), Some(head));
    }

    #[test]
    fn the_newer_block_counts_unless_it_is_torn() {
        let (old, new) = (head(6), head(7));
        let both = [new.block(), old.block()].concat();
        assert_eq!(Head::newest(&both), Some(new.clone()));

        for at in 0..BLOCK {
            let mut torn = both.clone();
            torn[at] ^= 1;
            let found = Head::newest(&torn);
            // A change of the padding may leave the newer block readable: the padding carries no data.
            assert!(
                found == Some(old.clone())
                    || found == Some(new.clone())
                        && torn[at..BLOCK]
                            .iter()
                            .all(|b| b.is_ascii_whitespace() || *b == b'!' || *b == 0x0b),
                "{at}"
            );
        }
        assert_eq!(Head::newest(&both[..BLOCK / 2]), None);
        assert_eq!(Head::newest(b""), None);
        assert_eq!(Head::newest(&[0; 2 * BLOCK]), None);
    }
}
