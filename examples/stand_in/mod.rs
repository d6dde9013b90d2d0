//! A server on this machine that stands in for the vendor's: text to video, with real sockets and real tokens.
//!
//! It checks tokens as the vendor does, plays each task through its states, and can be told to fail. Where the vendor
//! documents nothing it chooses: an `external_task_id` that is taken is refused (1201), a page past the last is empty.
//! Examples and tests include this one source.
#![allow(dead_code, reason = "nobody who includes this uses all of it")]

mod socket;
mod token;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Path, Query, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use self::socket::{Cut, Listener};

pub(crate) const ACCESS_KEY: &str = "stand-in-access-key";
pub(crate) const SECRET_KEY: &str = "stand-in-secret-key-0123456789";

const MODELS: [&str; 7] = [
    "kling-v1",
    "kling-v1-6",
    "kling-v2-master",
    "kling-v2-1-master",
    "kling-v2-5-turbo",
    "kling-v2-6",
    "kling-v3",
];

/// A running stand-in. It has threads of its own, so that it can be killed as a process can.
pub(crate) struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

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

#[derive(Default)]
struct World {
    tasks: Vec<Task>,
    submit_faults: VecDeque<Fault>,
    query_faults: VecDeque<Fault>,
    failures: VecDeque<String>,
    submissions: Vec<Value>,
    queries: usize,
    requests: usize,
    tokens: HashSet<String>,
    expire: bool,
}

struct Shared {
    world: Mutex<World>,
    pace: Pace,
    concurrency: usize,
    base_url: String,
}

struct Task {
    id: String,
    external_task_id: Option<String>,
    failure: Option<String>,
    duration: String,
    units: &'static str,
    queries: u32,
    created: Instant,
    created_at: i64,
}

impl StandIn {
    /// Tasks that end at the third query, and room for a hundred at a time.
    pub(crate) fn start() -> StandIn {
        StandIn::start_with(Pace::Queries(3), 100)
    }

    pub(crate) fn start_with(pace: Pace, concurrency: usize) -> StandIn {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket that can be used asynchronously");
        let address = listener.local_addr().expect("an address");
        let base_url = format!("http://{address}");
        let shared = Arc::new(Shared { world: Mutex::new(World::default()), pace, concurrency, base_url });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let router = Router::new()
            .route("/v1/videos/text2video", get(list).post(submit).fallback(wrong_method))
            .route("/v1/videos/text2video/{id}", get(query).fallback(wrong_method))
            .route("/files/{name}", get(file))
            .fallback(wrong_path)
            .with_state(Arc::clone(&shared));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let service = router.into_make_service_with_connect_info::<Cut>();
            axum::serve(Listener::new(listener), service).await.expect("a server that does not end");
        });
        StandIn { address, shared, runtime: Some(runtime) }
    }

    pub(crate) fn base_url(&self) -> String {
        self.shared.base_url.clone()
    }

    /// Ends the server and all its connections at once, wherever they are.
    pub(crate) fn kill(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        runtime.shutdown_background();
        // The sockets are closed by a thread of the runtime's, a little later.
        while std::net::TcpStream::connect(self.address).is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The next submissions go wrong, one for each of `faults`.
    pub(crate) fn fail_submissions(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.world().submit_faults.extend(faults);
    }

    /// The next queries go wrong, one for each of `faults`.
    pub(crate) fn fail_queries(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.world().query_faults.extend(faults);
    }

    /// The next task that is made ends as `failed`, with this reason.
    pub(crate) fn fail_next_task(&self, reason: &str) {
        self.shared.world().failures.push_back(reason.to_owned());
    }

    /// The next request's token is called expired.
    pub(crate) fn expire_token(&self) {
        self.shared.world().expire = true;
    }

    /// How many tasks were made.
    pub(crate) fn tasks(&self) -> usize {
        self.shared.world().tasks.len()
    }

    /// The ids of the tasks that were made.
    pub(crate) fn task_ids(&self) -> Vec<String> {
        self.shared.world().tasks.iter().map(|task| task.id.clone()).collect()
    }

    /// The bodies of all submissions whose token was good.
    pub(crate) fn submissions(&self) -> Vec<Value> {
        self.shared.world().submissions.clone()
    }

    /// How many queries came in whose token was good.
    pub(crate) fn queries(&self) -> usize {
        self.shared.world().queries
    }

    /// How many requests came in, whatever they were.
    pub(crate) fn requests(&self) -> usize {
        self.shared.world().requests
    }

    /// The tokens that came in.
    pub(crate) fn tokens(&self) -> HashSet<String> {
        self.shared.world().tokens.clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the request and checks its token.
    #[expect(clippy::result_large_err, reason = "the error is the answer")]
    fn admit(&self, headers: &HeaderMap) -> Result<(), Response> {
        let mut world = self.world();
        world.requests += 1;
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) {
            world.tokens.insert(token.to_owned());
        }
        if std::mem::take(&mut world.expire) {
            return Err(refuse(401, 1004, "Authorization is expired"));
        }
        token::check(authorization, ACCESS_KEY, SECRET_KEY)
            .map_err(|(code, message)| refuse(401, code, message))
    }

    fn status(&self, task: &Task) -> &'static str {
        let ended = if task.failure.is_some() { "failed" } else { "succeed" };
        match self.pace {
            Pace::Queries(_) if task.queries == 0 => "submitted",
            Pace::Queries(queries) if task.queries >= queries => ended,
            Pace::Time(time) if task.created.elapsed() >= time => ended,
            Pace::Time(time) if task.created.elapsed() < time / 2 => "submitted",
            Pace::Never if task.queries == 0 => "submitted",
            _ => "processing",
        }
    }

    fn describe(&self, task: &Task) -> Value {
        let status = self.status(task);
        let mut data = json!({
            "task_id": task.id,
            "task_status": status,
            "task_status_msg": "",
            "task_info": {},
            "watermark_info": {"enabled": false},
            "created_at": task.created_at,
            "updated_at": task.created_at + task.created.elapsed().as_millis() as i64,
        });
        if let Some(id) = &task.external_task_id {
            data["task_info"]["external_task_id"] = json!(id);
        }
        match status {
            "succeed" => {
                data["final_unit_deduction"] = json!(task.units);
                data["task_result"] = json!({"videos": [{
                    "id": format!("{}-video", task.id),
                    "url": format!("{}/files/{}.mp4?x-kcdn-pid=stand-in-signature", self.base_url, task.id),
                    "duration": task.duration,
                }]});
            }
            "failed" => {
                data["final_unit_deduction"] = json!("0");
                data["task_status_msg"] = json!(task.failure);
            }
            _ => {}
        }
        data
    }

    /// Makes a task, or says why not.
    #[expect(clippy::result_large_err, reason = "the error is the answer")]
    fn accept(&self, body: &Value) -> Result<Value, Response> {
        check(body)?;
        let mut world = self.world();
        let external_task_id =
            body["external_task_id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned);
        if external_task_id.is_some()
            && world.tasks.iter().any(|task| task.external_task_id == external_task_id)
        {
            return Err(refuse(400, 1201, "external_task_id already exists"));
        }
        let running =
            world.tasks.iter().filter(|task| !matches!(self.status(task), "succeed" | "failed")).count();
        if running >= self.concurrency {
            return Err(refuse(429, 1303, "parallel task over resource pack limit"));
        }
        let duration = body["duration"].as_str().unwrap_or("5").to_owned();
        let task = Task {
            id: format!("{}", 900_000_000_000_000_000_u64 + world.tasks.len() as u64 + 1),
            external_task_id,
            failure: world.failures.pop_front(),
            units: if duration == "5" { "1" } else { "2.0" },
            duration,
            queries: 0,
            created: Instant::now(),
            created_at: 1_790_000_000_000 + world.tasks.len() as i64,
        };
        let data = self.describe(&task);
        world.tasks.push(task);
        Ok(data)
    }
}

/// What the vendor's tables say of the fields.
#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn check(body: &Value) -> Result<(), Response> {
    if !body.is_object() {
        return Err(refuse(400, 1200, "Invalid request parameters"));
    }
    if let Some(model) = body.get("model_name")
        && !model.as_str().is_some_and(|model| MODELS.contains(&model))
    {
        return Err(refuse(404, 1203, "model is not supported"));
    }
    let enums: [(&str, &[&str]); 4] = [
        ("mode", &["std", "pro", "4k"]),
        ("aspect_ratio", &["16:9", "9:16", "1:1"]),
        ("sound", &["on", "off"]),
        ("shot_type", &["customize", "intelligence"]),
    ];
    for (field, words) in enums {
        if let Some(value) = body.get(field)
            && !value.as_str().is_some_and(|word| words.contains(&word))
        {
            return Err(refuse(400, 1201, &format!("{field} value is invalid")));
        }
    }
    if let Some(duration) = body.get("duration") {
        // A string: the vendor refuses the number.
        let seconds = duration.as_str().and_then(|text| text.parse::<u8>().ok());
        if !seconds.is_some_and(|seconds| (3..=15).contains(&seconds)) {
            return Err(refuse(400, 1201, "duration value is invalid"));
        }
    }
    let prompt = body["prompt"].as_str().unwrap_or_default();
    if (prompt.is_empty() && body["shot_type"] != "customize") || prompt.chars().count() > 2500 {
        return Err(refuse(400, 1201, "prompt is invalid"));
    }
    Ok(())
}

async fn submit(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = shared.admit(&headers) {
        return refused;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(400, 1200, "Invalid request parameters");
    };
    let fault = {
        let mut world = shared.world();
        world.submissions.push(body.clone());
        world.submit_faults.pop_front()
    };
    let accepts = !matches!(fault, Some(Fault::Drop | Fault::Code(..) | Fault::Quote(..) | Fault::Html(_)));
    let answer = match accepts {
        true => shared.accept(&body).map(success).unwrap_or_else(|refused| refused),
        false => StatusCode::NO_CONTENT.into_response(),
    };
    match fault {
        Some(fault) => spoil(fault, answer, &cut, &body).await,
        None => answer,
    }
}

async fn query(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = shared.admit(&headers) {
        return refused;
    }
    let fault = {
        let mut world = shared.world();
        world.queries += 1;
        world.query_faults.pop_front()
    };
    if let Some(fault) = fault {
        return spoil(fault, success(json!({})), &cut, &Value::Null).await;
    }
    let mut world = shared.world();
    if let Some(task) = world.tasks.iter_mut().find(|task| task.id == id) {
        task.queries += 1;
        return success(shared.describe(task));
    }
    match world.tasks.iter().find(|task| task.external_task_id.as_deref() == Some(&id)) {
        Some(task) => success(shared.describe(task)),
        None => refuse(400, 1201, "Task not found"),
    }
}

async fn list(
    State(shared): State<Arc<Shared>>,
    Query(page): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = shared.admit(&headers) {
        return refused;
    }
    let number = |name: &str, default: usize| page.get(name).map_or(Some(default), |text| text.parse().ok());
    match (number("pageNum", 1), number("pageSize", 30)) {
        (Some(page @ 1..=1000), Some(size @ 1..=500)) => {
            let world = shared.world();
            let newest_first = world.tasks.iter().rev().skip((page - 1) * size).take(size);
            success(newest_first.map(|task| shared.describe(task)).collect())
        }
        _ => refuse(400, 1201, "pageNum or pageSize is invalid"),
    }
}

async fn file(Path(_name): Path<String>) -> Response {
    // The first box of an MP4 file, and nothing after it.
    let bytes: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isommp41";
    ([(header::CONTENT_TYPE, "video/mp4")], bytes).into_response()
}

async fn wrong_method(State(shared): State<Arc<Shared>>, _method: Method) -> Response {
    shared.world().requests += 1;
    refuse(404, 1202, "The requested method is invalid")
}

async fn wrong_path(State(shared): State<Arc<Shared>>, _uri: Uri) -> Response {
    shared.world().requests += 1;
    refuse(404, 1203, "The requested resource does not exist")
}

fn success(data: Value) -> Response {
    Json(json!({"code": 0, "message": "SUCCEED", "request_id": request_id(), "data": data})).into_response()
}

fn refuse(http: u16, code: i64, message: &str) -> Response {
    let body = json!({"code": code, "message": message, "request_id": request_id()});
    (StatusCode::from_u16(http).expect("an HTTP status"), Json(body)).into_response()
}

fn html(http: u16) -> Response {
    let page = "<html><body><h1>Bad Gateway</h1></body></html>";
    (StatusCode::from_u16(http).expect("an HTTP status"), [(header::CONTENT_TYPE, "text/html")], page)
        .into_response()
}

/// In the vendor's shape, and another one each time.
fn request_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-4000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn spoil(fault: Fault, answer: Response, cut: &Cut, body: &Value) -> Response {
    match fault {
        Fault::Drop | Fault::DropAccepted => {
            cut.after(0);
            answer
        }
        Fault::Code(http, code, message) | Fault::CodeAccepted(http, code, message) => {
            refuse(http, code, message)
        }
        Fault::Quote(http, code) => {
            refuse(http, code, &format!("content is not allowed: {}", body["prompt"].as_str().unwrap_or("")))
        }
        Fault::Html(http) | Fault::HtmlAccepted(http) => html(http),
        Fault::Half => {
            cut.after(600);
            // JSON may begin with white space, so that 600 bytes are in the middle of it.
            let answer =
                axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body in memory");
            Body::from([vec![b' '; 1000], answer.to_vec()].concat()).into_response()
        }
        Fault::Body(body) => body.into_response(),
        Fault::Slow(late) => {
            tokio::time::sleep(late).await;
            answer
        }
    }
}
