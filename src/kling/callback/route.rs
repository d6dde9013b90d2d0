//! Callbacks as a route of axum.

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode},
    routing::{MethodRouter, post},
};
use futures_util::StreamExt;

use crate::kling::callback::{
    headers::WebhookHeaders,
    received::Callback,
    receiver::{MAX_CALLBACK_BYTES, Receiver},
    rejected::{RejectReason, Rejected},
};

/// Returns a route that receives callbacks and passes each change to `handle` once.
///
/// The route answers 200 to repeated callbacks too. It answers after `handle` has returned, so `handle` should be
/// short: Kling does not document how long it waits. If Kling closes the connection before, `handle` still runs to its
/// end.
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
        // A task of its own: axum drops this handler if Kling closes the connection, and a new change must still reach
        // `handle`.
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
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    // Reading stops one chunk after the limit. That is enough for the receiver to refuse the body as too long.
    while bytes.len() <= MAX_CALLBACK_BYTES
        && let Some(chunk) = chunks.next().await
    {
        let Ok(chunk) = chunk else {
            let summary = WebhookHeaders::of(texts()).summary(bytes.len());
            return refused(receiver.refuse(RejectReason::Incomplete, summary).await);
        };
        bytes.extend_from_slice(&chunk);
    }
    match receiver.receive(texts(), &bytes).await {
        Ok(callback) => {
            if callback.is_new() {
                handle(callback).await;
            }
            StatusCode::OK
        }
        Err(rejected) => refused(rejected),
    }
}
