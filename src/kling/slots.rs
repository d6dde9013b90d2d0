//! How many tasks an account may have at a time. Its promise: a task waits here for as long as all slots are taken, and
//! gives its own back when it ends or is forgotten; one that may be there and was not found holds them for a while. It knows of this client's tasks alone.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{error::Error, request::Pack};

/// The slots, by pack and model.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    limits: HashMap<Pack, u32>,
    queues: Mutex<HashMap<(Pack, String), Arc<Semaphore>>>,
    /// Those of submissions that may have made a task, by the ids that they were sent under.
    lost: Arc<Mutex<HashMap<String, Held>>>,
}

/// Slots that a task holds.
pub(crate) type Held = OwnedSemaphorePermit;

impl Slots {
    pub(crate) fn new(limits: HashMap<Pack, u32>) -> Slots {
        Slots { limits, ..Slots::default() }
    }

    /// Waits for so many slots; `None` where there is no limit. A task that needs more than there are takes all.
    pub(crate) async fn take(
        &self,
        action: &'static str,
        pack: Pack,
        model: &str,
        slots: u32,
        patience: Duration,
    ) -> Result<Option<Held>, Error> {
        let Some(limit) = self.limits.get(&pack).copied() else { return Ok(None) };
        let queue = {
            let mut queues = self.queues.lock();
            let queue = queues.entry((pack, model.to_owned()));
            Arc::clone(queue.or_insert_with(|| Arc::new(Semaphore::new(limit as usize))))
        };
        let started = Instant::now();
        match tokio::time::timeout(patience, queue.acquire_many_owned(slots.min(limit))).await {
            Ok(Ok(held)) => Ok(Some(held)),
            _ => Err(Error::Queue { action, pack: pack.as_str(), limit, waited: started.elapsed() }),
        }
    }

    /// Keeps what a submission holds of which nobody knows whether it made a task, until it is found or for so long.
    fn keep(&self, external_task_id: &str, held: Option<Held>, time: Duration) {
        // Outside of a runtime nobody could give it back.
        let (Some(held), Ok(runtime)) = (held, Handle::try_current()) else { return };
        let (lost, id) = (Arc::clone(&self.lost), external_task_id.to_owned());
        lost.lock().insert(id.clone(), held);
        runtime.spawn(async move {
            tokio::time::sleep(time).await;
            lost.lock().remove(&id);
        });
    }

    /// What was kept of a submission.
    pub(crate) fn found(&self, external_task_id: &str) -> Option<Held> {
        self.lost.lock().remove(external_task_id)
    }
}

/// What a submission holds while it is on its way. Dropped, it is given back, or kept where a task may be there.
pub(crate) struct Claim<'a> {
    slots: &'a Slots,
    external_task_id: &'a str,
    held: Option<Held>,
    time: Duration,
    may_run: AtomicBool,
}

impl<'a> Claim<'a> {
    /// Kept for `time` at most.
    pub(crate) fn new(
        slots: &'a Slots,
        external_task_id: &'a str,
        held: Option<Held>,
        time: Duration,
    ) -> Claim<'a> {
        Claim { slots, external_task_id, held, time, may_run: AtomicBool::new(false) }
    }

    /// To be set where a task may be there.
    pub(crate) fn may_run(&self) -> &AtomicBool {
        &self.may_run
    }

    /// What the task holds from here on.
    pub(crate) fn into_held(mut self) -> Option<Held> {
        self.held.take()
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if *self.may_run.get_mut() {
            self.slots.keep(self.external_task_id, self.held.take(), self.time);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[tokio::test]
    async fn a_task_waits_for_a_slot_of_its_own_pack_and_model() {
        let slots = Slots::new([(Pack::Image, 2)].into());
        let take = |pack, model: &'static str, count| {
            slots.take("generate_image", pack, model, count, Duration::from_millis(5))
        };

        let first = take(Pack::Image, "kling-v2", 2).await.expect("free");
        let full = take(Pack::Image, "kling-v2", 1).await;
        let other = take(Pack::Image, "kling-v3", 9).await.expect("of another model");
        let unlimited = take(Pack::Video, "kling-v2", 9).await.expect("without a limit");
        drop(first);
        let again = take(Pack::Image, "kling-v2", 1).await.expect("given back");

        assert!(matches!(full, Err(Error::Queue { limit: 2, .. })));
        assert!(other.is_some() && again.is_some() && unlimited.is_none());
    }

    #[tokio::test]
    async fn a_lost_submission_keeps_its_slot_until_it_is_found_or_for_a_while() {
        let slots = Slots::new([(Pack::Video, 1)].into());
        let take = |patience| slots.take("text_to_video", Pack::Video, "kling-v3", 1, patience);
        let (at_once, long) = (Duration::from_millis(5), Duration::from_secs(60));
        let claim = |id, held, time| Claim::new(&slots, id, held, time);

        let refused = claim("refused", take(at_once).await.expect("free"), long);
        drop(refused);
        let lost = claim("lost", take(at_once).await.expect("given back"), long);
        lost.may_run().store(true, Ordering::Relaxed);
        drop(lost);
        let full = take(at_once).await;
        let found = slots.found("lost");
        let held = take(at_once).await;
        drop(found);
        let forgotten = claim("forgotten", take(at_once).await.expect("given back"), at_once);
        forgotten.may_run().store(true, Ordering::Relaxed);
        drop(forgotten);
        let after = take(long).await;

        assert!(full.is_err() && held.is_err());
        assert!(after.is_ok_and(|held| held.is_some()));
        assert!(slots.found("forgotten").is_none());
    }
}
