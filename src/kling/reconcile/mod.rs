//! Comparison of a trail with Kling's ledgers and lists. Each difference is a finding, whichever side lacks a task.
//!
//! Neither side is trusted. The result includes the verdict about the trail itself.

mod account;
mod compare;
pub(crate) mod discrepancy;
pub(crate) mod reconciliation;
mod trail;

use std::path::Path;

use chrono::Utc;

use crate::{
    format::draft::{Draft, Origin},
    kling::{
        billing::ledger::Period,
        client::Client,
        error::Error,
        privacy::scrub::Scrubber,
        reconcile::{
            account::AccountTasks,
            compare::compare,
            reconciliation::Reconciliation,
            trail::{TrailOverview, TrailTasks},
        },
    },
    log::not_recorded::NotRecorded,
};

/// Number of findings that the entry lists. It also has the number of all.
const MAX_RECORDED_FINDINGS: usize = 100;

/// Compares the trail in `trail` with what Kling has about the account, for tasks that were made in `period`.
///
/// Kling's ledgers (`/account/billing/*`) and lists of tasks are read first, and the trail after them. Tasks that are
/// made meanwhile are therefore no findings. The result is recorded in the client's log as `audit_reconciled`, and each
/// request to Kling is recorded too.
///
/// The client reads the lists of the actions that the trail has submissions of, or that the ledgers name. If the
/// ledgers have an unknown task of an unknown function, it reads all lists. A task of an action that the trail never
/// had is thus found if Kling has charged for it.
///
/// Credits and cash are compared if both sides have them. Kling's ledgers are delayed, so a missing charge is no
/// finding. Tasks of the new design are compared if the client has an API key. Without one, the tasks that the ledgers
/// do not name count as [`not_compared`](Reconciliation::not_compared), and the result is not clean. Immediate calls
/// are in no list, so they are compared only if the ledgers name them.
///
/// # Errors
///
/// As [`Client::query`] if Kling cannot be queried, [`Error::Trail`] if the trail cannot be read, and
/// [`Error::NotRecorded`]. A difference is no error.
///
/// # Examples
///
/// ```no_run
/// # async fn example(client: kling_audit::kling::Client) -> Result<(), kling_audit::kling::Error> {
/// use kling_audit::kling::{billing::Period, reconcile};
///
/// let reconciliation = reconcile("audit", &client, Period::days(30)).await?;
/// println!("{reconciliation}");
/// # Ok(())
/// # }
/// ```
pub async fn reconcile(
    trail: impl AsRef<Path>,
    client: &Client,
    period: Period,
) -> Result<Reconciliation, Error> {
    let began = Utc::now().timestamp_millis();
    let path = trail.as_ref();
    let overview = read(client, path, move |trail| TrailOverview::read(trail, period.start)).await?;
    let account = AccountTasks::read(client, period, &overview).await?;
    // Read after the lists: a task that was made meanwhile is in the trail, and thus no unknown task.
    let trail = read(client, path, TrailTasks::read).await?;
    let reconciliation = compare(&trail, &account, period, began);
    record(client, &reconciliation).await.map_err(Error::not_recorded("reconcile", "audit_reconciled"))?;
    Ok(reconciliation)
}

/// Reads a trail on a blocking thread.
async fn read<T: Send + 'static>(
    client: &Client,
    trail: &Path,
    read: impl FnOnce(&Path) -> Result<T, crate::error::Error> + Send + 'static,
) -> Result<T, Error> {
    let (log, trail) = (client.connection().recorder().log().clone(), trail.to_owned());
    let path = trail.clone();
    // The flush writes what this process has recorded so far, so that it is not missing from the files.
    tokio::task::spawn_blocking(move || log.flush().and_then(|()| read(&trail)))
        .await
        .map_err(|error| {
            crate::error::Error::io(crate::error::Operation::Read, path)(std::io::Error::other(error))
        })
        .flatten()
        .map_err(|error| Error::Trail { source: Box::new(error) })
}

async fn record(client: &Client, result: &Reconciliation) -> Result<(), NotRecorded> {
    let recorder = client.connection().recorder();
    let scrubber = client.connection().scrubber(&Scrubber::default());
    let recorded = result.findings.iter().take(MAX_RECORDED_FINDINGS);
    let recorded: Vec<_> = recorded.map(|finding| finding.clone().scrubbed(&scrubber)).collect();
    let draft = Draft::from_origin("audit_reconciled", Origin::Log)
        .actor(recorder.actor().to_owned())
        .detail("verdict", result.verdict.name())
        .detail("at_vendor", result.at_kling)
        .detail("booked", result.booked)
        .detail("in_trail", result.in_trail)
        .detail("matched", result.matched)
        .detail("not_compared", result.not_compared)
        .detail("ambiguous", result.ambiguous)
        .detail("findings", result.findings.len())
        .detail("unexplained", recorded);
    recorder.log().append_async(draft).await?;
    Ok(())
}
