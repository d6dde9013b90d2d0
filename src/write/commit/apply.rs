//! Taking account of a commit: what was written, what is told to whom, and how the trail goes on.

use std::time::Instant;

use parking_lot::MutexGuard;

use crate::write::commit::{
    CommitQueue, OwnEntry,
    failure::Failure,
    flusher, say_remarks,
    state::{Lifecycle, State},
};
use crate::{
    error::{Error, Operation},
    format::{
        draft::{Draft, Origin},
        head,
    },
    write::{
        batch::Batch,
        settings::Durability,
        trail_writer::{Incident, Stuck, TrailWriter, Written},
    },
};

impl CommitQueue {
    /// Takes account of what was written and what was not.
    pub(super) fn account(
        &self,
        state: &mut MutexGuard<'_, State>,
        writer: &mut TrailWriter,
        batch: &mut Batch,
        up_to: u64,
        work: Work,
    ) -> Option<Error> {
        let head_was_due = state.head_due;
        let Work { written, synced, head, incident } = work;
        let Written { bytes, turns, error, stuck } = written;
        state.linker.wrote(batch.last_within(bytes));
        if let Some(leaves) = &mut state.leaves {
            leaves.wrote(batch, bytes, turns, writer.position().map(|(label, _)| label));
            if leaves.are_due() {
                self.notary.notify_one();
            }
        }
        let beyond = batch.beyond(bytes);
        let through = beyond.first().map_or(up_to, |line| line.seq);
        state.written = state.written.max(through);
        let mut failed = None;
        if let Some(error) = error {
            failed = Some(self.unwritten(state, writer, std::mem::take(batch), bytes, turns, error));
        }
        state.said();
        if failed.is_none() && bytes > 0 && self.durability == Durability::Buffered {
            self.say_degraded(state);
        }
        if let Some(stuck) = stuck {
            self.leave_stuck(state, &stuck);
        }
        match synced {
            Some(Ok(())) => state.synced = state.synced.max(through),
            Some(Err(error)) => failed = Some(self.poison(state, error)),
            None => {}
        }
        match head {
            Some(Ok(())) => {
                state.head_due = false;
                state.head_failed = false;
            }
            Some(Err(error)) => {
                state.head_due = true;
                // Once, however often it is tried again.
                if !std::mem::replace(&mut state.head_failed, true) {
                    state.untold.push(error);
                }
            }
            None => state.head_due |= bytes > 0,
        }
        match incident {
            Ok(None) => {}
            Ok(Some(incident)) => self.go_on_after(state, incident),
            Err(error) => failed = Some(self.poison(state, error)),
        }
        // A future can't write by himself what is left to be synced.
        state.urgent |= failed.is_some() && state.sync_to > state.synced;
        state.ring |= state.urgent || state.lines_since.is_some() || state.head_due && !head_was_due;
        failed
    }

    /// Lines could not be written. In a buffered log they were acknowledged, and are tried again; else every entry
    /// from the first of them on fails, and the chain returns to the last whole line.
    fn unwritten(
        &self,
        state: &mut MutexGuard<'_, State>,
        writer: &TrailWriter,
        mut batch: Batch,
        bytes: usize,
        turns: usize,
        error: Error,
    ) -> Error {
        if is_sync(&error) {
            return self.poison(state, error);
        }
        if self.durability == Durability::Buffered {
            batch.remove_first(bytes, turns);
            state.linker.take_back(batch);
            if writer.position().is_none() {
                self.leave_file(state);
            }
            state.lines_since = Some(Instant::now());
            state.not_before = Some(Instant::now() + flusher::RETRY_AFTER);
            state.degrade(&error, 0);
            state.refusals += 1;
            state.refusal = Some(Failure::new(state.written, &error));
            return error;
        }
        let lost = batch
            .beyond(bytes)
            .iter()
            .chain(state.linker.batch.beyond(0))
            .filter(|line| line.asked_for)
            .count();
        let through = batch.beyond(bytes).first().map_or(state.written, |line| line.seq);
        state.linker.rewind(writer.position());
        state.sync_to = state.sync_to.min(through);
        state.give_up(through, &error);
        state.unsay(through);
        state.degrade(&error, lost as u64);
        error
    }

    /// A buffered log was handed all its lines again: the trail says that it was not.
    fn say_degraded(&self, state: &mut MutexGuard<'_, State>) {
        match self.announce(state) {
            Ok(()) if state.linker.batch.is_empty() => {}
            Ok(()) => {
                state.lines_since.get_or_insert_with(Instant::now);
            }
            Err(error) => state.untold.push(error),
        }
    }

    /// There is no live file any more: lines that are linked already go into a new one.
    fn leave_file(&self, state: &mut MutexGuard<'_, State>) {
        if let Err(error) = state.linker.leave_file() {
            state.untold.push(error);
        }
    }

    /// Torn bytes stay in a file: it is left, and what stands there is described.
    fn leave_stuck(&self, state: &mut MutexGuard<'_, State>, stuck: &Stuck) {
        self.leave_file(state);
        let recovered = Draft::from_origin("audit_recovered", Origin::Log)
            .detail("file", &stuck.file)
            .detail("offset", stuck.offset)
            .detail("length", stuck.length)
            .detail("sha256", &stuck.sha256)
            .detail("kept_as", None::<&str>);
        self.remark(state, recovered);
    }

    /// Something happened to the live file: the trail goes on in a new one.
    fn go_on_after(&self, state: &mut MutexGuard<'_, State>, incident: Incident) {
        let last_seq = state.written.checked_sub(1);
        let (file, restored, error) = match incident {
            Incident::Replaced { file, restored } => {
                let reason = format!(
                    "the live file {file} was deleted, renamed or replaced while it was written; its content was \
                     copied back as {restored}"
                );
                (file, true, reason)
            }
            Incident::Truncated { file, from, to } => {
                let reason = format!(
                    "the live file {file} was cut from {from} to {to} bytes while it was written, as logrotate does \
                     with `copytruncate`, and the entries in between are gone from it: keep other programs' log \
                     rotation away from this directory"
                );
                (file, false, reason)
            }
            Incident::PrivateFileReplaced(path) => {
                let reason = "it was deleted or replaced while the trail was written, and is copied back";
                let reason = reason.to_owned();
                state.untold.push(Error::Conflict { action: Operation::KeepValues, path, reason });
                return;
            }
            Incident::HeadReplaced => {
                let reason =
                    "the head was deleted or replaced while the trail was written, and is written anew";
                let path = self.directory.join(head::NAME);
                state.untold.push(Error::Conflict {
                    action: Operation::Write,
                    path,
                    reason: reason.to_owned(),
                });
                return;
            }
        };
        self.leave_file(state);
        state.untold.push(Error::Conflict {
            action: Operation::Record,
            path: self.directory.clone(),
            reason: error,
        });
        let replaced = Draft::from_origin("audit_file_replaced", Origin::Log)
            .detail("file", file)
            .detail("last_seq", last_seq)
            .detail("restored", restored);
        self.remark(state, replaced);
    }

    /// Says something of the log's own, with the next entries.
    fn remark(&self, state: &mut MutexGuard<'_, State>, draft: Draft) {
        state.remarks.push(OwnEntry { draft, linked: None });
        match say_remarks(state) {
            Ok(()) => {
                state.lines_since.get_or_insert_with(Instant::now);
            }
            Err(error) => state.untold.push(error),
        }
    }

    fn poison(&self, state: &mut MutexGuard<'_, State>, error: Error) -> Error {
        let cause = error.to_string();
        state.condition = Lifecycle::Poisoned(cause.clone());
        let through = state.written;
        state.give_up(through, &Error::Poisoned { path: self.directory.clone(), cause });
        error
    }
}

/// What a commit did.
pub(super) struct Work {
    written: Written,
    synced: Option<Result<(), Error>>,
    head: Option<Result<(), Error>>,
    incident: Result<Option<Incident>, Error>,
}

impl Work {
    pub(super) fn of(writer: &mut TrailWriter, batch: &mut Batch, sync: bool) -> Self {
        batch.gather();
        let written = writer.write(batch);
        let whole = written.error.is_none();
        let synced = (sync && whole).then(|| writer.sync());
        let mut work = Self { written, synced, head: None, incident: Ok(None) };
        let may_speak = whole && !matches!(work.synced, Some(Err(_)));
        if may_speak && (sync || writer.head_is_due()) {
            work.incident = writer.look_after();
            // Where another writer came in, the head is his.
            work.head = work.incident.is_ok().then(|| writer.write_head());
        }
        work
    }
}

fn is_sync(error: &Error) -> bool {
    matches!(error, Error::Io { action: Operation::Sync, .. })
}
