//! The part of an answer that most entries record.

/// HTTP status, Kling's code and Kling's request id of an answer, as far as it has them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reply<'a> {
    pub(crate) http: Option<u16>,
    pub(crate) code: Option<i64>,
    pub(crate) request_id: Option<&'a str>,
}
