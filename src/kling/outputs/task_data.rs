//! A task as Kling's answers, lists and callbacks describe it.

use std::fmt;

use serde_json::Value;

use crate::kling::{
    api::{
        json_fields::{either, is_word, text},
        status::TaskStatus,
        urls::is_segment,
    },
    outputs::{charge::Charge, video::Video},
    privacy::scrub::Scrubber,
};

/// A task in either of Kling's two formats. Unknown members are ignored.
#[derive(Clone, PartialEq)]
pub(crate) struct TaskData {
    pub(crate) task_id: String,
    pub(crate) status: TaskStatus,
    pub(crate) status_message: Option<String>,
    pub(crate) external_task_id: Option<String>,
    pub(crate) credits: Option<String>,
    pub(crate) billing: Vec<Charge>,
    pub(crate) parent_video: Option<Video>,
    /// Time at which the task was made, in milliseconds since 1970.
    pub(crate) created_at: Option<i64>,
    /// Time of the last change, in milliseconds since 1970.
    pub(crate) updated_at: Option<i64>,
    /// Result in the format of the legacy design.
    pub(crate) result: Value,
}

/// Shows neither the message, which may quote an unknown prompt, nor the result.
impl fmt::Debug for TaskData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskData")
            .field("task_id", &self.task_id)
            .field("status", &self.status)
            .field("credits", &self.credits)
            .finish_non_exhaustive()
    }
}

impl TaskData {
    /// Returns the same task with all free texts scrubbed.
    pub(crate) fn scrubbed(mut self, scrubber: &Scrubber) -> TaskData {
        let free = |text: String| if is_word(&text) { text } else { scrubber.scrub(&text) };
        self.status = match self.status {
            TaskStatus::Unknown(word) => TaskStatus::Unknown(free(word)),
            known => known,
        };
        self.status_message = self.status_message.map(|message| scrubber.scrub_reason(&message));
        self.credits = self.credits.map(free);
        self
    }

    /// Decodes an object with a usable id and a status. Other values give `None`. Free texts are scrubbed.
    pub(crate) fn decode(data: &Value, scrubber: &Scrubber) -> Option<TaskData> {
        let free = |text: String| if is_word(&text) { text } else { scrubber.scrub(&text) };
        // In each of these lists the legacy name comes first.
        let status = ["task_status", "status"].iter().find_map(|name| data.get(name))?;
        let billing = Charge::all(data);
        let units =
            || billing.iter().find(|charge| charge.charge_type == "unit").map(|unit| unit.amount.clone());
        Some(TaskData {
            task_id: either(data, &["task_id", "id"]).filter(|id| is_segment(id))?,
            status: match TaskStatus::from(status.as_str().filter(|word| !word.is_empty())?) {
                TaskStatus::Unknown(word) => TaskStatus::Unknown(free(word)),
                known => known,
            },
            status_message: either(data, &["task_status_msg", "message"])
                .map(|message| scrubber.scrub_reason(&message)),
            external_task_id: data
                .get("task_info")
                .and_then(|info| text(info, "external_task_id"))
                .or_else(|| text(data, "external_id")),
            credits: text(data, "final_unit_deduction").map(free).or_else(units),
            parent_video: data
                .get("task_info")
                .and_then(|info| info.get("parent_video"))
                .and_then(Video::decode),
            created_at: ["created_at", "create_time"].iter().find_map(|name| data[name].as_i64()),
            updated_at: ["updated_at", "update_time"].iter().find_map(|name| data[name].as_i64()),
            result: match data.get("outputs").and_then(Value::as_array) {
                Some(outputs) => sorted_outputs(outputs),
                None => data.get("task_result").cloned().unwrap_or_default(),
            },
            billing,
        })
    }
}

/// Converts the outputs of the new design, one list with types, to the lists by kind of the legacy design.
fn sorted_outputs(outputs: &[Value]) -> Value {
    let mut result = serde_json::Map::new();
    for output in outputs {
        let list = match output["type"].as_str() {
            Some("video") => "videos",
            Some("image") => "images",
            Some("audio") => "audios",
            Some("voice") => "voices",
            Some("element") => "elements",
            _ => continue,
        };
        if let Value::Array(list) = result.entry(list).or_insert_with(|| Value::Array(Vec::new())) {
            list.push(output.clone());
        }
    }
    Value::Object(result)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::kling::{api::envelope::Envelope, outputs::video::Videos, privacy::scrub::PROMPT_REPEATED};

    fn task(data: Value) -> Option<TaskData> {
        TaskData::decode(&data, &Scrubber::default())
    }

    #[test]
    fn an_answer_with_a_new_task_is_read() {
        let created = br#"{"code":0,"message":"SUCCEED","request_id":"c0656403-1e6e-4b7e-b8f8-2cdd2595f2b9",
            "data":{"task_id":"867283741759111202","task_status":"submitted",
            "task_info":{"external_task_id":"probe-1"},"created_at":1774805076166,"updated_at":1774805076166}}"#;

        let envelope = Envelope::decode(created, &Scrubber::default()).expect("an envelope");
        let task = TaskData::decode(&envelope.data, &Scrubber::default()).expect("a task");

        assert_eq!((envelope.code, envelope.message.as_str()), (0, "SUCCEED"));
        assert_eq!(envelope.request_id.as_deref(), Some("c0656403-1e6e-4b7e-b8f8-2cdd2595f2b9"));
        assert_eq!((task.task_id.as_str(), &task.status), ("867283741759111202", &TaskStatus::Submitted));
        assert_eq!(task.external_task_id.as_deref(), Some("probe-1"));
        assert_eq!((task.credits, task.result), (None, Value::Null));
    }

    #[test]
    fn task_info_may_be_absent_empty_or_null() {
        for data in [
            json!({"task_id": "1", "task_status": "submitted"}),
            json!({"task_id": "1", "task_status": "submitted", "task_info": {}}),
            json!({"task_id": "1", "task_status": "submitted", "task_info": null}),
            json!({"task_id": "1", "task_status": "submitted", "task_info": {"external_task_id": null}}),
            json!({"task_id": 1, "task_status": "submitted", "news": [1, 2]}),
        ] {
            let task = task(data).expect("a task");

            assert_eq!((task.task_id.as_str(), task.external_task_id), ("1", None));
        }
    }

    #[test]
    fn a_finished_task_has_result_credits_and_message() {
        let done = task(json!({
            "task_id": "1", "task_status": "succeed", "task_status_msg": "", "final_unit_deduction": "2.50",
            "watermark_info": {"enabled": false}, "task_info": {"external_task_id": "e"},
            "task_result": {"videos": [{"id": "v", "url": "https://a/v", "duration": "5"}]},
        }))
        .expect("a task");
        let failed = task(json!({
            "task_id": "1", "task_status": "failed", "task_info": {},
            "task_status_msg": "Failure to pass the risk control system",
        }))
        .expect("a task");

        assert_eq!((done.credits.as_deref(), done.status_message), (Some("2.50"), None));
        assert_eq!(done.result["videos"][0]["id"], "v");
        assert_eq!(failed.status, TaskStatus::Failed);
        assert_eq!(failed.status_message.as_deref(), Some("Failure to pass the risk control system"));
    }

    #[test]
    fn an_error_has_no_data() {
        let envelope = Envelope::decode(
            br#"{"code":1303,"message":"parallel task over resource pack limit","request_id":"9"}"#,
            &Scrubber::default(),
        )
        .expect("an envelope");

        assert_eq!((envelope.code, envelope.data), (1303, Value::Null));
    }

    #[test]
    fn free_texts_of_an_answer_are_scrubbed() {
        let scrubber = Scrubber::new(["a red fox in snow".to_owned()]);
        let body =
            br#"{"code":1301,"message":"not allowed: a red fox in snow","request_id":"a red fox in snow"}"#;

        let envelope = Envelope::decode(body, &scrubber).expect("an envelope");
        let task = TaskData::decode(
            &json!({"task_id": "1", "task_status": "a red fox in snow", "task_status_msg": "a red fox in snow!",
                "final_unit_deduction": "a red fox in snow"}),
            &scrubber,
        );

        assert!(!format!("{envelope:?} {task:?}").contains("fox"));
        assert_eq!(envelope.message, PROMPT_REPEATED);
    }

    #[test]
    fn an_unparseable_answer_is_none() {
        let deep = "[".repeat(100_000);
        for body in [
            "",
            "null",
            "7",
            "[]",
            "{}",
            r#"{"code":null}"#,
            r#"{"code":1e400}"#,
            r#"{"code":0.5}"#,
            "<html>",
            "\u{0}",
            &deep,
        ] {
            assert_eq!(Envelope::decode(body.as_bytes(), &Scrubber::default()), None);
        }
        for data in [
            json!(null),
            json!([]),
            json!({"task_status": "succeed"}),
            json!({"task_id": "1"}),
            json!({"task_id": "", "task_status": "succeed"}),
            json!({"task_id": "..", "task_status": "succeed"}),
            json!({"task_id": "a\u{0}b", "task_status": "succeed"}),
            json!({"task_id": "x".repeat(257), "task_status": "succeed"}),
            json!({"task_id": "1", "task_status": 3}),
        ] {
            assert_eq!(task(data), None);
        }
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
            Just(json!([])),
            Just(json!({})),
        ]
    }

    proptest! {
        #[test]
        fn decoding_any_bytes_does_not_panic(body: Vec<u8>) {
            Envelope::decode(&body, &Scrubber::default());
        }

        #[test]
        fn decoding_any_members_does_not_panic(values in proptest::collection::vec(scalar(), 10)) {
            let body = json!({"code": values[0], "message": values[1], "request_id": values[2], "data": {
                "task_id": values[3], "task_status": values[4], "task_status_msg": values[5],
                "task_info": values[6], "final_unit_deduction": values[7],
                "task_result": {"videos": [values[8], {"id": values[9], "url": values[3], "duration": values[4]}]},
            }});

            let scrubber = Scrubber::new(["a red fox in snow".to_owned()]);
            Envelope::decode(body.to_string().as_bytes(), &scrubber);
            let data = TaskData::decode(&body["data"], &scrubber);
            let videos = Videos::decode(&body["data"]["task_result"]);

            prop_assert!(data.is_none_or(|data| is_segment(&data.task_id)));
            prop_assert!(videos.is_none_or(|videos| !videos.first().url.is_empty()));
        }
    }
}
