//! The SHA-256 of entries: of bytes that lie where they were read, and of a short end.
//!
//! Pure. Nothing is copied but the end.

use sha2::block_api::compress256;

use crate::vector::compress_two;

/// FIPS 180-4, 5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The bytes of one block.
const BLOCK: usize = 64;

/// What is hashed, cut into blocks.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    blocks: &'a [[u8; BLOCK]],
    end: [[u8; BLOCK]; 3],
    /// How many blocks of `end` there are.
    ends: usize,
}

impl<'a> Message<'a> {
    /// An entry's text without its hash, a closing brace, and what it states as the hash before it, of which no more than
    /// 64 digits count.
    pub(crate) fn new(unhashed: &'a [u8], previous: &[u8]) -> Self {
        let (blocks, rest) = unhashed.as_chunks::<BLOCK>();
        let mut message = Self { blocks, end: [[0; BLOCK]; 3], ends: 0 };
        let last = message.end.as_flattened_mut();
        let mut at = rest.len();
        last[..at].copy_from_slice(rest);
        last[at] = b'}';
        at += 1;
        match previous.first_chunk::<64>() {
            // Of a size that is known beforehand: this is what nearly every entry has.
            Some(digits) => {
                last[at..at + 64].copy_from_slice(digits);
                at += 64;
            }
            None => {
                last[at..at + previous.len()].copy_from_slice(previous);
                at += previous.len();
            }
        }
        last[at] = 0x80;
        let bits = (blocks.len() * BLOCK + at) as u64 * 8;
        message.ends = (at + 9).div_ceil(BLOCK);
        last[message.ends * BLOCK - 8..message.ends * BLOCK].copy_from_slice(&bits.to_be_bytes());
        message
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256_from(INITIAL, 0)
    }

    /// The hashes of two, which takes less time than one after the other.
    pub(crate) fn sha256_of_two(one: &Message<'_>, other: &Message<'_>) -> [[u8; 32]; 2] {
        let mut states = [INITIAL; 2];
        let [first, second] = &mut states;
        let mut done = 0;
        loop {
            let blocks = [one.blocks_from(done), other.blocks_from(done)];
            let count = blocks[0].len().min(blocks[1].len());
            if count == 0 {
                break;
            }
            compress_two([first, second], blocks);
            done += count;
        }
        [one.sha256_from(states[0], done), other.sha256_from(states[1], done)]
    }

    /// The blocks that lie together after the first `done` ones.
    fn blocks_from(&self, done: usize) -> &[[u8; BLOCK]] {
        match self.blocks.get(done..) {
            Some(blocks) if !blocks.is_empty() => blocks,
            _ => self.end[..self.ends].get(done - self.blocks.len()..).unwrap_or_default(),
        }
    }

    fn sha256_from(&self, mut state: [u32; 8], mut done: usize) -> [u8; 32] {
        loop {
            let blocks = self.blocks_from(done);
            if blocks.is_empty() {
                return bytes_of(&state);
            }
            compress256(&mut state, blocks);
            done += blocks.len();
        }
    }
}

/// The whole blocks that a message begins with, hashed before its end is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    state: [u32; 8],
    blocks: usize,
}

impl Begun {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let (blocks, _) = bytes.as_chunks::<BLOCK>();
        let mut state = INITIAL;
        compress256(&mut state, blocks);
        Self { state, blocks: blocks.len() }
    }

    /// The hash of [`Message::new`], where `unhashed` begins with the bytes that were begun with.
    pub(crate) fn finish(self, unhashed: &[u8], previous: &[u8]) -> [u8; 32] {
        Message::new(unhashed, previous).sha256_from(self.state, self.blocks)
    }
}

/// Of one message that was cut into blocks already, its padding among them.
pub(crate) fn of_blocks(blocks: &[[u8; BLOCK]]) -> [u8; 32] {
    let mut state = INITIAL;
    compress256(&mut state, blocks);
    bytes_of(&state)
}

/// As [`of_blocks`], of two messages of one length.
pub(crate) fn of_blocks_of_two(blocks: [&[[u8; BLOCK]]; 2]) -> [[u8; 32]; 2] {
    let mut states = [INITIAL; 2];
    let [first, second] = &mut states;
    compress_two([first, second], blocks);
    states.map(|state| bytes_of(&state))
}

fn bytes_of(state: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn every_length_gives_what_sha2_gives() {
        let bytes: Vec<u8> = (0..1_200_u32).map(|at| (at * 31 % 251) as u8).collect();
        for body in 0..=1_024 {
            for previous in [0, 1, 7, 16, 63, 64] {
                let (body, previous) = (&bytes[..body], &bytes[7..7 + previous]);

                let ours = Message::new(body, previous).sha256();

                let theirs = Sha256::new_with_prefix(body).chain_update(b"}").chain_update(previous);
                let theirs: [u8; 32] = theirs.finalize().into();
                assert_eq!(ours, theirs, "{} and {}", body.len(), previous.len());
                for begun in [0, body.len() / 2, body.len()] {
                    assert_eq!(Begun::new(&body[..begun]).finish(body, previous), theirs);
                }
            }
        }
    }

    #[test]
    fn two_give_what_each_gives() {
        let bytes: Vec<u8> = (0..1_200_u32).map(|at| (at * 37 % 253) as u8).collect();
        for one in (0..=1_024).step_by(13) {
            for other in (0..=1_024).step_by(29) {
                let message = |length: usize| Message::new(&bytes[..length], &bytes[..length % 65]);
                let (one, other) = (message(one), message(other));

                assert_eq!(Message::sha256_of_two(&one, &other), [one.sha256(), other.sha256()]);
            }
        }
    }
}
