//! `Verification`: the outcome of one verification, with verdict, basis, findings and notices.
//!
//! Promise: its JSON has the same keys in every release.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::codec::{digest::Digest, terminal::Escaped, timestamp::Timestamp};
use crate::findings::{erasable_counts::ErasableCounts, finding::Finding, notice::Notice};

/// The answer of a verification: intact, tampered, or no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Every entry from [`first`](Verification::first) to [`last`](Verification::last) is there and unchanged. The
    /// [`basis`](Verification::basis) names the evidence for it.
    Intact,
    /// There is at least one finding.
    Tampered,
    /// There is no finding, and still no proof: the format is unknown, the trail has no entries, or a given key or
    /// checkpoint covers none of them.
    Unverifiable,
}

impl Verdict {
    /// Returns the exit status of the commands: 0, 1 or 3. Status 2 is for a path that cannot be read.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Intact => 0,
            Self::Tampered => 1,
            Self::Unverifiable => 3,
        }
    }

    /// Returns the code word of the verdict in JSON and on screen.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Tampered => "tampered",
            Self::Unverifiable => "unverifiable",
        }
    }
}

/// A reference to the first or the last entry of a verified trail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryRef {
    /// Sequence number of the entry; `None` in logs of the Python tool, whose entries have none.
    pub seq: Option<u64>,
    /// Hash that the entry prints.
    pub hash: Digest,
    /// Time of the entry.
    pub timestamp: chrono::DateTime<chrono::Utc>,
    /// The time in the form of canonical entries.
    text: String,
}

impl EntryRef {
    pub(crate) fn new(seq: Option<u64>, hash: Digest, time: Timestamp) -> Self {
        Self { seq, hash, timestamp: time.to_utc(), text: time.to_string() }
    }
}

impl Serialize for EntryRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_struct("EntryRef", 3)?;
        entry.serialize_field("seq", &self.seq)?;
        entry.serialize_field("hash", &self.hash.to_string())?;
        entry.serialize_field("timestamp", &self.text)?;
        entry.end()
    }
}

/// The outcome of a verification.
///
/// `Display` writes a summary of several lines for people. The JSON form is for programs:
///
/// | key | value |
/// |---|---|
/// | `path` | the verified path |
/// | `verdict` | `intact`, `tampered` or `unverifiable` |
/// | `basis` | a sentence about the evidence for the verdict |
/// | `signed_through` | the last `seq` under a valid checkpoint, or null |
/// | `entries` | number of entries |
/// | `files` | names of the files |
/// | `first`, `last` | `{"seq", "hash", "timestamp"}`, or null |
/// | `findings`, `findings_total` | up to 10,000 [findings](Finding), and the number of all |
/// | `notices`, `notices_total` | up to 10,000 [notices](Notice), and the number of all |
/// | `withheld` | `{"values", "at_hand", "erased", "missing"}`; absent without private values |
#[derive(Clone, Debug, Serialize)]
#[must_use = "the verdict is in the returned value"]
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
    /// Counts of erasable values.
    #[serde(rename = "withheld", skip_serializing_if = "Option::is_none")]
    pub(crate) erasable: Option<ErasableCounts>,
}

impl Verification {
    /// Returns the path that was verified: a trail's directory, or one of its files.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Returns the evidence for the verdict, or the reason why there is no answer: a sentence without a full stop.
    #[must_use]
    pub fn basis(&self) -> &str {
        &self.basis
    }

    /// Returns the `seq` of the last entry that a checkpoint under a given key covers; `None` without such a
    /// checkpoint.
    #[must_use]
    pub fn signed_through(&self) -> Option<u64> {
        self.signed_through
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Returns the names of the files that were read, in the order of their entries.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Returns the first entry.
    #[must_use]
    pub fn first(&self) -> Option<&EntryRef> {
        self.first.as_ref()
    }

    /// Returns the last entry.
    #[must_use]
    pub fn last(&self) -> Option<&EntryRef> {
        self.last.as_ref()
    }

    /// Returns the first findings, at most [`Verification::MAX_LISTED`].
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the number of all findings, also of those that are not listed.
    #[must_use]
    pub fn findings_total(&self) -> u64 {
        self.findings_total
    }

    /// Returns the first notices, at most [`Verification::MAX_LISTED`].
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Returns the counts of erasable values; `None` if no private values are kept beside the trail.
    #[must_use]
    pub fn erasable(&self) -> Option<&ErasableCounts> {
        self.erasable.as_ref()
    }

    /// Most findings, and most notices, that one verification lists. The totals count all of them.
    pub const MAX_LISTED: usize = 10_000;

    /// Returns verdict, basis and first finding in one line, for the text of an error.
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
        if let Some(ErasableCounts { values: 1.., at_hand, erased, missing, .. }) = &self.erasable {
            // Zero is the normal case and not printed.
            let missing = if *missing > 0 { format!(", {missing} missing") } else { String::new() };
            writeln!(f, "  erasable values: {at_hand} at hand, {erased} erased{missing}")?;
        }
        for (name, entry) in [("first", &self.first), ("last ", &self.last)] {
            if let Some(entry) = entry {
                let seq = entry.seq.map(|seq| format!("seq {seq}  ")).unwrap_or_default();
                writeln!(f, "  {name}  {seq}{}\n         {}", entry.text, entry.hash)?;
            }
        }
        for finding in &self.findings {
            writeln!(f, "  FINDING  {finding}")?;
        }
        write_unlisted(f, self.findings_total, self.findings.len(), "findings")?;
        for notice in &self.notices {
            writeln!(f, "  notice   {notice}")?;
        }
        write_unlisted(f, self.notices_total, self.notices.len(), "notices")
    }
}

/// Writes a line with the number of findings or notices that are not listed, if there are any.
fn write_unlisted(f: &mut fmt::Formatter<'_>, total: u64, listed: usize, what: &str) -> fmt::Result {
    match total.saturating_sub(listed as u64) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more {what}"),
    }
}

/// Returns a number with the singular or the plural of its noun.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Serializes a path as text. Serde itself fails for a path that is not UTF-8.
fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}
