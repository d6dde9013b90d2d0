//! One HTTP request to Kling.

use std::{borrow::Cow, fmt, time::Duration};

use crate::kling::privacy::{request_summary::RequestSummary, scrub::Scrubber};

/// A request to send.
pub(crate) struct Call<'a> {
    /// Path from the root on, escaped, with its query.
    pub(crate) path: Cow<'a, str>,
    /// Path as entries show it: without ids and query.
    pub(crate) shown: Cow<'a, str>,
    /// Body of a POST. Without it the request is a GET.
    pub(crate) body: Option<&'a [u8]>,
    /// Purpose for the `api_call` entry. `None` for a submission, which has entries of its own.
    pub(crate) purpose: Option<&'static str>,
    /// Summary of a submission.
    pub(crate) summary: Option<&'a RequestSummary>,
    /// Removes secret texts from the answer.
    pub(crate) scrubber: &'a Scrubber,
    /// Time limit of this request, if it is shorter than the client's.
    pub(crate) within: Option<Duration>,
}

impl<'a> Call<'a> {
    /// A GET, which changes nothing.
    pub(crate) fn get(
        path: impl Into<Cow<'a, str>>,
        shown: impl Into<Cow<'a, str>>,
        purpose: &'static str,
        scrubber: &'a Scrubber,
    ) -> Call<'a> {
        let (path, shown) = (path.into(), shown.into());
        Call { path, shown, body: None, purpose: Some(purpose), summary: None, scrubber, within: None }
    }

    /// A query by POST, which changes nothing either.
    pub(crate) fn ask(
        path: &'static str,
        body: &'a [u8],
        purpose: &'static str,
        scrubber: &'a Scrubber,
    ) -> Call<'a> {
        Call { body: Some(body), ..Call::get(path, path, purpose, scrubber) }
    }

    /// A submission, for which Kling may charge.
    pub(crate) fn submit(
        path: &'a str,
        body: &'a [u8],
        summary: &'a RequestSummary,
        scrubber: &'a Scrubber,
    ) -> Call<'a> {
        let (shown, path) = (Cow::Borrowed(path), Cow::Borrowed(path));
        Call { path, shown, body: Some(body), purpose: None, summary: Some(summary), scrubber, within: None }
    }

    pub(crate) fn method(&self) -> &'static str {
        if self.body.is_some() { "POST" } else { "GET" }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("shown", &self.shown)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}
