//! Callbacks as a route of axum.

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode},
    routing::{MethodRouter, post},
};
use futures_util::StreamExt;

use super::{
    received::Callback,
    receiver::{LIMIT, Marks, Receiver, Rejected},
};

/// A route that takes callbacks, and gives each change once to `handle`.
///
/// It answers 200 to what was had before too. `handle` is waited for before the answer, so it should be short: the
/// vendor's patience is not documented. Where the vendor hangs up before, `handle` still runs to its end.
///
/// ```
/// use axum::Router;
/// use kling_audit::{AuditLog, kling::callback::{Receiver, Secret, route}};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let directory = tempfile::tempdir()?;
/// let log = AuditLog::open(directory.path().join("audit"))?;
/// let secret = Secret::new("whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")?;
/// let receiver = Receiver::builder(log).secret(secret).build().await?;
///
/// let app: Router = Router::new().route("/kling", route(receiver, async |callback| {
///     println!("{} {}", callback.task_id(), callback.status());
/// }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn route<S, F, A>(receiver: Receiver, handle: F) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    F: Fn(Callback) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    post(async move |headers: HeaderMap, body: Body| {
        // By itself: where the vendor hangs up, what is new still comes to its end.
        let answer = tokio::spawn(async move { answer(&receiver, &handle, &headers, body).await }).await;
        answer.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    })
}

async fn answer<F, A>(receiver: &Receiver, handle: &F, headers: &HeaderMap, body: Body) -> StatusCode
where
    F: Fn(Callback) -> A,
    A: Future<Output = ()>,
{
    let refused =
        |rejected: Rejected| StatusCode::from_u16(rejected.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
    let texts =
        || headers.iter().filter_map(|(name, value)| value.to_str().ok().map(|value| (name.as_str(), value)));
    let mut whole = Vec::new();
    let mut pieces = body.into_data_stream();
    // One byte too many is enough for the receiver to see that.
    while whole.len() <= LIMIT
        && let Some(piece) = pieces.next().await
    {
        let Ok(piece) = piece else {
            let notice = Marks::of(texts()).notice(whole.len());
            return refused(receiver.refuse("incomplete", notice).await);
        };
        whole.extend_from_slice(&piece);
    }
    match receiver.receive(texts(), &whole).await {
        Ok(callback) => {
            if callback.is_new() {
                handle(callback).await;
            }
            StatusCode::OK
        }
        Err(rejected) => refused(rejected),
    }
}
