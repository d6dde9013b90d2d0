//! Tells callback URLs of each change of a task, signed where there is a secret, each one twice, and late where it is told
//! to.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::{Shared, world};

/// The headers that prove a body.
pub(crate) fn sign(secrets: &[Vec<u8>], id: &str, body: &str) -> Vec<(&'static str, String)> {
    if secrets.is_empty() {
        return Vec::new();
    }
    let timestamp = (world::now() / 1000).to_string();
    let signatures = secrets.iter().map(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    });
    let signatures = signatures.collect::<Vec<_>>().join(" ");
    vec![("webhook-id", id.to_owned()), ("webhook-timestamp", timestamp), ("webhook-signature", signatures)]
}

/// Follows a task to its end.
pub(super) async fn follow(shared: Arc<Shared>, id: String, url: String) {
    let http = reqwest::Client::new();
    let mut told = String::new();
    let mut late = None;
    loop {
        let (data, secrets, out_of_order) = {
            let world = shared.world();
            let Some(task) = world.tasks.iter().find(|task| task.id == id) else { return };
            (task.describe(shared.pace, &shared.base_url), world.secrets.clone(), world.out_of_order)
        };
        let status =
            ["task_status", "status"].iter().find_map(|name| data[name].as_str()).unwrap_or_default();
        let has_ended = matches!(status, "succeed" | "succeeded" | "failed");
        if status != told {
            told = status.to_owned();
            let before = match out_of_order && !has_ended {
                true => late.replace(data),
                false => {
                    tell_twice(&shared, &http, &url, &data, &secrets).await;
                    late.take()
                }
            };
            if let Some(before) = before {
                tell_twice(&shared, &http, &url, &before, &secrets).await;
            }
        }
        if has_ended {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn tell_twice(shared: &Shared, http: &reqwest::Client, url: &str, data: &Value, secrets: &[Vec<u8>]) {
    for _ in 0..2 {
        tell(shared, http, url, data, secrets).await;
    }
}

async fn tell(shared: &Shared, http: &reqwest::Client, url: &str, data: &Value, secrets: &[Vec<u8>]) {
    let body = data.to_string();
    let number = {
        let mut world = shared.world();
        world.deliveries += 1;
        world.deliveries
    };
    let mut request = http.post(url).header("content-type", "application/json; charset=utf-8");
    for (name, value) in sign(secrets, &format!("delivery-{number}"), &body) {
        request = request.header(name, value);
    }
    // A receiver that is not there is its own affair.
    drop(request.body(body).send().await);
}
