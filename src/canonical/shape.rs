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

/// How many members' values are noted.
pub(crate) const NOTED: usize = 3;

/// Shapes of objects, to be tried with those that come next. The default remembers none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes {
    shapes: Vec<Shape>,
    /// The names of members whose values are noted, as they stand between their quotes.
    names: [&'static str; NOTED],
    /// How many are remembered.
    most: usize,
    /// The one that fitted last.
    latest: usize,
    /// The one to be forgotten next.
    oldest: usize,
}

/// Where the values of noted members stand in the bytes that were read: of a member that is not there, no bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notes(pub(crate) [(usize, usize); NOTED]);

#[derive(Clone, Debug)]
struct Shape {
    pieces: Vec<Piece>,
    /// Whether the values of all the members are noted that it has of those whose values should be.
    is_noted: bool,
}

/// What stands between two values, and the value after it.
#[derive(Clone, Copy, Debug)]
struct Piece {
    text: [u8; WINDOW],
    length: usize,
    /// A bit for each byte of it.
    mask: u32,
    then: Then,
    /// The place of the value's name among those whose values are noted.
    note: Option<usize>,
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
    /// For objects of which many are alike. The values of the members with these names are noted; a name has neither a quote
    /// nor a backslash.
    pub(crate) fn of_many(names: [&'static str; NOTED]) -> Self {
        Self { most: REMEMBERED, names, ..Self::default() }
    }

    /// The end of the object at level 2 that begins at `at`, as [`Recogniser::value_from`] says it, and its notes, where
    /// they were found on the way.
    #[inline]
    pub(crate) fn object(&mut self, text: &mut Recogniser<'_>, at: usize) -> Option<(usize, Option<Notes>)> {
        let rest = text.rest_from(at);
        let Some(first) = rest.first_chunk::<WINDOW>().filter(|_| self.most > 0) else {
            return text.value_from(at, 2).map(|end| (end, None));
        };
        // That of the last object first, then those which others had since.
        let count = self.shapes.len();
        for step in 0..count {
            let number = (self.latest + step) % count;
            let Some(shape) = self.shapes.get(number) else { break };
            if shape.pieces.first().is_some_and(|piece| piece.begins(first))
                && let Some((end, notes)) = shape.end_of(text, at)
            {
                self.latest = number;
                return Some((end, shape.is_noted.then_some(notes)));
            }
        }
        let end = text.value_from(at, 2)?;
        self.remember(rest.get(..end - at)?);
        Some((end, None))
    }

    /// Remembers the shape of an object that was recognised.
    fn remember(&mut self, object: &[u8]) {
        let Some(shape) = Shape::of(object, &self.names) else { return };
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

impl Shape {
    /// That of a recognised object; `None` if there is too much to remember.
    fn of(object: &[u8], names: &[&str]) -> Option<Self> {
        let mut shape = Self { pieces: Vec::with_capacity(MOST_PIECES), is_noted: true };
        let mut depth = 0_usize;
        // The latest name of the object itself, among those whose values are noted.
        let mut name = None;
        // Where the piece begins that is looked at.
        let mut from = 0;
        let mut at = 0;
        while let Some(byte) = object.get(at) {
            match byte {
                b'"' => {
                    let end = string_end(object, at + 1)?;
                    // Nothing but a name is followed by a colon.
                    if object.get(end + 1) == Some(&b':') {
                        let text = object.get(at + 1..end)?;
                        if depth == 1 {
                            name = names.iter().position(|name| name.as_bytes() == text);
                        }
                    } else {
                        shape.add(object.get(from..=at)?, Then::Text, name.take())?;
                        from = end;
                    }
                    at = end + 1;
                }
                b'{' | b'[' => {
                    shape.is_noted &= name.is_none();
                    depth += 1;
                    at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    at += 1;
                }
                b',' | b':' | b' ' => at += 1,
                _ => {
                    shape.add(object.get(from..at)?, Then::Scalar, name.take())?;
                    let rest = object.get(at..)?;
                    at += rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']'))?;
                    from = at;
                }
            }
        }
        shape.add(object.get(from..at)?, Then::End, None)?;
        Some(shape)
    }

    /// Adds `text` and what comes then.
    fn add(&mut self, text: &[u8], then: Then, note: Option<usize>) -> Option<()> {
        let mut chunks = text.chunks(WINDOW).peekable();
        while let Some(chunk) = chunks.next() {
            let mut text = [0; WINDOW];
            text[..chunk.len()].copy_from_slice(chunk);
            let mask = u32::MAX >> (WINDOW - chunk.len());
            let (then, note) = if chunks.peek().is_some() { (Then::Nothing, None) } else { (then, note) };
            self.pieces.push(Piece { text, length: chunk.len(), mask, then, note });
        }
        (self.pieces.len() < MOST_PIECES).then_some(())
    }

    /// The end of the object at `at` and its notes, if it has this shape.
    #[inline]
    fn end_of(&self, text: &mut Recogniser<'_>, mut at: usize) -> Option<(usize, Notes)> {
        let mut notes = Notes([(0, 0); NOTED]);
        for piece in &self.pieces {
            if !piece.begins(text.rest_from(at).first_chunk()?) {
                return None;
            }
            at += piece.length;
            let value = match piece.then {
                Then::Text => {
                    // The quotes are parts of the pieces around.
                    let end = text.string_end(at)?;
                    let value = (at - 1, end + 1);
                    at = end;
                    value
                }
                Then::Scalar => {
                    let end = text.scalar(at)?;
                    let value = (at, end);
                    at = end;
                    value
                }
                Then::Nothing => continue,
                Then::End => return Some((at, notes)),
            };
            if let Some(note) = piece.note.and_then(|note| notes.0.get_mut(note)) {
                *note = value;
            }
        }
        None
    }
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
    use crate::canonical::{Marks, MemberTexts, sample::Random, value::Value};

    /// What follows an object on its line.
    const REST: &[u8] = b", \"event_type\": \"task_submitted\", \"prev_hash\": ";

    const NAMES: [&str; NOTED] = ["a", "action", "b"];

    fn by_shapes(shapes: &mut Shapes, line: &[u8]) -> Option<usize> {
        let marks = Marks::of(line);
        let (end, notes) = shapes.object(&mut Recogniser::new(line, &marks), 0)?;
        if let Some(Notes(notes)) = notes {
            let noted = notes.map(|(from, to)| &line[from..to]);
            let members =
                |name: &&str| MemberTexts::of(&line[..end]).find(|(known, _)| *known == name.as_bytes());
            let expected = NAMES.each_ref().map(|name| members(name).map_or(&b""[..], |(_, value)| value));
            assert_eq!(noted, expected, "{}", line.escape_ascii());
        }
        Some(end)
    }

    fn by_itself(line: &[u8]) -> Option<usize> {
        let marks = Marks::of(line);
        Recogniser::new(line, &marks).value_from(0, 2)
    }

    #[test]
    fn objects_end_where_the_recogniser_ends_them() {
        let mut random = Random::new(41);
        let mut shapes = Shapes::of_many(NAMES);
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

            fitted += usize::from(Shape::of(&line[..length], &NAMES).is_some());
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
            let mut known = Shapes::of_many(NAMES);
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
        let mut shapes = Shapes::of_many(NAMES);
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
    fn values_of_noted_members_are_noted_in_the_object_itself() {
        let notes = |object: &str| {
            let line = [object.as_bytes(), REST].concat();
            let marks = Marks::of(&line);
            let mut shapes = Shapes::of_many(NAMES);
            let [_, (_, notes)] =
                [(); 2].map(|()| shapes.object(&mut Recogniser::new(&line, &marks), 0).expect("canonical"));
            notes.map(|Notes(notes)| {
                notes.map(|(from, to)| String::from_utf8_lossy(&line[from..to]).into_owned())
            })
        };
        let noted = |values: [&str; NOTED]| Some(values.map(str::to_owned));

        assert_eq!(notes(r#"{"a": 1, "action": "x", "b": null}"#), noted(["1", "\"x\"", "null"]));
        assert_eq!(notes(r#"{"aa": {"a": 1, "b": 2}, "c": "a"}"#), noted(["", "", ""]));
        assert_eq!(notes(r#"{"A": ["a"], "b": "\"a\": 1"}"#), noted(["", "", r#""\"a\": 1""#]));
        assert_eq!(notes(r#"{"a": {"b": 1}}"#), None);
        assert_eq!(notes(r#"{"a": []}"#), None);
    }

    #[test]
    fn shapes_take_turns_and_no_more_are_remembered_than_a_few() {
        let mut shapes = Shapes::of_many(NAMES);
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
