//! The comparison of the two sides.

use std::collections::HashSet;

use crate::kling::{
    billing::{amount, cash::Cash, ledger::Period},
    reconcile::{
        account::{AccountTask, AccountTasks},
        discrepancy::{Discrepancy, DiscrepancyKind},
        reconciliation::Reconciliation,
        trail::{TaskState, TrailTask, TrailTasks},
    },
};

/// Milliseconds by which Kling's clock and the local one may differ.
const MAX_CLOCK_DIFFERENCE_MS: i64 = 5 * 60 * 1000;

/// Compares the two sides. `began` is the time before the first request, in milliseconds since 1970.
pub(super) fn compare(
    trail: &TrailTasks,
    account: &AccountTasks,
    period: Period,
    began: i64,
) -> Reconciliation {
    let (start, end) = period.milliseconds();
    let mut findings = Vec::new();
    let mut matched = 0;
    for (task_id, task) in &account.tasks {
        let finding = |kind, trail| Discrepancy {
            kind,
            task_id: task_id.clone(),
            external_task_id: task.external_task_id.clone(),
            kling: Some(task.describe()),
            trail,
        };
        match trail.tasks.get(task_id) {
            Some(known) => {
                let credits = different_credits(known, task);
                let cash = different_cash(known, task);
                matched += u64::from(credits.is_none() && cash.is_none());
                let credits = credits.map(|in_trail| (DiscrepancyKind::DifferentCredits, in_trail));
                let cash = cash.map(|in_trail| (DiscrepancyKind::DifferentCash, in_trail));
                let mismatch_mask = credits.into_iter().chain(cash);
                findings.extend(mismatch_mask.map(|(kind, in_trail)| finding(kind, Some(in_trail))));
            }
            None => {
                let submitted = task.external_task_id.as_ref().and_then(|id| trail.submissions.get(id));
                findings.push(match submitted {
                    Some(submitted) => {
                        finding(DiscrepancyKind::OutcomeMissing, Some(submitted.state.as_str().to_owned()))
                    }
                    None => finding(DiscrepancyKind::UnknownTask, None),
                });
            }
        }
    }
    // A task that was accepted while the lists were read may be missing from them.
    let accepted = start + MAX_CLOCK_DIFFERENCE_MS..=end.min(began);
    let of_period: Vec<(&String, &TrailTask)> =
        trail.tasks.iter().filter(|(_, known)| accepted.contains(&known.accepted_at)).collect();
    let mut not_compared = 0;
    for (task_id, known) in &of_period {
        if account.tasks.contains_key(*task_id) {
            continue;
        }
        if account.cannot_list(&known.action) {
            not_compared += 1;
        } else if account.covers(&known.action) {
            findings.push(Discrepancy {
                kind: DiscrepancyKind::MissingAtKling,
                task_id: (*task_id).clone(),
                external_task_id: known.external_task_id.clone(),
                kling: None,
                trail: Some(format!("{} {}", known.action, known.state.as_str())),
            });
        }
    }
    // The order of the maps is random for tasks of the trail. Equal data must give an equal report.
    findings.sort_by(|one, other| one.task_id.cmp(&other.task_id));
    let listed: HashSet<&String> =
        account.tasks.values().filter_map(|task| task.external_task_id.as_ref()).collect();
    let unlisted = trail.submissions.iter().filter(|(id, submitted)| {
        submitted.state == TaskState::Ambiguous
            && (start..=end).contains(&submitted.at)
            && !listed.contains(id)
    });
    let unnamed = trail.unnamed_ambiguous.iter().filter(|at| (start..=end).contains(*at));
    let ambiguous = unlisted.count() + unnamed.count();
    let booked = account.tasks.values().filter(|task| task.booked.is_some() || task.booked_cash.is_some());
    Reconciliation {
        verdict: trail.verdict,
        at_kling: account.tasks.len() as u64,
        booked: booked.count() as u64,
        in_trail: of_period.len() as u64,
        matched,
        not_compared,
        ambiguous: ambiguous as u64,
        findings,
    }
}

/// Returns the credits in the trail, if Kling has other ones.
fn different_credits(known: &TrailTask, task: &AccountTask) -> Option<String> {
    let in_trail = known.credits.as_deref()?;
    let differs =
        |kling: &Option<String>| kling.as_ref().is_some_and(|kling| !amount::is_same(kling, in_trail));
    (differs(&task.booked) || differs(&task.credits)).then(|| format!("{in_trail} credits"))
}

/// Returns the money in the trail, if Kling has another amount.
fn different_cash(known: &TrailTask, task: &AccountTask) -> Option<String> {
    let in_trail = known.cash.as_ref()?;
    let differs = |kling: &Option<Cash>| kling.as_ref().is_some_and(|kling| !kling.is_same(in_trail));
    (differs(&task.booked_cash) || differs(&task.cash)).then(|| in_trail.to_string())
}
