//! What this thread is doing with an audit event or span just now.
//!
//! A macro records its event before it hands it to the subscriber, and the layers below must know. The frame says so
//! by the event's address: it can't outlive the event, and no other event can have that address meanwhile. All is put
//! back on unwind. A frame is `Copy`, so that it works while thread-locals are destroyed; what is not is parked
//! beside it and is only a saving.

use std::cell::{Cell, RefCell};

use crate::{
    NotRecorded,
    draft::Draft,
    receipt::{Receipt, TrailId},
    template::Message,
};

/// How many logs one event can be marked as recorded in.
const LOGS: usize = 8;

thread_local! {
    static FRAME: Cell<Option<Frame>> = const { Cell::new(None) };
    static UNHURRIED: Cell<bool> = const { Cell::new(false) };
    static PARKED: RefCell<Parked> = const { RefCell::new(Parked { draft: None, failure: None }) };
}

/// One event or span that a macro of this crate is handing to the subscriber.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    subject: usize,
    pub(crate) message: Message,
    tried: [Option<TrailId>; LOGS],
    receipt: Option<Receipt>,
    /// Whether the first log that was tried has answered.
    settled: bool,
}

#[derive(Default)]
struct Parked {
    /// The event, rendered, for further logs.
    draft: Option<Draft>,
    /// Why the first log that was tried has no record.
    failure: Option<NotRecorded>,
}

/// Restores what was there before.
pub(crate) struct FrameGuard {
    frame: Option<Frame>,
    parked: Parked,
}

/// The address of an event, or of a span's values: what a frame goes by.
pub(crate) fn address<T>(subject: &T) -> usize {
    std::ptr::from_ref(subject).addr()
}

/// Opens audit spans whose entries nobody waits for: they have their places in the trail, and are durable at the latest
/// when a later entry is. For code that runs on a runtime's workers.
#[cfg(feature = "kling")]
pub(crate) fn unhurried<T>(open: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            UNHURRIED.set(self.0);
        }
    }
    let _before = Before(UNHURRIED.replace(true));
    open()
}

/// Whether the spans that this thread opens just now are such.
pub(super) fn is_unhurried() -> bool {
    UNHURRIED.get()
}

impl Frame {
    pub(crate) fn new(subject: usize, message: Message) -> Self {
        Self { subject, message, tried: [None; LOGS], receipt: None, settled: false }
    }

    /// The frame of `subject`, if it is the one that is being handed over.
    pub(crate) fn of(subject: usize) -> Option<Self> {
        FRAME.get().filter(|frame| frame.subject == subject)
    }

    /// Marks `trail` as tried; `false` if it was already.
    pub(crate) fn begin(&mut self, trail: TrailId) -> bool {
        if self.tried.contains(&Some(trail)) {
            return false;
        }
        if let Some(free) = self.tried.iter_mut().find(|tried| tried.is_none()) {
            *free = Some(trail);
        }
        true
    }

    /// Puts the frame in place; `draft` is for logs that are reached later.
    pub(crate) fn enter(self, draft: Option<Draft>) -> FrameGuard {
        let frame = FRAME.replace(Some(self));
        let parked =
            PARKED.try_with(|parked| parked.replace(Parked { draft, failure: None })).unwrap_or_default();
        FrameGuard { frame, parked }
    }

    /// Stores what was changed in a copy of the frame that is in place.
    pub(crate) fn update(self) {
        FRAME.set(Some(self));
    }

    /// The event as it was rendered for an earlier log.
    pub(crate) fn rendered(&self) -> Option<Draft> {
        PARKED.try_with(|parked| parked.borrow().draft.clone()).ok().flatten()
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// The macro knows what the first log answered.
    pub(crate) fn settled(self) -> Self {
        Self { settled: true, ..self }
    }

    /// Takes down what the first log answered.
    pub(crate) fn settle(mut self, answer: Result<Receipt, NotRecorded>) {
        self.settled = true;
        match answer {
            Ok(receipt) => self.receipt = Some(receipt),
            Err(failure) => {
                // Without the thread-local, the macro says that no log was reached: less exact, and no less a loss.
                PARKED.try_with(|parked| parked.borrow_mut().failure = Some(failure)).unwrap_or_default();
            }
        }
        self.update();
    }
}

impl FrameGuard {
    /// What the first log that was reached under this frame answered.
    pub(crate) fn answer(self) -> Option<Result<Receipt, NotRecorded>> {
        let frame = FRAME.get()?;
        match frame.receipt {
            Some(receipt) => Some(Ok(receipt)),
            None if frame.settled => {
                let failure = PARKED.try_with(|parked| parked.borrow_mut().failure.take()).ok().flatten();
                Some(Err(failure.unwrap_or(NotRecorded::NoLog)))
            }
            None => None,
        }
    }
}

impl Drop for FrameGuard {
    fn drop(&mut self) {
        FRAME.set(self.frame);
        let before = std::mem::take(&mut self.parked);
        PARKED.try_with(|parked| drop(parked.replace(before))).unwrap_or_default();
    }
}
