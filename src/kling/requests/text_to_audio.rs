//! The request for a sound made from a description.

use crate::kling::{
    outputs::audio::Audios,
    requests::{
        endpoint::endpoint,
        validation::{between, text},
    },
};

endpoint! {
    /// A sound of 3 to 10 seconds by a prompt of at most 200 characters.
    TextToAudio: task("text_to_audio", "/v1/audio/text-to-audio") -> Audios {
        required {
            prompt: String => text(200),
            duration: f64 => between(3.0..=10.0),
        }
        with callback;
    }
}

impl TextToAudio {
    /// A sound of this many seconds, rounded to the one decimal that Kling accepts.
    pub fn new(prompt: impl Into<String>, seconds: f64) -> TextToAudio {
        TextToAudio::bare(prompt.into(), (seconds * 10.0).round() / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kling::requests::{prepared_request::PreparedRequest, request::Request};

    #[test]
    fn the_duration_is_a_number_with_one_decimal() {
        let request = TextToAudio::new("rain", 3.12);

        assert_eq!(request.check(), Ok(()));
        let sent = PreparedRequest::of_task(request, "e");
        assert_eq!(sent.duration.as_deref(), Some("3.1"));
        let wire: Value = serde_json::from_slice(&sent.body).expect("JSON");
        assert_eq!(wire, json!({"prompt": "rain", "duration": 3.1, "external_task_id": "e"}));
        for (seconds, prompt, field) in
            [(2.9, "rain", "duration"), (f64::NAN, "rain", "duration"), (3.0, "", "prompt")]
        {
            let refused = TextToAudio::new(prompt, seconds).check();
            assert_eq!(refused.map_err(|error| error.field()), Err(field));
        }
    }
}
