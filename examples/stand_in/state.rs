//! State of the server: its tasks, the faults that tests have asked for, and counts of the requests.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::endpoints::{self, OutputKind};

/// The times at which a task changes its status.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// The task ends at its query with this number. From the first query until then it is `processing`.
    Queries(u32),
    /// The task ends this time after its submission. In the second half of that time it is `processing`.
    Time(Duration),
    /// The task stays `processing` from its first query on.
    Never,
}

/// A fault of one submission or query.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Closes the connection without an answer. Creates no task.
    Drop,
    /// Creates the task, then closes the connection without an answer.
    DropAccepted,
    /// Answers with this HTTP status, and Kling's code and message. Creates no task.
    Code(u16, i64, &'static str),
    /// Creates the task, then answers with this HTTP status, and Kling's code and message.
    CodeAccepted(u16, i64, &'static str),
    /// Answers with this HTTP status and Kling's code. The message repeats the prompt. Creates no task.
    Quote(u16, i64),
    /// Answers with this HTTP status and an HTML page. Creates no task.
    Html(u16),
    /// Creates the task, then answers with this HTTP status and an HTML page.
    HtmlAccepted(u16),
    /// Creates the task, then closes the connection in the middle of the answer.
    Half,
    /// Creates the task, then answers with this body.
    Body(&'static str),
    /// Creates the task and answers correctly, after this time.
    Slow(Duration),
}

/// Faults that recur. `Some(n)` affects one of every `n` submissions, `None` none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RecurringFaults {
    /// Submissions that lose their answer. The task is created.
    pub(crate) lost_every: Option<usize>,
    /// Submissions with an answer that ends in the middle. The task is created.
    pub(crate) half_every: Option<usize>,
    /// Submissions that are answered after the delay `late`. The task is created at once.
    pub(crate) slow_every: Option<usize>,
    /// Delay of the answers that `slow_every` selects.
    pub(crate) late: Duration,
    /// Submissions that are answered with a server error: code 5000 and code 5002 in turn. The task is created.
    pub(crate) error_every: Option<usize>,
    /// Submissions that are throttled (code 1302). No task is created.
    pub(crate) throttled_every: Option<usize>,
    /// Requests that are answered with "expired token" (code 1004), counted over all requests.
    ///
    /// Only submissions, and queries of the legacy design, are affected.
    pub(crate) expired_every: Option<usize>,
}

/// Answer of the server to a download of an output file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileState {
    /// The file itself.
    Available,
    /// Status 403 without a body, as for an expired file.
    Forbidden,
    /// Status 200 with an HTML page in place of the file.
    HtmlPage,
}

/// Seconds for which Kling keeps output files.
const FILE_LIFETIME_SECONDS: i64 = 30 * 86_400;

/// All state that changes while the server runs. One lock protects it.
#[derive(Default)]
pub(crate) struct ServerState {
    /// Tasks of both designs, oldest first.
    pub(crate) tasks: Vec<Task>,
    /// Faults of the next submissions, one each.
    pub(crate) submit_faults: VecDeque<Fault>,
    /// Faults of the next queries, one each.
    pub(crate) query_faults: VecDeque<Fault>,
    /// Reasons for which the next tasks fail, one each.
    pub(crate) failure_reasons: VecDeque<String>,
    /// Bodies of all submissions with a valid token.
    pub(crate) submissions: Vec<Value>,
    /// Number of task queries with a valid token.
    pub(crate) queries: usize,
    /// Number of all requests.
    pub(crate) requests: usize,
    /// Bearer tokens of all requests.
    pub(crate) tokens: HashSet<String>,
    /// `true` if the next request is answered with "expired token".
    pub(crate) expire_next_token: bool,
    /// Requests that [`RecurringFaults::expired_every`] has selected so far: bodies of submissions, paths of queries.
    pub(crate) requests_with_expired_token: HashSet<Vec<u8>>,
    pub(crate) recurring_faults: RecurringFaults,
    /// Seconds by which the server's clock is ahead of the real time. Negative if it is behind.
    pub(crate) clock_ahead_seconds: i64,
    /// Time until which the server closes each connection without an answer.
    pub(crate) down_until: Option<Instant>,
    /// Secrets that sign callbacks. Without any, callbacks are unsigned.
    pub(crate) callback_secrets: Vec<Vec<u8>>,
    /// Number of callbacks sent. The number is part of their ids.
    pub(crate) callback_count: usize,
    /// State of all files, in place of the one that follows from their age.
    pub(crate) forced_file_state: Option<FileState>,
    /// Paths and bodies of the POST requests for task lists of the new design and for deductions.
    pub(crate) posted_queries: Vec<(String, Value)>,
    /// Maximum number of tasks on a page of the new design, if it is lower than the default.
    pub(crate) page_limit: Option<usize>,
    /// Number of GET requests for task lists, by path.
    pub(crate) list_query_counts: BTreeMap<String, usize>,
    /// Time of the last request for the resource packs, for their rate limit.
    pub(crate) last_cost_query: Option<Instant>,
    /// `true` if the callback about a status is sent after the callback about the next status.
    pub(crate) callbacks_out_of_order: bool,
    /// Number of ids that the server has assigned.
    pub(crate) created_ids: u64,
    /// `true` if new tasks are paid in cash, as in an account without a resource pack.
    pub(crate) charges_cash: bool,
}

impl ServerState {
    /// Returns the answer to a download of `name`. A file expires 30 days after its task was created.
    pub(crate) fn file_state(&self, name: &str) -> FileState {
        let now = now() + self.clock_ahead_seconds * 1000;
        let is_old = self
            .tasks
            .iter()
            .any(|task| name.starts_with(&task.id) && task.created_at + FILE_LIFETIME_SECONDS * 1000 < now);
        self.forced_file_state.unwrap_or(if is_old { FileState::Forbidden } else { FileState::Available })
    }
}

/// A task of either design.
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) external_task_id: Option<String>,
    /// Path of the submission.
    pub(crate) path: String,
    pub(crate) output: OutputKind,
    /// Kind of resource pack that the task is charged to.
    pub(crate) pack: &'static str,
    /// Number of concurrent tasks that this task counts as.
    pub(crate) slots: u64,
    /// `true` for the new design, `false` for the legacy design.
    pub(crate) is_new_design: bool,
    pub(crate) model: String,
    /// Reason for which the task fails. `None` if it succeeds.
    pub(crate) failure: Option<String>,
    pub(crate) duration: String,
    /// Amount that the task costs, in units or cash.
    pub(crate) billed_amount: &'static str,
    pub(crate) is_billed_in_cash: bool,
    /// Number of queries for this task so far.
    pub(crate) queries: u32,
    pub(crate) created: Instant,
    /// Time of creation, in milliseconds since 1970.
    pub(crate) created_at: i64,
    /// `true` if the task has ended at its creation, whatever the pace.
    pub(crate) ended_at_creation: bool,
}

impl Task {
    /// Returns the current status, in the spelling of the design that the task belongs to.
    pub(crate) fn status(&self, pace: Pace) -> &'static str {
        let succeed = if self.is_new_design { "succeeded" } else { "succeed" };
        let ended = if self.failure.is_some() { "failed" } else { succeed };
        match pace {
            _ if self.ended_at_creation => ended,
            Pace::Queries(_) if self.queries == 0 => "submitted",
            Pace::Queries(queries) if self.queries >= queries => ended,
            Pace::Time(time) if self.created.elapsed() >= time => ended,
            Pace::Time(time) if self.created.elapsed() < time / 2 => "submitted",
            Pace::Never if self.queries == 0 => "submitted",
            _ => "processing",
        }
    }

    pub(crate) fn has_ended(&self, pace: Pace) -> bool {
        matches!(self.status(pace), "succeed" | "succeeded" | "failed")
    }

    pub(crate) fn has_succeeded(&self, pace: Pace) -> bool {
        matches!(self.status(pace), "succeed" | "succeeded")
    }

    fn updated_at(&self) -> i64 {
        self.created_at + self.created.elapsed().as_millis() as i64
    }

    /// Returns the task as JSON, in the format of the design that the task belongs to.
    pub(crate) fn describe(&self, pace: Pace, base_url: &str) -> Value {
        if self.is_new_design {
            self.describe_new(pace, base_url)
        } else {
            self.describe_legacy(pace, base_url)
        }
    }

    fn describe_legacy(&self, pace: Pace, base_url: &str) -> Value {
        let status = self.status(pace);
        let mut data = json!({
            "task_id": self.id,
            "task_status": status,
            "task_status_msg": "",
            "task_info": {},
            "watermark_info": {"enabled": false},
            "created_at": self.created_at,
            "updated_at": self.updated_at(),
        });
        if let Some(id) = &self.external_task_id {
            data["task_info"]["external_task_id"] = json!(id);
        }
        if matches!(self.output, OutputKind::ExtendedVideo | OutputKind::Soundtrack) {
            data["task_info"]["parent_video"] =
                json!({"id": "parent", "url": format!("{base_url}/files/parent.mp4"), "duration": "5"});
        }
        match status {
            "succeed" => {
                if self.is_billed_in_cash {
                    data["final_unit_deduction"] = json!("0");
                    data["final_balance_deduction"] =
                        json!({"quota": self.billed_amount, "list_price": self.billed_amount});
                } else {
                    data["final_unit_deduction"] = json!(self.billed_amount);
                }
                data["task_result"] =
                    endpoints::task_result(self.output, &self.id, &self.duration, self.slots, base_url);
                // Kling leaves the duration out of the results of this endpoint.
                if self.path.ends_with("/effects") {
                    data["task_result"]["videos"][0].as_object_mut().expect("a video").remove("duration");
                }
            }
            "failed" => {
                data["final_unit_deduction"] = json!("0");
                data["task_status_msg"] = json!(self.failure);
            }
            _ => {}
        }
        data
    }

    fn describe_new(&self, pace: Pace, base_url: &str) -> Value {
        let mut data = json!({
            "id": self.id,
            "status": self.status(pace),
            "message": self.failure.as_deref().filter(|_| self.has_ended(pace)).unwrap_or_default(),
            "create_time": self.created_at,
            "update_time": self.updated_at(),
            "external_id": self.external_task_id,
            "outputs": [],
            "billing": [],
        });
        if self.has_succeeded(pace) {
            data["outputs"] = json!([{"type": "video", "id": format!("{}-video", self.id), "duration": self.duration,
                "url": format!("{base_url}/files/{}.mp4?x-kcdn-pid=stand-in-signature", self.id)}]);
            data["billing"] = if self.is_billed_in_cash {
                json!([{"charge_type": "cash", "cash_type": "balance", "amount": self.billed_amount, "currency": "USD",
                    "list_price": self.billed_amount}])
            } else {
                json!([{"charge_type": "unit", "amount": self.billed_amount, "package_type": "video"}])
            };
        }
        data
    }

    /// Returns the deduction for this task, as an item of Kling's ledger. `before` is the balance before the deduction.
    pub(crate) fn deduction(&self, before: f64) -> Value {
        let amount: f64 = self.billed_amount.parse().expect("a number");
        let mut line = json!({
            "task_id": self.id, "api_key_name": "stand-in", "product_function": self.function(),
            "model_name": self.model, "resolution": "720p", "duration": self.duration, "refer_video_input": false,
            "video_sound": "off", "voice_control": false, "deduction_time": self.created_at.to_string(),
            "deduction_amount": amount,
        });
        let more = if self.is_billed_in_cash {
            json!({"cash_type": "balance", "balance_before_deduction": before,
                "balance_after_deduction": before - amount, "list_price": amount, "currency": "USD"})
        } else {
            json!({"package_id": "stand-in-pack", "product_type": self.pack, "unit_before_deduction": before,
                "unit_after_deduction": before - amount})
        };
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        line
    }

    /// Returns the ledger's name for the endpoint. Kling documents only the first two names.
    fn function(&self) -> &'static str {
        match self.path.as_str() {
            "/v1/videos/text2video" => "Text to Video",
            "/v1/videos/image2video" => "Image to Video",
            _ => "Other",
        }
    }
}

/// Returns the current time, in milliseconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
