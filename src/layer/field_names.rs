//! Names of fields, while the caller of a macro compiles: without the `r#` of raw identifiers, and none twice.
//!
//! Each function is `const` and total: a panic in one would be a compile error in somebody else's code.

/// Names of fields.
pub type Names = &'static [&'static str];

/// The names that a callsite has: `given`, or `with_message` if they hold no message.
pub const fn names(given: Names, with_message: Names) -> Names {
    if holds(given, "message") { given } else { with_message }
}

/// Whether `name` is one of `names`.
pub const fn holds(names: Names, name: &str) -> bool {
    let mut at = 0;
    while at < names.len() {
        if same(names[at], name) {
            return true;
        }
        at += 1;
    }
    false
}

/// The first name that appears again.
pub const fn twice(names: Names) -> Option<&'static str> {
    let mut first = 0;
    while first < names.len() {
        let mut second = first + 1;
        while second < names.len() {
            if same(names[first], names[second]) {
                return Some(names[first]);
            }
            second += 1;
        }
        first += 1;
    }
    None
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// A field's name of `LENGTH` bytes.
#[derive(Debug)]
pub struct FieldName<const LENGTH: usize>([u8; LENGTH]);

impl FieldName<0> {
    /// How long `written` is without each `r#`.
    pub const fn length(written: &str) -> usize {
        let written = written.as_bytes();
        let (mut at, mut length) = (0, 0);
        while at < written.len() {
            at += if is_raw(written, at) { 3 } else { 1 };
            length += 1;
        }
        length
    }
}

impl<const LENGTH: usize> FieldName<LENGTH> {
    /// `written` without each `r#`.
    pub const fn new(written: &str) -> Self {
        let written = written.as_bytes();
        let mut name = [0; LENGTH];
        let (mut at, mut length) = (0, 0);
        while at < written.len() && length < LENGTH {
            if is_raw(written, at) {
                at += 2;
            }
            name[length] = written[at];
            at += 1;
            length += 1;
        }
        Self(name)
    }

    /// The name.
    pub const fn as_str(&self) -> &str {
        // Whole characters were left out of a string, so a string is left.
        match std::str::from_utf8(&self.0) {
            Ok(name) => name,
            Err(_) => "",
        }
    }
}

/// Whether an `r#` and what it marks start here: in what identifiers and dots make up, a `#` has no other meaning.
const fn is_raw(written: &[u8], at: usize) -> bool {
    at + 2 < written.len() && written[at] == b'r' && written[at + 1] == b'#'
}

/// The complaint about a name that is given twice.
#[derive(Debug)]
pub struct Twice {
    text: [u8; Self::CAPACITY],
    length: usize,
}

impl Twice {
    const CAPACITY: usize = 256;

    /// About `name`, which is cut where it is too long.
    pub const fn new(name: &str) -> Self {
        let complaint = Self { text: [0; Self::CAPACITY], length: 0 };
        complaint.push("the field `").push(name).push("` is given twice")
    }

    const fn push(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut at = 0;
        while at < text.len() && self.length < Self::CAPACITY {
            self.text[self.length] = text[at];
            self.length += 1;
            at += 1;
        }
        self
    }

    /// The complaint.
    pub const fn as_str(&self) -> &str {
        let (text, _) = self.text.split_at(self.length);
        match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(_) => "a field is given twice",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_identifiers_lose_their_mark() {
        const WRITTEN: &str = "r#type.bar.r#fn";
        const NAME: FieldName<{ FieldName::length(WRITTEN) }> = FieldName::new(WRITTEN);

        assert_eq!(NAME.as_str(), "type.bar.fn");
        assert_eq!(FieldName::<3>::new("bar").as_str(), "bar");
        assert_eq!(FieldName::<2>::new("ér").as_str(), "é");
    }

    #[test]
    fn a_name_that_is_given_twice_is_told() {
        assert_eq!(twice(&["a", "b", "ab", "b", "a"]), Some("a"));
        assert_eq!(twice(&["a", "b", "A"]), None);
        assert_eq!(Twice::new("rows").as_str(), "the field `rows` is given twice");
        assert!(Twice::new(&"é".repeat(400)).as_str().contains("given twice"));
    }

    #[test]
    fn a_message_stands_in_where_there_is_none() {
        assert_eq!(names(&["a"], &["message", "a"]), ["message", "a"]);
        assert_eq!(names(&["a", "message"], &["message", "a", "message"]), ["a", "message"]);
    }
}
