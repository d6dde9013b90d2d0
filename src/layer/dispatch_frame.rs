//! What this thread is doing with an audit event or span just now.
//!
//! A macro records its event before it hands it to the subscriber, and the layers below must know. The frame says so
//! by the event's address: it can't outlive the event, and no other event can have that address meanwhile. All is put
//! back on unwind. A frame is `Copy`, so that it works while thread-locals are destroyed; what is not is parked
//! beside it and is only a saving.

use std::cell::{Cell, RefCell};

use crate::{
    format::{
        draft::Draft,
        receipt::{Receipt, TrailId},
    },
    layer::template::Message,
    log::not_recorded::NotRecorded,
};

/// How many logs one event can be marked as recorded in.
const LOGS: usize = 8;

thread_local! {
    static FRAME: Cell<DispatchFrame> = const { Cell::new(DispatchFrame::NONE) };
    static UNHURRIED: Cell<bool> = const { Cell::new(false) };
    /// The logs that were tried with the frame's event.
    static TRIED: [Cell<TrailId>; LOGS] = const { [const { Cell::new(TrailId::new([0; 16])) }; LOGS] };
    /// Where the first of them recorded it.
    static RECEIPT: Cell<Option<Receipt>> = const { Cell::new(None) };
    static PARKED: RefCell<Parked> = const { RefCell::new(Parked { draft: None, failure: None }) };
}

/// One event or span that a macro of this crate is handing to the subscriber.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DispatchFrame {
    subject: usize,
    pub(crate) message: Message,
    /// How many logs were tried.
    tried: usize,
    /// Whether the first of them has answered.
    settled: bool,
    /// Whether it said where it recorded the event.
    recorded: bool,
    /// Whether something is parked.
    parked: bool,
}

#[derive(Default)]
struct Parked {
    /// The event, rendered, for further logs.
    draft: Option<Box<Draft>>,
    /// Why the first log that was tried has no record.
    failure: Option<NotRecorded>,
}

/// Restores what was there before.
pub(crate) struct FrameGuard {
    frame: DispatchFrame,
    /// What belongs to that frame, if there is one.
    rest: Option<Box<Rest>>,
}

struct Rest {
    tried: [TrailId; LOGS],
    receipt: Option<Receipt>,
    parked: Parked,
}

/// The address of an event, or of a span's values: what a frame goes by.
pub(crate) fn address<T>(subject: &T) -> usize {
    std::ptr::from_ref(subject).addr()
}

/// Opens audit spans whose entries nobody waits for: they have their places in the trail, and are durable at the latest
/// when a later entry is. For code that runs on a runtime's workers.
#[cfg(feature = "kling")]
pub(crate) fn no_wait<T>(open: impl FnOnce() -> T) -> T {
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

impl DispatchFrame {
    /// No event stands at this address.
    const NONE: Self =
        Self { subject: 0, message: Message::Keep, tried: 0, settled: false, recorded: false, parked: false };

    pub(crate) fn new(subject: usize, message: Message) -> Self {
        Self { subject, message, ..Self::NONE }
    }

    /// The frame of `subject`, if it is the one that is being handed over.
    #[inline]
    pub(crate) fn of(subject: usize) -> Option<Self> {
        let frame = FRAME.get();
        (frame.subject == subject).then_some(frame)
    }

    /// Marks `trail` as tried with the frame that is in place; `false` if it was already.
    #[inline]
    pub(crate) fn begin(&mut self, trail: TrailId) -> bool {
        TRIED.with(|tried| {
            if tried[..self.tried].iter().any(|tried| tried.get() == trail) {
                return false;
            }
            if let Some(free) = tried.get(self.tried) {
                free.set(trail);
                self.tried += 1;
                FRAME.set(*self);
            }
            true
        })
    }

    /// Puts the frame in place. `known` is the log whose answer the macro knows, and `draft` is for logs that are reached
    /// later.
    #[inline]
    pub(crate) fn enter(mut self, known: Option<TrailId>, draft: Option<Box<Draft>>) -> FrameGuard {
        let guard = FrameGuard::keep(FRAME.get());
        if let Some(draft) = draft {
            park(|parked| parked.draft = Some(draft));
            self.parked = true;
        }
        if let Some(trail) = known {
            self.settled = true;
            self.tried = 1;
            TRIED.with(|[first, ..]| first.set(trail));
        }
        FRAME.set(self);
        guard
    }

    /// The event as it was rendered for an earlier log.
    pub(crate) fn rendered(&self) -> Option<Box<Draft>> {
        if !self.parked {
            return None;
        }
        PARKED.try_with(|parked| parked.borrow().draft.clone()).ok().flatten()
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Takes down what the first log answered.
    pub(crate) fn settle(mut self, answer: Result<Receipt, NotRecorded>) {
        self.settled = true;
        match answer {
            Ok(receipt) => {
                RECEIPT.set(Some(receipt));
                self.recorded = true;
            }
            Err(failure) => {
                // Without the thread-local, the macro says that no log was reached: less exact, and no less a loss.
                park(|parked| parked.failure = Some(failure));
                self.parked = true;
            }
        }
        FRAME.set(self);
    }
}

impl FrameGuard {
    /// Keeps what is in place.
    #[inline]
    fn keep(frame: DispatchFrame) -> Self {
        let rest = (frame.subject != 0).then(|| {
            Box::new(Rest {
                tried: TRIED.with(|tried| tried.each_ref().map(Cell::get)),
                receipt: RECEIPT.get(),
                parked: PARKED.try_with(RefCell::take).unwrap_or_default(),
            })
        });
        Self { frame, rest }
    }

    /// What the first log that was reached under this frame answered, if the macro didn't know it.
    pub(crate) fn answer(self) -> Option<Result<Receipt, NotRecorded>> {
        let frame = FRAME.get();
        if !frame.settled {
            return None;
        }
        if frame.recorded
            && let Some(receipt) = RECEIPT.get()
        {
            return Some(Ok(receipt));
        }
        let failure = PARKED.try_with(|parked| parked.borrow_mut().failure.take()).ok().flatten();
        Some(Err(failure.unwrap_or(NotRecorded::NoLog)))
    }
}

impl Drop for FrameGuard {
    fn drop(&mut self) {
        if FRAME.replace(self.frame).parked {
            park(|parked| *parked = Parked::default());
        }
        if let Some(rest) = self.rest.take() {
            TRIED.with(|tried| tried.iter().zip(rest.tried).for_each(|(place, trail)| place.set(trail)));
            RECEIPT.set(rest.receipt);
            park(|parked| *parked = rest.parked);
        }
    }
}

/// Does so, unless the thread is ending.
fn park(change: impl FnOnce(&mut Parked)) {
    PARKED.try_with(|parked| change(&mut parked.borrow_mut())).unwrap_or_default();
}
