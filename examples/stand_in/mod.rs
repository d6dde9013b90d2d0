//! A server on this machine that stands in for the vendor's, with real sockets and real tokens: every endpoint below
//! `/v1`, those of the newer design, the vendor's books, callbacks.
//!
//! It checks tokens as the vendor does, plays each task through its states, and can be told to fail. Where the vendor
//! documents nothing it chooses: an `external_task_id` that is taken is refused (1201), a page past the last is empty, a
//! token of a key pair is refused by the newer design (1002), each callback comes twice.
//! Examples and tests include this one source.
#![allow(dead_code, reason = "nobody who includes this uses all of it")]

pub(crate) mod callbacks;
mod endpoints;
mod socket;
mod token;
mod world;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Path, Query, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub(crate) use self::world::{Fault, Pace, Weather};
use self::{
    endpoints::{Endpoint, Makes},
    socket::{Cut, Listener},
    world::{Task, World},
};

pub(crate) const ACCESS_KEY: &str = "stand-in-access-key";
pub(crate) const SECRET_KEY: &str = "stand-in-secret-key-0123456789";
pub(crate) const API_KEY: &str = "stand-in-api-key-0123456789";

/// A running stand-in. It has threads of its own, so that it can be killed as a process can.
pub(crate) struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    world: Mutex<World>,
    pace: Pace,
    concurrency: usize,
    base_url: String,
}

impl StandIn {
    /// Tasks that end at the third query, and room for a hundred at a time.
    pub(crate) fn start() -> StandIn {
        StandIn::start_with(Pace::Queries(3), 100)
    }

    pub(crate) fn start_with(pace: Pace, concurrency: usize) -> StandIn {
        StandIn::start_on(0, pace, concurrency).expect("a free port")
    }

    /// On this port; 0 is any that is free.
    pub(crate) fn start_on(port: u16, pace: Pace, concurrency: usize) -> std::io::Result<StandIn> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true).expect("a socket that can be used asynchronously");
        let address = listener.local_addr().expect("an address");
        let base_url = format!("http://{address}");
        let shared = Arc::new(Shared { world: Mutex::new(World::default()), pace, concurrency, base_url });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let mut router = Router::new();
        for endpoint in &endpoints::TASKS {
            router = router
                .route(endpoint.path, get(list).post(submit).fallback(wrong_method))
                .route(&format!("{}/{{id}}", endpoint.path), get(query).fallback(wrong_method));
        }
        for (path, _) in &endpoints::IMMEDIATE {
            let methods = match *path {
                "/v1/general/custom-elements" => post(immediate).get(presets),
                _ => post(immediate),
            };
            router = router.route(path, methods.fallback(wrong_method));
        }
        for path in [
            "/v1/general/advanced-presets-elements",
            "/v1/general/presets-elements",
            "/v1/general/presets-voices",
        ] {
            router = router.route(path, get(presets).fallback(wrong_method));
        }
        for family in ["text-to-video", "image-to-video", "omni-video", "motion-control"] {
            router = router.route(&format!("/{family}/{{model}}"), post(submit).fallback(wrong_method));
        }
        let router = router
            .route("/tasks", get(new_tasks).post(new_list).fallback(wrong_method))
            .route("/account/costs", get(costs).fallback(wrong_method))
            .route("/account/billing/balance", post(balance).fallback(wrong_method))
            .route("/account/billing/package", post(package).fallback(wrong_method))
            .route("/files/{name}", get(file))
            .fallback(wrong_path)
            .with_state(Arc::clone(&shared));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let service = router.into_make_service_with_connect_info::<Cut>();
            axum::serve(Listener::new(listener), service).await.expect("a server that does not end");
        });
        Ok(StandIn { address, shared, runtime: Some(runtime) })
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

    /// What goes wrong now and then from now on.
    pub(crate) fn weather(&self, weather: Weather) {
        self.shared.world().weather = weather;
    }

    /// The server's clock is so many seconds ahead from now on.
    pub(crate) fn set_clock_ahead(&self, seconds: i64) {
        self.shared.world().skew = seconds;
    }

    /// No request gets an answer for so long.
    pub(crate) fn go_down_for(&self, time: Duration) {
        self.shared.world().down_until = Some(Instant::now() + time);
    }

    /// Callbacks are signed with these secrets from now on.
    pub(crate) fn sign_with(&self, secrets: impl IntoIterator<Item = Vec<u8>>) {
        self.shared.world().secrets = secrets.into_iter().collect();
    }

    /// The files of tasks are gone, as after 30 days.
    pub(crate) fn forget_files(&self) {
        self.shared.world().files_gone = true;
    }

    /// Makes a task as somebody does who has the keys and not this client. It has ended well.
    pub(crate) fn make_behind_the_back(&self) -> String {
        let body = json!({"prompt": "made behind the back", "external_task_id": "behind-the-back"});
        let endpoint = endpoints::find("/v1/videos/text2video").expect("an endpoint");
        let data = self.shared.accept(endpoint, endpoint.path, None, &body).expect("accepted");
        let mut world = self.shared.world();
        let task = world.tasks.last_mut().expect("a task");
        task.instant = true;
        data["task_id"].as_str().expect("an id").to_owned()
    }

    /// Forgets a task, as if it had never been made.
    pub(crate) fn forget_task(&self, id: &str) {
        self.shared.world().tasks.retain(|task| task.id != id);
    }

    /// Books another amount for a task than it said.
    pub(crate) fn book_otherwise(&self, id: &str, units: &'static str) {
        let mut world = self.shared.world();
        let task = world.tasks.iter_mut().find(|task| task.id == id).expect("a task");
        task.units = units;
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.kill();
    }
}

type Refused = Box<Response>;

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the request and checks its token.
    fn admit(&self, headers: &HeaderMap, cut: &Cut, api_key_only: bool) -> Result<(), Refused> {
        let mut world = self.world();
        world.requests += 1;
        if world.down_until.is_some_and(|until| Instant::now() < until) {
            cut.after(0);
            return Err(Box::new(StatusCode::SERVICE_UNAVAILABLE.into_response()));
        }
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) {
            world.tokens.insert(token.to_owned());
        }
        let due = world.weather.expired_every.is_some_and(|every| world.requests.is_multiple_of(every));
        if std::mem::take(&mut world.expire) || due {
            return Err(Box::new(refuse(401, 1004, "Authorization is expired")));
        }
        let account = token::Account { access_key: ACCESS_KEY, secret_key: SECRET_KEY, api_key: API_KEY };
        let now = world::now() / 1000 + world.skew;
        token::check(authorization, &account, api_key_only, now).map_err(|(code, message)| {
            let mut response = refuse(401, code, message);
            let date = chrono::DateTime::from_timestamp(now, 0).expect("a time").to_rfc2822();
            let date = date.replace("+0000", "GMT");
            response.headers_mut().insert(header::DATE, HeaderValue::from_str(&date).expect("ASCII"));
            Box::new(response)
        })
    }

    /// Makes a task, or says why not. `model` is that of the newer design, where the path names it.
    fn accept(
        &self,
        endpoint: &Endpoint,
        path: &str,
        model: Option<&str>,
        body: &Value,
    ) -> Result<Value, Refused> {
        let refused = |(http, code, message): (u16, i64, String)| Box::new(refuse(http, code, &message));
        if model.is_none() {
            endpoints::check(endpoint, body).map_err(refused)?;
        }
        let mut world = self.world();
        let options = if model.is_some() { &body["options"] } else { body };
        let external_task_id =
            options["external_task_id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned);
        if external_task_id.is_some()
            && world.tasks.iter().any(|task| task.external_task_id == external_task_id)
        {
            return Err(Box::new(refuse(400, 1201, "external_task_id already exists")));
        }
        let slots = body["n"].as_u64().unwrap_or(1);
        let running =
            world.tasks.iter().filter(|task| task.pack == endpoint.pack && !task.has_ended(self.pace));
        if running.map(|task| task.slots).sum::<u64>() + slots > self.concurrency as u64 {
            return Err(Box::new(refuse(429, 1303, "parallel task over resource pack limit")));
        }
        let duration = [&body["duration"], &body["settings"]["duration"]].into_iter().find_map(|duration| {
            duration
                .as_str()
                .map(str::to_owned)
                .or_else(|| duration.as_f64().map(|number| number.to_string()))
        });
        let duration = duration.unwrap_or_else(|| "5".to_owned());
        world.used += 1;
        let task = Task {
            id: format!("{}", 900_000_000_000_000_000_u64 + world.used),
            external_task_id,
            path: path.to_owned(),
            makes: endpoint.makes,
            pack: endpoint.pack,
            slots,
            is_new: model.is_some(),
            model: model.or(body["model_name"].as_str()).unwrap_or("kling-v1").to_owned(),
            failure: world.failures.pop_front(),
            units: if duration == "5" { "1" } else { "2.0" },
            duration,
            queries: 0,
            created: Instant::now(),
            created_at: world::now(),
            instant: false,
        };
        let data = task.describe(self.pace, &self.base_url);
        world.tasks.push(task);
        Ok(data)
    }
}

/// What the newer design's endpoints make.
const NEW: Endpoint = *match endpoints::TASKS.first() {
    Some(endpoint) => endpoint,
    None => panic!("no endpoint"),
};

async fn submit(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let model = (!uri.path().starts_with("/v1/")).then(|| uri.path().rsplit('/').next().unwrap_or_default());
    if let Err(refused) = shared.admit(&headers, &cut, model.is_some()) {
        return *refused;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(400, 1200, "Invalid request parameters");
    };
    let endpoint = endpoints::find(uri.path()).unwrap_or(&NEW);
    let fault = {
        let mut world = shared.world();
        world.submissions.push(body.clone());
        let number = world.submissions.len();
        let due = |every: Option<usize>, shift: usize| every.is_some_and(|every| number % every == shift);
        world.submit_faults.pop_front().or(match world.weather {
            weather if due(weather.throttled_every, 1) => Some(Fault::Code(429, 1302, "too fast")),
            weather if due(weather.lost_every, 3) => Some(Fault::DropAccepted),
            _ => None,
        })
    };
    let accepts = !matches!(fault, Some(Fault::Drop | Fault::Code(..) | Fault::Quote(..) | Fault::Html(_)));
    let answer = match accepts {
        true => match shared.accept(endpoint, uri.path(), model, &body) {
            Ok(data) => {
                let options = if model.is_some() { &body["options"] } else { &body };
                let id = ["task_id", "id"].iter().find_map(|name| data[name].as_str());
                if let (Some(url), Some(id)) = (options["callback_url"].as_str(), id) {
                    let (shared, id, url) = (Arc::clone(&shared), id.to_owned(), url.to_owned());
                    tokio::spawn(callbacks::follow(shared, id, url));
                }
                success(data)
            }
            Err(refused) => *refused,
        },
        false => StatusCode::NO_CONTENT.into_response(),
    };
    match fault {
        Some(fault) => spoil(fault, answer, &cut, &body).await,
        None => answer,
    }
}

async fn immediate(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = shared.admit(&headers, &cut, false) {
        return *refused;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(400, 1200, "Invalid request parameters");
    };
    let (fault, id) = {
        let mut world = shared.world();
        world.submissions.push(body.clone());
        world.used += 1;
        (world.submit_faults.pop_front(), format!("{}", 900_000_000_000_000_000_u64 + world.used))
    };
    let answer = match endpoints::answer(uri.path(), &id, &shared.base_url, &body) {
        Ok(data) => success(data),
        Err((http, code, message)) => refuse(http, code, &message),
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
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = shared.admit(&headers, &cut, false) {
        return *refused;
    }
    let fault = {
        let mut world = shared.world();
        world.queries += 1;
        world.query_faults.pop_front()
    };
    if let Some(fault) = fault {
        return spoil(fault, success(json!({})), &cut, &Value::Null).await;
    }
    let path = uri.path().rsplit_once('/').map_or("", |(path, _)| path);
    let mut world = shared.world();
    if let Some(task) = world.tasks.iter_mut().find(|task| task.path == path && task.id == id) {
        task.queries += 1;
        return success(task.describe(shared.pace, &shared.base_url));
    }
    let named =
        world.tasks.iter().find(|task| task.path == path && task.external_task_id.as_deref() == Some(&id));
    match named {
        Some(task) => success(task.describe(shared.pace, &shared.base_url)),
        None => refuse(400, 1201, "Task not found"),
    }
}

/// The page that is asked for.
fn page(page: &HashMap<String, String>) -> Result<(usize, usize), Refused> {
    let number = |name: &str, default: usize| page.get(name).map_or(Some(default), |text| text.parse().ok());
    match (number("pageNum", 1), number("pageSize", 30)) {
        (Some(page @ 1..=1000), Some(size @ 1..=500)) => Ok(((page - 1) * size, size)),
        _ => Err(Box::new(refuse(400, 1201, "pageNum or pageSize is invalid"))),
    }
}

async fn list(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Query(query): Query<HashMap<String, String>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = shared.admit(&headers, &cut, false) {
        return *refused;
    }
    let (from, size) = match page(&query) {
        Ok(page) => page,
        Err(refused) => return *refused,
    };
    let world = shared.world();
    let of_this = world.tasks.iter().rev().filter(|task| task.path == uri.path());
    success(of_this.skip(from).take(size).map(|task| task.describe(shared.pace, &shared.base_url)).collect())
}

/// Three of the vendor's own elements or voices.
async fn presets(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Query(query): Query<HashMap<String, String>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = shared.admit(&headers, &cut, false) {
        return *refused;
    }
    let (from, size) = match page(&query) {
        Ok(page) => page,
        Err(refused) => return *refused,
    };
    let makes = if uri.path().ends_with("voices") { Makes::Voice } else { Makes::Element };
    let three = (1..=3).map(|number| {
        let id = format!("{}", 800_000_000_000_000_000_u64 + number);
        json!({"task_id": id, "task_status": "succeed",
            "task_result": endpoints::result(makes, &id, "5", 1, &shared.base_url)})
    });
    success(three.skip(from).take(size).collect())
}

async fn new_tasks(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Query(wanted): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = shared.admit(&headers, &cut, true) {
        return *refused;
    }
    let fault = {
        let mut world = shared.world();
        world.queries += 1;
        world.query_faults.pop_front()
    };
    if let Some(fault) = fault {
        return spoil(fault, success(json!([])), &cut, &Value::Null).await;
    }
    let ids = |name: &str| -> HashSet<String> {
        wanted.get(name).map(|ids| ids.split(',').map(str::to_owned).collect()).unwrap_or_default()
    };
    let (task_ids, external_ids) = (ids("task_ids"), ids("external_task_ids"));
    if task_ids.is_empty() && external_ids.is_empty() {
        return refuse(400, 1201, "task_ids or external_task_ids is required");
    }
    let mut world = shared.world();
    let found = world.tasks.iter_mut().filter(|task| {
        let named = task.external_task_id.as_ref().is_some_and(|id| external_ids.contains(id));
        task.is_new && (task_ids.contains(&task.id) || named)
    });
    let found = found.map(|task| {
        task.queries += u32::from(task_ids.contains(&task.id));
        task.describe(shared.pace, &shared.base_url)
    });
    success(found.collect())
}

async fn new_list(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Err(refused) = shared.admit(&headers, &cut, true) {
        return *refused;
    }
    let world = shared.world();
    let tasks = world.tasks.iter().rev().filter(|task| task.is_new);
    let all: Vec<Value> = tasks.map(|task| task.describe(shared.pace, &shared.base_url)).collect();
    success(slice(&all, &body, |page| json!(page)))
}

/// The part of a list that a cursor points at.
fn slice(all: &[Value], body: &Value, shape: impl Fn(&[Value]) -> Value) -> Value {
    let from =
        body["cursor"].as_str().and_then(|cursor| cursor.parse().ok()).unwrap_or(0_usize).min(all.len());
    let limit = body["limit"].as_u64().unwrap_or(500).clamp(1, 500) as usize;
    let to = (from + limit).min(all.len());
    json!({"result": shape(&all[from..to]), "count": to - from, "next_cursor": to.to_string(), "has_more": to < all.len()})
}

async fn costs(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = shared.admit(&headers, &cut, false) {
        return *refused;
    }
    if !["start_time", "end_time"].iter().all(|name| query.contains_key(*name)) {
        return success(json!({"code": 1201, "msg": "start_time and end_time are required"}));
    }
    success(json!({"code": 0, "msg": "", "resource_pack_subscribe_infos": [{
        "resource_pack_name": "Stand-in", "resource_pack_id": "stand-in-pack",
        "resource_pack_type": "decreasing_total", "total_quantity": 1000.0, "remaining_quantity": 118.0,
        "purchase_time": 1726124664368_i64, "effective_time": 1726124664368_i64,
        "invalid_time": 1927366400000_i64, "status": "online"}]}))
}

async fn balance(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
) -> Response {
    match shared.admit(&headers, &cut, false) {
        Ok(()) => {
            success(json!({"result": {"detail": [], "count": 0}, "next_cursor": "", "has_more": false}))
        }
        Err(refused) => *refused,
    }
}

async fn package(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Err(refused) = shared.admit(&headers, &cut, false) {
        return *refused;
    }
    if body["cursor"].as_str().is_none_or(str::is_empty)
        && !(body["start_time"].is_i64() && body["end_time"].is_i64())
    {
        return refuse(400, 1201, "start_time and end_time are required");
    }
    let (start, end) =
        (body["start_time"].as_i64().unwrap_or(0), body["end_time"].as_i64().unwrap_or(i64::MAX));
    let world = shared.world();
    let mut left = 10_000.0;
    let within = |task: &&Task| (start..=end).contains(&task.created_at);
    let booked =
        world.tasks.iter().filter(|task| task.has_succeeded(shared.pace)).filter(within).map(|task| {
            let deduction = task.deduction(left);
            left = deduction["unit_after_deduction"].as_f64().unwrap_or(left);
            deduction
        });
    let booked: Vec<Value> = booked.collect();
    // Ten at a time, so that there is a second page.
    let mut body = body.clone();
    body["limit"] = json!(body["limit"].as_u64().unwrap_or(500).min(50));
    success(slice(&booked, &body, |page| json!({"detail": page, "count": page.len()})))
}

async fn file(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    if shared.world().files_gone {
        return StatusCode::FORBIDDEN.into_response();
    }
    if name.starts_with("endless") {
        return ([(header::CONTENT_TYPE, "video/mp4")], vec![7; 1 << 20]).into_response();
    }
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
