//! The handlers: what comes in, and what goes out.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{ConnectInfo, Path, Query, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Refused, Shared, callbacks,
    endpoints::{self, Endpoint, Makes},
    socket::Cut,
    world::{Fault, Gone, Task},
};

/// What the newer design's endpoints make.
const NEW: Endpoint = *match endpoints::TASKS.first() {
    Some(endpoint) => endpoint,
    None => panic!("no endpoint"),
};

pub(super) async fn submit(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let model = (!uri.path().starts_with("/v1/")).then(|| uri.path().rsplit('/').next().unwrap_or_default());
    if let Err(refused) = shared.admit_as(Some(&body), &headers, &cut, model.is_some()) {
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
        let due =
            |every: Option<usize>, shift: usize| every.is_some_and(|every| number % every == shift % every);
        let is_second = |every: Option<usize>| every.is_some_and(|every| (number / every) % 2 == 1);
        world.submit_faults.pop_front().or(match world.weather {
            weather if due(weather.throttled_every, 1) => Some(Fault::Code(429, 1302, "too fast")),
            weather if due(weather.lost_every, 3) => Some(Fault::DropAccepted),
            weather if due(weather.half_every, 0) => Some(Fault::Half),
            weather if due(weather.error_every, 0) && is_second(weather.error_every) => {
                Some(Fault::CodeAccepted(500, 5000, "Internal server error"))
            }
            weather if due(weather.error_every, 0) => {
                Some(Fault::CodeAccepted(504, 5002, "Internal server timeout"))
            }
            weather if due(weather.slow_every, 0) => Some(Fault::Slow(weather.late)),
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

pub(super) async fn immediate(
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

pub(super) async fn query(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = shared.admit_as(Some(uri.path().as_bytes()), &headers, &cut, false) {
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

pub(super) async fn list(
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
    let mut world = shared.world();
    *world.lists_asked.entry(uri.path().to_owned()).or_default() += 1;
    let of_this = world.tasks.iter().rev().filter(|task| task.path == uri.path());
    success(of_this.skip(from).take(size).map(|task| task.describe(shared.pace, &shared.base_url)).collect())
}

/// Three of the vendor's own elements or voices.
pub(super) async fn presets(
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

pub(super) async fn new_tasks(
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

pub(super) async fn new_list(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    uri: Uri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Err(refused) = shared.admit(&headers, &cut, true) {
        return *refused;
    }
    let mut world = shared.world();
    world.asked.push((uri.path().to_owned(), body.clone()));
    // A time is a text here, and a number in the books.
    let time = |name: &str, default: i64| match &body[name] {
        Value::Null => Some(default),
        time => time.as_str().and_then(|time| time.parse().ok()),
    };
    let (Some(start), Some(end)) = (time("start_time", 0), time("end_time", i64::MAX)) else {
        return refuse(400, 1201, "start_time or end_time is invalid");
    };
    let all: Vec<Value> = world
        .tasks
        .iter()
        .rev()
        .filter(|task| task.is_new && (start..=end).contains(&task.created_at))
        .filter(|task| passes(&body, &json!({"status": task.status(shared.pace), "product_type": task.pack})))
        .map(|task| task.describe(shared.pace, &shared.base_url))
        .collect();
    success(slice(&all, &body, world.page.unwrap_or(500), |page| json!(page)))
}

/// Whether a line has one of the values of each filter. One without values lets all through.
fn passes(body: &Value, line: &Value) -> bool {
    let filters = body["filters"].as_array().map(Vec::as_slice).unwrap_or_default();
    filters.iter().all(|filter| {
        let values = filter["values"].as_array().map(Vec::as_slice).unwrap_or_default();
        values.is_empty() || filter["key"].as_str().is_some_and(|key| values.contains(&line[key]))
    })
}

/// The part of a list that a cursor points at, of `most` lines at most.
fn slice(all: &[Value], body: &Value, most: usize, shape: impl Fn(&[Value]) -> Value) -> Value {
    let from =
        body["cursor"].as_str().and_then(|cursor| cursor.parse().ok()).unwrap_or(0_usize).min(all.len());
    let limit = (body["limit"].as_u64().unwrap_or(500).clamp(1, 500) as usize).min(most);
    let to = (from + limit).min(all.len());
    json!({"result": shape(&all[from..to]), "count": to - from, "next_cursor": to.to_string(), "has_more": to < all.len()})
}

pub(super) async fn costs(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = shared.admit(&headers, &cut, false) {
        return *refused;
    }
    {
        // Once a second, as the vendor asks.
        let mut world = shared.world();
        let now = Instant::now();
        let before = world.costs_asked.replace(now);
        if before.is_some_and(|before| now - before < Duration::from_secs(1)) {
            return refuse(429, 1302, "api rate limit");
        }
    }
    if !["start_time", "end_time"].iter().all(|name| query.contains_key(*name)) {
        return success(json!({"code": 1201, "msg": "start_time and end_time are required"}));
    }
    if query.get("resource_pack_name").is_some_and(|name| name != "Stand-in") {
        return success(json!({"code": 0, "msg": "", "resource_pack_subscribe_infos": []}));
    }
    success(json!({"code": 0, "msg": "", "resource_pack_subscribe_infos": [{
        "resource_pack_name": "Stand-in", "resource_pack_id": "stand-in-pack",
        "resource_pack_type": "decreasing_total", "total_quantity": 1000.0, "remaining_quantity": 118.0,
        "purchase_time": 1726124664368_i64, "effective_time": 1726124664368_i64,
        "invalid_time": 1927366400000_i64, "status": "online"}]}))
}

pub(super) async fn balance(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    books(&shared, &cut, &headers, &body, true)
}

pub(super) async fn package(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    books(&shared, &cut, &headers, &body, false)
}

/// What was taken for tasks that ended well: cash, or units.
fn books(shared: &Shared, cut: &Cut, headers: &HeaderMap, body: &Value, cash: bool) -> Response {
    if let Err(refused) = shared.admit(headers, cut, false) {
        return *refused;
    }
    if body["cursor"].as_str().is_none_or(str::is_empty)
        && !(body["start_time"].is_i64() && body["end_time"].is_i64())
    {
        return refuse(400, 1201, "start_time and end_time are required");
    }
    let (start, end) =
        (body["start_time"].as_i64().unwrap_or(0), body["end_time"].as_i64().unwrap_or(i64::MAX));
    let mut world = shared.world();
    let path = if cash { "/account/billing/balance" } else { "/account/billing/package" };
    world.asked.push((path.to_owned(), body.clone()));
    let mut left = 10_000.0;
    let taken = |task: &&Task| {
        task.in_cash == cash && task.has_succeeded(shared.pace) && (start..=end).contains(&task.created_at)
    };
    let booked: Vec<Value> = world
        .tasks
        .iter()
        .filter(taken)
        .map(|task| {
            let deduction = task.deduction(left);
            left -= deduction["deduction_amount"].as_f64().unwrap_or_default();
            deduction
        })
        .filter(|deduction| passes(body, deduction))
        .collect();
    // Fifty at a time at most, so that there is a second page.
    success(slice(&booked, body, 50, |page| json!({"detail": page, "count": page.len()})))
}

pub(super) async fn file(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Path(name): Path<String>,
    uri: Uri,
) -> Response {
    match shared.world().file_is_gone(&name) {
        Gone::No => {}
        Gone::Refused => return StatusCode::FORBIDDEN.into_response(),
        // With the status of a page that is there, as some servers of files have it.
        Gone::Page => {
            return ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], "<html>expired</html>")
                .into_response();
        }
    }
    if name.starts_with("elsewhere") {
        // The same machine under its other name.
        let to = shared.base_url.replace("127.0.0.1", "localhost");
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        return (StatusCode::FOUND, [(header::LOCATION, format!("{to}/files/there.mp4{query}"))])
            .into_response();
    }
    if name.starts_with("half") {
        cut.after(4096);
        return ([(header::CONTENT_TYPE, "video/mp4")], vec![7; 1 << 14]).into_response();
    }
    if name.starts_with("endless") {
        return ([(header::CONTENT_TYPE, "video/mp4")], vec![7; 1 << 20]).into_response();
    }
    // The first box of an MP4 file, and nothing after it.
    let bytes: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isommp41";
    ([(header::CONTENT_TYPE, "video/mp4")], bytes).into_response()
}

pub(super) async fn wrong_method(State(shared): State<Arc<Shared>>, _method: Method) -> Response {
    shared.world().requests += 1;
    refuse(404, 1202, "The requested method is invalid")
}

pub(super) async fn wrong_path(State(shared): State<Arc<Shared>>, _uri: Uri) -> Response {
    shared.world().requests += 1;
    refuse(404, 1203, "The requested resource does not exist")
}

fn success(data: Value) -> Response {
    Json(json!({"code": 0, "message": "SUCCEED", "request_id": request_id(), "data": data})).into_response()
}

pub(super) fn refuse(http: u16, code: i64, message: &str) -> Response {
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
