//! One HTTP request and what came back. Its promise: every way in which an answer can fail to come is an [`Answer`],
//! sorted by whether the request may have been delivered. It does not know entries, retries or the meaning of codes.

use std::{error::Error as _, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Url,
    header::{ACCEPT, CONTENT_TYPE},
    redirect,
};

use super::{envelope::Envelope, error::Error, recorder::Reply, screen::Screen};

/// The longest answer that is read.
const BODY_LIMIT: usize = 4 << 20;
/// RFC 3986: everything but the unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The vendor's server, as far as HTTP goes.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    http: reqwest::Client,
    base: String,
    timeout: Duration,
}

/// A request to send.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The path from the root on, below which `id` is asked for.
    pub(crate) path: &'static str,
    pub(crate) content: Content<'a>,
    /// What the answer must not repeat.
    pub(crate) screen: &'a Screen,
    /// The longest that the answer may take, where that is shorter than the client's own limit.
    pub(crate) within: Option<Duration>,
}

/// What a request does.
pub(crate) enum Content<'a> {
    /// Asks for the task of this id.
    Get(&'a str),
    /// Makes a task of this body.
    Post(&'a [u8]),
}

impl std::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Content::Get(id) => f.debug_tuple("Get").field(id).finish(),
            Content::Post(_) => f.debug_tuple("Post").finish_non_exhaustive(),
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The vendor's envelope.
    Envelope(u16, Envelope),
    /// A whole answer that is not the vendor's.
    Nonsense(u16, &'static str),
    /// No whole answer, to a request that may have been delivered.
    Lost(Fault),
    /// No answer, since the request certainly was not delivered.
    NotSent(Fault),
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) cause: String,
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
}

impl Answer {
    /// What of it is recorded.
    pub(crate) fn reply(&self) -> Reply<'_> {
        match self {
            Answer::Envelope(http, envelope) => Reply {
                http: Some(*http),
                code: Some(envelope.code),
                request_id: envelope.request_id.as_deref(),
            },
            Answer::Nonsense(http, _) => Reply { http: Some(*http), ..Reply::default() },
            Answer::Lost(_) | Answer::NotSent(_) => Reply::default(),
        }
    }

    /// What to say of it, in a few words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Answer::Envelope(http, Envelope { code, message, .. }) => match message.as_str() {
                "" => format!("code {code}, http {http}"),
                message => format!("{message} (code {code}, http {http})"),
            },
            Answer::Nonsense(http, what) => format!("{what} (http {http})"),
            Answer::Lost(fault) | Answer::NotSent(fault) => fault.cause.clone(),
        }
    }
}

impl Exchange {
    /// `base` is checked here, so that no later URL can go elsewhere.
    pub(crate) fn new(base: &str, timeout: Duration) -> Result<Exchange, Error> {
        let refused = |rule: &str| Error::Configuration { setting: "base_url", rule: rule.to_owned() };
        let url = Url::parse(base).map_err(|_| refused("must be a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(refused("must be an http or https URL"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("must have no user and password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("must have no query and fragment"));
        }
        let base = url.as_str().trim_end_matches('/');
        let base = base.strip_suffix("/v1").unwrap_or(base).trim_end_matches('/').to_owned();
        let http = reqwest::Client::builder()
            .user_agent(concat!("kling-audit/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .connect_timeout((timeout / 2).min(Duration::from_secs(10)))
            // Not on a connection that the server is about to close: an answer lost there would be ambiguous.
            .pool_idle_timeout(Duration::from_secs(20))
            // A redirect would take a submission, and the token, to where the intent does not say.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| Error::Configuration {
                setting: "http client",
                rule: format!("could not be made: {}", deepest(&error.without_url())),
            })?;
        Ok(Exchange { http, base, timeout })
    }

    /// Sends `call` once.
    pub(crate) async fn send(&self, call: &Call<'_>, token: &str) -> Answer {
        let timeout = call.within.map_or(self.timeout, |within| within.min(self.timeout));
        let request = match call.content {
            Content::Get(id) => {
                self.http.get(format!("{}{}/{}", self.base, call.path, utf8_percent_encode(id, SEGMENT)))
            }
            Content::Post(body) => self
                .http
                .post(format!("{}{}", self.base, call.path))
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_vec()),
        };
        let sent =
            request.bearer_auth(token).header(ACCEPT, "application/json").timeout(timeout).send().await;
        let mut response = match sent {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => return Answer::NotSent(fault(error)),
            Err(error) => return Answer::Lost(fault(error)),
        };
        let http = response.status().as_u16();
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > BODY_LIMIT => {
                    return Answer::Nonsense(http, "an answer that is too long");
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Answer::Lost(fault(error)),
            }
        }
        match Envelope::decode(&body, &call.screen.with([token])) {
            Some(envelope) => Answer::Envelope(http, envelope),
            None => Answer::Nonsense(http, "an answer that is not the vendor's"),
        }
    }
}

fn fault(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let cause = if error.is_timeout() { "timed out".to_owned() } else { deepest(&error) };
    Fault { cause, source: error.into() }
}

/// The innermost cause, which is the one that says something: `connection refused` and not `error sending request`.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(error) = cause {
        text = match error.downcast_ref::<std::io::Error>() {
            // The kind is in lower case and has no number of the platform's.
            Some(error) if error.raw_os_error().is_some() => error.kind().to_string(),
            _ => error.to_string(),
        };
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_an_http_url_without_extras() {
        for (base, taken) in [
            ("https://api-singapore.klingai.com", Some("https://api-singapore.klingai.com")),
            ("https://api.klingai.com/v1", Some("https://api.klingai.com")),
            ("http://127.0.0.1:8080/", Some("http://127.0.0.1:8080")),
            ("https://proxy.example/kling/v1/", Some("https://proxy.example/kling")),
            ("api.klingai.com", None),
            ("", None),
            ("ftp://a", None),
            ("https://user:pass@a", None),
            ("https://a?key=1", None),
        ] {
            let exchange = Exchange::new(base, Duration::from_secs(1));

            assert_eq!(exchange.ok().map(|exchange| exchange.base).as_deref(), taken, "{base}");
        }
    }
}
