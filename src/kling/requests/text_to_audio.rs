//! The request for a sound made from a text that describes it.

use super::{fields, task};
use crate::kling::{audio::Audios, request::RequestError, rules};

fields! {
    /// A sound of 3 to 10 seconds, as the prompt of at most 200 characters describes it.
    TextToAudio {
        must {
            prompt: String,
            duration: f64,
        }
        may {}
        lists {}
    }
    named
}

impl TextToAudio {
    /// A sound that takes so many seconds, of which the vendor knows one decimal.
    pub fn new(prompt: impl Into<String>, seconds: f64) -> TextToAudio {
        TextToAudio::bare(prompt.into(), (seconds * 10.0).round() / 10.0)
    }

    fn rules(&self) -> Result<(), RequestError> {
        rules::text("prompt", &self.prompt, 200)?;
        rules::within("duration", Some(self.duration), 3.0..=10.0)
    }
}

task! {
    TextToAudio, "text_to_audio", "/v1/audio/text-to-audio", Audios;
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kling::{Request, request::submission};

    #[test]
    fn its_duration_is_a_number_with_one_decimal() {
        let request = TextToAudio::new("rain", 3.12);

        assert_eq!(request.check(), Ok(()));
        let sent = submission(request, "e");
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
