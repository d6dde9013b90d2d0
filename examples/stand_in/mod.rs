//! A local server that replaces Kling AI, with real sockets and real tokens.
//!
//! The server has every endpoint below `/v1`, the endpoints of the new design, Kling's ledgers, and callbacks. It
//! checks tokens as Kling does, takes each task through its states, and produces faults on request.
//!
//! Kling's documentation leaves some behaviour open. There the server does this:
//!
//! - A submission with an `external_task_id` that exists already is refused (1201).
//! - A page after the last one is empty.
//! - The new design refuses a token of a key pair (1002).
//! - Each callback is sent twice.
//! - A second request for the resource packs within one second is refused (1302).
//!
//! Examples and tests include this source as a module.
#![allow(dead_code, reason = "each program that includes this module uses a part of it")]

pub(crate) mod callbacks;
mod endpoints;
mod handlers;
mod socket;
mod state;
mod token;

use std::{
    collections::{BTreeMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub(crate) use self::state::{Fault, Pace, RecurringFaults};
use self::{
    endpoints::Endpoint,
    handlers::error_response,
    socket::{AnswerLimit, LimitedListener},
    state::{FileState, ServerState, Task},
};

pub(crate) const ACCESS_KEY: &str = "access-7KqYp2vNd4";
pub(crate) const SECRET_KEY: &str = "stand-in-secret-key-0123456789";
pub(crate) const API_KEY: &str = "stand-in-api-key-0123456789";

/// A running server. Its runtime has its own thread, so that [`StandIn::kill`] ends it like a killed process.
pub(crate) struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

/// Data that all handlers share.
struct Shared {
    state: Mutex<ServerState>,
    pace: Pace,
    /// Maximum number of concurrent tasks for each kind of resource pack.
    concurrency: usize,
    base_url: String,
}

impl StandIn {
    /// Starts a server with 100 concurrent tasks. Each task ends at its third query.
    pub(crate) fn start() -> StandIn {
        StandIn::start_with(Pace::Queries(3), 100)
    }

    /// Starts a server on any free port.
    pub(crate) fn start_with(pace: Pace, concurrency: usize) -> StandIn {
        StandIn::start_on(0, pace, concurrency).expect("a free port")
    }

    /// Starts a server on `port`, or on any free port if `port` is 0.
    pub(crate) fn start_on(port: u16, pace: Pace, concurrency: usize) -> std::io::Result<StandIn> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true).expect("a socket that can be used asynchronously");
        let address = listener.local_addr().expect("an address");
        let base_url = format!("http://{address}");
        let shared =
            Arc::new(Shared { state: Mutex::new(ServerState::default()), pace, concurrency, base_url });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let mut router = Router::new();
        for endpoint in &endpoints::TASK_ENDPOINTS {
            router = router
                .route(
                    endpoint.path,
                    get(handlers::list).post(handlers::submit).fallback(handlers::wrong_method),
                )
                .route(
                    &format!("{}/{{id}}", endpoint.path),
                    get(handlers::query).fallback(handlers::wrong_method),
                );
        }
        for (path, _) in &endpoints::IMMEDIATE_ENDPOINTS {
            let methods = match *path {
                "/v1/general/custom-elements" => post(handlers::immediate).get(handlers::presets),
                _ => post(handlers::immediate),
            };
            router = router.route(path, methods.fallback(handlers::wrong_method));
        }
        for path in [
            "/v1/general/advanced-presets-elements",
            "/v1/general/presets-elements",
            "/v1/general/presets-voices",
        ] {
            router = router.route(path, get(handlers::presets).fallback(handlers::wrong_method));
        }
        for family in ["text-to-video", "image-to-video", "omni-video", "motion-control"] {
            router = router.route(
                &format!("/{family}/{{model}}"),
                post(handlers::submit).fallback(handlers::wrong_method),
            );
        }
        let router = router
            .route(
                "/tasks",
                get(handlers::query_new_design)
                    .post(handlers::list_new_design)
                    .fallback(handlers::wrong_method),
            )
            .route("/account/costs", get(handlers::costs).fallback(handlers::wrong_method))
            .route("/account/billing/balance", post(handlers::balance).fallback(handlers::wrong_method))
            .route("/account/billing/package", post(handlers::package).fallback(handlers::wrong_method))
            .route("/files/{name}", get(handlers::file))
            .fallback(handlers::wrong_path)
            .with_state(Arc::clone(&shared));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let service = router.into_make_service_with_connect_info::<AnswerLimit>();
            axum::serve(LimitedListener::new(listener), service).await.expect("a server that does not end");
        });
        Ok(StandIn { address, shared, runtime: Some(runtime) })
    }

    /// Returns the URL of the server, without a path.
    pub(crate) fn base_url(&self) -> String {
        self.shared.base_url.clone()
    }

    /// Stops the server and closes all connections at once, even in the middle of a request or an answer.
    pub(crate) fn kill(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        runtime.shutdown_background();
        // A thread of the runtime closes the sockets after the call above has returned. Without this loop, a later
        // request could still be accepted.
        while std::net::TcpStream::connect(self.address).is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Assigns each of `faults` to one of the next submissions, in order.
    pub(crate) fn fail_submissions(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state().submit_faults.extend(faults);
    }

    /// Assigns each of `faults` to one of the next queries, in order.
    pub(crate) fn fail_queries(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state().query_faults.extend(faults);
    }

    /// Lets the next created task end as `failed`, with this reason.
    pub(crate) fn fail_next_task(&self, reason: &str) {
        self.shared.state().failure_reasons.push_back(reason.to_owned());
    }

    /// Answers the next request with "expired token" (code 1004).
    pub(crate) fn expire_token(&self) {
        self.shared.state().expire_next_token = true;
    }

    /// Returns the number of tasks.
    pub(crate) fn tasks(&self) -> usize {
        self.shared.state().tasks.len()
    }

    /// Returns the ids of all tasks, oldest first.
    pub(crate) fn task_ids(&self) -> Vec<String> {
        self.shared.state().tasks.iter().map(|task| task.id.clone()).collect()
    }

    /// Returns the bodies of all submissions with a valid token.
    pub(crate) fn submissions(&self) -> Vec<Value> {
        self.shared.state().submissions.clone()
    }

    /// Returns the number of task queries with a valid token.
    pub(crate) fn queries(&self) -> usize {
        self.shared.state().queries
    }

    /// Returns the number of all requests.
    pub(crate) fn requests(&self) -> usize {
        self.shared.state().requests
    }

    /// Returns the bearer tokens of all requests.
    pub(crate) fn tokens(&self) -> HashSet<String> {
        self.shared.state().tokens.clone()
    }

    /// Replaces the recurring faults.
    pub(crate) fn set_recurring_faults(&self, faults: RecurringFaults) {
        self.shared.state().recurring_faults = faults;
    }

    /// Sets the server's clock this many seconds ahead of the real time.
    pub(crate) fn set_clock_ahead(&self, seconds: i64) {
        self.shared.state().clock_ahead_seconds = seconds;
    }

    /// Closes each connection without an answer, for this time.
    pub(crate) fn go_down_for(&self, time: Duration) {
        self.shared.state().down_until = Some(Instant::now() + time);
    }

    /// Replaces the secrets that sign callbacks.
    pub(crate) fn sign_with(&self, secrets: impl IntoIterator<Item = Vec<u8>>) {
        self.shared.state().callback_secrets = secrets.into_iter().collect();
    }

    /// Answers downloads with status 403, as for files older than 30 days.
    pub(crate) fn expire_files(&self) {
        self.shared.state().forced_file_state = Some(FileState::Forbidden);
    }

    /// Answers downloads with an HTML page and status 200.
    pub(crate) fn replace_files(&self) {
        self.shared.state().forced_file_state = Some(FileState::HtmlPage);
    }

    /// Answers downloads with the files again, until 30 days after the creation of their tasks.
    pub(crate) fn restore_files(&self) {
        self.shared.state().forced_file_state = None;
    }

    /// Creates a successful text-to-video task without any request, as another program with the same keys would.
    ///
    /// Returns the id of the task.
    pub(crate) fn create_foreign_task(&self) -> String {
        self.create_foreign_task_at("/v1/videos/text2video")
    }

    /// Creates a successful task of the endpoint at `path` without any request. Returns the id of the task.
    pub(crate) fn create_foreign_task_at(&self, path: &str) -> String {
        let body =
            json!({"prompt": "created by another program", "external_task_id": format!("foreign {path}")});
        let endpoint = endpoints::endpoint_at(path).expect("an endpoint");
        let data = self.shared.create_task(endpoint, endpoint.path, None, &body).expect("accepted");
        let mut state = self.shared.state();
        let task = state.tasks.last_mut().expect("a task");
        task.ended_at_creation = true;
        data["task_id"].as_str().expect("an id").to_owned()
    }

    /// Deletes a task. Later queries, lists and ledgers do not contain the task.
    pub(crate) fn delete_task(&self, id: &str) {
        self.shared.state().tasks.retain(|task| task.id != id);
    }

    /// Charges cash for all tasks that are created later.
    pub(crate) fn charge_cash(&self) {
        self.shared.state().charges_cash = true;
    }

    /// Returns the number of GET requests for task lists, by path.
    pub(crate) fn list_query_counts(&self) -> BTreeMap<String, usize> {
        self.shared.state().list_query_counts.clone()
    }

    /// Removes the faults that are assigned to later submissions.
    pub(crate) fn clear_faults(&self) {
        self.shared.state().submit_faults.clear();
    }

    /// Returns paths and bodies of the POST requests for task lists of the new design and for deductions.
    pub(crate) fn posted_queries(&self) -> Vec<(String, Value)> {
        self.shared.state().posted_queries.clone()
    }

    /// Limits a page of tasks of the new design to this number.
    pub(crate) fn set_page_limit(&self, tasks: usize) {
        self.shared.state().page_limit = Some(tasks);
    }

    /// Sends the callback about a status after the callback about the next status.
    pub(crate) fn deliver_callbacks_out_of_order(&self) {
        self.shared.state().callbacks_out_of_order = true;
    }

    /// Changes the amount that a task costs, in its own data and in the ledger.
    pub(crate) fn set_billed_amount(&self, id: &str, amount: &'static str) {
        let mut state = self.shared.state();
        let task = state.tasks.iter_mut().find(|task| task.id == id).expect("a task");
        task.billed_amount = amount;
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An error answer. The box keeps `Result` small.
type BoxedResponse = Box<Response>;

impl Shared {
    /// Locks the state. A panic of another handler does not poison it, so that the server keeps answering.
    fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request and checks its token.
    fn authenticate(
        &self,
        headers: &HeaderMap,
        answer_limit: &AnswerLimit,
        api_key_only: bool,
    ) -> Result<(), BoxedResponse> {
        self.authenticate_request(None, headers, answer_limit, api_key_only)
    }

    /// Counts a request and checks its token. `request` identifies a request that recurring faults may affect.
    ///
    /// The recurring fault "expired token" affects the same `request` at most once. A client mints a new token after
    /// that error, and may treat an expired new token as final.
    fn authenticate_request(
        &self,
        request: Option<&[u8]>,
        headers: &HeaderMap,
        answer_limit: &AnswerLimit,
        api_key_only: bool,
    ) -> Result<(), BoxedResponse> {
        let mut state = self.state();
        state.requests += 1;
        if state.down_until.is_some_and(|until| Instant::now() < until) {
            answer_limit.set(0);
            return Err(Box::new(StatusCode::SERVICE_UNAVAILABLE.into_response()));
        }
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) {
            state.tokens.insert(token.to_owned());
        }
        let is_due =
            state.recurring_faults.expired_every.is_some_and(|every| state.requests.is_multiple_of(every));
        let is_due = is_due
            && request.is_some_and(|request| state.requests_with_expired_token.insert(request.to_owned()));
        if std::mem::take(&mut state.expire_next_token) || is_due {
            return Err(Box::new(error_response(401, 1004, "Authorization is expired")));
        }
        let account = token::Account { access_key: ACCESS_KEY, secret_key: SECRET_KEY, api_key: API_KEY };
        let now = state::now() / 1000 + state.clock_ahead_seconds;
        token::check(authorization, &account, api_key_only, now).map_err(|(code, message)| {
            let mut response = error_response(401, code, message);
            let date = chrono::DateTime::from_timestamp(now, 0).expect("a time").to_rfc2822();
            let date = date.replace("+0000", "GMT");
            response.headers_mut().insert(header::DATE, HeaderValue::from_str(&date).expect("ASCII"));
            Box::new(response)
        })
    }

    /// Creates a task and returns its data, or returns an error answer.
    ///
    /// `model` is `Some` for the new design, whose paths end with the model.
    fn create_task(
        &self,
        endpoint: &Endpoint,
        path: &str,
        model: Option<&str>,
        body: &Value,
    ) -> Result<Value, BoxedResponse> {
        let error =
            |(http, code, message): (u16, i64, String)| Box::new(error_response(http, code, &message));
        if model.is_none() {
            endpoints::check_fields(endpoint, body).map_err(error)?;
        }
        let mut state = self.state();
        let options = if model.is_some() { &body["options"] } else { body };
        let external_task_id =
            options["external_task_id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned);
        if external_task_id.is_some()
            && state.tasks.iter().any(|task| task.external_task_id == external_task_id)
        {
            return Err(Box::new(error_response(400, 1201, "external_task_id already exists")));
        }
        let slots = body["n"].as_u64().unwrap_or(1);
        let running =
            state.tasks.iter().filter(|task| task.pack == endpoint.pack && !task.has_ended(self.pace));
        if running.map(|task| task.slots).sum::<u64>() + slots > self.concurrency as u64 {
            return Err(Box::new(error_response(429, 1303, "parallel task over resource pack limit")));
        }
        let duration = [&body["duration"], &body["settings"]["duration"]].into_iter().find_map(|duration| {
            duration
                .as_str()
                .map(str::to_owned)
                .or_else(|| duration.as_f64().map(|number| number.to_string()))
        });
        let duration = duration.unwrap_or_else(|| "5".to_owned());
        state.created_ids += 1;
        let task = Task {
            id: format!("{}", 900_000_000_000_000_000_u64 + state.created_ids),
            external_task_id,
            path: path.to_owned(),
            output: endpoint.output,
            pack: endpoint.pack,
            slots,
            is_new_design: model.is_some(),
            model: model.or(body["model_name"].as_str()).unwrap_or("kling-v1").to_owned(),
            failure: state.failure_reasons.pop_front(),
            billed_amount: if duration == "5" { "1" } else { "2.0" },
            is_billed_in_cash: state.charges_cash,
            duration,
            queries: 0,
            created: Instant::now(),
            created_at: state::now(),
            ended_at_creation: false,
        };
        let mut data = task.describe(self.pace, &self.base_url);
        state.tasks.push(task);
        // In answers to submissions, Kling was seen to omit `task_info`, and to send it as `{}` and as `null`.
        if let (Some(members), None) = (data.as_object_mut(), model) {
            match state.created_ids % 3 {
                0 => drop(members.remove("task_info")),
                1 => drop(members.insert("task_info".to_owned(), json!({}))),
                _ => drop(members.insert("task_info".to_owned(), Value::Null)),
            }
        }
        Ok(data)
    }
}
