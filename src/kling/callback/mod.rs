//! What the vendor tells by itself: callbacks of tasks, received, proven and recorded.
//!
//! A [`Receiver`] takes headers and a body from whatever serves HTTP, and gives a [`Callback`] or a [`Rejected`]; either
//! is an entry. What was had before is known again, also after a restart, as far as the trail of the last
//! [days](ReceiverBuilder::remember_days) tells. With feature `axum` [`route`] is that as a route.
//!
//! The vendor signs callbacks only where a secret was made in its console. How often and for how long it tries again is
//! not documented, nor in which order changes arrive: keep polling too, and answer soon.
//!
//! ```
//! use kling_audit::{AuditLog, kling::callback::{Receiver, Secret}};
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
//! assert_eq!(rejected.reason(), "unsigned_by_policy");
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
