//! The older request for an element, which is answered at once.

use serde_json::Value;

use super::{fields, immediate, part::ReferImage};
use crate::kling::{
    element::{Element, Elements},
    media::{IMAGE_LIMIT, Media},
    output::Resource,
    request::RequestError,
    rules,
};

fields! {
    /// An element of the vendor's older library, which the newer one does not see.
    /// [`CustomElement`](super::CustomElement) is for that.
    LegacyElement {
        must {
            element_name: String,
            element_description: String,
            element_frontal_image: Media,
            element_refer_list: Vec<ReferImage>,
        }
        may {}
        lists {}
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
        Ok(())
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
