//! Spans that were opened and never closed: what a crash leaves, or a task that was given up.

use std::collections::HashMap;

use serde::Serialize;

use crate::report::{capped_list::Capped, fields};
use crate::{codec::timestamp::Timestamp, verify::scan::Said};

/// A span without a closing entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenSpan {
    /// The `seq` of its `.opened`.
    pub seq: u64,
    /// When that was recorded.
    pub timestamp: String,
    /// The span's name.
    pub name: String,
    /// Who acted in it.
    pub actor: String,
}

/// Follows spans.
#[derive(Debug, Default)]
pub(super) struct Spans {
    open: HashMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    name: Box<[u8]>,
    actor: Box<[u8]>,
    time: Timestamp,
    counted: bool,
}

impl Spans {
    /// Takes an entry whose type ends with `.opened` or `.closed`; `counted` if it is of the period.
    pub(super) fn take(&mut self, said: &Said<'_>, counted: bool) {
        if let (Some(name), Some(seq)) = (said.event_type.strip_suffix(b".opened"), said.seq) {
            let open = Open { name: name.into(), actor: said.actor.into(), time: said.time, counted };
            self.open.insert(seq, open);
        } else if let Some(seq) = fields::number(said.context, "span_seq") {
            self.open.remove(&seq);
        }
    }

    pub(super) fn never_closed(&self) -> Capped<OpenSpan> {
        let mut open: Vec<_> = self.open.iter().filter(|(_, open)| open.counted).collect();
        open.sort_by_key(|(seq, _)| **seq);
        Capped::of(open, |(seq, open)| OpenSpan {
            seq: *seq,
            timestamp: open.time.to_string(),
            name: fields::decoded(&open.name),
            actor: fields::decoded(&open.actor),
        })
    }
}
