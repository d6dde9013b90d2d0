//! Checks a token as the vendor does. Written apart from the client's minting, so that the two check each other.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// What the server knows of its one account.
pub(crate) struct Account<'a> {
    pub(crate) access_key: &'a str,
    pub(crate) secret_key: &'a str,
    pub(crate) api_key: &'a str,
}

/// The vendor's code and message for an `Authorization` header that is not good at `now` (Unix seconds). An endpoint of
/// the newer design takes an API key alone.
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

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
