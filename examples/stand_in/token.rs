//! Checks a token as the vendor does. Written apart from the client's minting, so that the two check each other.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// The vendor's code and message for an `Authorization` header that is not good.
pub(crate) fn check(
    authorization: Option<&str>,
    access_key: &str,
    secret_key: &str,
) -> Result<(), (i64, &'static str)> {
    const FAILED: (i64, &str) = (1000, "Authentication failed");
    const INVALID: (i64, &str) = (1002, "Authorization is invalid");

    let authorization = authorization.unwrap_or_default();
    if authorization.trim().is_empty() {
        return Err((1001, "Authorization is empty"));
    }
    let token = authorization.strip_prefix("Bearer ").ok_or(INVALID)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(INVALID)?;
    let (header, claims) = signed.split_once('.').ok_or(INVALID)?;
    let header = part(header).ok_or(INVALID)?;
    let claims = part(claims).ok_or(INVALID)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| INVALID)?;
    if header["alg"] != "HS256" || header["typ"] != "JWT" {
        return Err(INVALID);
    }
    let members = claims.as_object().ok_or(INVALID)?;
    if members.len() != 3 {
        return Err(INVALID);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.as_bytes()).expect("a key of any length");
    mac.update(signed.as_bytes());
    if mac.verify_slice(&signature).is_err() || claims["iss"] != access_key {
        return Err(FAILED);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    if claims["nbf"].as_i64().ok_or(INVALID)? > now {
        return Err((1003, "Authorization is not yet valid"));
    }
    if claims["exp"].as_i64().ok_or(INVALID)? <= now {
        return Err((1004, "Authorization is expired"));
    }
    Ok(())
}

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
