//! The integration with `tracing`: events and spans with target `audit` or `audit::*` become entries of a log.
//!
//! Fields are rendered before any lock is taken. The way an entry reaches the disk is the business of [`crate::log`].
//!
//! | file | contents |
//! |---|---|
//! | [`macros`], [`field_names`] | `audit!` and the other macros, their checks at compile time |
//! | [`callsite`] | the code that the macros expand to: record first, then dispatch |
//! | [`audit_layer`] | `AuditLayer` and its filter, for events and spans of other code |
//! | [`audit_log`] | the methods of `AuditLog` that lead here: `layer` and `self_test` |
//! | [`fields`], [`template`], [`values`] | rendering of field values |
//! | [`span_state`] | actor, fields and times of open audit spans |
//! | [`record`] | the calls into the log |
//! | [`dispatch_frame`], [`filter_state`] | notes on the thread: events recorded already, filters asked already |
//! | [`self_test`], [`probe`] | check of the installed subscriber |

pub(crate) mod audit_layer;
pub(crate) mod audit_log;
pub(crate) mod callsite;
pub(crate) mod dispatch_frame;
pub(crate) mod field_names;
pub(crate) mod fields;
pub(crate) mod filter_state;
pub(crate) mod macros;
pub(crate) mod probe;
pub(crate) mod record;
pub mod self_test;
pub(crate) mod span_state;
pub(crate) mod template;
pub(crate) mod values;

pub use crate::layer::audit_layer::{AuditFilter, AuditLayer};
