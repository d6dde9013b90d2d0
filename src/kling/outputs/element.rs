//! Elements: persons or objects that Kling stores to show them again. An element of a person is biometric data.

use std::fmt;

use serde_json::Value;

use crate::kling::{
    api::json_fields::{either, text},
    outputs::output::output_list,
};

/// An element of the account, or one of Kling's own.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Element {
    /// Kling's id of the element.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Kind of its source, such as `image_refer`.
    pub reference_type: Option<String>,
    /// Owner: `kling`, or the account that made it.
    pub owned_by: Option<String>,
    /// Kling's word for its state, such as `succeed` or `deleted`.
    pub status: Option<String>,
}

impl Element {
    pub(crate) fn decode(element: &Value) -> Option<Element> {
        Some(Element {
            id: either(element, &["element_id", "id"])?,
            name: either(element, &["element_name", "name"]),
            description: either(element, &["element_description", "description"]),
            reference_type: either(element, &["reference_type", "element_type"]),
            owned_by: text(element, "owned_by"),
            status: text(element, "status"),
        })
    }
}

/// Shows neither name nor description, which are free texts of a user.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Element").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

output_list! {
    /// Elements, one or more.
    Elements of Element at "elements" counted as elements resource Element
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kling::outputs::voice::Voices;

    #[test]
    fn both_designs_names_of_members_are_read() {
        let legacy = json!({"elements": [{"element_id": 163, "element_name": "fox", "status": "succeed"}]});
        let new = json!({"elements": [{"id": "163", "name": "fox", "status": "succeeded"}]});
        let voice = json!({"voices": [{"voice_id": "v", "voice_name": "n", "trial_url": "https://a/t?k",
            "owned_by": "kling"}]});

        let legacy = Elements::decode(&legacy).expect("an element");
        let new = Elements::decode(&new).expect("an element");
        let voice = Voices::decode(&voice).expect("a voice");

        assert_eq!((legacy.first().id.as_str(), &legacy.first().name), ("163", &new.first().name));
        assert_eq!(voice.first().owned_by.as_deref(), Some("kling"));
        assert!(!format!("{voice:?} {new:?}").contains("fox"));
    }
}
