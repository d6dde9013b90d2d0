//! Buffers that each thread uses again, so that an entry of plain values costs no allocation once its thread is warm.
//!
//! Promise: a buffer from the pool is empty; a large one goes back to the allocator instead. The row `heap allocations
//! of an event` of `benches/RESULTS.md` (0, against 3 of the peer) depends on it.

use std::{
    cell::{Cell, RefCell},
    thread::LocalKey,
};

/// Most bytes of capacity of a buffer that is pooled.
const MAX_POOLED_BYTES: usize = 16 * 1024;

/// Most buffers of one kind that a thread pools, besides byte buffers.
const MAX_POOLED_OF_A_KIND: usize = 8;

/// Most byte buffers that a thread pools.
const POOLED_BUFFERS: usize = 3;

thread_local! {
    /// Byte buffers, in cells of their own: every entry takes one, and a cell costs no check of a borrow.
    static BUFFERS: [Cell<Vec<u8>>; POOLED_BUFFERS] = const { [const { Cell::new(Vec::new()) }; POOLED_BUFFERS] };
    static STRINGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Returns an empty buffer.
#[inline]
pub(crate) fn buffer() -> Vec<u8> {
    let take = |pooled: &[Cell<Vec<u8>>; POOLED_BUFFERS]| {
        pooled.iter().map(Cell::take).find(|buffer| buffer.capacity() > 0)
    };
    BUFFERS.try_with(take).ok().flatten().unwrap_or_else(|| Vec::with_capacity(512))
}

/// Puts a buffer back into the pool.
#[inline]
pub(crate) fn recycle_buffer(mut buffer: Vec<u8>) {
    if !is_poolable(buffer.capacity()) {
        return;
    }
    buffer.clear();
    // Each cell takes the buffer and gives the one it had to the next cell, until a cell was empty. The last buffer is
    // dropped. On a thread that is ending there are no cells any more, and the buffer is dropped too.
    BUFFERS
        .try_with(|pooled| {
            for cell in pooled {
                buffer = cell.replace(std::mem::take(&mut buffer));
                if buffer.capacity() == 0 {
                    return;
                }
            }
        })
        .unwrap_or_default();
}

/// Returns a copy of `text`.
#[inline]
pub(crate) fn string(text: &str) -> String {
    let mut string = take(&STRINGS).unwrap_or_default();
    string.push_str(text);
    string
}

/// Puts a string's memory back into the pool.
#[inline]
pub(crate) fn recycle_string(mut string: String) {
    if is_poolable(string.capacity()) {
        string.clear();
        recycle(&STRINGS, string);
    }
}

/// Returns `true` if a buffer of `capacity` bytes is pooled.
#[inline]
pub(crate) fn is_poolable(capacity: usize) -> bool {
    (1..=MAX_POOLED_BYTES).contains(&capacity)
}

/// Takes something out of `pool`, unless it is empty or the thread is ending.
#[inline]
pub(crate) fn take<T>(pool: &'static LocalKey<RefCell<Vec<T>>>) -> Option<T> {
    pool.try_with(|pooled| pooled.borrow_mut().pop()).ok().flatten()
}

/// Puts `item` into `pool`. Drops it instead if the pool is full or the thread is ending.
#[inline]
pub(crate) fn recycle<T>(pool: &'static LocalKey<RefCell<Vec<T>>>, item: T) {
    pool.try_with(|pooled| {
        let mut pooled = pooled.borrow_mut();
        if pooled.len() < MAX_POOLED_OF_A_KIND {
            pooled.push(item);
        }
    })
    .unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recycled_buffer_is_handed_out_again_and_empty() {
        let mut first = buffer();
        first.extend_from_slice(b"secret");
        let address = first.as_ptr();
        recycle_buffer(first);

        let second = buffer();
        assert!(second.is_empty() && second.as_ptr() == address);
        recycle_string(string("alice"));
        assert_eq!(string("bob"), "bob");
    }

    #[test]
    fn large_or_surplus_buffers_are_not_pooled() {
        recycle_buffer(Vec::with_capacity(MAX_POOLED_BYTES + 1));
        recycle_buffer(Vec::new());
        let capacities =
            || BUFFERS.with(|pooled| pooled.each_ref().map(Cell::take).map(|buffer| buffer.capacity()));
        assert_eq!(capacities(), [0; POOLED_BUFFERS]);
        (8..16).for_each(|capacity| recycle_buffer(Vec::with_capacity(capacity)));
        assert_eq!(capacities(), [15, 14, 13]);
    }
}
