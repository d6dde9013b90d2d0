//! The handlers of all requests.

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
    BoxedResponse, Shared, callbacks,
    endpoints::{self, Endpoint, OutputKind},
    socket::AnswerLimit,
    state::{Fault, FileState, Task},
};

/// Output and resource pack of every endpoint of the new design: those of text to video.
const NEW_DESIGN_ENDPOINT: Endpoint = *match endpoints::TASK_ENDPOINTS.first() {
    Some(endpoint) => endpoint,
    None => panic!("no endpoint"),
};

/// Handles a submission of either design.
pub(super) async fn submit(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let model = (!uri.path().starts_with("/v1/")).then(|| uri.path().rsplit('/').next().unwrap_or_default());
    if let Err(response) = shared.authenticate_request(Some(&body), &headers, &answer_limit, model.is_some())
    {
        return *response;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return error_response(400, 1200, "Invalid request parameters");
    };
    let endpoint = endpoints::endpoint_at(uri.path()).unwrap_or(&NEW_DESIGN_ENDPOINT);
    let fault = {
        let mut state = shared.state();
        state.submissions.push(body.clone());
        let number = state.submissions.len();
        // With equal periods of at least 4, the shifts keep throttled and lost submissions apart from each other and
        // from those with other faults.
        let due =
            |every: Option<usize>, shift: usize| every.is_some_and(|every| number % every == shift % every);
        let is_odd_turn = |every: Option<usize>| every.is_some_and(|every| (number / every) % 2 == 1);
        state.submit_faults.pop_front().or(match state.recurring_faults {
            faults if due(faults.throttled_every, 1) => Some(Fault::Code(429, 1302, "too fast")),
            faults if due(faults.lost_every, 3) => Some(Fault::DropAccepted),
            faults if due(faults.half_every, 0) => Some(Fault::Half),
            faults if due(faults.error_every, 0) && is_odd_turn(faults.error_every) => {
                Some(Fault::CodeAccepted(500, 5000, "Internal server error"))
            }
            faults if due(faults.error_every, 0) => {
                Some(Fault::CodeAccepted(504, 5002, "Internal server timeout"))
            }
            faults if due(faults.slow_every, 0) => Some(Fault::Slow(faults.late)),
            _ => None,
        })
    };
    let creates_task =
        !matches!(fault, Some(Fault::Drop | Fault::Code(..) | Fault::Quote(..) | Fault::Html(_)));
    let answer = match creates_task {
        true => match shared.create_task(endpoint, uri.path(), model, &body) {
            Ok(data) => {
                let options = if model.is_some() { &body["options"] } else { &body };
                let id = ["task_id", "id"].iter().find_map(|name| data[name].as_str());
                if let (Some(url), Some(id)) = (options["callback_url"].as_str(), id) {
                    let (shared, id, url) = (Arc::clone(&shared), id.to_owned(), url.to_owned());
                    tokio::spawn(callbacks::deliver_changes(shared, id, url));
                }
                success(data)
            }
            Err(response) => *response,
        },
        false => StatusCode::NO_CONTENT.into_response(),
    };
    match fault {
        Some(fault) => apply_fault(fault, answer, &answer_limit, &body).await,
        None => answer,
    }
}

/// Handles a request that is answered without a task.
pub(super) async fn immediate(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(response) = shared.authenticate(&headers, &answer_limit, false) {
        return *response;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return error_response(400, 1200, "Invalid request parameters");
    };
    let (fault, id) = {
        let mut state = shared.state();
        state.submissions.push(body.clone());
        state.created_ids += 1;
        (state.submit_faults.pop_front(), format!("{}", 900_000_000_000_000_000_u64 + state.created_ids))
    };
    let answer = match endpoints::immediate_answer(uri.path(), &id, &shared.base_url, &body) {
        Ok(data) => success(data),
        Err((http, code, message)) => error_response(http, code, &message),
    };
    match fault {
        Some(fault) => apply_fault(fault, answer, &answer_limit, &body).await,
        None => answer,
    }
}

/// Handles a query of the legacy design for one task, by its id or by its `external_task_id`.
///
/// Only a query by id counts for [`Pace::Queries`](super::Pace::Queries).
pub(super) async fn query(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(response) =
        shared.authenticate_request(Some(uri.path().as_bytes()), &headers, &answer_limit, false)
    {
        return *response;
    }
    let fault = {
        let mut state = shared.state();
        state.queries += 1;
        state.query_faults.pop_front()
    };
    if let Some(fault) = fault {
        return apply_fault(fault, success(json!({})), &answer_limit, &Value::Null).await;
    }
    let path = uri.path().rsplit_once('/').map_or("", |(path, _)| path);
    let mut state = shared.state();
    if let Some(task) = state.tasks.iter_mut().find(|task| task.path == path && task.id == id) {
        task.queries += 1;
        return success(task.describe(shared.pace, &shared.base_url));
    }
    let named =
        state.tasks.iter().find(|task| task.path == path && task.external_task_id.as_deref() == Some(&id));
    match named {
        Some(task) => success(task.describe(shared.pace, &shared.base_url)),
        None => error_response(400, 1201, "Task not found"),
    }
}

/// Returns the requested page of a list: the index of its first item, and its length.
fn page_range(page: &HashMap<String, String>) -> Result<(usize, usize), BoxedResponse> {
    let number = |name: &str, default: usize| page.get(name).map_or(Some(default), |text| text.parse().ok());
    match (number("pageNum", 1), number("pageSize", 30)) {
        (Some(page @ 1..=1000), Some(size @ 1..=500)) => Ok(((page - 1) * size, size)),
        _ => Err(Box::new(error_response(400, 1201, "pageNum or pageSize is invalid"))),
    }
}

/// Handles a request for the tasks of one endpoint, newest first.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    Query(query): Query<HashMap<String, String>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(response) = shared.authenticate(&headers, &answer_limit, false) {
        return *response;
    }
    let (from, size) = match page_range(&query) {
        Ok(page) => page,
        Err(response) => return *response,
    };
    let mut state = shared.state();
    *state.list_query_counts.entry(uri.path().to_owned()).or_default() += 1;
    let of_endpoint = state.tasks.iter().rev().filter(|task| task.path == uri.path());
    success(
        of_endpoint.skip(from).take(size).map(|task| task.describe(shared.pace, &shared.base_url)).collect(),
    )
}

/// Handles a request for elements or voices. The answer has three of them.
pub(super) async fn presets(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    Query(query): Query<HashMap<String, String>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(response) = shared.authenticate(&headers, &answer_limit, false) {
        return *response;
    }
    let (from, size) = match page_range(&query) {
        Ok(page) => page,
        Err(response) => return *response,
    };
    let output = if uri.path().ends_with("voices") { OutputKind::Voice } else { OutputKind::Element };
    let three = (1..=3).map(|number| {
        let id = format!("{}", 800_000_000_000_000_000_u64 + number);
        json!({"task_id": id, "task_status": "succeed",
            "task_result": endpoints::task_result(output, &id, "5", 1, &shared.base_url)})
    });
    success(three.skip(from).take(size).collect())
}

/// Handles a query of the new design for any number of tasks, by id or external id.
pub(super) async fn query_new_design(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    Query(wanted): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Err(response) = shared.authenticate(&headers, &answer_limit, true) {
        return *response;
    }
    let fault = {
        let mut state = shared.state();
        state.queries += 1;
        state.query_faults.pop_front()
    };
    if let Some(fault) = fault {
        return apply_fault(fault, success(json!([])), &answer_limit, &Value::Null).await;
    }
    let ids = |name: &str| -> HashSet<String> {
        wanted.get(name).map(|ids| ids.split(',').map(str::to_owned).collect()).unwrap_or_default()
    };
    let (task_ids, external_ids) = (ids("task_ids"), ids("external_task_ids"));
    if task_ids.is_empty() && external_ids.is_empty() {
        return error_response(400, 1201, "task_ids or external_task_ids is required");
    }
    let mut state = shared.state();
    let found = state.tasks.iter_mut().filter(|task| {
        let named = task.external_task_id.as_ref().is_some_and(|id| external_ids.contains(id));
        task.is_new_design && (task_ids.contains(&task.id) || named)
    });
    let found = found.map(|task| {
        task.queries += u32::from(task_ids.contains(&task.id));
        task.describe(shared.pace, &shared.base_url)
    });
    success(found.collect())
}

/// Handles a request for a list of tasks of the new design.
pub(super) async fn list_new_design(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    uri: Uri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Err(response) = shared.authenticate(&headers, &answer_limit, true) {
        return *response;
    }
    let mut state = shared.state();
    state.posted_queries.push((uri.path().to_owned(), body.clone()));
    // Times are strings here, and numbers in the requests for deductions.
    let time = |name: &str, default: i64| match &body[name] {
        Value::Null => Some(default),
        time => time.as_str().and_then(|time| time.parse().ok()),
    };
    let (Some(start), Some(end)) = (time("start_time", 0), time("end_time", i64::MAX)) else {
        return error_response(400, 1201, "start_time or end_time is invalid");
    };
    let all: Vec<Value> = state
        .tasks
        .iter()
        .rev()
        .filter(|task| task.is_new_design && (start..=end).contains(&task.created_at))
        .filter(|task| {
            passes_filters(&body, &json!({"status": task.status(shared.pace), "product_type": task.pack}))
        })
        .map(|task| task.describe(shared.pace, &shared.base_url))
        .collect();
    success(paginate(&all, &body, state.page_limit.unwrap_or(500), |page| json!(page)))
}

/// Returns `true` if `item` has one of the values of each filter. A filter without values passes every item.
fn passes_filters(body: &Value, item: &Value) -> bool {
    let filters = body["filters"].as_array().map(Vec::as_slice).unwrap_or_default();
    filters.iter().all(|filter| {
        let values = filter["values"].as_array().map(Vec::as_slice).unwrap_or_default();
        values.is_empty() || filter["key"].as_str().is_some_and(|key| values.contains(&item[key]))
    })
}

/// Returns the page of `all` at the cursor of the request, with at most `most` items. `shape` converts them to JSON.
fn paginate(all: &[Value], body: &Value, most: usize, shape: impl Fn(&[Value]) -> Value) -> Value {
    let from =
        body["cursor"].as_str().and_then(|cursor| cursor.parse().ok()).unwrap_or(0_usize).min(all.len());
    let limit = (body["limit"].as_u64().unwrap_or(500).clamp(1, 500) as usize).min(most);
    let to = (from + limit).min(all.len());
    json!({
        "result": shape(&all[from..to]),
        "count": to - from,
        "next_cursor": to.to_string(),
        "has_more": to < all.len(),
    })
}

/// Handles a request for the resource packs.
pub(super) async fn costs(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Err(response) = shared.authenticate(&headers, &answer_limit, false) {
        return *response;
    }
    {
        // Kling asks for at most one request a second.
        let mut state = shared.state();
        let now = Instant::now();
        let before = state.last_cost_query.replace(now);
        if before.is_some_and(|before| now - before < Duration::from_secs(1)) {
            return error_response(429, 1302, "api rate limit");
        }
    }
    // Kling puts further errors of this endpoint into the data of a success answer.
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

/// Handles a request for deductions of cash.
pub(super) async fn balance(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    deductions(&shared, &answer_limit, &headers, &body, true)
}

/// Handles a request for deductions of units from resource packs.
pub(super) async fn package(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    deductions(&shared, &answer_limit, &headers, &body, false)
}

/// Returns the deductions for tasks that succeeded, in cash or in units.
fn deductions(
    shared: &Shared,
    answer_limit: &AnswerLimit,
    headers: &HeaderMap,
    body: &Value,
    cash: bool,
) -> Response {
    if let Err(response) = shared.authenticate(headers, answer_limit, false) {
        return *response;
    }
    if body["cursor"].as_str().is_none_or(str::is_empty)
        && !(body["start_time"].is_i64() && body["end_time"].is_i64())
    {
        return error_response(400, 1201, "start_time and end_time are required");
    }
    let (start, end) =
        (body["start_time"].as_i64().unwrap_or(0), body["end_time"].as_i64().unwrap_or(i64::MAX));
    let mut state = shared.state();
    let path = if cash { "/account/billing/balance" } else { "/account/billing/package" };
    state.posted_queries.push((path.to_owned(), body.clone()));
    let mut balance = 10_000.0;
    let is_charged = |task: &&Task| {
        task.is_billed_in_cash == cash
            && task.has_succeeded(shared.pace)
            && (start..=end).contains(&task.created_at)
    };
    let charged: Vec<Value> = state
        .tasks
        .iter()
        .filter(is_charged)
        .map(|task| {
            let deduction = task.deduction(balance);
            balance -= deduction["deduction_amount"].as_f64().unwrap_or_default();
            deduction
        })
        .filter(|deduction| passes_filters(body, deduction))
        .collect();
    // At most 50 on a page, so that tests with more tasks have a second page.
    success(paginate(&charged, body, 50, |page| json!({"detail": page, "count": page.len()})))
}

/// Handles a download of an output file.
///
/// Names that begin with `elsewhere`, `half` and `endless` stand for a redirect, a broken download and a large file.
pub(super) async fn file(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(answer_limit): ConnectInfo<AnswerLimit>,
    Path(name): Path<String>,
    uri: Uri,
) -> Response {
    match shared.state().file_state(&name) {
        FileState::Available => {}
        FileState::Forbidden => return StatusCode::FORBIDDEN.into_response(),
        // Some file servers answer with status 200 and a page if a file has expired.
        FileState::HtmlPage => {
            return ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], "<html>expired</html>")
                .into_response();
        }
    }
    if name.starts_with("elsewhere") {
        // A different host name for the same machine, so that the redirect leaves the origin.
        let to = shared.base_url.replace("127.0.0.1", "localhost");
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        return (StatusCode::FOUND, [(header::LOCATION, format!("{to}/files/there.mp4{query}"))])
            .into_response();
    }
    if name.starts_with("half") {
        answer_limit.set(4096);
        return ([(header::CONTENT_TYPE, "video/mp4")], vec![7; 1 << 14]).into_response();
    }
    if name.starts_with("endless") {
        return ([(header::CONTENT_TYPE, "video/mp4")], vec![7; 1 << 20]).into_response();
    }
    // Only the first box of an MP4 file.
    let bytes: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isommp41";
    ([(header::CONTENT_TYPE, "video/mp4")], bytes).into_response()
}

/// Handles a method that a path does not have.
pub(super) async fn wrong_method(State(shared): State<Arc<Shared>>, _method: Method) -> Response {
    shared.state().requests += 1;
    error_response(404, 1202, "The requested method is invalid")
}

/// Handles an unknown path.
pub(super) async fn wrong_path(State(shared): State<Arc<Shared>>, _uri: Uri) -> Response {
    shared.state().requests += 1;
    error_response(404, 1203, "The requested resource does not exist")
}

/// Returns a success answer in Kling's envelope.
fn success(data: Value) -> Response {
    Json(json!({"code": 0, "message": "SUCCEED", "request_id": request_id(), "data": data})).into_response()
}

/// Returns an error answer in Kling's envelope.
pub(super) fn error_response(http: u16, code: i64, message: &str) -> Response {
    let body = json!({"code": code, "message": message, "request_id": request_id()});
    (StatusCode::from_u16(http).expect("an HTTP status"), Json(body)).into_response()
}

fn html(http: u16) -> Response {
    let page = "<html><body><h1>Bad Gateway</h1></body></html>";
    (StatusCode::from_u16(http).expect("an HTTP status"), [(header::CONTENT_TYPE, "text/html")], page)
        .into_response()
}

/// Returns a new request id, in the format of Kling's.
fn request_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-4000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Replaces or delays `answer` according to `fault`. `body` is that of the request.
async fn apply_fault(fault: Fault, answer: Response, answer_limit: &AnswerLimit, body: &Value) -> Response {
    match fault {
        Fault::Drop | Fault::DropAccepted => {
            answer_limit.set(0);
            answer
        }
        Fault::Code(http, code, message) | Fault::CodeAccepted(http, code, message) => {
            error_response(http, code, message)
        }
        Fault::Quote(http, code) => error_response(
            http,
            code,
            &format!("content is not allowed: {}", body["prompt"].as_str().unwrap_or("")),
        ),
        Fault::Html(http) | Fault::HtmlAccepted(http) => html(http),
        Fault::Half => {
            answer_limit.set(600);
            // The headers and the beginning of the body are within the limit of 600 bytes. 1000 spaces, which JSON
            // allows before a value, put the limit inside the body however short the answer is.
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
