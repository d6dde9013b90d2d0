//! How many tasks an account may have at a time. Its promise: a task waits here for as long as all slots are taken, and
//! gives its own back when it ends or is forgotten. It knows of this client's tasks alone.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{error::Error, request::Pack};

/// The slots, by pack and model.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    limits: HashMap<Pack, u32>,
    queues: Mutex<HashMap<(Pack, String), Arc<Semaphore>>>,
}

/// Slots that a task holds.
pub(crate) type Held = OwnedSemaphorePermit;

impl Slots {
    pub(crate) fn new(limits: HashMap<Pack, u32>) -> Slots {
        Slots { limits, queues: Mutex::default() }
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
}

#[cfg(test)]
mod tests {
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
}
