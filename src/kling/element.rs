//! Elements, which are what the vendor keeps of a person or a thing to show it again, and voices. Both are biometric
//! data where they are of a person. Its promise: one that was read has an id.

use std::fmt;

use serde_json::Value;

use super::{
    envelope::text,
    output::{Resource, either, output, without_query},
};

/// An element of the account, or one of the vendor's own.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Element {
    /// The vendor's id of the element.
    pub id: String,
    /// What it is called.
    pub name: Option<String>,
    /// What it is described as.
    pub description: Option<String>,
    /// What it was made from, such as `image_refer`.
    pub reference_type: Option<String>,
    /// Whose it is: `kling`, or its maker's.
    pub owned_by: Option<String>,
    /// The vendor's word for whether it is there, such as `succeed` or `deleted`.
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

    fn resource(&self) -> Option<(Resource, String)> {
        Some((Resource::Element, self.id.clone()))
    }
}

/// Shows no name and no description: people wrote them.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Element").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

output! {
    /// Elements: one at least.
    Elements of Element at "elements" counted as elements
}

/// A voice of the account, or one of the vendor's own.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Voice {
    /// The vendor's id of the voice.
    pub id: String,
    /// What it is called.
    pub name: Option<String>,
    /// Where to listen to it. Its query string may be a key: treat it as a secret.
    pub trial_url: Option<String>,
    /// Whose it is: `kling`, or its maker's.
    pub owned_by: Option<String>,
    /// The vendor's word for whether it is there.
    pub status: Option<String>,
}

impl Voice {
    pub(crate) fn decode(voice: &Value) -> Option<Voice> {
        Some(Voice {
            id: either(voice, &["voice_id", "id"])?,
            name: either(voice, &["voice_name", "name"]),
            trial_url: either(voice, &["trial_url", "url"]),
            owned_by: text(voice, "owned_by"),
            status: text(voice, "status"),
        })
    }

    fn resource(&self) -> Option<(Resource, String)> {
        Some((Resource::Voice, self.id.clone()))
    }
}

/// Shows no name: somebody wrote it.
impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voice")
            .field("id", &self.id)
            .field("trial_url", &self.trial_url.as_deref().map(without_query))
            .finish_non_exhaustive()
    }
}

output! {
    /// Voices: one at least.
    Voices of Voice at "voices" counted as voices
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_designs_spell_the_members_in_their_own_way() {
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
