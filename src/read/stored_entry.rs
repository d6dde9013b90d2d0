//! A line of a trail as text for a terminal and as JSON for programs.
//!
//! Neither contains control characters or bytes beyond printable ASCII, whatever the trail contains: the text escapes
//! names and actors, and the JSON is canonical.

use std::{borrow::Cow, fmt};

use crate::{
    codec::{
        json::{object_reader::MemberTexts, parse::parse_python, validate::decode, value::Value, write},
        terminal::Escaped,
    },
    format::{entry_commitments::Commitment, line::Line},
    storage::private_reader::PrivateValue,
};

/// A line of a trail.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoredLine {
    /// An entry.
    Entry(StoredEntry),
    /// A line that can't be read as an entry. Verification reports it as tampered.
    Damaged(DamagedLine),
}

/// An entry with its erasable values.
#[derive(Clone, Debug)]
pub struct StoredEntry {
    seq: Option<u64>,
    time: String,
    actor: String,
    event_type: String,
    holds: bool,
    /// The line without its newline.
    line: String,
    /// Canonical text of the context, with the erasable values in the places of their commitments.
    context: String,
    /// Canonical text of the details, with the erasable values in the places of their commitments.
    details: String,
    /// Erasable values by path.
    values: Vec<(String, ErasableValue)>,
    /// Description of what was truncated in the values: members of canonical text.
    cut: String,
}

/// A value that is not part of its entry, which has a commitment to it instead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErasableValue {
    /// The value as JSON text. It matches the entry's commitment.
    AtHand(String),
    /// The value was erased, or was not copied with the trail.
    Gone,
    /// The stored value does not match the entry's commitment.
    Changed,
}

/// A line that can't be read as an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedLine {
    /// Name of the file.
    pub file: String,
    /// Position of the line in the file, in bytes.
    pub offset: u64,
    /// Reason why the line is not an entry.
    pub why: String,
}

impl StoredEntry {
    /// An entry of format 1. `found` are the records of its private values, and `committed` the commitments in it.
    pub(super) fn of(
        line: &Line<'_>,
        bytes: &[u8],
        committed: &[Commitment],
        found: &[PrivateValue],
    ) -> Self {
        let mut values: Vec<(&[u8], ErasableValue)> = Vec::new();
        for Commitment { field, digest } in committed {
            let of_field = || found.iter().filter(|value| value.field == *field);
            // A failed write can leave two records of one field. The one that matches counts.
            let value = match of_field().find(|value| value.commitment == *digest) {
                Some(value) => ErasableValue::AtHand(text(&value.value)),
                None if of_field().next().is_some() => ErasableValue::Changed,
                None => ErasableValue::Gone,
            };
            values.push((field, value));
        }
        let cut: Vec<_> =
            found.iter().filter_map(|value| value.cut.strip_prefix(b"{")?.strip_suffix(b"}")).collect();
        let (mut context, mut details) = (Vec::new(), Vec::new());
        if !line.context.is_empty() {
            join(line.context, b"context.", &values, &mut context);
        }
        join(line.details, b"", &values, &mut details);
        Self {
            seq: Some(line.seq),
            time: line.time.to_string(),
            actor: decode(line.actor).to_string_lossy(),
            event_type: decode(line.event_type).to_string_lossy(),
            holds: line.holds(),
            line: text(bytes),
            context: text(&context),
            details: text(&details),
            cut: text(&cut.join(&b", "[..])),
            values: values
                .into_iter()
                .map(|(field, value)| (decode(field).to_string_lossy(), value))
                .collect(),
        }
    }

    /// An entry of the Python tool's logs.
    ///
    /// # Errors
    ///
    /// The reason why the line is not an entry.
    pub(super) fn of_tool(bytes: &[u8]) -> Result<Self, String> {
        let parsed = parse_python(bytes, 128).map_err(|error| error.to_string())?;
        let Value::Object(members) = &parsed else { return Err("no object".to_owned()) };
        let get = |name: &str| members.iter().find(|(known, _)| known.to_str() == Some(name));
        let string = |name: &str| match get(name) {
            Some((_, Value::String(text))) => Ok(text.to_string_lossy()),
            _ => Err(format!("no `{name}`")),
        };
        let details = get("details").map(|(_, value)| value).ok_or("no `details`")?;
        Ok(Self {
            seq: None,
            time: string("timestamp")?,
            actor: string("actor")?,
            event_type: string("event_type")?,
            // The tool hashes an entry together with its predecessor: only a verification can check that.
            holds: true,
            line: canonical(&parsed),
            context: String::new(),
            details: canonical(details),
            values: Vec::new(),
            cut: String::new(),
        })
    }

    /// Number of the entry. `None` in logs of the Python tool, which have no numbers.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        self.seq
    }

    /// Time of the entry as written: RFC 3339.
    #[must_use]
    pub fn timestamp(&self) -> &str {
        &self.time
    }

    /// Actor of the entry.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Type of the entry.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// Returns `true` if the entry's own hash is right. Always `true` in logs of the Python tool, whose hashes only a
    /// verification can check.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// Erasable values of the entry, by path.
    #[must_use]
    pub fn values(&self) -> &[(String, ErasableValue)] {
        &self.values
    }

    /// Returns the entry as one line of JSON in printable ASCII.
    ///
    /// The members of the entry come first, unchanged. Then come these, each if it applies:
    ///
    /// | member | content |
    /// |---|---|
    /// | `values` | object of the erasable values that are there, by path |
    /// | `values_cut` | object by path: length and SHA-256 of strings that were truncated in them |
    /// | `values_gone` | array of paths: values that were erased or not copied |
    /// | `values_changed` | array of paths: values that do not match their commitments |
    /// | `holds` | `false` if the entry's own hash is wrong |
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = self.line.strip_suffix('}').unwrap_or_default().as_bytes().to_vec();
        let mut has_values = false;
        for (path, value) in &self.values {
            if let ErasableValue::AtHand(text) = value {
                out.extend_from_slice(if has_values { b", " } else { b", \"values\": {" });
                write::string(&mut out, path);
                out.extend_from_slice(b": ");
                out.extend_from_slice(text.as_bytes());
                has_values = true;
            }
        }
        if has_values {
            out.push(b'}');
        }
        if !self.cut.is_empty() {
            out.extend_from_slice(format!(", \"values_cut\": {{{}}}", self.cut).as_bytes());
        }
        for (name, wanted) in
            [("values_gone", ErasableValue::Gone), ("values_changed", ErasableValue::Changed)]
        {
            let paths = self.values.iter().filter(|(_, value)| *value == wanted).map(|(path, _)| path);
            for (at, path) in paths.clone().enumerate() {
                if at == 0 {
                    out.extend_from_slice(format!(", \"{name}\": [").as_bytes());
                } else {
                    out.extend_from_slice(b", ");
                }
                write::string(&mut out, path);
            }
            if paths.count() > 0 {
                out.push(b']');
            }
        }
        if !self.holds {
            out.extend_from_slice(b", \"holds\": false");
        }
        out.push(b'}');
        text(&out)
    }
}

impl DamagedLine {
    /// Returns the reason and the place as one line of JSON in printable ASCII, with the members `damaged`, `file` and
    /// `offset`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = b"{\"damaged\": ".to_vec();
        write::string(&mut out, &self.why);
        out.extend_from_slice(b", \"file\": ");
        write::string(&mut out, &self.file);
        out.extend_from_slice(b", \"offset\": ");
        write::integer(&mut out, self.offset);
        out.push(b'}');
        text(&out)
    }
}

impl StoredLine {
    /// Returns the line as one line of JSON in printable ASCII: [`StoredEntry::to_json`] or [`DamagedLine::to_json`].
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Entry(entry) => entry.to_json(),
            Self::Damaged(damaged) => damaged.to_json(),
        }
    }

    /// Returns `true` for an entry whose own hash is right and whose stored erasable values match their commitments.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self {
            Self::Entry(entry) => {
                entry.holds && !entry.values.iter().any(|(_, value)| *value == ErasableValue::Changed)
            }
            Self::Damaged(_) => false,
        }
    }
}

impl fmt::Display for StoredLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(entry) => entry.fmt(f),
            Self::Damaged(damaged) => damaged.fmt(f),
        }
    }
}

impl fmt::Display for StoredEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seq) = self.seq {
            write!(f, "{seq}  ")?;
        }
        write!(
            f,
            "{}  {}  {}  {}",
            Escaped(self.time.as_str()),
            Escaped(self.actor.as_str()),
            Escaped(self.event_type.as_str()),
            self.details
        )?;
        if !self.context.is_empty() {
            write!(f, "  {}", self.context)?;
        }
        if !self.cut.is_empty() {
            write!(f, "  truncated: {{{}}}", self.cut)?;
        }
        if !self.holds {
            f.write_str("  WRONG HASH")?;
        }
        Ok(())
    }
}

impl fmt::Display for DamagedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, why) = (Escaped(self.file.as_str()), Escaped(self.why.as_str()));
        write!(f, "NOT AN ENTRY  {file} (byte {}): {why}", self.offset)
    }
}

/// Writes `object`, whose path is `at`, with erasable values in the places of their commitments.
fn join(object: &[u8], at: &[u8], values: &[(&[u8], ErasableValue)], out: &mut Vec<u8>) {
    out.push(b'{');
    for (number, (name, value)) in MemberTexts::of(object).enumerate() {
        if number > 0 {
            out.extend_from_slice(b", ");
        }
        out.push(b'"');
        out.extend_from_slice(name);
        out.extend_from_slice(b"\": ");
        let path = [at, name].concat();
        match values.iter().find(|(field, _)| *field == path) {
            Some((_, known)) => out.extend_from_slice(known.shown().as_bytes()),
            None if path == b"context.fields" => join(value, b"context.fields.", values, out),
            None => out.extend_from_slice(value),
        }
    }
    out.push(b'}');
}

impl ErasableValue {
    /// The text in the place of the value's commitment.
    fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::AtHand(text) => Cow::Borrowed(text),
            Self::Gone => Cow::Borrowed("[erased or missing]"),
            Self::Changed => Cow::Borrowed("[CHANGED: DOES NOT MATCH ITS COMMITMENT]"),
        }
    }
}

/// Returns canonical text, which is ASCII, as a string.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns the canonical text of a value.
fn canonical(value: &Value) -> String {
    let mut out = Vec::new();
    value.write(&mut out);
    text(&out)
}
