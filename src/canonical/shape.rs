//! `Shapes`: what objects have in common that were recognised one after the other.
//!
//! Promise: it takes nothing that the recogniser would not take. What stands between an object's values is compared with
//! what stood there in an object that was recognised; each value is looked at by itself. It gives up early, and never says
//! why.

use crate::{
    canonical::recognise::Recogniser,
    vector::{WINDOW, differences},
};

/// How many shapes are remembered.
const REMEMBERED: usize = 8;

/// The most pieces of one.
const MOST_PIECES: usize = 40;

/// Shapes of objects, to be tried with those that come next. The default remembers none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes {
    shapes: Vec<Vec<Piece>>,
    /// How many are remembered.
    most: usize,
    /// The one that fitted last.
    latest: usize,
    /// The one to be forgotten next.
    oldest: usize,
}

/// What stands between two values, and the value after it.
#[derive(Clone, Copy, Debug)]
struct Piece {
    text: [u8; WINDOW],
    length: usize,
    /// A bit for each byte of it.
    mask: u32,
    then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// What goes between the quotes of a string.
    Text,
    /// A number, `true`, `false` or `null`.
    Scalar,
    /// Another piece.
    Nothing,
    /// The end of the object.
    End,
}

impl Shapes {
    /// For objects of which many are alike.
    pub(crate) fn of_many() -> Self {
        Self { most: REMEMBERED, ..Self::default() }
    }

    /// The end of the object at level 2 that begins at `at`, as [`Recogniser::value_from`] says it.
    pub(crate) fn object(&mut self, text: &mut Recogniser<'_>, at: usize) -> Option<usize> {
        let rest = text.rest_from(at);
        let Some(first) = rest.first_chunk::<WINDOW>().filter(|_| self.most > 0) else {
            return text.value_from(at, 2);
        };
        // That of the last object first, then those which others had since.
        let count = self.shapes.len();
        for step in 0..count {
            let number = (self.latest + step) % count;
            let Some(shape) = self.shapes.get(number) else { break };
            if shape.first().is_some_and(|piece| piece.begins(first))
                && let Some(end) = end_of(shape, text, at)
            {
                self.latest = number;
                return Some(end);
            }
        }
        let end = text.value_from(at, 2)?;
        self.remember(rest.get(..end - at)?);
        Some(end)
    }

    /// Remembers the shape of an object that was recognised.
    fn remember(&mut self, object: &[u8]) {
        let Some(shape) = pieces(object) else { return };
        if self.shapes.len() < self.most {
            self.latest = self.shapes.len();
            self.shapes.push(shape);
        } else if let Some(oldest) = self.shapes.get_mut(self.oldest) {
            *oldest = shape;
            self.latest = self.oldest;
            self.oldest = (self.oldest + 1) % self.most;
        }
    }
}

impl Piece {
    #[inline(always)]
    fn begins(&self, window: &[u8; WINDOW]) -> bool {
        differences(window, &self.text) & self.mask == 0
    }
}

/// The end of the object at `at`, if it has this shape.
#[inline]
fn end_of(shape: &[Piece], text: &mut Recogniser<'_>, mut at: usize) -> Option<usize> {
    for piece in shape {
        if !piece.begins(text.rest_from(at).first_chunk()?) {
            return None;
        }
        at += piece.length;
        at = match piece.then {
            // The next piece begins with the quote.
            Then::Text => text.string_end(at)?,
            Then::Scalar => text.scalar(at)?,
            Then::Nothing => at,
            Then::End => return Some(at),
        };
    }
    None
}

/// The pieces of a recognised object; `None` if there are too many.
fn pieces(object: &[u8]) -> Option<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(MOST_PIECES);
    let mut add = |from: usize, to: usize, then: Then| {
        let text = object.get(from..to)?;
        let mut chunks = text.chunks(WINDOW).peekable();
        while let Some(chunk) = chunks.next() {
            let mut text = [0; WINDOW];
            text[..chunk.len()].copy_from_slice(chunk);
            let mask = u32::MAX >> (WINDOW - chunk.len());
            let then = if chunks.peek().is_some() { Then::Nothing } else { then };
            pieces.push(Piece { text, length: chunk.len(), mask, then });
        }
        (pieces.len() < MOST_PIECES).then_some(())
    };
    // Where the piece begins that is looked at.
    let mut from = 0;
    let mut at = 0;
    while let Some(byte) = object.get(at) {
        match byte {
            b'"' => {
                let end = string_end(object, at + 1)?;
                // Nothing but a name is followed by a colon.
                if object.get(end + 1) != Some(&b':') {
                    add(from, at + 1, Then::Text)?;
                    from = end;
                }
                at = end + 1;
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' => at += 1,
            _ => {
                add(from, at, Then::Scalar)?;
                let length = object.get(at..)?.iter().position(|byte| matches!(byte, b',' | b'}' | b']'))?;
                at += length;
                from = at;
            }
        }
    }
    add(from, at, Then::End)?;
    Some(pieces)
}

/// Where the quote stands that ends the recognised string inside of which `at` is.
fn string_end(object: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match object.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{Marks, sample::Random, value::Value};

    /// What follows an object on its line.
    const REST: &[u8] = b", \"event_type\": \"task_submitted\", \"prev_hash\": ";

    fn by_shapes(shapes: &mut Shapes, line: &[u8]) -> Option<usize> {
        let marks = Marks::of(line);
        shapes.object(&mut Recogniser::new(line, &marks), 0)
    }

    fn by_itself(line: &[u8]) -> Option<usize> {
        let marks = Marks::of(line);
        Recogniser::new(line, &marks).value_from(0, 2)
    }

    #[test]
    fn objects_end_where_the_recogniser_ends_them() {
        let mut random = Random::new(41);
        let mut shapes = Shapes::of_many();
        let mut fitted = 0;
        for _ in 0..3_000 {
            let value = random.value(3);
            let Value::Object(_) = &value else { continue };
            let mut line = Vec::new();
            value.write(&mut line);
            let length = line.len();
            line.extend_from_slice(REST);

            for _ in 0..2 {
                assert_eq!(by_shapes(&mut shapes, &line), Some(length), "{}", line.escape_ascii());
            }

            fitted += usize::from(pieces(&line[..length]).is_some());
        }
        assert!(fitted > 200, "{fitted}");
    }

    #[test]
    fn one_changed_byte_is_judged_as_the_recogniser_judges_it() {
        let objects: [&[u8]; 4] = [
            br#"{"action": "text_to_video", "attempt": 1, "cached": false, "duration": "5", "prompt_length": 120}"#,
            br#"{"a": {"b": ["x", 1.5, null], "c": {}}, "a name that is longer than any window of bytes": -7}"#,
            br#"{"\u00e9": "\ud83d\ude00 \n", "\ud800\udc00": true}"#,
            b"{}",
        ];
        let mut taken = 0;
        for object in objects {
            let line = [object, REST].concat();
            let mut known = Shapes::of_many();
            assert_eq!(by_shapes(&mut known, &line), Some(object.len()));
            for at in 0..object.len() {
                for byte in 0..=u8::MAX {
                    let mut changed = line.clone();
                    changed[at] = byte;
                    let expected = by_itself(&changed);

                    assert_eq!(
                        by_shapes(&mut known.clone(), &changed),
                        expected,
                        "{}",
                        changed.escape_ascii()
                    );

                    taken += usize::from(expected.is_some());
                }
            }
        }
        assert!(taken > 1_000, "{taken}");
    }

    #[test]
    fn values_may_be_of_any_length_in_a_known_shape() {
        let mut shapes = Shapes::of_many();
        for (text, number) in [("", "0"), ("x", "12345678901234567890"), ("\\u00e9\\\"", "-1.5"), ("}", "01")]
        {
            let long = text.repeat(40);
            for text in [text, &long] {
                let object = format!(r#"{{"a": "{text}", "b": {number}, "c": ["{text}"]}}"#);
                let line = [object.as_bytes(), REST].concat();

                assert_eq!(by_shapes(&mut shapes, &line), by_itself(&line), "{object}");
            }
        }
        assert_eq!(shapes.shapes.len(), 1);
    }

    #[test]
    fn shapes_take_turns_and_no_more_are_remembered_than_a_few() {
        let mut shapes = Shapes::of_many();
        for round in 0..3 {
            for number in 0..20 {
                let object = format!(r#"{{"name_{number}": {round}}}"#);
                let line = [object.as_bytes(), REST].concat();

                assert_eq!(by_shapes(&mut shapes, &line), Some(object.len()));
            }
        }
        assert_eq!(shapes.shapes.len(), REMEMBERED);
    }
}
