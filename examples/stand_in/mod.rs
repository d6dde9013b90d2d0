//! A server on this machine that stands in for the vendor's, with real sockets and real tokens: every endpoint below
//! `/v1`, those of the newer design, the vendor's books, callbacks.
//!
//! It checks tokens as the vendor does, plays each task through its states, and can be told to fail. Where the vendor
//! documents nothing it chooses: an `external_task_id` that is taken is refused (1201), a page past the last is empty, a
//! token of a key pair is refused by the newer design (1002), each callback comes twice, the packs may be asked for once
//! a second (1302).
//! Examples and tests include this one source.
#![allow(dead_code, reason = "nobody who includes this uses all of it")]

pub(crate) mod callbacks;
mod endpoints;
mod serve;
mod socket;
mod token;
mod world;

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

pub(crate) use self::world::{Fault, Pace, Weather};
use self::{
    endpoints::Endpoint,
    serve::refuse,
    socket::{Cut, Listener},
    world::{Gone, Task, World},
};

pub(crate) const ACCESS_KEY: &str = "access-7KqYp2vNd4";
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
                .route(endpoint.path, get(serve::list).post(serve::submit).fallback(serve::wrong_method))
                .route(&format!("{}/{{id}}", endpoint.path), get(serve::query).fallback(serve::wrong_method));
        }
        for (path, _) in &endpoints::IMMEDIATE {
            let methods = match *path {
                "/v1/general/custom-elements" => post(serve::immediate).get(serve::presets),
                _ => post(serve::immediate),
            };
            router = router.route(path, methods.fallback(serve::wrong_method));
        }
        for path in [
            "/v1/general/advanced-presets-elements",
            "/v1/general/presets-elements",
            "/v1/general/presets-voices",
        ] {
            router = router.route(path, get(serve::presets).fallback(serve::wrong_method));
        }
        for family in ["text-to-video", "image-to-video", "omni-video", "motion-control"] {
            router = router
                .route(&format!("/{family}/{{model}}"), post(serve::submit).fallback(serve::wrong_method));
        }
        let router = router
            .route("/tasks", get(serve::new_tasks).post(serve::new_list).fallback(serve::wrong_method))
            .route("/account/costs", get(serve::costs).fallback(serve::wrong_method))
            .route("/account/billing/balance", post(serve::balance).fallback(serve::wrong_method))
            .route("/account/billing/package", post(serve::package).fallback(serve::wrong_method))
            .route("/files/{name}", get(serve::file))
            .fallback(serve::wrong_path)
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
        self.shared.world().files_gone = Some(Gone::Refused);
    }

    /// The same, and where they were there is a page.
    pub(crate) fn replace_files(&self) {
        self.shared.world().files_gone = Some(Gone::Page);
    }

    /// The files of tasks are there again, for 30 days after they were made.
    pub(crate) fn keep_files(&self) {
        self.shared.world().files_gone = None;
    }

    /// Makes a task as somebody does who has the keys and not this client. It has ended well.
    pub(crate) fn make_behind_the_back(&self) -> String {
        self.make_behind_the_back_at("/v1/videos/text2video")
    }

    /// The same at another endpoint.
    pub(crate) fn make_behind_the_back_at(&self, path: &str) -> String {
        let body = json!({"prompt": "made behind the back", "external_task_id": format!("behind {path}")});
        let endpoint = endpoints::find(path).expect("an endpoint");
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

    /// Tasks that are made from now on cost cash.
    pub(crate) fn charge_cash(&self) {
        self.shared.world().in_cash = true;
    }

    /// The lists that were asked for, and how often.
    pub(crate) fn lists_asked(&self) -> BTreeMap<String, usize> {
        self.shared.world().lists_asked.clone()
    }

    /// Forgets the faults of submissions that did not happen yet.
    pub(crate) fn clear_faults(&self) {
        self.shared.world().submit_faults.clear();
    }

    /// What was posted to the lists of tasks and to the books, with their paths.
    pub(crate) fn asked(&self) -> Vec<(String, Value)> {
        self.shared.world().asked.clone()
    }

    /// Gives no more than so many tasks of the newer design at a time.
    pub(crate) fn give_at_most(&self, tasks: usize) {
        self.shared.world().page = Some(tasks);
    }

    /// A status is told to callback URLs after the one that follows it.
    pub(crate) fn tell_out_of_order(&self) {
        self.shared.world().out_of_order = true;
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
        self.admit_as(None, headers, cut, api_key_only)
    }

    /// The same of a request that can be told from others by `request`: it has its token called expired once at most,
    /// since a client is right to give up on a new one that is.
    fn admit_as(
        &self,
        request: Option<&[u8]>,
        headers: &HeaderMap,
        cut: &Cut,
        api_key_only: bool,
    ) -> Result<(), Refused> {
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
        let due = due && request.is_some_and(|request| world.called_expired.insert(request.to_owned()));
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
            in_cash: world.in_cash,
            duration,
            queries: 0,
            created: Instant::now(),
            created_at: world::now(),
            instant: false,
        };
        let mut data = task.describe(self.pace, &self.base_url);
        world.tasks.push(task);
        // The vendor was seen to leave it out, empty or null in the answer to a submission.
        if let (Some(members), None) = (data.as_object_mut(), model) {
            match world.used % 3 {
                0 => drop(members.remove("task_info")),
                1 => drop(members.insert("task_info".to_owned(), json!({}))),
                _ => drop(members.insert("task_info".to_owned(), Value::Null)),
            }
        }
        Ok(data)
    }
}
