//! The requests that remove elements and voices from the account.

use serde_json::Value;

use super::{fields, immediate};
use crate::kling::{envelope::text, output::Resource, request::RequestError, rules, status::TaskStatus};

/// What the vendor says of a removal. Only one that succeeded is recorded as `element_deleted` or `voice_deleted`: one
/// that is on its way may still fail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deleted {
    /// The vendor's id of the removal.
    pub task_id: Option<String>,
    /// Where it stands.
    pub status: Option<TaskStatus>,
}

/// A request that removes what an id names.
macro_rules! deletion {
    ($(#[$about:meta])* $name:ident of $kind:ident by $field:ident, $action:literal, $path:literal) => {
        fields! {
            $(#[$about])*
            $name {
                must { $field: String, }
                may {}
                lists {}
            }
        }

        impl $name {
            /// What this id names.
            pub fn new(id: impl Into<String>) -> $name {
                $name::bare(id.into())
            }

            fn rules(&self) -> Result<(), RequestError> {
                rules::words([(stringify!($field), Some(self.$field.as_str()))])
            }
        }

        immediate! {
            $name, $action, $path, Deleted;

            fn decode(data: &Value) -> Option<Deleted> {
                let status = TaskStatus::from(text(data, "task_status")?.as_str());
                Some(Deleted { task_id: text(data, "task_id"), status: Some(status) })
            }

            fn refusal(data: &Value) -> Option<String> {
                let failed = Self::decode(data).is_some_and(|said| said.status == Some(TaskStatus::Failed));
                failed.then(|| "the removal failed".to_owned())
            }

            fn removed(&self, output: &Deleted) -> Option<(Resource, &str)> {
                let done = output.status == Some(TaskStatus::Succeed);
                done.then_some((Resource::$kind, self.$field.as_str()))
            }
        }
    };
}

deletion! {
    /// Removes an element of the account.
    DeleteElement of Element by element_id, "delete_element", "/v1/general/delete-advanced-elements"
}

deletion! {
    /// Removes an element of the vendor's older library.
    DeleteLegacyElement of Element by element_id, "delete_legacy_element", "/v1/general/delete-elements"
}

deletion! {
    /// Removes a voice of the account.
    DeleteVoice of Voice by voice_id, "delete_voice", "/v1/general/delete-voices"
}
