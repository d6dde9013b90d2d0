//! Group commit: one waiting thread writes, and syncs, for all that wait.
//!
//! It knows threads and no files. Entries are linked under a lock, written outside of it, and acknowledged when they
//! are through; who is told that his entry failed finds it nowhere in the trail.

mod failure;
mod keeper;
mod linker;
mod recording;
mod state;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use parking_lot::{Condvar, Mutex, MutexGuard};

pub use self::recording::Recording;
use self::state::{Condition, Degraded, State};
pub(crate) use self::{keeper::Keeper, linker::Linker};
use crate::{
    batch::Batch,
    draft::{Draft, Origin},
    entry::{Prefix, Rules},
    error::Error,
    health::Health,
    log,
    receipt::{Receipt, TrailId},
    settings::Durability,
    sink::SinkGuard,
    timestamp::Timestamp,
    writer::{Incident, Stuck, Writer, Written},
};

/// Lines that nobody waits for gather up to this many bytes.
const BUFFER: usize = 256 * 1024;

/// What a caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    Linked,
    Written,
    Synced,
}

/// One trail, shared by threads.
pub(crate) struct Committer {
    state: Mutex<State>,
    /// Somebody finished writing.
    done: Condvar,
    /// The keeper has something to do.
    keeper: Condvar,
    directory: PathBuf,
    durability: Durability,
    rules: Rules,
    trail_id: TrailId,
    /// Told of failures that no caller is there to be told.
    hook: Option<crate::settings::Hook>,
}

/// A linked entry whose fate is open.
#[derive(Clone, Copy, Debug)]
struct Linked {
    receipt: Receipt,
    epoch: u64,
    need: Need,
}

impl Committer {
    pub(crate) fn new(
        linker: Linker,
        writer: Writer,
        first: u64,
        durability: Durability,
        hook: Option<crate::settings::Hook>,
    ) -> Self {
        let through = linker.chain.next;
        Self {
            directory: linker.directory.clone(),
            rules: linker.rules.clone(),
            trail_id: linker.trail_id,
            durability,
            hook,
            done: Condvar::new(),
            keeper: Condvar::new(),
            state: Mutex::new(State {
                linker,
                writer: Some(writer),
                written: through,
                synced: through,
                sync_to: 0,
                epoch: 0,
                failures: std::collections::VecDeque::new(),
                waiting: 0,
                recordings: 0,
                wakers: Vec::new(),
                degraded: None,
                condition: Condition::Open,
                head_due: false,
                lines_since: None,
                not_before: None,
                ring: false,
                urgent: false,
                first,
            }),
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) fn trail_id(&self) -> TrailId {
        self.trail_id
    }

    /// What an entry needs in this log, at least.
    pub(crate) fn need(&self, critical: bool) -> Need {
        match self.durability {
            _ if critical => Need::Synced,
            Durability::Synced => Need::Synced,
            Durability::Written => Need::Written,
            Durability::Buffered => Need::Linked,
        }
    }

    /// Links an entry, and waits until it is as durable as it needs to be.
    pub(crate) fn append(&self, prefix: Prefix, need: Need) -> Result<Receipt, Error> {
        let mut state = self.state.lock();
        self.make_room(&mut state, &prefix)?;
        let linked = self.link(&mut state, prefix, need)?;
        if need == Need::Linked {
            self.note_lines(&mut state);
            return Ok(linked.receipt);
        }
        self.wait(&mut state, linked)?;
        Ok(linked.receipt)
    }

    /// Puts everything linked so far on the device.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let mut state = self.state.lock();
        refuse_unless_open(&state, &self.directory)?;
        self.flush_linked(&mut state)
    }

    /// Records `audit_stopped`, puts everything on the device, and lets the trail go. Closing twice is closing once.
    pub(crate) fn close(&self, not_recorded: u64) -> Result<(), Error> {
        let mut state = self.state.lock();
        if matches!(state.condition, Condition::Closing | Condition::Closed) {
            return Ok(());
        }
        let closed = self.stop(&mut state, not_recorded);
        while state.writer.is_none() {
            self.done.wait(&mut state);
        }
        state.condition = Condition::Closed;
        state.writer = None;
        state.wake();
        self.done.notify_all();
        self.keeper.notify_all();
        closed
    }

    fn stop(&self, state: &mut MutexGuard<'_, State>, not_recorded: u64) -> Result<(), Error> {
        refuse_unless_open(state, &self.directory)?;
        let entries = state.linker.chain.next - state.first + 1;
        let stopped = Draft::from_origin("audit_stopped", Origin::Log)
            .detail("entries", entries)
            .detail("not_recorded", not_recorded);
        let linked = self.link_own(state, stopped, Need::Synced)?;
        state.condition = Condition::Closing;
        self.wait(state, linked)?;
        match &mut state.writer {
            Some(writer) => writer.write_head().and_then(|()| writer.sync_head()),
            None => Ok(()),
        }
    }

    /// Bytes handed to the system since the log was opened.
    pub(crate) fn bytes(&self) -> u64 {
        let mut state = self.state.lock();
        loop {
            if let Some(writer) = &state.writer {
                return writer.bytes();
            }
            if matches!(state.condition, Condition::Closed) {
                return 0;
            }
            self.done.wait(&mut state);
        }
    }

    /// Threads and futures that wait for the disk now.
    pub(crate) fn waiting(&self) -> u64 {
        let state = self.state.lock();
        state.waiting + state.recordings
    }

    pub(crate) fn health(&self) -> Health {
        let state = self.state.lock();
        match &state.condition {
            Condition::Poisoned(cause) => Health::Poisoned { cause: cause.clone() },
            Condition::Closed | Condition::Closing => Health::Closed,
            Condition::Open => match &state.degraded {
                Some(degraded) => Health::Degraded {
                    since: degraded.from.to_utc(),
                    lost: degraded.lost,
                    cause: degraded.cause.clone(),
                },
                None => Health::Recording,
            },
        }
    }

    /// Sees to it that lines which nobody waits for do not gather without bound.
    fn make_room(&self, state: &mut MutexGuard<'_, State>, prefix: &Prefix) -> Result<(), Error> {
        if self.durability != Durability::Buffered {
            return Ok(());
        }
        while state.linker.batch.length() + prefix.longest_line() > BUFFER && !state.linker.batch.is_empty() {
            refuse_unless_open(state, &self.directory)?;
            if state.writer.is_none() {
                self.pause(state);
                continue;
            }
            if let Some(error) = self.commit(state) {
                self.lose(state, &error);
                return Err(error);
            }
        }
        Ok(())
    }

    fn link(&self, state: &mut MutexGuard<'_, State>, prefix: Prefix, need: Need) -> Result<Linked, Error> {
        refuse_unless_open(state, &self.directory)?;
        let linked = self.try_again(state).and_then(|()| state.linker.link(prefix));
        self.linked(state, linked, need)
    }

    fn link_own(&self, state: &mut MutexGuard<'_, State>, draft: Draft, need: Need) -> Result<Linked, Error> {
        refuse_unless_open(state, &self.directory)?;
        let linked = self.try_again(state).and_then(|()| state.linker.link_own(draft));
        self.linked(state, linked, need)
    }

    fn linked(
        &self,
        state: &mut MutexGuard<'_, State>,
        linked: Result<Receipt, Error>,
        need: Need,
    ) -> Result<Linked, Error> {
        let receipt = linked.inspect_err(|error| self.lose(state, error))?;
        if need == Need::Synced {
            state.sync_to = receipt.seq + 1;
        }
        Ok(Linked { receipt, epoch: state.epoch, need })
    }

    /// Recording is tried again: what did not work is said first. A buffered log knows better when it works again.
    fn try_again(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        if self.durability == Durability::Buffered { Ok(()) } else { self.announce_degraded(state) }
    }

    fn announce_degraded(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        let Some(degraded) = state.degraded.clone().filter(|degraded| degraded.linked.is_none()) else {
            return Ok(());
        };
        let to = Timestamp::from((state.linker.clock)());
        let draft = Draft::from_origin("audit_degraded", Origin::Log)
            .detail("from", degraded.from.to_string())
            .detail("to", to.to_string())
            .detail("lost", degraded.lost)
            .detail("cause", degraded.cause);
        let receipt = state.linker.link_own(draft)?;
        if let Some(degraded) = &mut state.degraded {
            degraded.linked = Some(receipt.seq);
        }
        Ok(())
    }

    /// Counts an entry that was refused because of the disk.
    fn lose(&self, state: &mut MutexGuard<'_, State>, error: &Error) {
        if matches!(error, Error::Io { .. } | Error::State { .. }) {
            self.degrade(state, error, 1);
        }
    }

    fn degrade(&self, state: &mut MutexGuard<'_, State>, error: &Error, lost: u64) {
        // What is linked already tells of what came before it.
        if lost > 0 && state.degraded.as_ref().is_some_and(|degraded| degraded.linked.is_some()) {
            state.degraded = None;
        }
        let now = Timestamp::from((state.linker.clock)());
        let degraded = state.degraded.get_or_insert_with(|| Degraded {
            from: now,
            lost: 0,
            cause: error.to_string(),
            linked: None,
        });
        degraded.lost += lost;
    }

    /// Waits until an entry is through; whoever finds nobody writing writes for all.
    fn wait(&self, state: &mut MutexGuard<'_, State>, linked: Linked) -> Result<(), Error> {
        loop {
            if let Some(outcome) = state.outcome(linked.receipt.seq, linked.epoch, linked.need) {
                return outcome;
            }
            if let Condition::Poisoned(cause) = &state.condition {
                return Err(Error::Poisoned { path: self.directory.clone(), cause: cause.clone() });
            }
            if state.writer.is_some() {
                // What failed is found under the entry's epoch; but a buffered log keeps its lines.
                if let Some(error) = self.commit(state)
                    && self.durability == Durability::Buffered
                {
                    return Err(error);
                }
            } else if matches!(state.condition, Condition::Closed) {
                return Err(Error::Closed { path: self.directory.clone() });
            } else {
                self.pause(state);
            }
        }
    }

    fn flush_linked(&self, state: &mut MutexGuard<'_, State>) -> Result<(), Error> {
        let Some(last) = state.linker.chain.next.checked_sub(1) else { return Ok(()) };
        if state.synced > last {
            return Ok(());
        }
        state.sync_to = last + 1;
        let epoch = state.epoch;
        loop {
            if state.synced > last || state.epoch != epoch {
                break;
            }
            if let Condition::Poisoned(cause) = &state.condition {
                return Err(Error::Poisoned { path: self.directory.clone(), cause: cause.clone() });
            }
            if state.writer.is_none() {
                self.pause(state);
            } else if let Some(error) = self.commit(state) {
                return Err(error);
            }
        }
        Ok(())
    }

    fn pause(&self, state: &mut MutexGuard<'_, State>) {
        state.waiting += 1;
        self.done.wait(state);
        state.waiting -= 1;
    }

    /// Notes that lines wait which nobody waits for.
    fn note_lines(&self, state: &mut MutexGuard<'_, State>) {
        if state.lines_since.is_none() {
            state.lines_since = Some(Instant::now());
            self.keeper.notify_one();
        }
    }

    /// Writes what is linked, and syncs it if somebody asked for that, outside the lock. The writer is there when it
    /// is called. Gives the error that ended it.
    fn commit(&self, state: &mut MutexGuard<'_, State>) -> Option<Error> {
        let mut writer = state.writer.take()?;
        let batch = std::mem::take(&mut state.linker.batch);
        let up_to = state.linker.chain.next;
        let sync = state.sync_to > state.synced;
        state.lines_since = None;
        state.urgent = false;

        let work = MutexGuard::unlocked(state, || Work::of(&mut writer, &batch, sync));

        let failed = self.account(state, &mut writer, batch, up_to, work);
        state.writer = Some(writer);
        if failed.is_none() {
            state.not_before = None;
        }
        state.wake();
        self.done.notify_all();
        // Not each time: waking a thread costs more than writing a line.
        if std::mem::take(&mut state.ring) {
            self.keeper.notify_one();
        }
        failed
    }

    /// Takes account of what was written and what was not.
    fn account(
        &self,
        state: &mut MutexGuard<'_, State>,
        writer: &mut Writer,
        batch: Batch,
        up_to: u64,
        work: Work,
    ) -> Option<Error> {
        let head_was_due = state.head_due;
        let Work { written, synced, head, incident } = work;
        let Written { bytes, turns, error, stuck } = written;
        state.linker.wrote(batch.last_within(bytes));
        let beyond = batch.beyond(bytes);
        let through = beyond.first().map_or(up_to, |line| line.seq);
        state.written = state.written.max(through);
        let mut failed = None;
        if let Some(error) = error {
            failed = Some(self.unwritten(state, writer, batch, bytes, turns, error));
        } else if let Some(degraded) = &state.degraded {
            match degraded.linked {
                Some(seq) if seq < state.written => state.degraded = None,
                Some(_) => {}
                None => self.say_degraded(state),
            }
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
            Some(Ok(())) => state.head_due = false,
            Some(Err(error)) => {
                state.head_due = true;
                self.tell(&error);
            }
            None => state.head_due |= bytes > 0,
        }
        match incident {
            Ok(None) => {}
            Ok(Some(incident)) => self.go_on_after(state, incident),
            Err(error) => failed = Some(self.poison(state, error)),
        }
        state.ring |= state.lines_since.is_some() || state.head_due && !head_was_due;
        failed
    }

    /// Lines could not be written. In a buffered log they were acknowledged, and are tried again; else every entry
    /// from the first of them on fails, and the chain returns to the last whole line.
    fn unwritten(
        &self,
        state: &mut MutexGuard<'_, State>,
        writer: &Writer,
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
            state.not_before = Some(Instant::now() + keeper::RETRY_AFTER);
            self.degrade(state, &error, 0);
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
        if let Some(degraded) = &mut state.degraded {
            degraded.linked = None;
        }
        self.degrade(state, &error, lost as u64);
        error
    }

    /// A buffered log was handed all its lines again: the trail says that it was not.
    fn say_degraded(&self, state: &mut MutexGuard<'_, State>) {
        match self.announce_degraded(state) {
            Ok(()) => state.lines_since = Some(Instant::now()),
            Err(error) => self.tell(&error),
        }
    }

    /// There is no live file any more: lines that are linked already go into a new one.
    fn leave_file(&self, state: &mut MutexGuard<'_, State>) {
        if let Err(error) = state.linker.leave_file() {
            self.tell(&error);
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
        self.leave_file(state);
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
        };
        self.tell(&Error::State { action: "record in", path: self.directory.clone(), reason: error });
        let replaced = Draft::from_origin("audit_file_replaced", Origin::Log)
            .detail("file", file)
            .detail("last_seq", last_seq)
            .detail("restored", restored);
        self.remark(state, replaced);
    }

    /// Links an entry of the log's own, to be written with the next ones.
    fn remark(&self, state: &mut MutexGuard<'_, State>, draft: Draft) {
        match state.linker.link_own(draft) {
            Ok(_) => state.lines_since = Some(Instant::now()),
            Err(error) => self.tell(&error),
        }
    }

    fn poison(&self, state: &mut MutexGuard<'_, State>, error: Error) -> Error {
        let cause = error.to_string();
        state.condition = Condition::Poisoned(cause.clone());
        let through = state.written;
        state.give_up(through, &Error::Poisoned { path: self.directory.clone(), cause });
        error
    }

    /// Tells what no caller is there to be told.
    fn tell(&self, error: &Error) {
        match &self.hook {
            Some(hook) => {
                // The lock is held, and an event of the hook's would ask for it again.
                let _guard = SinkGuard::enter();
                hook(error);
            }
            None => log::report(error),
        }
    }
}

/// What a commit did.
struct Work {
    written: Written,
    synced: Option<Result<(), Error>>,
    head: Option<Result<(), Error>>,
    incident: Result<Option<Incident>, Error>,
}

impl Work {
    fn of(writer: &mut Writer, batch: &Batch, sync: bool) -> Self {
        let written = writer.write(batch);
        let whole = written.error.is_none();
        let synced = (sync && whole).then(|| writer.sync());
        let mut work = Self { written, synced, head: None, incident: Ok(None) };
        let may_speak = whole && !matches!(work.synced, Some(Err(_)));
        if may_speak && (sync || writer.head_is_due()) {
            work.incident = writer.look_after();
            work.head = Some(writer.write_head());
        }
        work
    }
}

fn is_sync(error: &Error) -> bool {
    matches!(error, Error::Io { action: "sync", .. })
}

fn refuse_unless_open(state: &MutexGuard<'_, State>, directory: &Path) -> Result<(), Error> {
    let path = || directory.to_owned();
    match &state.condition {
        Condition::Open => Ok(()),
        Condition::Poisoned(cause) => Err(Error::Poisoned { path: path(), cause: cause.clone() }),
        Condition::Closing | Condition::Closed => Err(Error::Closed { path: path() }),
    }
}
