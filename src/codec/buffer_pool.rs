//! Buffers that were used before: each thread keeps a few, so that an entry costs no allocation once it is warm.
//!
//! Pure but for that. What is large is given back to the allocator, and so is everything when the thread ends.

use std::{
    cell::{Cell, RefCell},
    thread::LocalKey,
};

/// Buffers with more capacity than this are not kept.
const LARGEST: usize = 16 * 1024;

/// How many of a kind are kept.
const KEPT: usize = 8;

/// How many buffers of bytes are kept.
const BUFFERS_KEPT: usize = 3;

thread_local! {
    static BUFFERS: [Cell<Vec<u8>>; BUFFERS_KEPT] = const { [const { Cell::new(Vec::new()) }; BUFFERS_KEPT] };
    static STRINGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer.
#[inline]
pub(crate) fn buffer() -> Vec<u8> {
    let take =
        |kept: &[Cell<Vec<u8>>; BUFFERS_KEPT]| kept.iter().map(Cell::take).find(|kept| kept.capacity() > 0);
    BUFFERS.try_with(take).ok().flatten().unwrap_or_else(|| Vec::with_capacity(512))
}

/// Keeps a buffer for later.
#[inline]
pub(crate) fn keep_buffer(mut buffer: Vec<u8>) {
    if !is_worth_keeping(buffer.capacity()) {
        return;
    }
    buffer.clear();
    // Without its place it is dropped.
    BUFFERS
        .try_with(|kept| {
            for place in kept {
                buffer = place.replace(std::mem::take(&mut buffer));
                if buffer.capacity() == 0 {
                    return;
                }
            }
        })
        .unwrap_or_default();
}
/// A copy of `text`.
pub(crate) fn string(text: &str) -> String {
    let mut string = STRINGS.try_with(|kept| kept.borrow_mut().pop()).ok().flatten().unwrap_or_default();
    string.push_str(text);
    string
}

/// Keeps a string's memory for later.
pub(crate) fn keep_string(mut string: String) {
    if !is_worth_keeping(string.capacity()) {
        return;
    }
    string.clear();
    keep(&STRINGS, string);
}

/// Whether memory of that capacity is kept.
pub(crate) fn is_worth_keeping(capacity: usize) -> bool {
    (1..=LARGEST).contains(&capacity)
}

/// Keeps something in `place`, unless there is enough, or the thread is ending.
pub(crate) fn keep<T>(place: &'static LocalKey<RefCell<Vec<T>>>, thing: T) {
    // Without its place it is dropped.
    place
        .try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < KEPT {
                kept.push(thing);
            }
        })
        .unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_handed_out_again_and_is_empty() {
        let mut first = buffer();
        first.extend_from_slice(b"secret");
        let place = first.as_ptr();
        keep_buffer(first);

        let second = buffer();
        assert!(second.is_empty() && second.as_ptr() == place);
        keep_string(string("alice"));
        assert_eq!(string("bob"), "bob");
    }

    #[test]
    fn what_is_large_or_too_much_is_not_kept() {
        keep_buffer(Vec::with_capacity(LARGEST + 1));
        keep_buffer(Vec::new());
        let kept = || BUFFERS.with(|kept| kept.each_ref().map(Cell::take).map(|kept| kept.capacity()));
        assert_eq!(kept(), [0; BUFFERS_KEPT]);
        (8..16).for_each(|capacity| keep_buffer(Vec::with_capacity(capacity)));
        assert_eq!(kept(), [15, 14, 13]);
    }
}
