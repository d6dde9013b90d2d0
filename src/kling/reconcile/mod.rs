//! Does the trail know of everything that was done with the account? Its promise: what the vendor's books and lists name
//! and the trail does not is a finding, and so is what the trail names and they do not. It trusts neither side; that the
//! trail is intact it says too.

mod said;
mod vendor;

use std::{fmt, path::Path};

use serde::Serialize;

use self::{
    said::{Glance, Known, TrailTasks},
    vendor::{VendorTask, VendorTasks},
};
use super::{
    account::Period,
    amount::{self, Cash},
    client::{Client, not_recorded},
    error::Error,
    screen::Screen,
};
use crate::{
    codec::terminal::Escaped,
    findings::verification::Verdict,
    format::draft::{Draft, Origin},
    log::not_recorded::NotRecorded,
};

/// How many findings the entry lists; it counts them all.
const LISTED: usize = 100;
/// Milliseconds by which the vendor's clock and ours may differ.
const CLOCKS: i64 = 5 * 60 * 1000;

/// Compares the trail in `trail` with what the vendor has on the account, for tasks that were made in `period`.
///
/// The vendor's books (`/account/billing/*`) and its lists of tasks are read first, the trail after them, so tasks that
/// are made meanwhile are no findings. What was found is recorded in the client's log as `audit_reconciled`; the requests
/// to the vendor are entries too.
///
/// Of the lists those are read whose action the trail has submissions of, or the books name; all of them where the books
/// have a task that the trail does not know, in words that name no action. So a task of an action that the trail never
/// had is found when the vendor has booked it, and one that cost nothing is not looked for.
///
/// Units and cash are compared, as far as both sides say them. What the vendor has not booked yet is not missed: its
/// books are behind. Tasks of the newer design are compared where the client has an API key; without one those that the
/// books do not name are counted as [`not_compared`](Reconciliation::not_compared), and the two are not clean. What is
/// answered at once is on no list, so it is compared where the books name it.
///
/// # Errors
///
/// Those of [`Client::query`], where the vendor can't be asked; [`Error::Trail`] where the trail can't be read;
/// [`Error::NotRecorded`]. That the two differ is no error.
///
/// # Examples
///
/// ```no_run
/// # async fn example(client: kling_audit::kling::Client) -> Result<(), kling_audit::kling::Error> {
/// use kling_audit::kling::{Period, reconcile};
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
    let began = chrono::Utc::now().timestamp_millis();
    let path = trail.as_ref();
    let glance = read(client, path, move |trail| Glance::of(trail, period.start)).await?;
    let vendor = VendorTasks::read(client, period, &glance).await?;
    let trail = read(client, path, TrailTasks::read).await?;
    let reconciliation = compare(&trail, &vendor, period, began);
    record(client, &reconciliation).await.map_err(not_recorded("reconcile", "audit_reconciled"))?;
    Ok(reconciliation)
}

/// What comparing came to, from [`reconcile`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use]
pub struct Reconciliation {
    /// What the trail is worth.
    pub verdict: Verdict,
    /// Tasks of the period that the vendor lists or booked.
    pub at_vendor: u64,
    /// Of those, the ones that it booked.
    pub booked: u64,
    /// Tasks of the period that the trail says were accepted.
    pub in_trail: u64,
    /// Tasks that both know alike.
    pub matched: u64,
    /// Tasks of the period in the trail that the vendor was not asked for: those of the newer design, which need an API
    /// key, where the client has none and the books do not name them.
    pub not_compared: u64,
    /// Submissions of the period of which the trail says that nobody knows, and which the vendor does not list. Those of
    /// what is answered at once are among them: they have no name at the vendor.
    pub ambiguous: u64,
    /// What is unexplained.
    pub findings: Vec<Discrepancy>,
}

/// Something that is unexplained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Discrepancy {
    /// What is wrong.
    pub kind: DiscrepancyKind,
    /// The vendor's id of the task.
    pub task_id: String,
    /// The id that it was submitted under, where either side names it.
    pub external_task_id: Option<String>,
    /// What the vendor says, in short.
    pub vendor: Option<String>,
    /// What the trail says, in short.
    pub trail: Option<String>,
}

impl Discrepancy {
    /// What the vendor says of it, as an entry may hold it.
    fn screened(mut self, screen: &Screen) -> Self {
        self.task_id = screen.pass(&self.task_id);
        self.external_task_id = self.external_task_id.map(|id| screen.pass(&id));
        self.vendor = self.vendor.map(|said| screen.pass(&said));
        self
    }
}

/// The kinds of what is unexplained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DiscrepancyKind {
    /// The vendor has a task that the trail does not know: somebody else used the keys, or a trail is missing.
    UnknownTask,
    /// The vendor has a task of a submission whose acceptance the trail does not have: it was ambiguous, or the program
    /// ended before it could say.
    OutcomeMissing,
    /// The trail has a task that the vendor does not know.
    MissingAtVendor,
    /// They say that a task cost different numbers of units.
    DifferentCredits,
    /// They say that a task cost different amounts of money.
    DifferentCash,
}

impl DiscrepancyKind {
    /// Its name, as in JSON and entries.
    pub fn as_str(self) -> &'static str {
        match self {
            DiscrepancyKind::UnknownTask => "unknown_task",
            DiscrepancyKind::OutcomeMissing => "outcome_missing",
            DiscrepancyKind::MissingAtVendor => "missing_at_vendor",
            DiscrepancyKind::DifferentCredits => "different_credits",
            DiscrepancyKind::DifferentCash => "different_cash",
        }
    }
}

impl Reconciliation {
    /// Whether nothing is unexplained, the trail is intact, and all was compared that the vendor can be asked for.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.verdict == Verdict::Intact && self.not_compared == 0
    }
}

impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = match self.not_compared {
            0 if self.is_clean() => "RECONCILED",
            1.. if self.findings.is_empty() && self.verdict == Verdict::Intact => "INCOMPLETE",
            _ => "UNEXPLAINED",
        };
        writeln!(f, "{result}: trail {}", self.verdict.name())?;
        writeln!(
            f,
            "tasks: {} at the vendor ({} booked), {} in the trail, {} alike",
            self.at_vendor, self.booked, self.in_trail, self.matched
        )?;
        if self.not_compared > 0 {
            writeln!(f, "tasks in the trail that only an API key can ask for: {}", self.not_compared)?;
        }
        if self.ambiguous > 0 {
            writeln!(f, "ambiguous submissions that the vendor does not list: {}", self.ambiguous)?;
        }
        for finding in &self.findings {
            write!(f, "{}: task {}", finding.kind.as_str(), Escaped(finding.task_id.as_str()))?;
            if let Some(id) = &finding.external_task_id {
                write!(f, ", external task id {}", Escaped(id.as_str()))?;
            }
            if let Some(said) = &finding.vendor {
                write!(f, "; vendor: {}", Escaped(said.as_str()))?;
            }
            if let Some(said) = &finding.trail {
                write!(f, "; trail: {}", Escaped(said.as_str()))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn compare(trail: &TrailTasks, vendor: &VendorTasks, period: Period, began: i64) -> Reconciliation {
    let (start, end) = period.milliseconds();
    let mut findings = Vec::new();
    let mut matched = 0;
    for (task_id, task) in &vendor.tasks {
        let finding = |kind, trail| Discrepancy {
            kind,
            task_id: task_id.clone(),
            external_task_id: task.external_task_id.clone(),
            vendor: Some(task.describe()),
            trail,
        };
        match trail.tasks.get(task_id) {
            Some(known) => {
                let credits =
                    different_credits(known, task).map(|said| (DiscrepancyKind::DifferentCredits, said));
                let cash = different_cash(known, task).map(|said| (DiscrepancyKind::DifferentCash, said));
                matched += u64::from(credits.is_none() && cash.is_none());
                findings
                    .extend(credits.into_iter().chain(cash).map(|(kind, said)| finding(kind, Some(said))));
            }
            None => {
                let submitted = task.external_task_id.as_ref().and_then(|id| trail.submissions.get(id));
                findings.push(match submitted {
                    Some(submitted) => {
                        finding(DiscrepancyKind::OutcomeMissing, Some(submitted.state.to_owned()))
                    }
                    None => finding(DiscrepancyKind::UnknownTask, None),
                });
            }
        }
    }
    // What was accepted while the lists were read need not be on them.
    let within = |known: &&Known| (start + CLOCKS..=end.min(began)).contains(&known.accepted_at);
    let of_period: Vec<(&String, &Known)> = trail.tasks.iter().filter(|(_, known)| within(known)).collect();
    let mut not_compared = 0;
    for (task_id, known) in &of_period {
        if vendor.tasks.contains_key(*task_id) {
            continue;
        }
        if vendor.cannot_list(&known.action) {
            not_compared += 1;
        } else if vendor.covers(&known.action) {
            findings.push(Discrepancy {
                kind: DiscrepancyKind::MissingAtVendor,
                task_id: (*task_id).clone(),
                external_task_id: known.external_task_id.clone(),
                vendor: None,
                trail: Some(format!("{} {}", known.action, known.state)),
            });
        }
    }
    findings.sort_by(|one, other| one.task_id.cmp(&other.task_id));
    let listed: Vec<&String> =
        vendor.tasks.values().filter_map(|task| task.external_task_id.as_ref()).collect();
    let lost_then = |at: i64| (start..=end).contains(&at);
    let unlisted = trail.submissions.iter().filter(|(id, submitted)| {
        submitted.state == said::AMBIGUOUS && lost_then(submitted.at) && !listed.contains(id)
    });
    let unnamed = trail.lost.iter().filter(|at| lost_then(**at));
    let ambiguous = unlisted.count() + unnamed.count();
    Reconciliation {
        verdict: trail.verdict,
        at_vendor: vendor.tasks.len() as u64,
        booked: vendor
            .tasks
            .values()
            .filter(|task| task.booked.is_some() || task.booked_cash.is_some())
            .count() as u64,
        in_trail: of_period.len() as u64,
        matched,
        not_compared,
        ambiguous: ambiguous as u64,
        findings,
    }
}

/// What the trail says that a task cost, where the vendor says something else.
fn different_credits(known: &Known, task: &VendorTask) -> Option<String> {
    let said = known.credits.as_deref()?;
    let differs =
        |vendor: &Option<String>| vendor.as_deref().is_some_and(|vendor| !amount::is_same(vendor, said));
    (differs(&task.booked) || differs(&task.credits)).then(|| format!("{said} credits"))
}

/// The same of cash.
fn different_cash(known: &Known, task: &VendorTask) -> Option<String> {
    let said = known.cash.as_ref()?;
    let differs = |vendor: &Option<Cash>| vendor.as_ref().is_some_and(|vendor| !vendor.is_same(said));
    (differs(&task.booked_cash) || differs(&task.cash)).then(|| said.to_string())
}

/// Reads a trail where no worker of the runtime waits for the disk.
async fn read<T: Send + 'static>(
    client: &Client,
    trail: &Path,
    read: impl FnOnce(&Path) -> Result<T, crate::Error> + Send + 'static,
) -> Result<T, Error> {
    let (log, trail) = (client.recorder().log().clone(), trail.to_owned());
    let path = trail.clone();
    // What this process has recorded so far has to be in the files.
    tokio::task::spawn_blocking(move || log.flush().and_then(|()| read(&trail)))
        .await
        .map_err(|error| crate::Error::io(crate::error::Operation::Read, path)(std::io::Error::other(error)))
        .flatten()
        .map_err(|error| Error::Trail { source: Box::new(error) })
}

async fn record(client: &Client, found: &Reconciliation) -> Result<(), NotRecorded> {
    let recorder = client.recorder();
    let screen = client.screened(&Screen::default());
    let listed: Vec<_> =
        found.findings.iter().take(LISTED).map(|found| found.clone().screened(&screen)).collect();
    let draft = Draft::from_origin("audit_reconciled", Origin::Log)
        .actor(recorder.actor().to_owned())
        .detail("verdict", found.verdict.name())
        .detail("at_vendor", found.at_vendor)
        .detail("booked", found.booked)
        .detail("in_trail", found.in_trail)
        .detail("matched", found.matched)
        .detail("not_compared", found.not_compared)
        .detail("ambiguous", found.ambiguous)
        .detail("findings", found.findings.len())
        .detail("unexplained", listed);
    recorder.log().append_async(draft).await?;
    Ok(())
}
