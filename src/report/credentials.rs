//! Which credentials were used, by the first characters of the access key.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::report::fields;
use crate::{codec::timestamp::Timestamp, verify::scan::Said};

/// How one credential was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CredentialUse {
    /// The beginning of the access key, as recorded.
    pub access_key_prefix: String,
    /// Events by name: `token_minted`, `token_rejected`, ….
    pub events: BTreeMap<String, u64>,
    /// How many of them succeeded.
    pub successes: u64,
    /// How many did not.
    pub failures: u64,
    /// The time of the first.
    pub first: String,
    /// The time of the last.
    pub last: String,
}

/// Counts uses.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    uses: HashMap<Vec<u8>, Use>,
}

#[derive(Debug)]
struct Use {
    events: HashMap<Vec<u8>, u64>,
    successes: u64,
    failures: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Credentials {
    /// Takes an `auth_event` of the period.
    pub(super) fn take(&mut self, said: &Said<'_>) {
        let prefix = fields::string(said.details, "access_key_prefix").unwrap_or_default().to_vec();
        let used = self.uses.entry(prefix).or_insert_with(|| Use {
            events: HashMap::new(),
            successes: 0,
            failures: 0,
            first: said.time,
            last: said.time,
        });
        used.last = said.time;
        let event = fields::string(said.details, "event").unwrap_or_default();
        *used.events.entry(event.to_vec()).or_default() += 1;
        match fields::text(said.details, "success") {
            Some(b"true") => used.successes += 1,
            Some(b"false") => used.failures += 1,
            _ => {}
        }
    }

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
