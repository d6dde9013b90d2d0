//! The outcome of a verification: the verdict, its basis, the findings and the notices.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::codec::{digest::Digest, terminal::Escaped, timestamp::Timestamp};
use crate::findings::{finding::Finding, notice::Notice, withheld::ErasableCounts};

/// Whether a trail can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Every entry from the first named to the last named is there and unchanged, as far as the evidence shows.
    Intact,
    /// There is at least one finding.
    Tampered,
    /// It can't be told: an unknown format, no entries at all, or a key or checkpoint that was asked for is not there.
    Unverifiable,
}

impl Verdict {
    /// The exit code that commands end with: 0, 1 or 3. (2 is for what could not be looked at.)
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Intact => 0,
            Self::Tampered => 1,
            Self::Unverifiable => 3,
        }
    }

    /// The name in JSON and on screen.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Tampered => "tampered",
            Self::Unverifiable => "unverifiable",
        }
    }
}

/// An entry that a verification names: where it begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryRef {
    /// The entry's number; `None` in logs of the Python tool, which have none.
    pub seq: Option<u64>,
    /// The hash that it states.
    pub hash: Digest,
    /// Its time.
    pub timestamp: chrono::DateTime<chrono::Utc>,
    /// The time as text, as canonical entries write it.
    text: String,
}

impl EntryRef {
    pub(crate) fn new(seq: Option<u64>, hash: Digest, time: Timestamp) -> Self {
        Self { seq, hash, timestamp: time.to_utc(), text: time.to_string() }
    }
}

impl Serialize for EntryRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut place = serializer.serialize_struct("Place", 3)?;
        place.serialize_field("seq", &self.seq)?;
        place.serialize_field("hash", &self.hash.to_string())?;
        place.serialize_field("timestamp", &self.text)?;
        place.end()
    }
}

/// What a verification did and found.
///
/// Its JSON is `{"path", "verdict", "basis", "signed_through", "entries", "files", "first", "last", "findings",
/// "findings_total", "notices", "notices_total", "withheld"}`; `first` and `last` are `{"seq", "hash", "timestamp"}` or
/// null, `withheld` is `{"values", "at_hand", "erased", "missing"}` or not there.
#[derive(Clone, Debug, Serialize)]
#[must_use = "a verification that nobody looks at verifies nothing"]
pub struct Verification {
    #[serde(serialize_with = "lossy")]
    pub(crate) path: PathBuf,
    pub(crate) verdict: Verdict,
    pub(crate) basis: String,
    pub(crate) signed_through: Option<u64>,
    pub(crate) entries: u64,
    pub(crate) files: Vec<String>,
    pub(crate) first: Option<EntryRef>,
    pub(crate) last: Option<EntryRef>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) findings_total: u64,
    pub(crate) notices: Vec<Notice>,
    pub(crate) notices_total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withheld: Option<ErasableCounts>,
}

impl Verification {
    /// What was verified.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the trail can be believed.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What the verdict stands on, or why there is none; a sentence without a full stop.
    #[must_use]
    pub fn basis(&self) -> &str {
        &self.basis
    }

    /// The `seq` of the last entry that a checkpoint covers which holds under a given key; `None` without one.
    #[must_use]
    pub fn signed_through(&self) -> Option<u64> {
        self.signed_through
    }

    /// How many lines are entries.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The names of the files that were read, in the trail's order.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// The first entry.
    #[must_use]
    pub fn first(&self) -> Option<&EntryRef> {
        self.first.as_ref()
    }

    /// The last entry.
    #[must_use]
    pub fn last(&self) -> Option<&EntryRef> {
        self.last.as_ref()
    }

    /// What is wrong; at most [`Verification::LISTED`] of them, the first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many findings there are, listed or not.
    #[must_use]
    pub fn findings_total(&self) -> u64 {
        self.findings_total
    }

    /// What is worth knowing; at most [`Verification::LISTED`] of them, the first.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// What is known of the values that entries withhold; `None` where no private values are kept beside the trail.
    #[must_use]
    pub fn withheld(&self) -> Option<&ErasableCounts> {
        self.withheld.as_ref()
    }

    /// How many findings and how many notices are listed at most; the totals count on.
    pub const LISTED: usize = 10_000;

    /// Verdict and counts in a line.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("{}: {}", self.verdict.name(), Escaped(self.basis.as_str()));
        if let Some(first) = self.findings.first() {
            text.push_str(&format!("; first: {first}"));
        }
        text
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict.name().to_uppercase();
        writeln!(f, "{verdict}  {}", Escaped(self.path.as_path()))?;
        writeln!(f, "  {}", Escaped(self.basis.as_str()))?;
        let files = self.files.len();
        writeln!(
            f,
            "  {} in {}",
            count(self.entries, "entry", "entries"),
            count(files as u64, "file", "files")
        )?;
        if let Some(ErasableCounts { values: 1.., at_hand, erased, missing, .. }) = &self.withheld {
            let missing = if *missing > 0 { format!(", {missing} missing") } else { String::new() };
            writeln!(f, "  erasable values: {at_hand} at hand, {erased} erased{missing}")?;
        }
        for (name, place) in [("first", &self.first), ("last ", &self.last)] {
            if let Some(place) = place {
                let seq = place.seq.map(|seq| format!("seq {seq}  ")).unwrap_or_default();
                writeln!(f, "  {name}  {seq}{}\n         {}", place.text, place.hash)?;
            }
        }
        for finding in &self.findings {
            writeln!(f, "  FINDING  {finding}")?;
        }
        rest(f, self.findings_total, self.findings.len(), "findings")?;
        for notice in &self.notices {
            writeln!(f, "  notice   {notice}")?;
        }
        rest(f, self.notices_total, self.notices.len(), "notices")
    }
}

fn rest(f: &mut fmt::Formatter<'_>, total: u64, listed: usize, what: &str) -> fmt::Result {
    match total.saturating_sub(listed as u64) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more {what}"),
    }
}

pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}
