//! Sends a callback for each status change of a task: signed if there is a secret, always twice, and out of order if
//! a test has asked for it.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::{Shared, state};

/// Returns the headers with the signatures of a body, one signature for each secret. Without a secret there are none.
pub(crate) fn sign(secrets: &[Vec<u8>], id: &str, body: &str) -> Vec<(&'static str, String)> {
    if secrets.is_empty() {
        return Vec::new();
    }
    let timestamp = (state::now() / 1000).to_string();
    let signatures = secrets.iter().map(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    });
    let signatures = signatures.collect::<Vec<_>>().join(" ");
    vec![("webhook-id", id.to_owned()), ("webhook-timestamp", timestamp), ("webhook-signature", signatures)]
}

/// Sends callbacks about a task to `url` until the task has ended.
pub(super) async fn deliver_changes(shared: Arc<Shared>, id: String, url: String) {
    let http = reqwest::Client::new();
    let mut last_status = String::new();
    // A callback that is sent after the next one, so that the two arrive out of order.
    let mut held_back = None;
    loop {
        let (data, secrets, out_of_order) = {
            let state = shared.state();
            let Some(task) = state.tasks.iter().find(|task| task.id == id) else { return };
            (
                task.describe(shared.pace, &shared.base_url),
                state.callback_secrets.clone(),
                state.callbacks_out_of_order,
            )
        };
        let status =
            ["task_status", "status"].iter().find_map(|name| data[name].as_str()).unwrap_or_default();
        let has_ended = matches!(status, "succeed" | "succeeded" | "failed");
        if status != last_status {
            last_status = status.to_owned();
            let earlier = match out_of_order && !has_ended {
                true => held_back.replace(data),
                false => {
                    send_twice(&shared, &http, &url, &data, &secrets).await;
                    held_back.take()
                }
            };
            if let Some(earlier) = earlier {
                send_twice(&shared, &http, &url, &earlier, &secrets).await;
            }
        }
        if has_ended {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends a callback twice, so that a receiver has to detect repeats.
async fn send_twice(shared: &Shared, http: &reqwest::Client, url: &str, data: &Value, secrets: &[Vec<u8>]) {
    for _ in 0..2 {
        send(shared, http, url, data, secrets).await;
    }
}

async fn send(shared: &Shared, http: &reqwest::Client, url: &str, data: &Value, secrets: &[Vec<u8>]) {
    let body = data.to_string();
    let number = {
        let mut state = shared.state();
        state.callback_count += 1;
        state.callback_count
    };
    let mut request = http.post(url).header("content-type", "application/json; charset=utf-8");
    for (name, value) in sign(secrets, &format!("delivery-{number}"), &body) {
        request = request.header(name, value);
    }
    // A receiver that does not answer gets no second attempt.
    drop(request.body(body).send().await);
}
