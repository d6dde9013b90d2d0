//! The older request for an element, which Kling answers at once.

use serde_json::Value;

use crate::kling::{
    outputs::{element::Elements, resource::Resource},
    requests::{
        endpoint::endpoint,
        media::Media,
        references::{ReferImage, TagId},
        validation::{all, each, text},
    },
};

endpoint! {
    /// An element of Kling's older library. The newer library, of [`CustomElement`](super::CustomElement), does not
    /// have it.
    ///
    /// Kling's page about this endpoint was not available. The fields are those of several independent clients. The
    /// answer may have the id at its top or in a list.
    LegacyElement: immediate("legacy_element", "/v1/general/custom-elements") -> Elements {
        required {
            element_name: String => text(20),
            element_description: String => text(100),
            element_frontal_image: Media => Media::check_image,
            element_refer_list: Vec<ReferImage> => each(1..=3, ReferImage::check, "element_refer_list.image_url"),
        }
        lists {
            /// Kinds of the element, by the ids of Kling's tags, such as `o_102` for a character.
            tag_list: TagId => all(TagId::check, "tag_list.tag_id"),
        }
    }

    fn decode(data: &Value) -> Option<Elements> {
        let bare = || Elements::decode(&serde_json::json!({"elements": [data]}));
        data.get("task_result").and_then(Elements::decode).or_else(|| Elements::decode(data)).or_else(bare)
    }

    fn made(output: &Elements) -> Vec<(Resource, String)> {
        output.iter().map(|element| (Resource::Element, element.id.clone())).collect()
    }
}

impl LegacyElement {
    /// An element from an image of its front and 1 to 3 other images.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        frontal_image: impl Into<Media>,
        others: impl IntoIterator<Item = impl Into<Media>>,
    ) -> LegacyElement {
        let others = others.into_iter().map(|image| ReferImage::from(image.into())).collect();
        LegacyElement::bare(name.into(), description.into(), frontal_image.into(), others)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kling::requests::{
        defaults::Defaults, immediate::Immediate, prepared_request::PreparedRequest,
    };

    fn crown() -> LegacyElement {
        LegacyElement::new("crown", "of gold", "https://a/1.png", ["https://a/2.png"])
    }

    #[test]
    fn the_body_equals_that_of_other_clients() {
        let request = crown().tag_list(["o_104"]);

        assert_eq!(request.check(), Ok(()));
        let body = PreparedRequest::of(&request, Defaults::default()).body;
        assert_eq!(
            serde_json::from_slice::<Value>(&body).expect("JSON"),
            json!({"element_name": "crown", "element_description": "of gold",
                "element_frontal_image": "https://a/1.png", "element_refer_list": [{"image_url": "https://a/2.png"}],
                "tag_list": [{"tag_id": "o_104"}]})
        );
        let blank = crown().tag_list([" "]).check();
        assert_eq!(blank.map_err(|error| error.field()), Err("tag_list.tag_id"));
    }

    #[test]
    fn the_id_is_read_at_each_place() {
        let element = json!({"element_id": 123456, "element_name": "crown", "owned_by": "me"});

        for data in
            [element.clone(), json!({"elements": [element]}), json!({"task_result": {"elements": [element]}})]
        {
            let made = LegacyElement::decode(&data).expect("an element");

            assert_eq!(made.first().id, "123456", "{data}");
        }
        assert_eq!(LegacyElement::decode(&json!({"task_id": "1"})), None);
    }
}
