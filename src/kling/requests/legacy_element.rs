//! The older request for an element, which is answered at once.

use serde_json::Value;

use super::{
    fields, immediate,
    part::{ReferImage, TagId, ids},
};
use crate::kling::{
    element::{Element, Elements},
    media::{IMAGE_LIMIT, Media},
    output::Resource,
    request::RequestError,
    rules,
};

fields! {
    /// An element of the vendor's older library, which the newer one does not see.
    /// [`CustomElement`](crate::kling::requests::CustomElement) is for that.
    ///
    /// The vendor's page about it was not at hand: the fields are those that several clients, made apart from each
    /// other, send and are answered. What is answered is read with the id at the top or in a list.
    LegacyElement {
        must {
            element_name: String,
            element_description: String,
            element_frontal_image: Media,
            element_refer_list: Vec<ReferImage>,
        }
        may {}
        lists {
            /// What it is, by the ids of the vendor's tags, such as `o_102` for a character.
            tag_list: TagId,
        }
    }
}

impl LegacyElement {
    /// From a picture of its front and 1 to 3 others.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        frontal_image: impl Into<Media>,
        others: impl IntoIterator<Item = impl Into<Media>>,
    ) -> LegacyElement {
        let others = others.into_iter().map(|image| ReferImage { image_url: image.into() }).collect();
        LegacyElement::bare(name.into(), description.into(), frontal_image.into(), others)
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::text("element_name", &self.element_name, 20)?;
        rules::text("element_description", &self.element_description, 100)?;
        self.element_frontal_image.check("element_frontal_image", IMAGE_LIMIT)?;
        rules::count("element_refer_list", self.element_refer_list.len(), 1..=3)?;
        for image in &self.element_refer_list {
            image.image_url.check("element_refer_list.image_url", IMAGE_LIMIT)?;
        }
        ids("tag_list.tag_id", self.tag_list.iter().map(|tag| tag.tag_id.as_str()))
    }
}

immediate! {
    LegacyElement, "legacy_element", "/v1/general/custom-elements", Elements;

    fn decode(data: &Value) -> Option<Elements> {
        let one = || Elements::decode(&serde_json::json!({"elements": [data]}));
        data.get("task_result").and_then(Elements::decode).or_else(|| Elements::decode(data)).or_else(one)
    }

    fn made(output: &Elements) -> Vec<(Resource, String)> {
        output.iter().map(|element: &Element| (Resource::Element, element.id.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kling::{
        Immediate,
        submission::{Defaults, Submission},
    };

    fn crown() -> LegacyElement {
        LegacyElement::new("crown", "of gold", "https://a/1.png", ["https://a/2.png"])
    }

    #[test]
    fn it_goes_out_as_others_send_it() {
        let request = crown().tag_list(["o_104"]);

        assert_eq!(request.check(), Ok(()));
        let body = Submission::of(&request, Defaults::default()).body;
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
    fn its_id_is_read_wherever_it_stands() {
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
