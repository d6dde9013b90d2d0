//! The comparison of a trail with receipts that were kept elsewhere.

use std::{collections::HashMap, path::Path};

use crate::{
    codec::digest::Digest,
    error::{Error, Operation},
    findings::finding::{Finding, FindingKind},
    format::receipt::Receipt,
    verify::scan_state::ScanState,
};

/// Compares entries with receipts.
#[derive(Debug, Default)]
pub(super) struct ReceiptCheck {
    /// Receipts by the number of their entry. An entry takes its receipts out.
    pending: HashMap<u64, Vec<KnownReceipt>>,
    /// Number of receipts that hold.
    confirmed: u64,
    /// Highest number of an entry whose receipt holds.
    confirmed_through: Option<u64>,
    /// Findings about receipts whose entry has another hash.
    findings: Vec<Finding>,
}

/// A receipt, and the place that it was read from.
#[derive(Debug)]
struct KnownReceipt {
    hash: Digest,
    file: String,
    line: Option<u64>,
}

impl ReceiptCheck {
    /// Adds a receipt from the caller.
    pub(super) fn add(&mut self, receipt: &Receipt) {
        let known = KnownReceipt { hash: receipt.hash, file: "a receipt".to_owned(), line: None };
        self.insert(receipt.seq, known);
    }

    /// Adds the receipts of a file. Returns the reason if it has none.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<Option<String>, Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Some(format!("there are no receipts in {}: no such file", path.display())));
            }
            Err(error) => return Err(Error::io(Operation::Read, path)(error)),
        };
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut has_receipts = false;
        for (number, line) in (1..).zip(text.lines()) {
            // The last two words are number and hash; a trail id may stand before them.
            let mut words = line.split_whitespace().rev();
            let (Some(hash), Some(seq)) = (words.next(), words.next()) else {
                if line.trim().is_empty() {
                    continue;
                }
                return Err(not_a_receipt(path, number));
            };
            let (Some(hash), Ok(seq)) = (Digest::parse(hash.as_bytes()), seq.parse()) else {
                return Err(not_a_receipt(path, number));
            };
            has_receipts = true;
            self.insert(seq, KnownReceipt { hash, file: file.clone(), line: Some(number) });
        }
        Ok((!has_receipts).then(|| format!("there are no receipts in {}", path.display())))
    }

    fn insert(&mut self, seq: u64, receipt: KnownReceipt) {
        self.pending.entry(seq).or_default().push(receipt);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Compares an entry with the receipts for its number.
    #[inline]
    pub(super) fn add_entry(&mut self, seq: u64, hash: &Digest) {
        if !self.pending.is_empty()
            && let Some(receipts) = self.pending.remove(&seq)
        {
            for receipt in receipts {
                if receipt.hash == *hash {
                    self.confirmed += 1;
                    self.confirmed_through = self.confirmed_through.max(Some(seq));
                } else {
                    self.findings.push(receipt_missing(seq, &receipt, &format!("hash {hash}")));
                }
            }
        }
    }

    /// Adds a finding for each receipt that does not hold. A receipt for a pruned entry, below `first`, can't be
    /// checked; returns the reason for the first such receipt.
    pub(super) fn conclude(&mut self, first: Option<u64>, state: &mut ScanState) -> Option<String> {
        for finding in std::mem::take(&mut self.findings) {
            state.add_finding(finding);
        }
        let mut rest: Vec<_> = std::mem::take(&mut self.pending).into_iter().collect();
        // The map has no order. Findings come in the order of entries.
        rest.sort_unstable_by_key(|(seq, _)| *seq);
        let mut missing = None;
        for (seq, receipts) in rest {
            if first.is_some_and(|first| seq < first) {
                missing.get_or_insert_with(|| format!("there is a receipt for seq {seq}, which was pruned"));
                continue;
            }
            for receipt in receipts {
                state.add_finding(receipt_missing(seq, &receipt, "no such entry"));
            }
        }
        missing
    }

    /// Number of receipts that hold.
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// Highest number of an entry whose receipt holds.
    pub(super) fn confirmed_through(&self) -> Option<u64> {
        self.confirmed_through
    }
}

fn receipt_missing(seq: u64, receipt: &KnownReceipt, found: &str) -> Finding {
    Finding {
        kind: FindingKind::ReceiptMissing,
        file: receipt.file.clone(),
        line: receipt.line,
        offset: None,
        seq: Some(seq),
        expected: format!("seq {seq} with hash {}", receipt.hash),
        found: found.to_owned(),
    }
}

fn not_a_receipt(path: &Path, line: u64) -> Error {
    Error::Conflict {
        action: Operation::Read,
        path: path.to_owned(),
        reason: format!("line {line} is not a receipt: expected SEQ HASH or TRAIL_ID SEQ HASH"),
    }
}
