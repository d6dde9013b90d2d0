//! The SHA-256 of entries: of bytes that lie where they were read, and of a short end.
//!
//! Pure. Nothing is copied but the end.

use sha2::block_api::compress256;

use crate::codec::simd::compress_two;

/// FIPS 180-4, 5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The bytes of one block.
const BLOCK: usize = 64;

/// What is hashed, cut into blocks.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    blocks: &'a [[u8; BLOCK]],
    /// The last blocks stand behind the first of these, in which there may be anything; what follows them is room.
    end: [[u8; BLOCK]; 5],
    /// How many blocks of `end` there are.
    ends: usize,
}

impl Message<'_> {
    const NONE: Self = Self { blocks: &[], end: [[0; BLOCK]; 5], ends: 0 };
}

impl<'a> Message<'a> {
    /// An entry's text without its hash, a closing brace, and what it states as the hash before it, of which no more than
    /// 64 digits count.
    pub(crate) fn new(unhashed: &'a [u8], previous: &[u8]) -> Self {
        let mut message = Message::NONE;
        message.set(unhashed, previous);
        message
    }

    /// Makes it what [`new`](Self::new) makes.
    ///
    /// What nearly every entry has is copied in pieces whose size is known beforehand, more of them than are needed.
    fn set(&mut self, unhashed: &'a [u8], previous: &[u8]) {
        let (blocks, rest) = unhashed.as_chunks::<BLOCK>();
        self.blocks = blocks;
        let end = self.end.as_flattened_mut();
        match unhashed.last_chunk::<BLOCK>() {
            Some(last) => end[rest.len()..][..BLOCK].copy_from_slice(last),
            None => end[BLOCK..][..rest.len()].copy_from_slice(rest),
        }
        let mut at = BLOCK + rest.len();
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
        end[at] = 0x80;
        end[at + 1..][..BLOCK + 8].fill(0);
        let length = at - BLOCK;
        let bits = (blocks.len() * BLOCK + length) as u64 * 8;
        self.ends = (length + 9).div_ceil(BLOCK);
        let last = (1 + self.ends) * BLOCK;
        end[last - 8..last].copy_from_slice(&bits.to_be_bytes());
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256_from(INITIAL, 0)
    }

    /// The blocks that lie together after the first `done` ones.
    fn blocks_from(&self, done: usize) -> &[[u8; BLOCK]] {
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

    /// The hash of [`Message::new`] of the bytes that were begun with and of `more`. Of the former, only those that
    /// fill no block are looked at.
    pub(crate) fn finish(mut self, bytes: &[u8], more: &[u8], previous: &[u8]) -> [u8; 32] {
        /// No entry needs more: less than a block, what linking adds, a brace and the hash before it.
        const SHORT: usize = 5 * BLOCK;
        let rest = bytes.get(self.blocks * BLOCK..).unwrap_or_default();
        let length = rest.len() + more.len() + 1 + previous.len();
        let blocks = (length + 9).div_ceil(BLOCK);
        let (mut short, mut long) = ([0; SHORT], Vec::new());
        let end = if blocks * BLOCK <= SHORT {
            &mut short[..]
        } else {
            long.resize(blocks * BLOCK, 0);
            &mut long[..]
        };
        let mut at = 0;
        for part in [rest, more, b"}", previous, &[0x80]] {
            end[at..][..part.len()].copy_from_slice(part);
            at += part.len();
        }
        let bits = (self.blocks * BLOCK + length) as u64 * 8;
        end[blocks * BLOCK - 8..][..8].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, &end.as_chunks().0[..blocks]);
        bytes_of(&self.state)
    }
}

/// Hashes what `message` gives of each of `items`, the two parts that [`Message::new`] takes, and gives it the result, in
/// any order. Two are on their way at any time, however long each is, which takes less time than one after the other.
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
            lane.state = INITIAL;
            lane.done = 0;
            next += 1;
        }
        item.is_some()
    };
    let filled = lanes.each_mut().map(|lane| fill(lane, items));
    let [one, other] = &mut lanes;
    let rest = match filled {
        [true, true] => loop {
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

/// A message on its way.
#[derive(Clone)]
struct Lane<'a> {
    message: Message<'a>,
    /// The number of what it is of.
    item: usize,
    state: [u32; 8],
    /// How many of its blocks are done.
    done: usize,
}

impl Lane<'_> {
    const EMPTY: Self = Self { message: Message::NONE, item: 0, state: INITIAL, done: 0 };
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
                    let (begun, more) = body.split_at(begun);
                    assert_eq!(Begun::new(begun).finish(begun, more, previous), theirs);
                }
            }
        }
    }

    #[test]
    fn many_give_what_each_gives() {
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
