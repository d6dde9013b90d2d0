//! An accepted callback, in either of Kling's two formats.

use serde_json::Value;

use crate::kling::{
    api::{json_fields::is_word, status::TaskStatus, urls::is_segment},
    events::assets::AcceptedCallback,
    outputs::{charge::Charge, made::Made, output::Output, task_data::TaskData},
    privacy::scrub::Scrubber,
};

/// A change of a task that Kling sent by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Callback {
    data: TaskData,
    output: Option<Made>,
    is_new: bool,
    is_signed: bool,
}

impl Callback {
    /// Returns `None` if the body has neither of the two formats.
    pub(super) fn read(body: &[u8], is_signed: bool) -> Option<Callback> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let data = TaskData::decode(&body, &Scrubber::default())?;
        let output = Made::decode(&data.result);
        Some(Callback { data, output, is_new: true, is_signed })
    }

    /// Returns the same callback, marked as received before.
    pub(super) fn again(self) -> Callback {
        Callback { is_new: false, ..self }
    }

    pub(crate) fn data(&self) -> &TaskData {
        &self.data
    }

    /// Returns `true` if an entry may contain the task id and the status. Without a signature both must be words.
    pub(super) fn may_be_recorded(&self) -> bool {
        self.is_signed || (is_word(self.task_id()) && is_word(self.status().as_str()))
    }

    /// Returns the part that is recorded.
    pub(super) fn accepted(&self) -> AcceptedCallback<'_> {
        // A signed external task id is the caller's own text. An unsigned one may be any sender's.
        let may_be_named = |id: &&str| if self.is_signed { is_segment(id) } else { is_word(id) };
        AcceptedCallback {
            is_new: self.is_new,
            is_signed: self.is_signed,
            task_id: self.task_id(),
            external_task_id: self.external_task_id().filter(may_be_named),
            // An unknown status could quote a prompt, which this receiver does not know and cannot scrub.
            status: Some(self.status().as_str()).filter(|status| is_word(status)),
            credits: self.credits().filter(|credits| is_word(credits)),
        }
    }

    /// Kling's id of the task.
    pub fn task_id(&self) -> &str {
        &self.data.task_id
    }

    /// Id that the task was submitted under.
    pub fn external_task_id(&self) -> Option<&str> {
        self.data.external_task_id.as_deref()
    }

    /// Status of the task.
    pub fn status(&self) -> &TaskStatus {
        &self.data.status
    }

    /// Kling's text about the status. It may quote the prompt.
    pub fn message(&self) -> Option<&str> {
        self.data.status_message.as_deref()
    }

    /// Cost in credits, in Kling's spelling.
    pub fn credits(&self) -> Option<&str> {
        self.data.credits.as_deref()
    }

    /// Cost item by item, if Kling lists it.
    pub fn billing(&self) -> &[Charge] {
        &self.data.billing
    }

    /// Result of the task.
    pub fn output(&self) -> Option<&Made> {
        self.output.as_ref()
    }

    /// Returns `true` if this receiver has not accepted this status of this task before. Kling may send a change twice.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Returns `true` if a signature proves that Kling sent the callback. Without one, query Kling before relying on
    /// it.
    pub fn is_signed(&self) -> bool {
        self.is_signed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read() {
        let legacy = br#"{"task_id": "1", "task_status": "succeed", "task_status_msg": "", "created_at": 1722769557708,
            "updated_at": 1722769557708, "final_unit_deduction": "2.50",
            "final_balance_deduction": {"quota": "0.35", "list_price": "0.70"},
            "task_info": {"parent_video": {"id": "p", "url": "https://a/p", "duration": "5"}, "external_task_id": "e"},
            "task_result": {"images": [{"index": 0, "url": "https://a/i"}],
                "videos": [{"id": "v", "url": "https://a/v", "duration": "5"}]}}"#;
        let new = br#"{"id": "1", "status": "succeeded", "message": "", "create_time": 1722769557708,
            "update_time": 1722769557708, "external_id": "e", "outputs": [
                {"type": "video", "id": "v", "url": "https://a/v", "watermark_url": "https://a/w", "duration": "5"},
                {"type": "image", "url": "https://a/i", "group_id": "g"},
                {"type": "audio", "id": "a", "mp3_url": "https://a/a.mp3", "mp3_duration": "5"},
                {"type": "voice", "id": "o", "name": "n", "url": "https://a/t", "owned_by": "me", "status": "succeeded"},
                {"type": "element", "id": "163", "name": "n", "element_type": "video_character_elements",
                    "materials": [{"type": "image", "role": "frontal", "url": "https://a/f"}],
                    "tags": [{"id": 1, "name": "n"}], "status": "succeeded"},
                {"type": "news"}],
            "billing": [{"charge_type": "unit", "amount": "2.50", "package_type": "video"}]}"#;

        let legacy = Callback::read(legacy, true).expect("a callback");
        let new = Callback::read(new, true).expect("a callback");

        for callback in [&legacy, &new] {
            assert_eq!((callback.task_id(), callback.external_task_id()), ("1", Some("e")));
            assert_eq!((callback.status(), callback.credits()), (&TaskStatus::Succeed, Some("2.50")));
            let made = callback.output().expect("an output");
            assert_eq!((made.videos[0].id.as_str(), made.images[0].url.as_str()), ("v", "https://a/i"));
        }
        assert_eq!((legacy.billing()[0].amount.as_str(), new.billing()[0].amount.as_str()), ("0.35", "2.50"));
        let made = new.output().expect("an output");
        assert_eq!((made.audios.len(), made.voices.len(), made.elements[0].id.as_str()), (1, 1, "163"));
    }

    /// A callback as Kling's console sends it to test a URL.
    #[test]
    fn a_test_callback_of_the_console_is_read() {
        let body = r#"{"id":"913827032734642185","status":"submitted","outputs":[],"message":"",
            "create_time":1785901861504,"update_time":1785901861504}"#;

        let callback = Callback::read(body.as_bytes(), true).expect("a callback");

        assert_eq!((callback.task_id(), callback.status()), ("913827032734642185", &TaskStatus::Submitted));
        assert_eq!((callback.external_task_id(), callback.billing().len()), (None, 0));
    }

    #[test]
    fn anything_else_is_none() {
        for body in
            ["", "[]", "{}", r#"{"task_id": "1"}"#, r#"{"code": 0, "data": {"task_id": "1"}}"#, "\u{0}"]
        {
            assert_eq!(Callback::read(body.as_bytes(), false), None, "{body}");
        }
    }
}
