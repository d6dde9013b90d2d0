//! Entries about credentials, the account and the client's settings.

use super::{Recorder, Reply, Subject};
use crate::{
    NotRecorded, json,
    kling::token::{Reason, Token},
    try_audit,
};

impl Recorder {
    /// A token was minted and will be used.
    pub(crate) fn token_minted(&self, token: &Token, reason: Reason) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "auth_event",
            actor = %self.actor,
            event = "token_minted",
            success = true,
            access_key_prefix = token.prefix(),
            reason = reason.as_str(),
            expires = token.expires()
        )
        .map(drop)
    }

    /// The vendor refused the token.
    pub(crate) fn token_rejected(
        &self,
        prefix: &str,
        reply: Reply<'_>,
        endpoint: &str,
        skew: Option<i64>,
        reason: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
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
        .map(drop)
    }

    /// The client uses other credentials from now on.
    pub(crate) fn credential_changed(&self, from: &str, to: &str, kind: &str) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "auth_event",
            actor = %self.actor,
            event = "credential_changed",
            success = true,
            access_key_prefix = to,
            from_access_key_prefix = from,
            credential_kind = kind
        )
        .map(drop)
    }

    /// A setting of the client is another from now on, or was refused.
    pub(crate) fn config_changed(
        &self,
        setting: &str,
        from: &str,
        to: &str,
        reason: Option<&str>,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "config_changed",
            actor = %self.actor,
            setting = setting,
            from = from,
            to = to,
            success = reason.is_none(),
            reason = reason
        )
        .map(drop)
    }

    /// The vendor does not let the account do something.
    pub(crate) fn access_denied(
        &self,
        subject: Subject<'_>,
        reply: Reply<'_>,
        endpoint: &str,
        reason: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "access_denied",
            actor = %self.actor,
            action = subject.action,
            endpoint = endpoint,
            external_task_id = json(&subject.external_task_id),
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            reason = reason
        )
        .map(drop)
    }

    /// The account can't do anything for now.
    pub(crate) fn account_blocked(
        &self,
        subject: Subject<'_>,
        reply: Reply<'_>,
        reason: &str,
    ) -> Result<(), NotRecorded> {
        try_audit!(
            log: &self.log,
            "account_blocked",
            actor = %self.actor,
            action = subject.action,
            http = json(&reply.http),
            code = json(&reply.code),
            request_id = json(&reply.request_id),
            reason = reason
        )
        .map(drop)
    }
}
