//! The head: which entry a trail's writer acknowledged last, in a file beside the entries.
//!
//! Two blocks used in turn, so that a torn one leaves the other. It is written after the bytes that it speaks of, and
//! never ahead of them. Pure.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::codec::{
    digest::Digest,
    json::{self, value::Value},
};

/// The file's name.
pub(crate) const NAME: &str = "audit.head";

/// The bytes of a block.
pub(crate) const BLOCK: usize = 512;

/// What a block says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Under which boot `written` was written.
    pub(crate) boot_id: Option<String>,
    /// The live file's name.
    pub(crate) file: String,
    /// The last entry that was put on the device.
    pub(crate) synced: Option<Mark>,
    pub(crate) trail_id: String,
    /// Counts the blocks that were written: the higher one of two is the newer.
    pub(crate) turn: u64,
    /// The last entry that was handed to the system.
    pub(crate) written: Option<Mark>,
}

/// An entry that a head names.
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
    /// The block: canonical JSON with a `checksum` of the rest, filled up with spaces to a line of 512 bytes.
    pub(crate) fn block(&self) -> [u8; BLOCK] {
        let mut text = Vec::with_capacity(BLOCK);
        if let Ok(value) = json::to_value(self, 8) {
            value.write(&mut text);
        }
        text.pop();
        text.extend_from_slice(b", \"checksum\": ");
        let sum = checksum(&text);
        json::string(&mut text, &sum);
        text.push(b'}');
        // 36 of boot id, 32 of trail id, 128 of hashes, 60 of numbers, 25 of file, 32 of checksum and the names: it
        // always fits.
        let mut block = [b' '; BLOCK];
        for (to, from) in block.iter_mut().zip(&text) {
            *to = *from;
        }
        block[BLOCK - 1] = b'\n';
        block
    }

    fn parse(block: &[u8]) -> Option<Self> {
        let text = block.trim_ascii_end();
        let at = memchr::memmem::rfind(text, b", \"checksum\": ")?;
        let Ok(Value::Object(members)) = json::parse(text, 8) else { return None };
        let Some((_, Value::String(stated))) =
            members.iter().find(|(name, _)| name.to_str() == Some("checksum"))
        else {
            return None;
        };
        let summed = &text[..at + b", \"checksum\": ".len()];
        if stated.to_str() != Some(checksum(summed).as_str()) {
            return None;
        }
        serde_json::from_slice(text).ok()
    }

    /// The newer readable block of a head file's bytes.
    pub(crate) fn newest(bytes: &[u8]) -> Option<Self> {
        bytes.chunks(BLOCK).take(2).filter_map(Self::parse).max_by_key(|head| head.turn)
    }
}

/// 128 bits are plenty against a torn write; they are no defence against an attacker, who can compute them.
fn checksum(text: &[u8]) -> String {
    let sha256: [u8; 32] = Sha256::digest(text).into();
    Digest::new(sha256, crate::codec::digest::HashLength::Full).to_string().chars().take(32).collect()
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
    fn the_newer_block_counts_and_a_torn_one_does_not() {
        let (old, new) = (head(6), head(7));
        let both = [new.block(), old.block()].concat();
        assert_eq!(Head::newest(&both), Some(new.clone()));

        for at in 0..BLOCK {
            let mut torn = both.clone();
            torn[at] ^= 1;
            let found = Head::newest(&torn);
            // The fill at a block's end says nothing.
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
