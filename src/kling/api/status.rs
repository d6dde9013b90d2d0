//! The status of a task. A status that Kling adds later is kept unchanged, and counts as not final.

use std::fmt;

/// Status of a task according to Kling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskStatus {
    /// `submitted`: accepted and waiting.
    Submitted,
    /// `processing`.
    Processing,
    /// `succeed`, which newer endpoints spell `succeeded`.
    Succeed,
    /// `failed`.
    Failed,
    /// Any other status, in Kling's spelling. It counts as not final.
    Unknown(String),
}

impl TaskStatus {
    /// Kling's spelling, with `succeed` for both spellings of success.
    pub fn as_str(&self) -> &str {
        match self {
            TaskStatus::Submitted => "submitted",
            TaskStatus::Processing => "processing",
            TaskStatus::Succeed => "succeed",
            TaskStatus::Failed => "failed",
            TaskStatus::Unknown(word) => word,
        }
    }

    /// Returns `true` if no other status follows.
    pub fn is_final(&self) -> bool {
        matches!(self, TaskStatus::Succeed | TaskStatus::Failed)
    }
}

impl From<&str> for TaskStatus {
    fn from(word: &str) -> TaskStatus {
        match word {
            "submitted" => TaskStatus::Submitted,
            "processing" => TaskStatus::Processing,
            "succeed" | "succeeded" => TaskStatus::Succeed,
            "failed" => TaskStatus::Failed,
            other => TaskStatus::Unknown(other.to_owned()),
        }
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use crate::kling::api::status::TaskStatus;

    #[test]
    fn both_spellings_of_success_are_equal() {
        assert_eq!(TaskStatus::from("succeed"), TaskStatus::from("succeeded"));
    }

    #[test]
    fn an_unknown_status_is_not_final() {
        let status = TaskStatus::from("queueing");

        assert_eq!(status.as_str(), "queueing");
        assert!(!status.is_final());
    }
}
