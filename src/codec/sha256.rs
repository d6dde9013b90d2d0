//! The SHA-256 of an entry, computed over its line where the line lies in memory.
//!
//! Owns the composition of the message that an entry's hash covers: the line up to its hash, a closing brace, and
//! the printed hash of the entry before. Promise: only the last block of the line and the short rest are copied.

use sha2::block_api::compress256;

use crate::codec::simd::compress_two;

/// The initial state of SHA-256 (FIPS 180-4, 5.3.3).
const SHA256_INITIAL_STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// The message of an entry's hash, split into blocks.
///
/// ```text
/// line     |  block  |  block  |rest|              borrowed; `rest` has 0 to 63 bytes
/// end[0]   |  scratch                |             may hold bytes of the last borrowed block
/// end[1..] |rest } previous hash 0x80 0.. length|  the last 1 to 3 blocks of the message, padded
/// ```
///
/// `end[0]` is scratch space: a copy of 64 bytes that ends with `rest` begins in it. Such a copy of constant size
/// needs no call of `memcpy`.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    blocks: &'a [[u8; BLOCK_BYTES]],
    end: [[u8; BLOCK_BYTES]; 5],
    /// Number of blocks of the message in `end`, from `end[1]` on.
    ends: usize,
}

impl Message<'_> {
    const NONE: Self = Self { blocks: &[], end: [[0; BLOCK_BYTES]; 5], ends: 0 };
}

impl<'a> Message<'a> {
    /// Creates the message of `unhashed`, an entry's text before the member `hash`, of a brace, and of `previous`, the
    /// entry's link. At most 64 characters of `previous` count.
    pub(crate) fn new(unhashed: &'a [u8], previous: &[u8]) -> Self {
        let mut message = Message::NONE;
        message.set(unhashed, previous);
        message
    }

    /// Replaces the message by that of [`new`](Self::new).
    ///
    /// Copies and fills whole blocks, more bytes than are needed, because copies of constant size need no loop.
    fn set(&mut self, unhashed: &'a [u8], previous: &[u8]) {
        let (blocks, rest) = unhashed.as_chunks::<BLOCK_BYTES>();
        self.blocks = blocks;
        let end = self.end.as_flattened_mut();
        match unhashed.last_chunk::<BLOCK_BYTES>() {
            // The copy ends where `rest` ends, so that `rest` itself begins at `end[1]`.
            Some(last) => end[rest.len()..][..BLOCK_BYTES].copy_from_slice(last),
            None => end[BLOCK_BYTES..][..rest.len()].copy_from_slice(rest),
        }
        let mut at = BLOCK_BYTES + rest.len();
        end[at] = b'}';
        at += 1;
        match previous.first_chunk::<64>() {
            Some(digits) => {
                end[at..][..64].copy_from_slice(digits);
                at += 64;
            }
            None => {
                end[at..][..previous.len()].copy_from_slice(previous);
                at += previous.len();
            }
        }
        // The padding of SHA-256: a one bit, zeros, and the number of bits of the message at the end of the last
        // block. The zeros also clear the rest of an earlier message.
        end[at] = 0x80;
        end[at + 1..][..BLOCK_BYTES + 8].fill(0);
        let length = at - BLOCK_BYTES;
        let bits = (blocks.len() * BLOCK_BYTES + length) as u64 * 8;
        // Padding takes at least nine bytes: 0x80 and the length.
        self.ends = (length + 9).div_ceil(BLOCK_BYTES);
        let last = (1 + self.ends) * BLOCK_BYTES;
        end[last - 8..last].copy_from_slice(&bits.to_be_bytes());
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256_from(SHA256_INITIAL_STATE, 0)
    }

    /// Returns the blocks after the first `done` that lie together: borrowed ones, or else those of `end`.
    fn blocks_from(&self, done: usize) -> &[[u8; BLOCK_BYTES]] {
        match self.blocks.get(done..) {
            Some(blocks) if !blocks.is_empty() => blocks,
            _ => self.end[1..=self.ends].get(done - self.blocks.len()..).unwrap_or_default(),
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

/// The state of SHA-256 after the whole blocks at the start of a message.
///
/// A writer hashes most of an entry before it takes the log's lock. Under the lock it adds only the bytes that depend
/// on the entry's place: the row `serial section with 10 KB of details` of `benches/RESULTS.md` (1.01 of the time with
/// 200 B).
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashedPrefix {
    state: [u32; 8],
    blocks: usize,
}

impl HashedPrefix {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
        let mut state = SHA256_INITIAL_STATE;
        compress256(&mut state, blocks);
        Self { state, blocks: blocks.len() }
    }

    /// Returns the hash of `bytes`, `more`, a brace and `previous`. `bytes` must be those of [`new`](Self::new); only
    /// the ones behind the last whole block are read.
    pub(crate) fn finish(mut self, bytes: &[u8], more: &[u8], previous: &[u8]) -> [u8; 32] {
        /// Bytes of the buffer on the stack: enough for a part of a block, the text that linking adds, and the link.
        const STACK_BYTES: usize = 5 * BLOCK_BYTES;
        let rest = bytes.get(self.blocks * BLOCK_BYTES..).unwrap_or_default();
        let length = rest.len() + more.len() + 1 + previous.len();
        let blocks = (length + 9).div_ceil(BLOCK_BYTES);
        let (mut short, mut long) = ([0; STACK_BYTES], Vec::new());
        let end = if blocks * BLOCK_BYTES <= STACK_BYTES {
            &mut short[..]
        } else {
            long.resize(blocks * BLOCK_BYTES, 0);
            &mut long[..]
        };
        let mut at = 0;
        for part in [rest, more, b"}", previous, &[0x80]] {
            end[at..][..part.len()].copy_from_slice(part);
            at += part.len();
        }
        let bits = (self.blocks * BLOCK_BYTES + length) as u64 * 8;
        end[blocks * BLOCK_BYTES - 8..][..8].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, &end.as_chunks().0[..blocks]);
        bytes_of(&self.state)
    }
}

/// Hashes the message of each of `items` and passes the result to `done`, in any order. `message` returns the two
/// parts that [`Message::new`] takes.
///
/// Two messages are hashed at the same time, whatever their lengths: when one ends, the next item takes its lane. See
/// [`compress_two`] for the time that this saves.
///
/// ```text
/// lane 0   | item 0           | item 2  | item 4 ...
/// lane 1   | item 1 | item 3                | item 5 ...
/// ```
pub(crate) fn sha256_of_each<'a, T>(
    items: &mut [T],
    message: impl Fn(&T) -> [&'a [u8]; 2],
    mut done: impl FnMut(&mut T, [u8; 32]),
) {
    let mut lanes = [Lane::EMPTY; 2];
    let mut next = 0;
    let mut fill = |lane: &mut Lane<'a>, items: &[T]| {
        lane.item = next;
        let item = items.get(next);
        if let Some(item) = item {
            let [unhashed, previous] = message(item);
            lane.message.set(unhashed, previous);
            lane.state = SHA256_INITIAL_STATE;
            lane.done = 0;
            next += 1;
        }
        item.is_some()
    };
    let filled = lanes.each_mut().map(|lane| fill(lane, items));
    let [one, other] = &mut lanes;
    // The loop ends when one lane has no message left; `rest` is the other lane.
    let rest = match filled {
        [true, true] => loop {
            // Both lanes advance by the same number of blocks: until one of them has to go on elsewhere.
            let blocks = [one.message.blocks_from(one.done), other.message.blocks_from(other.done)];
            let count = blocks[0].len().min(blocks[1].len());
            compress_two([&mut one.state, &mut other.state], blocks);
            let mut goes_on = |lane: &mut Lane<'a>| {
                lane.done += count;
                if lane.done < lane.message.blocks.len() + lane.message.ends {
                    return true;
                }
                if let Some(item) = items.get_mut(lane.item) {
                    done(item, bytes_of(&lane.state));
                }
                fill(lane, items)
            };
            match [goes_on(one), goes_on(other)] {
                [true, true] => {}
                [true, false] => break one,
                [false, true] => break other,
                [false, false] => return,
            }
        },
        [true, false] => one,
        [false, _] => return,
    };
    if let Some(item) = items.get_mut(rest.item) {
        done(item, rest.message.sha256_from(rest.state, rest.done));
    }
}

/// A message that is being hashed.
#[derive(Clone)]
struct Lane<'a> {
    message: Message<'a>,
    /// Index of the item that the message belongs to.
    item: usize,
    state: [u32; 8],
    /// Number of its blocks that are hashed.
    done: usize,
}

impl Lane<'_> {
    const EMPTY: Self = Self { message: Message::NONE, item: 0, state: SHA256_INITIAL_STATE, done: 0 };
}

/// Returns the hash of a message that is padded and split into blocks.
pub(crate) fn of_blocks(blocks: &[[u8; BLOCK_BYTES]]) -> [u8; 32] {
    let mut state = SHA256_INITIAL_STATE;
    compress256(&mut state, blocks);
    bytes_of(&state)
}

/// Returns the hashes of two such messages of the same length, computed at the same time.
pub(crate) fn of_blocks_of_two(blocks: [&[[u8; BLOCK_BYTES]]; 2]) -> [[u8; 32]; 2] {
    let mut states = [SHA256_INITIAL_STATE; 2];
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
    fn hashes_of_every_length_agree_with_sha2() {
        let bytes: Vec<u8> = (0..1_200_u32).map(|at| (at * 31 % 251) as u8).collect();
        for body in 0..=1_024 {
            for previous in [0, 1, 7, 16, 63, 64] {
                let (body, previous) = (&bytes[..body], &bytes[7..7 + previous]);

                let ours = Message::new(body, previous).sha256();

                let theirs = Sha256::new_with_prefix(body).chain_update(b"}").chain_update(previous);
                let theirs: [u8; 32] = theirs.finalize().into();
                assert_eq!(ours, theirs, "{} and {}", body.len(), previous.len());
                for begun in [0, body.len() / 2, body.len()] {
                    let (begun, more) = body.split_at(begun);
                    assert_eq!(HashedPrefix::new(begun).finish(begun, more, previous), theirs);
                }
            }
        }
    }

    #[test]
    fn sha256_of_each_agrees_with_single_messages() {
        let bytes: Vec<u8> = (0..1_200_u32).map(|at| (at * 37 % 253) as u8).collect();
        let parts = |length: usize| [&bytes[..length], &bytes[..length % 65]];
        for count in 0..40 {
            for step in [0, 13, 29, 397] {
                let mut lengths: Vec<_> = (0..count).map(|at| (at * step % 1_024, None)).collect();

                sha256_of_each(
                    &mut lengths,
                    |(length, _)| parts(*length),
                    |(_, hash), sha256| *hash = Some(sha256),
                );

                for (length, hash) in lengths {
                    let [unhashed, previous] = parts(length);
                    assert_eq!(
                        hash,
                        Some(Message::new(unhashed, previous).sha256()),
                        "{length} among {count}"
                    );
                }
            }
        }
    }
}
