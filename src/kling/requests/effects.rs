//! The request for one of Kling's ready-made effects.

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    outputs::video::Videos,
    requests::{
        duration::Duration,
        endpoint::endpoint,
        media::Media,
        model_support::{LENGTHS_5, LENGTHS_5_10, length_warning},
        validation::{word, words},
        vocabulary::{Mode, Model},
    },
};

/// Effects that Kling has removed.
const REMOVED_EFFECTS: [&str; 10] = [
    "celebration",
    "c4d_cartoon",
    "kiss",
    "fight",
    "hug",
    "thumbs_up",
    "tiger_hug",
    "pet_lion",
    "3d_cartoon_1",
    "magic_match_tree",
];

endpoint! {
    /// A ready-made effect on one image, or on two. Kling's list of scenes changes, so any word is sent.
    Effects: task("effects", "/v1/videos/effects") -> Videos {
        required {
            effect_scene: String => word,
            input: EffectInput => EffectInput::check,
        }
        with callback, watermark;
    }

    fn warnings(&self) -> Vec<String> {
        let removed = REMOVED_EFFECTS.contains(&self.effect_scene.as_str());
        let removed = removed.then(|| format!("the effect {} was taken away", self.effect_scene));
        let (subject, seen) = match self.input.images.len() {
            0 => ("an effect", LENGTHS_5_10),
            _ => ("an effect on two pictures", LENGTHS_5),
        };
        let length = length_warning(subject, self.input.duration.as_ref(), seen);
        removed.into_iter().chain(length).collect()
    }
}

/// Nested part of the body.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct EffectInput {
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Media>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Media>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_name: Option<Model>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<Duration>,
}

impl EffectInput {
    fn check(&self, _field: &'static str) -> Result<(), RequestError> {
        words([
            ("input.model_name", self.model_name.as_ref().map(Model::as_str)),
            ("input.mode", self.mode.as_ref().map(Mode::as_str)),
        ])?;
        self.image.iter().try_for_each(|image| image.check_image("input.image"))?;
        self.images.iter().try_for_each(|image| image.check_image("input.images"))?;
        self.duration.as_ref().map_or(Ok(()), |duration| duration.check("duration"))
    }
}

impl Effects {
    /// A scene with one image.
    pub fn new(scene: impl Into<String>, image: impl Into<Media>) -> Effects {
        Effects::bare(scene.into(), EffectInput { image: Some(image.into()), ..EffectInput::default() })
    }

    /// A scene with two images, the left and the right one.
    pub fn of_two(scene: impl Into<String>, left: impl Into<Media>, right: impl Into<Media>) -> Effects {
        let images = vec![left.into(), right.into()];
        Effects::bare(scene.into(), EffectInput { images, ..EffectInput::default() })
    }

    /// Sets `input.model_name`, for older scenes.
    pub fn model_name(mut self, model: impl Into<Model>) -> Effects {
        self.input.model_name = Some(model.into());
        self
    }

    /// Sets `input.mode`, for older scenes.
    pub fn mode(mut self, mode: impl Into<Mode>) -> Effects {
        self.input.mode = Some(mode.into());
        self
    }

    /// Sets `input.duration`, for older scenes.
    pub fn duration(mut self, duration: Duration) -> Effects {
        self.input.duration = Some(duration);
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kling::requests::{prepared_request::PreparedRequest, request::Request};

    #[test]
    fn one_image_and_two_have_klings_fields() {
        let one = Effects::new("pet_lion", "https://example.com/1.jpg").duration(Duration::S5);
        let two = Effects::of_two("hug_pro", "https://example.com/1.jpg", "https://example.com/2.jpg");
        let wire = |request| -> Value {
            serde_json::from_slice(&PreparedRequest::of_task(request, "e").body).expect("JSON")
        };

        assert_eq!(one.warnings(), ["the effect pet_lion was taken away"]);
        assert_eq!(
            two.clone().duration(Duration::S10).warnings(),
            ["an effect on two pictures was not seen to take a duration of 10 s"]
        );
        assert_eq!(
            Effects::new("fuzzyfuzzy", "https://example.com/1.jpg").duration(Duration::Seconds(7)).warnings(),
            ["an effect was not seen to take a duration of 7 s"]
        );
        assert_eq!(
            wire(one),
            json!({"effect_scene": "pet_lion", "external_task_id": "e",
                "input": {"image": "https://example.com/1.jpg", "duration": "5"}})
        );
        assert_eq!(
            wire(two)["input"],
            json!({"images": ["https://example.com/1.jpg", "https://example.com/2.jpg"]})
        );
    }
}
