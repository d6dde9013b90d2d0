//! Kling's HTTP API without its endpoints: servers, calls, answers, and the members that every answer has.

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod clock;
pub(crate) mod design;
pub(crate) mod envelope;
pub(crate) mod filter;
pub(crate) mod json_fields;
pub(crate) mod region;
pub(crate) mod reply;
pub(crate) mod status;
pub(crate) mod transport;
pub(crate) mod urls;
