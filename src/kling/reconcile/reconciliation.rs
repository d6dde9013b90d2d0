//! The result of a reconciliation.

use std::fmt;

use serde::Serialize;

use crate::{
    codec::terminal::Escaped, findings::verification::Verdict, kling::reconcile::discrepancy::Discrepancy,
};

/// Result of [`reconcile`](crate::kling::reconcile).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use]
pub struct Reconciliation {
    /// Verdict about the trail itself.
    pub verdict: Verdict,
    /// Number of tasks of the period in Kling's lists or ledgers.
    #[serde(rename = "at_vendor")]
    pub at_kling: u64,
    /// Number of these tasks that are in the ledgers.
    pub booked: u64,
    /// Number of tasks of the period that were accepted according to the trail.
    pub in_trail: u64,
    /// Number of tasks that are equal on both sides.
    pub matched: u64,
    /// Number of tasks of the period in the trail for which Kling was not queried: tasks of the new design that the
    /// ledgers do not name, if the client has no API key.
    pub not_compared: u64,
    /// Number of submissions of the period with an unknown outcome that Kling does not list. Immediate calls are among
    /// them, because Kling has no id for them.
    pub ambiguous: u64,
    /// Differences.
    pub findings: Vec<Discrepancy>,
}

impl Reconciliation {
    /// Returns `true` if there is no difference, the trail is intact, and all tasks were compared.
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
            "tasks: {} at Kling ({} booked), {} in the trail, {} matched",
            self.at_kling, self.booked, self.in_trail, self.matched
        )?;
        if self.not_compared > 0 {
            writeln!(f, "tasks in the trail that Kling lists only for an API key: {}", self.not_compared)?;
        }
        if self.ambiguous > 0 {
            writeln!(f, "submissions with an unknown outcome that Kling does not list: {}", self.ambiguous)?;
        }
        for finding in &self.findings {
            write!(f, "{}: task {}", finding.kind.as_str(), Escaped(finding.task_id.as_str()))?;
            if let Some(id) = &finding.external_task_id {
                write!(f, ", external task id {}", Escaped(id.as_str()))?;
            }
            if let Some(kling) = &finding.kling {
                write!(f, "; Kling: {}", Escaped(kling.as_str()))?;
            }
            if let Some(trail) = &finding.trail {
                write!(f, "; trail: {}", Escaped(trail.as_str()))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
