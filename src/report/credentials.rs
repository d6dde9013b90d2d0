//! Uses of credentials, by the first characters of the access key.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::{codec::timestamp::Timestamp, report::fields, verify::entry_view::EntryView};

/// The uses of one credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CredentialUse {
    /// First characters of the access key, as recorded.
    pub access_key_prefix: String,
    /// Number of events by name, such as `token_minted` or `token_rejected`.
    pub events: BTreeMap<String, u64>,
    /// Number of events that succeeded.
    pub successes: u64,
    /// Number of events that failed.
    pub failures: u64,
    /// Time of the first event.
    pub first: String,
    /// Time of the last event.
    pub last: String,
}

/// Uses of all credentials in the period.
#[derive(Debug, Default)]
pub(super) struct CredentialUses {
    uses: HashMap<Vec<u8>, KeyUses>,
}

/// Uses of one access key.
#[derive(Debug)]
struct KeyUses {
    events: HashMap<Vec<u8>, u64>,
    successes: u64,
    failures: u64,
    first: Timestamp,
    last: Timestamp,
}

impl CredentialUses {
    /// Counts an `auth_event` of the period.
    pub(super) fn add(&mut self, entry: &EntryView<'_>) {
        let prefix = fields::string(entry.details, "access_key_prefix").unwrap_or_default().to_vec();
        let used = self.uses.entry(prefix).or_insert_with(|| KeyUses {
            events: HashMap::new(),
            successes: 0,
            failures: 0,
            first: entry.time,
            last: entry.time,
        });
        used.last = entry.time;
        let event = fields::string(entry.details, "event").unwrap_or_default();
        *used.events.entry(event.to_vec()).or_default() += 1;
        match fields::text(entry.details, "success") {
            Some(b"true") => used.successes += 1,
            Some(b"false") => used.failures += 1,
            _ => {}
        }
    }

    /// Returns the uses, sorted by access key.
    pub(super) fn uses(&self) -> Vec<CredentialUse> {
        let mut uses: Vec<_> = self
            .uses
            .iter()
            .map(|(prefix, used)| CredentialUse {
                access_key_prefix: fields::decoded(prefix),
                events: used.events.iter().map(|(name, count)| (fields::decoded(name), *count)).collect(),
                successes: used.successes,
                failures: used.failures,
                first: used.first.to_string(),
                last: used.last.to_string(),
            })
            .collect();
        uses.sort_by(|a, b| a.access_key_prefix.cmp(&b.access_key_prefix));
        uses
    }
}
