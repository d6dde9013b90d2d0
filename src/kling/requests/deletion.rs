//! The requests that remove elements and voices from the account.

use serde_json::Value;

use super::{fields, immediate};
use crate::kling::{envelope::text, output::Resource, request::RequestError, rules, status::TaskStatus};

/// What the vendor says of a removal.
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
                Some(Deleted {
                    task_id: text(data, "task_id"),
                    status: text(data, "task_status").map(|status| TaskStatus::from(status.as_str())),
                })
            }

            fn refusal(data: &Value) -> Option<String> {
                (data["task_status"] == "failed").then(|| "the removal failed".to_owned())
            }

            fn removed(&self) -> Option<(Resource, &str)> {
                Some((Resource::$kind, &self.$field))
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
