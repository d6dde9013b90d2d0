//! The effects of a commit's result: which entries are written, which fail, and how the trail continues.

use parking_lot::MutexGuard;

use crate::{
    error::{Error, Operation},
    format::{
        draft::{Draft, Origin},
        head,
    },
    write::{
        batch::Batch,
        commit::{
            commit_result::{Commit, CommitResult},
            epoch::Failure,
            lifecycle::Lifecycle,
            queue::CommitQueue,
            state::State,
        },
        settings::Durability,
        trail_writer::{Incident, Stuck, TrailWriter, WriteResult},
    },
};

/// Lines that could not be written.
struct Unwritten {
    batch: Batch,
    /// Bytes of the batch that were written as whole lines.
    written_bytes: usize,
    /// Number of new files that were begun for these lines.
    rolls: usize,
    error: Error,
}

impl CommitQueue {
    /// Applies the result of a commit, and returns the error that failed it.
    pub(crate) fn apply_result(
        &self,
        state: &mut MutexGuard<'_, State>,
        commit: Commit<'_>,
        result: CommitResult,
    ) -> Option<Error> {
        let Commit { writer, batch, end } = commit;
        let head_was_due = state.schedule.is_head_due();
        let CommitResult { written, synced, head, incident } = result;
        let WriteResult { bytes, rolls, error, stuck } = written;
        state.linker.wrote(batch.last_within(bytes));
        if let Some(signing) = &mut state.signing {
            signing.add_written(batch, bytes, rolls, writer.position().map(|(name, _)| name));
            if signing.is_due() {
                self.checkpointer.notify_one();
            }
        }
        let written_end = batch.beyond(bytes).first().map_or(end, |line| line.seq);
        state.progress.advance_written(written_end);
        let mut failed = None;
        if let Some(error) = error {
            let unwritten = Unwritten { batch: std::mem::take(batch), written_bytes: bytes, rolls, error };
            failed = Some(self.fail_unwritten(state, writer, unwritten));
        }
        state.drop_written_own_entries();
        if failed.is_none() && bytes > 0 && self.durability == Durability::Buffered {
            self.announce_recovery(state);
        }
        if let Some(stuck) = stuck {
            self.leave_stuck_file(state, &stuck);
        }
        match synced {
            Some(Ok(())) => state.progress.advance_synced(written_end),
            Some(Err(error)) => failed = Some(self.poison(state, error)),
            None => {}
        }
        match head {
            Some(Ok(())) => state.schedule.head_is_current(),
            Some(Err(error)) => {
                let is_first_failure = state.schedule.head_failed();
                if is_first_failure {
                    state.waiters.report(error);
                }
            }
            None if bytes > 0 => state.schedule.head_fell_behind(),
            None => {}
        }
        match incident {
            Ok(None) => {}
            Ok(Some(incident)) => self.continue_after(state, incident),
            Err(error) => failed = Some(self.poison(state, error)),
        }
        // A future waits for the sync that this commit did not make, and cannot make it itself.
        if failed.is_some() && state.progress.sync_is_due() {
            state.schedule.flush_now();
        }
        state.schedule.end_commit(head_was_due);
        failed
    }

    /// Handles lines that could not be written, and returns the error.
    ///
    /// The entries of a buffered log were acknowledged: the lines are taken back, and the flusher retries. In every
    /// other log the entries from the first such line on fail, and the chain returns to the last whole line.
    fn fail_unwritten(
        &self,
        state: &mut MutexGuard<'_, State>,
        writer: &TrailWriter,
        unwritten: Unwritten,
    ) -> Error {
        let Unwritten { mut batch, written_bytes, rolls, error } = unwritten;
        if is_sync(&error) {
            return self.poison(state, error);
        }
        if self.durability == Durability::Buffered {
            batch.remove_first(written_bytes, rolls);
            state.linker.take_back(batch);
            if writer.position().is_none() {
                self.leave_file(state);
            }
            state.schedule.retry_lines();
            state.degrade(&error, 0);
            let written = state.progress.written();
            state.failures.note_write_failure(Failure::new(written, &error));
            return error;
        }
        let lost = batch
            .beyond(written_bytes)
            .iter()
            .chain(state.linker.batch.beyond(0))
            .filter(|line| line.is_from_caller)
            .count();
        let first_failed =
            batch.beyond(written_bytes).first().map_or(state.progress.written(), |line| line.seq);
        state.linker.rewind(writer.position());
        state.progress.withdraw_requests(first_failed);
        state.failures.fail_epoch(first_failed, &error);
        state.requeue_own_entries(first_failed);
        state.degrade(&error, lost as u64);
        error
    }

    /// Records `audit_degraded` when a buffered log writes again: the trail describes the time without writing.
    fn announce_recovery(&self, state: &mut MutexGuard<'_, State>) {
        match self.announce(state) {
            Ok(()) if state.linker.batch.is_empty() => {}
            Ok(()) => drop(state.schedule.lines_wait()),
            Err(error) => state.waiters.report(error),
        }
    }

    /// Leaves the live file: lines that are linked already go into a new one.
    fn leave_file(&self, state: &mut MutexGuard<'_, State>) {
        if let Err(error) = state.linker.leave_file() {
            state.waiters.report(error);
        }
    }

    /// Leaves a file with an unfinished line that could not be removed. The trail describes the bytes, so that
    /// verification does not take them for tampering.
    fn leave_stuck_file(&self, state: &mut MutexGuard<'_, State>, stuck: &Stuck) {
        self.leave_file(state);
        let recovered = Draft::from_origin("audit_recovered", Origin::Log)
            .detail("file", &stuck.file)
            .detail("offset", stuck.offset)
            .detail("length", stuck.length)
            .detail("sha256", &stuck.sha256)
            .detail("kept_as", None::<&str>);
        self.record_own(state, recovered);
    }

    /// Records what another program did to the files, and continues the trail, in a new file if the live one was
    /// affected.
    fn continue_after(&self, state: &mut MutexGuard<'_, State>, incident: Incident) {
        let last_seq = state.progress.written().checked_sub(1);
        let (file, restored, reason) = match incident {
            Incident::Replaced { file, restored } => {
                let reason = format!(
                    "the live file {file} was deleted, renamed or replaced during writing; its content was copied \
                     back as {restored}"
                );
                (file, true, reason)
            }
            Incident::Truncated { file, from, to } => {
                let reason = format!(
                    "the live file {file} was truncated from {from} to {to} bytes during writing, as logrotate does \
                     with `copytruncate`; the entries in between are gone from it; exclude this directory from log \
                     rotation by other programs"
                );
                (file, false, reason)
            }
            Incident::PrivateFileReplaced(path) => {
                let reason = "the file was deleted or replaced during writing, and is copied back".to_owned();
                state.waiters.report(Error::Conflict { action: Operation::WriteValues, path, reason });
                return;
            }
            Incident::HeadReplaced => {
                let reason =
                    "the head was deleted or replaced during writing, and is written anew".to_owned();
                let path = self.directory.join(head::NAME);
                state.waiters.report(Error::Conflict { action: Operation::Write, path, reason });
                return;
            }
        };
        self.leave_file(state);
        let path = self.directory.clone();
        state.waiters.report(Error::Conflict { action: Operation::Record, path, reason });
        let replaced = Draft::from_origin("audit_file_replaced", Origin::Log)
            .detail("file", file)
            .detail("last_seq", last_seq)
            .detail("restored", restored);
        self.record_own(state, replaced);
    }

    /// Queues an entry of the log's own, which is written with the next entries.
    fn record_own(&self, state: &mut MutexGuard<'_, State>, draft: Draft) {
        state.own.push(draft);
        match state.link_own_entries() {
            Ok(()) => drop(state.schedule.lines_wait()),
            Err(error) => state.waiters.report(error),
        }
    }

    /// Poisons the log: it records nothing until it is reopened. Reasons: a failed sync, or an error of `check_files`.
    fn poison(&self, state: &mut MutexGuard<'_, State>, error: Error) -> Error {
        let cause = error.to_string();
        state.lifecycle = Lifecycle::Poisoned(cause.clone());
        let first_failed = state.progress.written();
        let poisoned = Error::Poisoned { path: self.directory.clone(), cause };
        state.failures.fail_epoch(first_failed, &poisoned);
        error
    }
}

/// Returns `true` for a failed sync. The OS may have dropped the pages that it could not write, so a later sync proves
/// nothing.
fn is_sync(error: &Error) -> bool {
    matches!(error, Error::Io { action: Operation::Sync, .. })
}
