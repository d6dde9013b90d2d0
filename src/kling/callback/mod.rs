//! Callbacks: changes of tasks that Kling sends by itself. Each one is verified and recorded.
//!
//! A [`Receiver`] takes the headers and the body of a request from any HTTP server, and returns a [`Callback`] or a
//! [`Rejected`]. Either is an entry. The receiver recognises repeated changes, also after a restart, by the trail of
//! the last [days](ReceiverBuilder::remember_days). With feature `axum`, [`route`] wraps it as a route.
//!
//! Kling signs callbacks only if a secret was made in its console. It does not document how often and for how long it
//! repeats a callback, nor the order of changes. Poll as well, and answer quickly.
//!
//! ```
//! use kling_audit::{AuditLog, kling::callback::{Receiver, RejectReason, Secret}};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let directory = tempfile::tempdir()?;
//! let log = AuditLog::open(directory.path().join("audit"))?;
//! let receiver = Receiver::builder(log)
//!     .secret(Secret::new("whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")?)
//!     .build()
//!     .await?;
//!
//! let rejected = receiver.receive([("content-type", "application/json")], b"{}").await.unwrap_err();
//! assert_eq!(rejected.reason(), RejectReason::UnsignedByPolicy);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod headers;
pub(crate) mod received;
pub(crate) mod receiver;
pub(crate) mod rejected;
#[cfg(feature = "axum")]
mod route;
mod seen;
pub(crate) mod signature;

pub use self::{
    received::Callback,
    receiver::{Receiver, ReceiverBuilder},
    rejected::{RejectReason, Rejected},
    signature::Secret,
};
#[cfg(feature = "axum")]
pub use crate::kling::callback::route::route;
