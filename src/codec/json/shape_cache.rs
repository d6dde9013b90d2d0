//! `Shapes`: what objects have in common that were recognised one after the other.
//!
//! Promise: it takes nothing that the recogniser would not take. What stands between an object's values is compared with
//! what stood there in an object that was recognised; each value is looked at by itself. It gives up early, and never says
//! why.

use crate::codec::{
    json::{string_bitmap::plain_run, validate::Validator},
    simd::{WINDOW, differences},
};

/// How many shapes are remembered.
const REMEMBERED: usize = 32;

/// How many are tried with an object.
const TRIED: usize = 3;

/// What an object of a known shape spares is one, and what one of no known shape costs. Remembering costs more.
const REMEMBERING: usize = 8;

/// The most that is saved up.
const SAVED: usize = 4 * REMEMBERING * REMEMBERED;

/// Where nothing is left, every so many objects are tried all the same.
const ONE_OF: usize = 16;

/// The most pieces of one.
const MOST_PIECES: usize = 40;

/// How many members' values are noted.
pub(crate) const NOTED: usize = 3;

/// Shapes of objects, to be tried with those that come next. The default remembers none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes {
    shapes: Vec<Shape>,
    /// How each of them begins.
    heads: Vec<Head>,
    /// What was spared, less what was spent: where hardly any two objects are alike, shapes would take longer than they
    /// spare.
    balance: usize,
    objects: usize,
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
        Self { most: REMEMBERED, balance: SAVED, names, ..Self::default() }
    }

    /// The end of the object at level 2 that begins at `at`, as [`Validator::value_from`] says it, and its notes, where
    /// they were found on the way.
    #[inline]
    pub(crate) fn object(&mut self, text: &mut Validator<'_>, at: usize) -> Option<(usize, Option<Notes>)> {
        let rest = text.rest_from(at);
        self.objects = self.objects.wrapping_add(1);
        let is_tried = self.balance > 0 || self.objects.is_multiple_of(ONE_OF);
        let Some(first) = rest.first_chunk::<WINDOW>().filter(|_| self.most > 0 && is_tried) else {
            return text.value_from(at, 2).map(|end| (end, None));
        };
        // That of the last object first, then those which others had.
        let head = Head::of(first);
        let latest = (self.latest..self.shapes.len()).take(1);
        let others = (0..self.shapes.len()).filter(|number| *number != self.latest);
        let begins = |number: &usize| self.heads.get(*number).is_some_and(|known| known.begins(head));
        for number in latest.chain(others).filter(begins).take(TRIED) {
            if let Some(shape) = self.shapes.get(number)
                && let Some((end, notes)) = shape.end_of(text, at)
            {
                self.latest = number;
                self.balance = (self.balance + 1).min(SAVED);
                return Some((end, shape.is_noted.then_some(notes)));
            }
        }
        let end = text.value_from(at, 2)?;
        match self.balance.checked_sub(REMEMBERING) {
            Some(balance) => {
                self.balance = balance;
                self.remember(rest.get(..end - at)?);
            }
            None => self.balance = self.balance.saturating_sub(1),
        }
        Some((end, None))
    }

    /// Remembers the shape of an object that was recognised.
    fn remember(&mut self, object: &[u8]) {
        let Some(shape) = Shape::of(object, &self.names) else { return };
        let Some(head) = shape.pieces.first().map(Piece::head) else { return };
        if self.shapes.len() < self.most {
            self.latest = self.shapes.len();
            self.shapes.push(shape);
            self.heads.push(head);
        } else {
            self.latest = self.oldest;
            self.oldest = (self.oldest + 1) % self.most;
            if let (Some(known), Some(known_head)) =
                (self.shapes.get_mut(self.latest), self.heads.get_mut(self.latest))
            {
                (*known, *known_head) = (shape, head);
            }
        }
    }
}

/// The beginning of an object, and which of its bits belong to the shape.
#[derive(Clone, Copy, Debug)]
struct Head {
    bits: u64,
    mask: u64,
}

impl Head {
    fn of(window: &[u8; WINDOW]) -> u64 {
        // Behind the brace and the quote, where all begin alike.
        let [_, _, a, b, c, d, e, f, g, h, ..] = *window;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn begins(self, other: u64) -> bool {
        (self.bits ^ other) & self.mask == 0
    }
}

impl Piece {
    fn head(&self) -> Head {
        let bytes = self.length.saturating_sub(2).min(8);
        let mask = u64::MAX.checked_shr(64 - 8 * bytes as u32).unwrap_or_default();
        Head { bits: Head::of(&self.text), mask }
    }

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
    fn end_of(&self, text: &mut Validator<'_>, mut at: usize) -> Option<(usize, Notes)> {
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
        at += plain_run(object.get(at..)?);
        match object.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::{
        object_reader::MemberTexts, random_value::Random, string_bitmap::StringBitmap, value::Value,
    };

    /// What follows an object on its line.
    const REST: &[u8] = b", \"event_type\": \"task_submitted\", \"prev_hash\": ";

    const NAMES: [&str; NOTED] = ["a", "action", "b"];

    fn by_shapes(shapes: &mut Shapes, line: &[u8]) -> Option<usize> {
        let marks = StringBitmap::of(line);
        let (end, notes) = shapes.object(&mut Validator::new(line, &marks), 0)?;
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
        let marks = StringBitmap::of(line);
        Validator::new(line, &marks).value_from(0, 2)
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
            let marks = StringBitmap::of(&line);
            let mut shapes = Shapes::of_many(NAMES);
            let [_, (_, notes)] =
                [(); 2].map(|()| shapes.object(&mut Validator::new(&line, &marks), 0).expect("canonical"));
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
        let mut take = |number: usize, value: usize| {
            let object = format!(r#"{{"n{number}": {value}, "name": {{}}}}"#);
            let line = [object.as_bytes(), REST].concat();
            assert_eq!(by_shapes(&mut shapes, &line), Some(object.len()));
            (shapes.shapes.len(), shapes.balance)
        };
        for number in 0..2 * SAVED {
            assert_eq!(take(number, 7).0, REMEMBERED.min(number + 1));
        }

        // Nothing is left that could be spent, until those that are known come again.
        let known = SAVED / REMEMBERING - 1;
        let tried = (0..10 * SAVED).take_while(|&round| take(known, round).1 < SAVED / 2).count();
        assert!((SAVED / 2..SAVED).contains(&tried), "{tried}");
        take(known + 1, 7);
        assert_eq!(take(known + 1, 8).1, take(known + 1, 9).1 - 1);
    }
}
