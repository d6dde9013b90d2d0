//! Parts of URLs: hosts, paths, queries and escaped segments.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

/// Longest text that is accepted as an id.
const MAX_ID_BYTES: usize = 256;
/// RFC 3986: all characters except the unreserved ones.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Returns `true` if an id can be one segment of a path after escaping. `.` and `..` cannot: even their escaped forms
/// denote other paths.
pub(crate) fn is_segment(id: &str) -> bool {
    !id.trim().is_empty()
        && id != "."
        && id != ".."
        && id.len() <= MAX_ID_BYTES
        && !id.chars().any(char::is_control)
}

/// Escapes a text for one segment of a path, or for one value of a query.
pub(crate) fn escape_segment(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Returns a URL without its query and fragment.
pub(crate) fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Returns the host of an `http` or `https` URL.
pub(crate) fn host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.host_str().map(str::to_owned)
}

/// Returns the path of a URL, or an empty text if it cannot be parsed.
pub(crate) fn path(url: &str) -> String {
    Url::parse(url).map(|url| url.path().to_owned()).unwrap_or_default()
}
