//! Spans that were opened and not closed, as after a crash or for a task that was dropped.

use std::collections::HashMap;

use serde::Serialize;

use crate::{
    codec::timestamp::Timestamp,
    report::{capped_list::Capped, fields},
    verify::entry_view::EntryView,
};

/// A span without a closing entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenSpan {
    /// Number of the entry that opened the span.
    pub seq: u64,
    /// Time of that entry.
    pub timestamp: String,
    /// Name of the span.
    pub name: String,
    /// Actor of the entry that opened the span.
    pub actor: String,
}

/// Spans that are open at the entry read last.
#[derive(Debug, Default)]
pub(super) struct SpanTracker {
    /// By the number of the entry that opened the span.
    open: HashMap<u64, OpenedSpan>,
}

/// The entry that opened a span.
#[derive(Debug)]
struct OpenedSpan {
    name: Box<[u8]>,
    actor: Box<[u8]>,
    time: Timestamp,
    /// `true` if the entry is of the period.
    is_counted: bool,
}

impl SpanTracker {
    /// Takes an entry whose type ends with `.opened` or `.closed`. `is_counted` is `true` in the period.
    pub(super) fn add(&mut self, entry: &EntryView<'_>, is_counted: bool) {
        if let (Some(name), Some(seq)) = (entry.event_type.strip_suffix(b".opened"), entry.seq) {
            let open =
                OpenedSpan { name: name.into(), actor: entry.actor.into(), time: entry.time, is_counted };
            self.open.insert(seq, open);
        } else if let Some(seq) = fields::number(entry.context, "span_seq") {
            self.open.remove(&seq);
        }
    }

    /// Returns the open spans of the period, in the order of the trail.
    pub(super) fn never_closed(&self) -> Capped<OpenSpan> {
        let mut open: Vec<_> = self.open.iter().filter(|(_, open)| open.is_counted).collect();
        open.sort_by_key(|(seq, _)| **seq);
        Capped::of(open, |(seq, open)| OpenSpan {
            seq: *seq,
            timestamp: open.time.to_string(),
            name: fields::decoded(&open.name),
            actor: fields::decoded(&open.actor),
        })
    }
}
