//! The requests that delete elements and voices of the account.

use serde_json::Value;

use crate::kling::{
    outputs::{deleted::Deleted, resource::Resource},
    requests::{endpoint::endpoint, validation::word},
};

/// Declares a request that deletes the resource with an id.
macro_rules! deletion {
    ($(#[$about:meta])* $name:ident of $kind:ident by $field:ident, $action:literal, $path:literal) => {
        endpoint! {
            $(#[$about])*
            $name: immediate($action, $path) -> Deleted {
                required { $field: String => word, }
            }

            fn decode(data: &Value) -> Option<Deleted> {
                Deleted::decode(data)
            }

            fn refusal(data: &Value) -> Option<String> {
                let deleted = Deleted::decode(data)?;
                deleted.has_failed().then(|| "the removal failed".to_owned())
            }

            fn removed(&self, output: &Deleted) -> Option<(Resource, &str)> {
                output.has_succeeded().then_some((Resource::$kind, self.$field.as_str()))
            }
        }

        impl $name {
            /// Deletes the resource with this id.
            pub fn new(id: impl Into<String>) -> $name {
                $name::bare(id.into())
            }
        }
    };
}

deletion! {
    /// Deletes an element of the account.
    DeleteElement of Element by element_id, "delete_element", "/v1/general/delete-advanced-elements"
}

deletion! {
    /// Deletes an element of Kling's older library.
    DeleteLegacyElement of Element by element_id, "delete_legacy_element", "/v1/general/delete-elements"
}

deletion! {
    /// Deletes a voice of the account.
    DeleteVoice of Voice by voice_id, "delete_voice", "/v1/general/delete-voices"
}
