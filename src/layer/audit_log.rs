//! The methods of [`AuditLog`] that connect a log to `tracing`. The folder of `AuditLog` does not use this one.

use tracing::Subscriber;
use tracing_subscriber::{Layer as _, filter::Filtered, registry::LookupSpan};

use crate::{
    format::receipt::Receipt,
    layer::{
        audit_layer::{AuditFilter, AuditLayer},
        self_test::{self, SelfTestError},
    },
    log::AuditLog,
};

impl AuditLog {
    /// Returns a layer that records audit events and audit spans of a subscriber stack in this log. They are the
    /// events and spans with target `audit` or `audit::*`.
    ///
    /// Add it first. Layers that come later cannot keep an event from it, with one exception: a filter that was added
    /// as a layer applies to the whole stack. Give an `EnvFilter` to the layer that it is meant for, with
    /// `with_filter`. Events of [`audit!`](crate::audit) are recorded even under such a filter.
    ///
    /// Events below INFO are recorded only if another layer makes `tracing` emit them.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use kling_audit::{AuditLog, audit};
    /// use tracing_subscriber::prelude::*;
    ///
    /// let log = AuditLog::open(directory)?;
    /// tracing_subscriber::registry().with(log.layer()).with(tracing_subscriber::fmt::layer()).init();
    ///
    /// audit!("config_changed", actor = "alice", key = "quota", value = 5);
    /// tracing::warn!(name: "login_refused", target: "audit", actor = "bob", reason = "expired");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "a layer does nothing until it is added to a subscriber"]
    pub fn layer<S>(&self) -> Filtered<AuditLayer, AuditFilter, S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        AuditLayer::new(self).with_filter(AuditFilter::new())
    }

    /// Checks that audit events and spans get through the current subscriber to this log. Records the result as
    /// `audit_self_test`.
    ///
    /// Call it once at the start of the program, after the subscriber is installed. It sends one event as
    /// [`audit!`](crate::audit) does, one as `tracing::info!` does, and opens and closes a span. All have the target
    /// `audit` and level INFO. Other layers receive them as usual; this log recognises them and does not record them.
    ///
    /// Events below INFO are not checked, because a log does not ask for them.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use kling_audit::AuditLog;
    /// use tracing_subscriber::{filter::LevelFilter, prelude::*};
    ///
    /// let log = AuditLog::open(directory)?;
    /// tracing_subscriber::registry().with(log.layer()).with(LevelFilter::WARN).init();
    ///
    /// let error = log.self_test().unwrap_err();
    /// assert!(error.to_string().contains("a filter of the whole subscriber drops INFO for target `audit`"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SelfTestError::Lost`] with the most likely [`Cause`](crate::self_test::Cause);
    /// [`SelfTestError::NotRecorded`] if the log cannot record.
    pub fn self_test(&self) -> Result<Receipt, SelfTestError> {
        self_test::run(self)
    }
}
