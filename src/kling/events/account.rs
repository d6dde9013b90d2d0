//! Entries about credentials, settings, and what Kling does not permit the account.

use crate::{
    format::receipt::Receipt,
    kling::{
        api::reply::Reply,
        auth::{token::MintedToken, token_cache::MintReason},
        events::{
            recorder::{Recorder, events},
            subject::Subject,
        },
        privacy::request_summary::RequestSummary,
    },
    layer::values::json,
    log::not_recorded::NotRecorded,
    try_audit,
};

events! {
    /// A token was minted and will be used.
    fn token_minted(token: &MintedToken, reason: MintReason) {
        durable_log: "auth_event";
        event = "token_minted",
        success = true,
        access_key_prefix = token.prefix(),
        reason = reason.as_str(),
        expires = token.expires()
    }

    /// Kling refused the token. `skew` is the number of seconds that Kling's clock is ahead of the local clock.
    fn token_rejected(prefix: &str, reply: Reply<'_>, endpoint: &str, skew: Option<i64>, reason: &str) {
        durable_log: "auth_event", reply(reply);
        event = "token_rejected",
        success = false,
        access_key_prefix = prefix,
        reason = reason,
        endpoint = endpoint,
        skew_seconds = skew
    }

    /// The client uses other credentials from now on, or the receiver of callbacks uses other secrets.
    fn credential_changed(from: &str, to: &str, kind: &str) {
        durable_log: "auth_event";
        event = "credential_changed",
        success = true,
        access_key_prefix = to,
        from_access_key_prefix = from,
        credential_kind = kind
    }

    /// A setting of the client has another value from now on, or a new value was refused for `reason`.
    fn config_changed(setting: &str, from: &str, to: &str, reason: Option<&str>) {
        durable_log: "config_changed";
        setting = setting,
        from = from,
        to = to,
        success = reason.is_none(),
        reason = reason
    }

    /// Kling does not permit the account this action, or not from this address.
    fn access_denied(
        subject: Subject<'_>,
        request: Option<&RequestSummary>,
        reply: Reply<'_>,
        endpoint: &str,
        reason: &str,
    ) {
        log: "access_denied", submission(subject), reply(reply);
        endpoint = endpoint,
        model = json(&request.map(|request| &request.model)),
        reason = reason
    }

    /// Kling permits the account no action for now.
    fn account_blocked(subject: Subject<'_>, reply: Reply<'_>, reason: &str) {
        log: "account_blocked", action(subject), reply(reply);
        reason = reason
    }

    /// Personal data is processed.
    fn processing_activity(subject: &str, purpose: &str, legal_basis: &str) {
        durable_log: "processing_activity";
        subject = subject,
        purpose = purpose,
        legal_basis = legal_basis
    }

    /// A person requests the deletion of data.
    fn deletion_request(subject: &str, scope: &str) {
        durable_log: "deletion_request";
        subject = subject,
        scope = scope
    }
}

/// A client is built with a setting that weakens it, or a setting was refused. Returns when the entry is durable.
pub(crate) fn configured(
    recorder: &Recorder,
    setting: &str,
    to: &str,
    reason: Option<&str>,
) -> Result<Receipt, NotRecorded> {
    try_audit!(
        log: &recorder.durable_log,
        "config_changed",
        actor = %recorder.actor,
        setting = setting,
        from = json(&None::<&str>),
        to = to,
        success = reason.is_none(),
        reason = reason
    )
}
