//! Receipts: the trail, number and hash of an entry that was recorded.
//!
//! A receipt is kept outside the trail, for example in a database row. Whether the trail still holds that entry can then
//! be verified without trusting the machine that writes the trail.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::codec::digest::{Digest, ParseDigestError};

/// Proof that an entry was recorded: the id of the trail, and the number and the hash of the entry.
///
/// A receipt is as durable as the log's [`Durability`](crate::Durability) promises. Keep receipts where the process
/// that writes the trail cannot change them. A trail that no longer holds the entry then verifies as tampered.
///
/// Its text is `TRAIL_ID SEQ HASH` with single spaces. With `serde` it is a struct of `trail_id`, `seq` and `hash`, in
/// which id and hash are strings.
///
/// # Examples
///
/// A receipt that is stored with the action that it proves, and is verified later:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// use kling_audit::{AuditLog, Draft, Receipt, verify::{Verdict, Verifier}};
///
/// let log = AuditLog::open(directory)?;
/// let receipt = log.append(Draft::new("export_requested").actor("alice"))?;
/// log.close()?;
/// let column: String = receipt.to_string();
///
/// let kept: Receipt = column.parse()?;
/// assert_eq!(kept, receipt);
/// let verification = Verifier::new(directory).receipt(kept).run()?;
/// assert_eq!(verification.verdict(), Verdict::Intact);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receipt {
    /// Id of the trail.
    #[serde(with = "as_text")]
    pub trail_id: TrailId,
    /// Number of the entry in the trail, from 0.
    pub seq: u64,
    /// Hash of the entry, 64 or 16 digits.
    #[serde(with = "as_text")]
    pub hash: Digest,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.trail_id, self.seq, self.hash)
    }
}

impl FromStr for Receipt {
    type Err = ParseReceiptError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(' ');
        let (Some(trail_id), Some(seq), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParseReceiptError::Parts);
        };
        // `u64::from_str` also accepts `+1` and `01`. Each receipt has one text only.
        let number = seq.parse().ok().filter(|number: &u64| number.to_string() == seq);
        Ok(Self {
            trail_id: trail_id.parse()?,
            seq: number.ok_or(ParseReceiptError::Seq)?,
            hash: hash.parse()?,
        })
    }
}

/// Error of parsing a [`Receipt`]: the part of the text that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseReceiptError {
    /// The text is not three parts with single spaces between them.
    #[error("a receipt is `TRAIL_ID SEQ HASH`, with single spaces")]
    Parts,
    /// The first part is not the id of a trail.
    #[error("the first part of a receipt is wrong: {0}")]
    TrailId(#[from] ParseTrailIdError),
    /// The second part is not the number of an entry.
    #[error("the second part of a receipt is wrong: a seq is a number from 0 to 18446744073709551615")]
    Seq,
    /// The third part is not the hash of an entry.
    #[error("the third part of a receipt is wrong: {0}")]
    Hash(#[from] ParseDigestError),
}

/// Serialises a value as its text.
mod as_text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: Display>,
    {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The id of a trail: 128 random bits, generated when the trail is created. Its text is 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrailId([u8; 16]);

impl TrailId {
    pub(crate) const fn new(bits: [u8; 16]) -> Self {
        Self(bits)
    }
}

impl FromStr for TrailId {
    type Err = ParseTrailIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_lower_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 32 || !is_lower_hex {
            return Err(ParseTrailIdError);
        }
        u128::from_str_radix(text, 16).map(|bits| Self(bits.to_be_bytes())).map_err(|_| ParseTrailIdError)
    }
}

/// Error of parsing a [`TrailId`]: the text is not 32 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a trail id is 32 lower-case hex digits")]
pub struct ParseTrailIdError;

impl fmt::Display for TrailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TrailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrailId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::digest::HashLength;

    const ID: &str = "6d1f0e5b0a9c4c6f8b7a2d3e4f506172";

    fn receipt(length: HashLength) -> Receipt {
        let trail_id = ID.parse().expect("a trail id");
        Receipt { trail_id, seq: u64::MAX, hash: Digest::new([0xab; 32], length) }
    }

    #[test]
    fn a_receipt_is_read_back_from_its_text() {
        for length in [HashLength::Full, HashLength::Short] {
            let receipt = receipt(length);
            let text = receipt.to_string();

            assert_eq!(text, format!("{ID} 18446744073709551615 {}", "ab".repeat(length.digits() / 2)));
            assert_eq!(text.parse(), Ok(receipt));
        }
    }

    #[test]
    fn a_receipt_is_read_back_from_its_json() {
        for length in [HashLength::Full, HashLength::Short] {
            let receipt = receipt(length);
            let json = serde_json::to_string(&receipt).expect("serialises");

            let hash = "ab".repeat(length.digits() / 2);
            assert_eq!(json, format!(r#"{{"trail_id":"{ID}","seq":18446744073709551615,"hash":"{hash}"}}"#));
            assert_eq!(serde_json::from_str::<Receipt>(&json).expect("deserialises"), receipt);
        }
    }

    #[test]
    fn the_error_names_the_part_that_is_wrong() {
        let hash = "ab".repeat(32);

        for (text, expected) in [
            (String::new(), ParseReceiptError::Parts),
            (format!("{ID} 1"), ParseReceiptError::Parts),
            (format!("{ID} 1 {hash} "), ParseReceiptError::Parts),
            (format!("{ID}  1 {hash}"), ParseReceiptError::Parts),
            (format!("{} 1 {hash}", ID.to_uppercase()), ParseReceiptError::TrailId(ParseTrailIdError)),
            (format!("{ID} +1 {hash}"), ParseReceiptError::Seq),
            (format!("{ID} 01 {hash}"), ParseReceiptError::Seq),
            (format!("{ID} 18446744073709551616 {hash}"), ParseReceiptError::Seq),
            (format!("{ID} 1 {}", &hash[2..]), ParseReceiptError::Hash(ParseDigestError)),
        ] {
            assert_eq!(text.parse::<Receipt>(), Err(expected), "{text}");
        }
        let error =
            serde_json::from_str::<Receipt>(&format!(r#"{{"trail_id":"x","seq":1,"hash":"{hash}"}}"#));
        assert!(error.expect_err("refused").to_string().contains("32 lower-case hex digits"));
    }
}
