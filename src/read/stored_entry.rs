//! One entry as it is shown: text for people, a line of JSON for programs. Both are printable ASCII but for names and
//! actors, which are escaped where they are shown to people.

use std::{borrow::Cow, fmt};

use crate::{
    codec::{
        json::{self, object_reader::MemberTexts, validate::decode},
        terminal::Escaped,
    },
    format::{entry_commitments::Commitment, line::Line},
    storage::private_reader::PrivateValue,
};

/// What stands on a line of a trail.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoredLine {
    /// An entry.
    Entry(StoredEntry),
    /// Something else, which verification would call tampered.
    Damaged(DamagedLine),
}

/// An entry, and the values that it withholds.
#[derive(Clone, Debug)]
pub struct StoredEntry {
    seq: Option<u64>,
    time: String,
    actor: String,
    event_type: String,
    holds: bool,
    /// The line as it stands.
    line: String,
    /// Canonical text of the objects.
    context: String,
    details: String,
    values: Vec<(String, ErasableValue)>,
    /// What was cut off the values: members of canonical text.
    cut: String,
}

/// A value that an entry withholds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErasableValue {
    /// The value as JSON text. It is what the entry commits to.
    AtHand(String),
    /// It was erased, or is not kept beside this copy of the trail.
    Gone,
    /// What is at hand is not what the entry commits to.
    Changed,
}

/// A line that is no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedLine {
    /// The file's name.
    pub file: String,
    /// Where the line begins, in bytes from the file's start.
    pub offset: u64,
    /// What is wrong with it.
    pub why: String,
}

impl StoredEntry {
    pub(super) fn of(
        line: &Line<'_>,
        bytes: &[u8],
        committed: &[Commitment],
        found: &[PrivateValue],
    ) -> Self {
        let mut values: Vec<(&[u8], ErasableValue)> = Vec::new();
        for Commitment { field, digest } in committed {
            let of_field = || found.iter().filter(|value| value.field == *field);
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

    /// A line of the Python tool's logs.
    pub(super) fn of_tool(bytes: &[u8]) -> Result<Self, String> {
        let parsed = json::parse_tool(bytes, 128).map_err(|error| error.to_string())?;
        let json::Value::Object(members) = &parsed else { return Err("no object".to_owned()) };
        let get = |name: &str| members.iter().find(|(known, _)| known.to_str() == Some(name));
        let string = |name: &str| match get(name) {
            Some((_, json::Value::String(text))) => Ok(text.to_string_lossy()),
            _ => Err(format!("no `{name}`")),
        };
        let details = get("details").map(|(_, value)| value).ok_or("no `details`")?;
        Ok(Self {
            seq: None,
            time: string("timestamp")?,
            actor: string("actor")?,
            event_type: string("event_type")?,
            // A chain of hashes over parsed text is for verification to follow.
            holds: true,
            line: written(&parsed),
            context: String::new(),
            details: written(details),
            values: Vec::new(),
            cut: String::new(),
        })
    }

    /// Its number; `None` in logs of the Python tool, which have none.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        self.seq
    }

    /// Its time, as it is written: RFC 3339.
    #[must_use]
    pub fn timestamp(&self) -> &str {
        &self.time
    }

    /// Who did it.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// What happened.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// Whether its bytes are those that were hashed. (Of the Python tool's logs only verification can tell.)
    #[must_use]
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// The values that it withholds, by their paths.
    #[must_use]
    pub fn values(&self) -> &[(String, ErasableValue)] {
        &self.values
    }

    /// The entry as one line of JSON, in printable ASCII: its own members as they stand, then `values`, an object of
    /// those values that are at hand, `values_cut`, by path the length and SHA-256 of strings in them that were too
    /// long, `values_gone` and `values_changed`, arrays of paths, and `holds`, which is false;
    /// each where there is something to say.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = self.line.strip_suffix('}').unwrap_or_default().as_bytes().to_vec();
        let mut opened = false;
        for (path, value) in &self.values {
            if let ErasableValue::AtHand(text) = value {
                out.extend_from_slice(if opened { b", " } else { b", \"values\": {" });
                json::string(&mut out, path);
                out.extend_from_slice(b": ");
                out.extend_from_slice(text.as_bytes());
                opened = true;
            }
        }
        if opened {
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
                json::string(&mut out, path);
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
    /// The line's place and fault as one line of JSON, in printable ASCII: `damaged`, `file`, `offset`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = b"{\"damaged\": ".to_vec();
        json::string(&mut out, &self.why);
        out.extend_from_slice(b", \"file\": ");
        json::string(&mut out, &self.file);
        out.extend_from_slice(b", \"offset\": ");
        json::integer(&mut out, self.offset);
        out.push(b'}');
        text(&out)
    }
}

impl StoredLine {
    /// As one line of JSON, in printable ASCII; see [`StoredEntry::to_json`] and [`DamagedLine::to_json`].
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Entry(entry) => entry.to_json(),
            Self::Damaged(damaged) => damaged.to_json(),
        }
    }

    /// Whether verification would have nothing against this line by itself.
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
            write!(f, "  cut: {{{}}}", self.cut)?;
        }
        if !self.holds {
            f.write_str("  THE HASH DOES NOT HOLD")?;
        }
        Ok(())
    }
}

impl fmt::Display for DamagedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, why) = (Escaped(self.file.as_str()), Escaped(self.why.as_str()));
        write!(f, "NO ENTRY  {file} (byte {}): {why}", self.offset)
    }
}

/// Writes an object with what is known of withheld values in the places of their commitments.
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
    fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::AtHand(text) => Cow::Borrowed(text),
            Self::Gone => Cow::Borrowed("[not at hand]"),
            Self::Changed => Cow::Borrowed("[NOT WHAT THE ENTRY COMMITS TO]"),
        }
    }
}

/// Canonical text as a string.
fn text(canonical: &[u8]) -> String {
    String::from_utf8_lossy(canonical).into_owned()
}

fn written(value: &json::Value) -> String {
    let mut out = Vec::new();
    value.write(&mut out);
    text(&out)
}
