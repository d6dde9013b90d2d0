//! The dispatch frame: a note on this thread about the event or span that a macro is passing to the subscriber.
//!
//! A macro records its event first and passes it on afterwards. Layers that receive the event must not record it
//! again. They recognise it by its address: the frame ends before the event, so no other event has that address
//! meanwhile.
//!
//! A frame consists of `Copy` values in cells without destructors. So it works while a thread ends and its other
//! thread-locals are gone. The rest is in `DEFERRED` and may be missing then; only speed and detail are lost.

use std::cell::{Cell, RefCell};

use crate::{
    format::{
        draft::Draft,
        receipt::{Receipt, TrailId},
    },
    layer::template::Message,
    log::not_recorded::NotRecorded,
};

/// Largest number of logs that a frame marks. Further logs record an event as often as it reaches them.
const MAX_MARKED_LOGS: usize = 8;

thread_local! {
    static FRAME: Cell<DispatchFrame> = const { Cell::new(DispatchFrame::NONE) };
    /// `true` while spans open without waiting for the disk.
    static NO_WAIT: Cell<bool> = const { Cell::new(false) };
    /// Logs that were given the frame's event. The first `marked` of them count.
    static MARKED: [Cell<TrailId>; MAX_MARKED_LOGS] =
        const { [const { Cell::new(TrailId::new([0; 16])) }; MAX_MARKED_LOGS] };
    /// Receipt of the first log that recorded the frame's event.
    static RECEIPT: Cell<Option<Receipt>> = const { Cell::new(None) };
    static DEFERRED: RefCell<Deferred> = const { RefCell::new(Deferred { draft: None, failure: None }) };
}

/// An event or span that a macro is passing to the subscriber.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DispatchFrame {
    address: usize,
    pub(crate) message: Message,
    /// Number of logs that were given the event.
    marked: usize,
    /// `true` after the first log has returned a result.
    is_settled: bool,
    /// `true` if that result is a receipt.
    is_recorded: bool,
    /// `true` if `DEFERRED` holds something of this frame.
    has_deferred: bool,
}

/// The parts of a frame that need destructors.
#[derive(Default)]
struct Deferred {
    /// The rendered event, for logs that are reached later.
    draft: Option<Box<Draft>>,
    /// Failure of the first log.
    failure: Option<NotRecorded>,
}

/// Restores the outer frame when it is dropped, also during a panic.
pub(crate) struct FrameGuard {
    outer: DispatchFrame,
    /// Parts of the outer frame beside itself, if there was an outer frame.
    outer_parts: Option<Box<FrameParts>>,
}

struct FrameParts {
    marked: [TrailId; MAX_MARKED_LOGS],
    receipt: Option<Receipt>,
    deferred: Deferred,
}

/// Returns the address of an event or of a span's values, by which a frame recognises it.
#[inline]
pub(crate) fn address<T>(subject: &T) -> usize {
    std::ptr::from_ref(subject).addr()
}

/// Opens audit spans without waiting for the disk, at the opening and at the close.
///
/// Their entries have places in the trail and become durable with the next entry that a caller waits for. For code
/// that runs on the worker threads of an async runtime.
#[cfg(feature = "kling")]
pub(crate) fn no_wait<T>(open: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            NO_WAIT.set(self.0);
        }
    }
    let _restore = Restore(NO_WAIT.replace(true));
    open()
}

/// Returns `true` if spans that this thread opens now do not wait for the disk.
#[inline]
pub(super) fn is_no_wait() -> bool {
    NO_WAIT.get()
}

impl DispatchFrame {
    /// Frame of no event: no event has this address.
    const NONE: Self = Self {
        address: 0,
        message: Message::Keep,
        marked: 0,
        is_settled: false,
        is_recorded: false,
        has_deferred: false,
    };

    #[inline]
    pub(crate) fn new(address: usize, message: Message) -> Self {
        Self { address, message, ..Self::NONE }
    }

    /// Returns the frame of the event at `address`, if a macro of this thread is passing that event on now.
    #[inline]
    pub(crate) fn of(address: usize) -> Option<Self> {
        let frame = FRAME.get();
        (frame.address == address).then_some(frame)
    }

    /// Marks the log of `trail` as one that was given the event. Returns `false` if it was marked before: the log must
    /// then ignore the event.
    #[inline]
    pub(crate) fn mark(&mut self, trail: TrailId) -> bool {
        MARKED.with(|marked| {
            if marked[..self.marked].iter().any(|marked| marked.get() == trail) {
                return false;
            }
            if let Some(free) = marked.get(self.marked) {
                free.set(trail);
                self.marked += 1;
                FRAME.set(*self);
            }
            true
        })
    }

    /// Makes this the frame of the thread until the guard is dropped.
    ///
    /// `settled_by` is the log whose result the macro has already. `draft` is for logs that are reached later.
    #[inline]
    pub(crate) fn enter(mut self, settled_by: Option<TrailId>, draft: Option<Box<Draft>>) -> FrameGuard {
        let guard = FrameGuard::save(FRAME.get());
        if let Some(draft) = draft {
            defer(|deferred| deferred.draft = Some(draft));
            self.has_deferred = true;
        }
        if let Some(trail) = settled_by {
            self.is_settled = true;
            self.marked = 1;
            MARKED.with(|[first, ..]| first.set(trail));
        }
        FRAME.set(self);
        guard
    }

    /// Returns a copy of the draft that the macro rendered.
    #[inline]
    pub(crate) fn deferred_draft(&self) -> Option<Box<Draft>> {
        if !self.has_deferred {
            return None;
        }
        DEFERRED.try_with(|deferred| deferred.borrow().draft.clone()).ok().flatten()
    }

    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Keeps the result of the first log for the macro.
    #[inline]
    pub(crate) fn settle(mut self, result: Result<Receipt, NotRecorded>) {
        self.is_settled = true;
        match result {
            Ok(receipt) => {
                RECEIPT.set(Some(receipt));
                self.is_recorded = true;
            }
            Err(failure) => {
                // While the thread ends, the failure cannot be kept. The macro then reports that it found no log: a
                // less exact reason for the same loss.
                defer(|deferred| deferred.failure = Some(failure));
                self.has_deferred = true;
            }
        }
        FRAME.set(self);
    }
}

impl FrameGuard {
    /// Saves the outer frame. Without an outer frame, this costs no allocation.
    #[inline]
    fn save(outer: DispatchFrame) -> Self {
        let outer_parts = (outer.address != 0).then(|| {
            Box::new(FrameParts {
                marked: MARKED.with(|marked| marked.each_ref().map(Cell::get)),
                receipt: RECEIPT.get(),
                deferred: DEFERRED.try_with(RefCell::take).unwrap_or_default(),
            })
        });
        Self { outer, outer_parts }
    }

    /// Returns the result of the first log that was reached under this frame, unless the macro has it already.
    #[inline]
    pub(crate) fn result(self) -> Option<Result<Receipt, NotRecorded>> {
        let frame = FRAME.get();
        if !frame.is_settled {
            return None;
        }
        if frame.is_recorded
            && let Some(receipt) = RECEIPT.get()
        {
            return Some(Ok(receipt));
        }
        let failure = DEFERRED.try_with(|deferred| deferred.borrow_mut().failure.take()).ok().flatten();
        Some(Err(failure.unwrap_or(NotRecorded::NoLog)))
    }
}

impl Drop for FrameGuard {
    fn drop(&mut self) {
        if FRAME.replace(self.outer).has_deferred {
            defer(|deferred| *deferred = Deferred::default());
        }
        if let Some(outer) = self.outer_parts.take() {
            MARKED.with(|marked| marked.iter().zip(outer.marked).for_each(|(cell, trail)| cell.set(trail)));
            RECEIPT.set(outer.receipt);
            defer(|deferred| *deferred = outer.deferred);
        }
    }
}

/// Changes the deferred parts. Does nothing while the thread ends and they are gone.
fn defer(change: impl FnOnce(&mut Deferred)) {
    DEFERRED.try_with(|deferred| change(&mut deferred.borrow_mut())).unwrap_or_default();
}
