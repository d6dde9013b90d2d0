//! Entries about credentials, the account and the client's settings.

use super::{Recorder, Reply, Subject};
use crate::{
    format::receipt::Receipt,
    kling::{
        submission::Asked,
        token::{Reason, Token},
    },
    layer::values::json,
    log::{not_recorded::NotRecorded, pending_receipt::PendingReceipt},
    try_audit, try_audit_async,
};

impl Recorder {
    /// A token was minted and will be used.
    pub(crate) fn token_minted(&self, token: &Token, reason: Reason) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.firm,
            "auth_event",
            actor = %self.actor,
            event = "token_minted",
            success = true,
            access_key_prefix = token.prefix(),
            reason = reason.as_str(),
            expires = token.expires()
        )
    }

    /// The vendor refused the token.
    pub(crate) fn token_rejected(
        &self,
        prefix: &str,
        reply: Reply<'_>,
        endpoint: &str,
        skew: Option<i64>,
        reason: &str,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.firm,
            "auth_event",
            actor = %self.actor,
            event = "token_rejected",
            success = false,
            access_key_prefix = prefix,
            reason = reason,
            endpoint = endpoint,
            skew_seconds = skew,
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id)
        )
    }

    /// The client uses other credentials from now on.
    pub(crate) fn credential_changed(&self, from: &str, to: &str, kind: &str) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.firm,
            "auth_event",
            actor = %self.actor,
            event = "credential_changed",
            success = true,
            access_key_prefix = to,
            from_access_key_prefix = from,
            credential_kind = kind
        )
    }

    /// A setting of the client is another from now on, or was refused.
    pub(crate) fn config_changed(
        &self,
        setting: &str,
        from: &str,
        to: &str,
        reason: Option<&str>,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.firm,
            "config_changed",
            actor = %self.actor,
            setting = setting,
            from = from,
            to = to,
            success = reason.is_none(),
            reason = reason
        )
    }

    /// The client is built with a setting that weakens it, or was refused one. Returns when that is in the trail.
    pub(crate) fn configured(
        &self,
        setting: &str,
        to: &str,
        reason: Option<&str>,
    ) -> Result<Receipt, NotRecorded> {
        try_audit!(
            log: &self.firm,
            "config_changed",
            actor = %self.actor,
            setting = setting,
            from = json(&None::<&str>),
            to = to,
            success = reason.is_none(),
            reason = reason
        )
    }

    /// The vendor does not let the account do something.
    pub(crate) fn access_denied(
        &self,
        subject: Subject<'_>,
        asked: Option<&Asked>,
        reply: Reply<'_>,
        endpoint: &str,
        reason: &str,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "access_denied",
            actor = %self.actor,
            action = subject.action,
            endpoint = endpoint,
            model = json(&asked.map(|asked| &asked.model)),
            external_task_id = json(&subject.external_task_id),
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            reason = reason
        )
    }

    /// The account can't do anything for now.
    pub(crate) fn account_blocked(
        &self,
        subject: Subject<'_>,
        reply: Reply<'_>,
        reason: &str,
    ) -> PendingReceipt<NotRecorded> {
        try_audit_async!(
            log: &self.log,
            "account_blocked",
            actor = %self.actor,
            action = subject.action,
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            reason = reason
        )
    }
}
