//! Checks the `Authorization` header as Kling does. It shares no code with the client, so that each tests the other.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// Credentials of the only account of the server.
pub(crate) struct Account<'a> {
    pub(crate) access_key: &'a str,
    pub(crate) secret_key: &'a str,
    pub(crate) api_key: &'a str,
}

/// Checks an `Authorization` header at the time `now` (Unix seconds). The error is Kling's code and message.
///
/// The API key is valid everywhere. A token of the key pair is invalid if `api_key_only`, as for the new design.
pub(crate) fn check(
    authorization: Option<&str>,
    account: &Account<'_>,
    api_key_only: bool,
    now: i64,
) -> Result<(), (i64, &'static str)> {
    const FAILED: (i64, &str) = (1000, "Authentication failed");
    const INVALID: (i64, &str) = (1002, "Authorization is invalid");

    let authorization = authorization.unwrap_or_default();
    if authorization.trim().is_empty() {
        return Err((1001, "Authorization is empty"));
    }
    let token = authorization.strip_prefix("Bearer ").ok_or(INVALID)?;
    if token == account.api_key {
        return Ok(());
    }
    if api_key_only {
        return Err(INVALID);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(INVALID)?;
    let (header, claims) = signed.split_once('.').ok_or(INVALID)?;
    let header = decode_json(header).ok_or(INVALID)?;
    let claims = decode_json(claims).ok_or(INVALID)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| INVALID)?;
    if header["alg"] != "HS256" || header["typ"] != "JWT" {
        return Err(INVALID);
    }
    // The client must send exactly `iss`, `exp` and `nbf`. Their presence is checked below.
    let members = claims.as_object().ok_or(INVALID)?;
    if members.len() != 3 {
        return Err(INVALID);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(account.secret_key.as_bytes()).expect("a key of any length");
    mac.update(signed.as_bytes());
    if mac.verify_slice(&signature).is_err() || claims["iss"] != account.access_key {
        return Err(FAILED);
    }
    if claims["nbf"].as_i64().ok_or(INVALID)? > now {
        return Err((1003, "Authorization is not yet valid"));
    }
    if claims["exp"].as_i64().ok_or(INVALID)? <= now {
        return Err((1004, "Authorization is expired"));
    }
    Ok(())
}

/// Decodes one part of a token: base64url of a JSON value.
fn decode_json(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
