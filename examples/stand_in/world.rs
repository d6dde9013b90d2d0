//! What the stand-in knows: its tasks, what is to go wrong, and what has come in.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::endpoints::{self, Makes};

/// How a task gets from `submitted` to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// It ends at the so-manieth query, and is `processing` before.
    Queries(u32),
    /// It ends so long after it was submitted, and is `processing` from half of that on.
    Time(Duration),
    /// It stays `processing`.
    Never,
}

/// What goes wrong with the next submission or query.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The connection ends without an answer, and no task is made.
    Drop,
    /// The task is made and the connection ends without an answer.
    DropAccepted,
    /// The vendor's envelope with this HTTP status, code and message, and no task is made.
    Code(u16, i64, &'static str),
    /// The same, and the task is made.
    CodeAccepted(u16, i64, &'static str),
    /// The vendor's envelope with a message that repeats the prompt, and no task is made.
    Quote(u16, i64),
    /// An HTML page with this HTTP status, and no task is made.
    Html(u16),
    /// The task is made, and the answer is a page of HTML with this HTTP status.
    HtmlAccepted(u16),
    /// The task is made, and the answer ends in the middle.
    Half,
    /// The task is made, and the answer is this body.
    Body(&'static str),
    /// The task is made, and the answer comes so late.
    Slow(Duration),
}

/// What goes wrong now and then, for ever.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// Of so many submissions one loses its answer.
    pub(crate) lost_every: Option<usize>,
    /// Of so many submissions one has its answer end in the middle.
    pub(crate) half_every: Option<usize>,
    /// Of so many submissions one has its answer come late.
    pub(crate) slow_every: Option<usize>,
    /// How late that is.
    pub(crate) late: Duration,
    /// Of so many submissions one is answered by an error of the server's (5000, and 5002 every second time), and its
    /// task is made.
    pub(crate) error_every: Option<usize>,
    /// Of so many submissions one is throttled.
    pub(crate) throttled_every: Option<usize>,
    /// Of so many requests one has its token called expired, if it is a submission or a query.
    pub(crate) expired_every: Option<usize>,
}

/// How a file is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    No,
    /// The server refuses (403).
    Refused,
    /// The server gives a page instead (200).
    Page,
}

/// How long the vendor keeps files.
const KEPT: i64 = 30 * 86_400;

#[derive(Default)]
pub(crate) struct World {
    pub(crate) tasks: Vec<Task>,
    pub(crate) submit_faults: VecDeque<Fault>,
    pub(crate) query_faults: VecDeque<Fault>,
    pub(crate) failures: VecDeque<String>,
    pub(crate) submissions: Vec<Value>,
    pub(crate) queries: usize,
    pub(crate) requests: usize,
    pub(crate) tokens: HashSet<String>,
    pub(crate) expire: bool,
    /// The requests whose token was called expired by the weather.
    pub(crate) called_expired: HashSet<Vec<u8>>,
    pub(crate) weather: Weather,
    /// Seconds that the server's clock is ahead.
    pub(crate) skew: i64,
    /// Until then every connection is refused an answer.
    pub(crate) down_until: Option<Instant>,
    pub(crate) secrets: Vec<Vec<u8>>,
    pub(crate) deliveries: usize,
    pub(crate) files_gone: Option<Gone>,
    /// What the lists of tasks and the books were asked for, with their paths.
    pub(crate) asked: Vec<(String, Value)>,
    /// The most that a page of tasks holds.
    pub(crate) page: Option<usize>,
    /// How often each list was asked for.
    pub(crate) lists_asked: BTreeMap<String, usize>,
    /// When the packs were asked for last.
    pub(crate) costs_asked: Option<Instant>,
    /// A status that is not the last is told after the one that follows it.
    pub(crate) out_of_order: bool,
    pub(crate) used: u64,
    /// Tasks cost cash, as without a pack.
    pub(crate) in_cash: bool,
}

impl World {
    /// Whether a file is not there any more: it was told to go, or its task is older than 30 days.
    pub(crate) fn file_is_gone(&self, name: &str) -> Gone {
        let now = now() + self.skew * 1000;
        let is_old =
            self.tasks.iter().any(|task| name.starts_with(&task.id) && task.created_at + KEPT * 1000 < now);
        self.files_gone.unwrap_or(if is_old { Gone::Refused } else { Gone::No })
    }
}

pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) external_task_id: Option<String>,
    /// The path that it was posted to.
    pub(crate) path: String,
    pub(crate) makes: Makes,
    pub(crate) pack: &'static str,
    pub(crate) slots: u64,
    pub(crate) is_new: bool,
    pub(crate) model: String,
    pub(crate) failure: Option<String>,
    pub(crate) duration: String,
    /// What it costs: units, or cash.
    pub(crate) units: &'static str,
    pub(crate) in_cash: bool,
    pub(crate) queries: u32,
    pub(crate) created: Instant,
    pub(crate) created_at: i64,
    /// Ended from the beginning.
    pub(crate) instant: bool,
}

impl Task {
    pub(crate) fn status(&self, pace: Pace) -> &'static str {
        let succeed = if self.is_new { "succeeded" } else { "succeed" };
        let ended = if self.failure.is_some() { "failed" } else { succeed };
        match pace {
            _ if self.instant => ended,
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

    /// As the vendor describes it in the design that it was made in.
    pub(crate) fn describe(&self, pace: Pace, base_url: &str) -> Value {
        if self.is_new { self.describe_new(pace, base_url) } else { self.describe_legacy(pace, base_url) }
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
        if matches!(self.makes, Makes::ExtendedVideo | Makes::Soundtrack) {
            data["task_info"]["parent_video"] =
                json!({"id": "parent", "url": format!("{base_url}/files/parent.mp4"), "duration": "5"});
        }
        match status {
            "succeed" => {
                if self.in_cash {
                    data["final_unit_deduction"] = json!("0");
                    data["final_balance_deduction"] = json!({"quota": self.units, "list_price": self.units});
                } else {
                    data["final_unit_deduction"] = json!(self.units);
                }
                data["task_result"] =
                    endpoints::result(self.makes, &self.id, &self.duration, self.slots, base_url);
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
            data["billing"] = if self.in_cash {
                json!([{"charge_type": "cash", "cash_type": "balance", "amount": self.units, "currency": "USD",
                    "list_price": self.units}])
            } else {
                json!([{"charge_type": "unit", "amount": self.units, "package_type": "video"}])
            };
        }
        data
    }

    /// The line of the vendor's books about a task that ended well. Of the names of what was made two are the vendor's.
    pub(crate) fn deduction(&self, before: f64) -> Value {
        let amount: f64 = self.units.parse().expect("a number");
        let mut line = json!({
            "task_id": self.id, "api_key_name": "stand-in", "product_function": self.function(),
            "model_name": self.model, "resolution": "720p", "duration": self.duration, "refer_video_input": false,
            "video_sound": "off", "voice_control": false, "deduction_time": self.created_at.to_string(),
            "deduction_amount": amount,
        });
        let more = if self.in_cash {
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

    fn function(&self) -> &'static str {
        match self.path.as_str() {
            "/v1/videos/text2video" => "Text to Video",
            "/v1/videos/image2video" => "Image to Video",
            _ => "Other",
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
