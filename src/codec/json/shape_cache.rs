//! `ShapeCache`: objects with the same names in the same order, validated by comparing them to an object seen before.
//!
//! Promise: it accepts nothing that [`Validator`] refuses. The text between the values must equal that of a validated
//! object; every value is validated by itself. Where no shape fits, the validator decides and reports the fault.

use crate::codec::{
    json::{string_bitmap::unescaped_run, validate::Validator},
    simd::{COMPARED_BYTES, mismatch_mask},
};

/// Most shapes in a cache: about 80 KB of memory a thread.
const MAX_CACHED_SHAPES: usize = 32;

/// Most shapes that are compared with one object.
const MAX_SHAPES_TRIED: usize = 3;

/// Credit that one new shape costs. A hit earns 1 and a miss without a new shape costs 1.
const SHAPE_INSERT_COST: usize = 8;

/// Most credit that a cache saves up, and the credit that it starts with.
const MAX_SHAPE_CREDIT: usize = 4 * SHAPE_INSERT_COST * MAX_CACHED_SHAPES;

/// Number of objects of which one is tried while there is no credit.
const OBJECTS_PER_TRIAL: usize = 16;

/// Bound of the pieces of a shape. A longer object is not cached.
const MAX_SHAPE_PIECES: usize = 40;

/// Number of members whose values are captured.
pub(crate) const CAPTURED_FIELDS: usize = 3;

/// The shapes of objects that were validated before. The default caches none.
///
/// A shape is the object's text without its values, cut into pieces:
///
/// ```text
/// object   {"action": "text_to_video", "attempt": 1, "cached": false}
///
/// piece 0  {"action": "                                            then a string
/// piece 1                           ", "attempt":                  then a scalar
/// piece 2                                          , "cached":     then a scalar
/// piece 3                                                        } then the end
/// ```
///
/// An object of a known shape takes one 32-byte comparison a piece, and one step a value: a lookup in the bitmap for a
/// string, and a test of eight bytes for most scalars. The validator would find both ends of every name, compare the
/// name with the one before, and test four separators one by one.
///
/// # Cost
///
/// The cache serves validation, a third of the time of the row `verify, everything checked, 1 thread` of
/// `benches/RESULTS.md`. That row has one shape, and 1.00 of the speed of openssl. The text below the table has the
/// limits: 0.86 with some fifteen types of entries, and 0.77 where hardly two entries have the same fields.
///
/// Objects that never repeat must not pay for a cache. A hit earns 1 credit, a miss costs 1, and a new shape costs 8.
/// Without credit only every 16th object is tried. Of such a trail, the cache inserts the shapes of the first 128
/// objects and is then out of the way; once shapes repeat, the trials earn credit again.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShapeCache {
    shapes: Vec<Shape>,
    /// The first bytes of each shape, in the same order: most shapes are ruled out here, without reading their pieces.
    heads: Vec<Head>,
    credit: usize,
    /// Number of objects so far.
    objects: usize,
    /// Names of the members whose values are captured, as the text between their quotes.
    names: [&'static str; CAPTURED_FIELDS],
    /// Most shapes that are cached.
    capacity: usize,
    /// Index of the shape of the last hit or insertion.
    latest: usize,
    /// Index of the shape that the next insertion replaces.
    oldest: usize,
}

/// Ranges of the captured values, in the validated bytes. The range of a member that the object lacks is empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CapturedFields(pub(crate) [(usize, usize); CAPTURED_FIELDS]);

#[derive(Clone, Debug)]
struct Shape {
    pieces: Vec<Piece>,
    /// `false` if a value to be captured is a container: its text is spread over several pieces.
    captures_all: bool,
}

/// Up to 32 bytes between two values, and the kind of the value behind them.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Padded with zeros.
    text: [u8; COMPARED_BYTES],
    length: usize,
    /// The lowest `length` bits: a mismatch in the padding does not count.
    mask: u32,
    next: Next,
    /// Index of the captured field that the value belongs to.
    captured: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The inside of a string. Its quotes belong to the pieces around it.
    String,
    /// A number, `true`, `false` or `null`.
    Scalar,
    /// The next piece of a text that is longer than a piece.
    Piece,
    /// The end of the object.
    End,
}

impl ShapeCache {
    /// Creates a cache for objects of which many are alike. It captures the values of the members with these names,
    /// which contain neither a quote nor a backslash.
    pub(crate) fn capturing(names: [&'static str; CAPTURED_FIELDS]) -> Self {
        Self { capacity: MAX_CACHED_SHAPES, credit: MAX_SHAPE_CREDIT, names, ..Self::default() }
    }

    /// Validates the object of level 2 at `at`. Returns its end as [`Validator::value_from`] does, and the captured
    /// values if a shape that captures all of them fits.
    #[inline]
    pub(crate) fn object(
        &mut self,
        text: &mut Validator<'_>,
        at: usize,
    ) -> Option<(usize, Option<CapturedFields>)> {
        let rest = text.rest_from(at);
        // An object within 32 bytes of the end of the text is left to the validator. There is none on a whole line,
        // which goes on with the event type and two hashes.
        self.objects = self.objects.wrapping_add(1);
        let is_tried = self.credit > 0 || self.objects.is_multiple_of(OBJECTS_PER_TRIAL);
        let Some(first) = rest.first_chunk::<COMPARED_BYTES>().filter(|_| self.capacity > 0 && is_tried)
        else {
            return text.value_from(at, 2).map(|end| (end, None));
        };
        // The shape of the last object comes first: entries of one type tend to follow each other.
        let head = Head::of(first);
        let latest = (self.latest..self.shapes.len()).take(1);
        let others = (0..self.shapes.len()).filter(|number| *number != self.latest);
        let begins = |number: &usize| self.heads.get(*number).is_some_and(|known| known.begins(head));
        for number in latest.chain(others).filter(begins).take(MAX_SHAPES_TRIED) {
            if let Some(shape) = self.shapes.get(number)
                && let Some((end, captured)) = shape.end_of(text, at)
            {
                self.latest = number;
                self.credit = (self.credit + 1).min(MAX_SHAPE_CREDIT);
                return Some((end, shape.captures_all.then_some(captured)));
            }
        }
        // No shape fits. The validator starts again at `at`, so that its fault is the one without a cache.
        let end = text.value_from(at, 2)?;
        // The object is valid, so its text may become a shape. A cache of text that was not validated would accept it
        // again.
        match self.credit.checked_sub(SHAPE_INSERT_COST) {
            Some(credit) => {
                self.credit = credit;
                self.insert(rest.get(..end - at)?);
            }
            None => self.credit = self.credit.saturating_sub(1),
        }
        Some((end, None))
    }

    /// Inserts the shape of a validated object. A full cache replaces its oldest shape.
    fn insert(&mut self, object: &[u8]) {
        let Some(shape) = Shape::of(object, &self.names) else { return };
        let Some(head) = shape.pieces.first().map(Piece::head) else { return };
        if self.shapes.len() < self.capacity {
            self.latest = self.shapes.len();
            self.shapes.push(shape);
            self.heads.push(head);
        } else {
            self.latest = self.oldest;
            self.oldest = (self.oldest + 1) % self.capacity;
            if let (Some(known), Some(known_head)) =
                (self.shapes.get_mut(self.latest), self.heads.get_mut(self.latest))
            {
                (*known, *known_head) = (shape, head);
            }
        }
    }
}

/// The third to the tenth byte of an object, behind `{"`, which all objects begin with.
#[derive(Clone, Copy, Debug)]
struct Head {
    bits: u64,
    /// Bits that belong to the first piece. The others are those of a value.
    mask: u64,
}

impl Head {
    fn of(window: &[u8; COMPARED_BYTES]) -> u64 {
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
        // A shift by 64, for a piece of two bytes, would overflow: the mask is then 0.
        let mask = u64::MAX.checked_shr(64 - 8 * bytes as u32).unwrap_or_default();
        Head { bits: Head::of(&self.text), mask }
    }

    #[inline(always)]
    fn begins(&self, window: &[u8; COMPARED_BYTES]) -> bool {
        mismatch_mask(window, &self.text) & self.mask == 0
    }
}

impl Shape {
    /// Returns the shape of a validated object; `None` if it has too many pieces.
    fn of(object: &[u8], names: &[&str]) -> Option<Self> {
        let mut shape = Self { pieces: Vec::with_capacity(MAX_SHAPE_PIECES), captures_all: true };
        let mut depth = 0_usize;
        // Index of the captured field whose value comes next; only members of the object itself are captured.
        let mut captured = None;
        // Start of the current piece.
        let mut from = 0;
        let mut at = 0;
        while let Some(byte) = object.get(at) {
            match byte {
                b'"' => {
                    let end = string_end(object, at + 1)?;
                    // Of all strings, names alone are followed by a colon. They are part of the piece.
                    if object.get(end + 1) == Some(&b':') {
                        let text = object.get(at + 1..end)?;
                        if depth == 1 {
                            captured = names.iter().position(|name| name.as_bytes() == text);
                        }
                    } else {
                        shape.add(object.get(from..=at)?, Next::String, captured.take())?;
                        from = end;
                    }
                    at = end + 1;
                }
                // Brackets stay part of the text between values, and so do empty containers.
                b'{' | b'[' => {
                    shape.captures_all &= captured.is_none();
                    depth += 1;
                    at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    at += 1;
                }
                b',' | b':' | b' ' => at += 1,
                _ => {
                    shape.add(object.get(from..at)?, Next::Scalar, captured.take())?;
                    let rest = object.get(at..)?;
                    at += rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']'))?;
                    from = at;
                }
            }
        }
        shape.add(object.get(from..at)?, Next::End, None)?;
        Some(shape)
    }

    /// Adds `text` as one or more pieces, the last of which `next` follows. Returns `None` if there are too many
    /// pieces.
    fn add(&mut self, text: &[u8], next: Next, captured: Option<usize>) -> Option<()> {
        let mut chunks = text.chunks(COMPARED_BYTES).peekable();
        while let Some(chunk) = chunks.next() {
            let mut text = [0; COMPARED_BYTES];
            text[..chunk.len()].copy_from_slice(chunk);
            let mask = u32::MAX >> (COMPARED_BYTES - chunk.len());
            let (next, captured) =
                if chunks.peek().is_some() { (Next::Piece, None) } else { (next, captured) };
            self.pieces.push(Piece { text, length: chunk.len(), mask, next, captured });
        }
        (self.pieces.len() < MAX_SHAPE_PIECES).then_some(())
    }

    /// Returns the end of the object at `at` and its captured values; `None` if it has another shape.
    #[inline]
    fn end_of(&self, text: &mut Validator<'_>, mut at: usize) -> Option<(usize, CapturedFields)> {
        let mut captured = CapturedFields([(0, 0); CAPTURED_FIELDS]);
        for piece in &self.pieces {
            if !piece.begins(text.rest_from(at).first_chunk()?) {
                return None;
            }
            at += piece.length;
            let value = match piece.next {
                Next::String => {
                    // The byte at the end need not be a quote. The next piece begins with one and fails otherwise.
                    let end = text.string_end(at)?;
                    let value = (at - 1, end + 1);
                    at = end;
                    value
                }
                Next::Scalar => {
                    let end = text.scalar(at)?;
                    let value = (at, end);
                    at = end;
                    value
                }
                Next::Piece => continue,
                Next::End => return Some((at, captured)),
            };
            if let Some(range) = piece.captured.and_then(|field| captured.0.get_mut(field)) {
                *range = value;
            }
        }
        None
    }
}

/// Returns the position of the quote that ends the validated string which `at` is inside of.
fn string_end(object: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += unescaped_run(object.get(at..)?);
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

    /// The text that follows an object on its line.
    const REMAINDER: &[u8] = b", \"event_type\": \"task_submitted\", \"prev_hash\": ";

    const NAMES: [&str; CAPTURED_FIELDS] = ["a", "action", "b"];

    fn by_cache(cache: &mut ShapeCache, line: &[u8]) -> Option<usize> {
        let bitmap = StringBitmap::of(line);
        let (end, captured) = cache.object(&mut Validator::new(line, &bitmap), 0)?;
        if let Some(CapturedFields(captured)) = captured {
            let captured = captured.map(|(from, to)| &line[from..to]);
            let members =
                |name: &&str| MemberTexts::of(&line[..end]).find(|(known, _)| *known == name.as_bytes());
            let expected = NAMES.each_ref().map(|name| members(name).map_or(&b""[..], |(_, value)| value));
            assert_eq!(captured, expected, "{}", line.escape_ascii());
        }
        Some(end)
    }

    fn by_validator(line: &[u8]) -> Option<usize> {
        let bitmap = StringBitmap::of(line);
        Validator::new(line, &bitmap).value_from(0, 2)
    }

    #[test]
    fn cached_objects_end_where_the_validator_ends_them() {
        let mut random = Random::new(41);
        let mut cache = ShapeCache::capturing(NAMES);
        let mut fitted = 0;
        for _ in 0..3_000 {
            let value = random.value(3);
            let Value::Object(_) = &value else { continue };
            let mut line = Vec::new();
            value.write(&mut line);
            let length = line.len();
            line.extend_from_slice(REMAINDER);

            for _ in 0..2 {
                assert_eq!(by_cache(&mut cache, &line), Some(length), "{}", line.escape_ascii());
            }

            fitted += usize::from(Shape::of(&line[..length], &NAMES).is_some());
        }
        assert!(fitted > 200, "{fitted}");
    }

    #[test]
    fn changed_byte_is_judged_as_the_validator_judges_it() {
        let objects: [&[u8]; 4] = [
            br#"{"action": "text_to_video", "attempt": 1, "cached": false, "duration": "5", "prompt_length": 120}"#,
            br#"{"a": {"b": ["x", 1.5, null], "c": {}}, "a name that is longer than any window of bytes": -7}"#,
            br#"{"\u00e9": "\ud83d\ude00 \n", "\ud800\udc00": true}"#,
            b"{}",
        ];
        let mut taken = 0;
        for object in objects {
            let line = [object, REMAINDER].concat();
            let mut known = ShapeCache::capturing(NAMES);
            assert_eq!(by_cache(&mut known, &line), Some(object.len()));
            for at in 0..object.len() {
                for byte in 0..=u8::MAX {
                    let mut changed = line.clone();
                    changed[at] = byte;
                    let expected = by_validator(&changed);

                    assert_eq!(
                        by_cache(&mut known.clone(), &changed),
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
    fn known_shape_fits_values_of_any_length() {
        let mut cache = ShapeCache::capturing(NAMES);
        for (text, number) in [("", "0"), ("x", "12345678901234567890"), ("\\u00e9\\\"", "-1.5"), ("}", "01")]
        {
            let long = text.repeat(40);
            for text in [text, &long] {
                let object = format!(r#"{{"a": "{text}", "b": {number}, "c": ["{text}"]}}"#);
                let line = [object.as_bytes(), REMAINDER].concat();

                assert_eq!(by_cache(&mut cache, &line), by_validator(&line), "{object}");
            }
        }
        assert_eq!(cache.shapes.len(), 1);
    }

    #[test]
    fn members_of_the_object_itself_are_captured() {
        let captured = |object: &str| {
            let line = [object.as_bytes(), REMAINDER].concat();
            let bitmap = StringBitmap::of(&line);
            let mut cache = ShapeCache::capturing(NAMES);
            let [_, (_, captured)] =
                [(); 2].map(|()| cache.object(&mut Validator::new(&line, &bitmap), 0).expect("canonical"));
            captured.map(|CapturedFields(captured)| {
                captured.map(|(from, to)| String::from_utf8_lossy(&line[from..to]).into_owned())
            })
        };
        let values = |values: [&str; CAPTURED_FIELDS]| Some(values.map(str::to_owned));

        assert_eq!(captured(r#"{"a": 1, "action": "x", "b": null}"#), values(["1", "\"x\"", "null"]));
        assert_eq!(captured(r#"{"aa": {"a": 1, "b": 2}, "c": "a"}"#), values(["", "", ""]));
        assert_eq!(captured(r#"{"A": ["a"], "b": "\"a\": 1"}"#), values(["", "", r#""\"a\": 1""#]));
        assert_eq!(captured(r#"{"a": {"b": 1}}"#), None);
        assert_eq!(captured(r#"{"a": []}"#), None);
    }

    #[test]
    fn full_cache_replaces_its_oldest_shape_and_credit_is_bounded() {
        let mut cache = ShapeCache::capturing(NAMES);
        let mut take = |number: usize, value: usize| {
            let object = format!(r#"{{"n{number}": {value}, "name": {{}}}}"#);
            let line = [object.as_bytes(), REMAINDER].concat();
            assert_eq!(by_cache(&mut cache, &line), Some(object.len()));
            (cache.shapes.len(), cache.credit)
        };
        for number in 0..2 * MAX_SHAPE_CREDIT {
            assert_eq!(take(number, 7).0, MAX_CACHED_SHAPES.min(number + 1));
        }

        // The credit is spent, until objects of cached shapes come again.
        let known = MAX_SHAPE_CREDIT / SHAPE_INSERT_COST - 1;
        let tried = (0..10 * MAX_SHAPE_CREDIT)
            .take_while(|&round| take(known, round).1 < MAX_SHAPE_CREDIT / 2)
            .count();
        assert!((MAX_SHAPE_CREDIT / 2..MAX_SHAPE_CREDIT).contains(&tried), "{tried}");
        take(known + 1, 7);
        assert_eq!(take(known + 1, 8).1, take(known + 1, 9).1 - 1);
    }
}
