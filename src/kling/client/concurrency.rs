//! Limits on the tasks that exist at a time, by resource pack and model.
//!
//! A submission waits for a permit. Its task holds the permit until it ends or is dropped. If the outcome of a
//! submission is unknown, its permit is kept for a while, because a task may exist at Kling. Only tasks of this client
//! are counted.

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

use crate::kling::{error::Error, requests::pack::Pack};

/// Permits for tasks, by pack and model.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    limits: HashMap<Pack, u32>,
    semaphores: Mutex<HashMap<(Pack, String), Arc<Semaphore>>>,
    /// Permits of submissions with an unknown outcome, by external task id.
    kept: Arc<Mutex<HashMap<String, OwnedSemaphorePermit>>>,
}

impl Permits {
    pub(crate) fn new(limits: HashMap<Pack, u32>) -> Permits {
        Permits { limits, ..Permits::default() }
    }

    /// Waits for `count` permits, or for all that exist if the limit is lower. Returns `None` if there is no limit.
    pub(crate) async fn take(
        &self,
        action: &'static str,
        pack: Pack,
        model: &str,
        count: u32,
        max_wait: Duration,
    ) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let Some(limit) = self.limits.get(&pack).copied() else { return Ok(None) };
        // The lock ends with this block, before the wait below.
        let semaphore = {
            let mut semaphores = self.semaphores.lock();
            let semaphore = semaphores.entry((pack, model.to_owned()));
            Arc::clone(semaphore.or_insert_with(|| Arc::new(Semaphore::new(limit as usize))))
        };
        let started = Instant::now();
        // Without the minimum, a task that needs more permits than exist would wait until the limit of time.
        match tokio::time::timeout(max_wait, semaphore.acquire_many_owned(count.min(limit))).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            _ => Err(Error::Queue { action, pack: pack.as_str(), limit, waited: started.elapsed() }),
        }
    }

    /// Keeps the permit of a submission with an unknown outcome until [`reclaim`](Self::reclaim) takes it, or for
    /// `time`.
    fn keep(&self, external_task_id: &str, permit: Option<OwnedSemaphorePermit>, time: Duration) {
        // Without a runtime no timer could release the permit, so it is released now.
        let (Some(permit), Ok(runtime)) = (permit, Handle::try_current()) else { return };
        let (kept, id) = (Arc::clone(&self.kept), external_task_id.to_owned());
        kept.lock().insert(id.clone(), permit);
        runtime.spawn(async move {
            tokio::time::sleep(time).await;
            kept.lock().remove(&id);
        });
    }

    /// Returns the permit that was kept for a submission.
    pub(crate) fn reclaim(&self, external_task_id: &str) -> Option<OwnedSemaphorePermit> {
        self.kept.lock().remove(external_task_id)
    }
}

/// Permit of a submission on its way. On drop the permit is released, or kept if a task may exist.
pub(crate) struct PermitGuard<'a> {
    permits: &'a Permits,
    external_task_id: &'a str,
    permit: Option<OwnedSemaphorePermit>,
    max_kept: Duration,
    task_may_exist: AtomicBool,
}

impl<'a> PermitGuard<'a> {
    /// Guards `permit`, which is kept for at most `max_kept`.
    pub(crate) fn new(
        permits: &'a Permits,
        external_task_id: &'a str,
        permit: Option<OwnedSemaphorePermit>,
        max_kept: Duration,
    ) -> PermitGuard<'a> {
        PermitGuard { permits, external_task_id, permit, max_kept, task_may_exist: AtomicBool::new(false) }
    }

    /// Flag that the submission sets when Kling may have made a task.
    pub(crate) fn task_may_exist(&self) -> &AtomicBool {
        &self.task_may_exist
    }

    /// Returns the permit for the task, which holds it from here on.
    pub(crate) fn into_permit(mut self) -> Option<OwnedSemaphorePermit> {
        self.permit.take()
    }
}

impl Drop for PermitGuard<'_> {
    fn drop(&mut self) {
        if *self.task_may_exist.get_mut() {
            self.permits.keep(self.external_task_id, self.permit.take(), self.max_kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[tokio::test]
    async fn a_task_waits_for_a_permit_of_its_pack_and_model() {
        let permits = Permits::new([(Pack::Image, 2)].into());
        let take = |pack, model: &'static str, count| {
            permits.take("generate_image", pack, model, count, Duration::from_millis(5))
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
    async fn an_unknown_outcome_keeps_its_permit_for_a_while() {
        let permits = Permits::new([(Pack::Video, 1)].into());
        let take = |patience| permits.take("text_to_video", Pack::Video, "kling-v3", 1, patience);
        let (at_once, long) = (Duration::from_millis(5), Duration::from_secs(60));
        let guard = |id, held, time| PermitGuard::new(&permits, id, held, time);

        let refused = guard("refused", take(at_once).await.expect("free"), long);
        drop(refused);
        let lost = guard("lost", take(at_once).await.expect("given back"), long);
        lost.task_may_exist().store(true, Ordering::Relaxed);
        drop(lost);
        let full = take(at_once).await;
        let found = permits.reclaim("lost");
        let held = take(at_once).await;
        drop(found);
        let forgotten = guard("forgotten", take(at_once).await.expect("given back"), at_once);
        forgotten.task_may_exist().store(true, Ordering::Relaxed);
        drop(forgotten);
        let after = take(long).await;

        assert!(full.is_err() && held.is_err());
        assert!(after.is_ok_and(|held| held.is_some()));
        assert!(permits.reclaim("forgotten").is_none());
    }
}
