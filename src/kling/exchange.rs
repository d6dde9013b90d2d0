//! One HTTP request and what came back. Its promise: every way in which an answer can fail to come is an [`Answer`],
//! sorted by whether the request may have been delivered. It does not know entries, retries or the meaning of codes.

use std::{borrow::Cow, error::Error as _, sync::Arc, time::Duration};

use chrono::DateTime;
use parking_lot::RwLock;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Url,
    header::{ACCEPT, CONTENT_TYPE, DATE},
    redirect,
};

use super::{envelope::Envelope, error::Error, recorder::Reply, screen::Screen, submission::Asked};

/// The longest answer that is read.
const BODY_LIMIT: usize = 4 << 20;
/// RFC 3986: everything but the unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The vendor's server, as far as HTTP goes.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    http: reqwest::Client,
    downloads: reqwest::Client,
    base: Arc<RwLock<String>>,
    timeout: Duration,
    plain: bool,
}

/// A request to send.
pub(crate) struct Call<'a> {
    /// The path from the root on, escaped, with its query.
    pub(crate) path: Cow<'a, str>,
    /// The path as an entry names it, without ids.
    pub(crate) shown: Cow<'a, str>,
    /// What is posted; without it the path is asked for.
    pub(crate) body: Option<&'a [u8]>,
    /// What an `api_call` says that it is for; a submission is recorded otherwise.
    pub(crate) purpose: Option<&'static str>,
    /// What a submission asks for.
    pub(crate) asked: Option<&'a Asked>,
    /// What the answer must not repeat.
    pub(crate) screen: &'a Screen,
    /// The longest that the answer may take, where that is shorter than the client's own limit.
    pub(crate) within: Option<Duration>,
}

impl<'a> Call<'a> {
    /// What asks for something and changes nothing.
    pub(crate) fn get(
        path: impl Into<Cow<'a, str>>,
        shown: impl Into<Cow<'a, str>>,
        purpose: &'static str,
        screen: &'a Screen,
    ) -> Call<'a> {
        let (path, shown) = (path.into(), shown.into());
        Call { path, shown, body: None, purpose: Some(purpose), asked: None, screen, within: None }
    }

    /// What asks by posting, and changes nothing either.
    pub(crate) fn ask(
        path: &'static str,
        body: &'a [u8],
        purpose: &'static str,
        screen: &'a Screen,
    ) -> Call<'a> {
        Call { body: Some(body), ..Call::get(path, path, purpose, screen) }
    }

    /// What the vendor may charge for.
    pub(crate) fn submit(path: &'a str, body: &'a [u8], asked: &'a Asked, screen: &'a Screen) -> Call<'a> {
        let (shown, path) = (Cow::Borrowed(path), Cow::Borrowed(path));
        Call { path, shown, body: Some(body), purpose: None, asked: Some(asked), screen, within: None }
    }

    pub(crate) fn method(&self) -> &'static str {
        if self.body.is_some() { "POST" } else { "GET" }
    }
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("shown", &self.shown)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// A text as one segment of a path, or one value of a query.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
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
    pub(crate) fn new(base: &str, timeout: Duration, plain: bool) -> Result<Exchange, Error> {
        let base = checked_base(base, plain)?;
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
        // What a download may take depends on its size, so only silence is limited.
        let downloads = reqwest::Client::builder()
            .user_agent(concat!("kling-audit/", env!("CARGO_PKG_VERSION")))
            .connect_timeout((timeout / 2).min(Duration::from_secs(10)))
            .read_timeout(timeout)
            .redirect(redirect::Policy::limited(5))
            .build()
            .map_err(|error| Error::Configuration {
                setting: "http client",
                rule: format!("could not be made: {}", deepest(&error.without_url())),
            })?;
        Ok(Exchange { http, downloads, base: Arc::new(RwLock::new(base)), timeout, plain })
    }

    /// Where requests go.
    pub(crate) fn base(&self) -> String {
        self.base.read().clone()
    }

    /// What [`set_base`](Self::set_base) would take of `base`.
    pub(crate) fn check_base(&self, base: &str) -> Result<String, Error> {
        checked_base(base, self.plain)
    }

    /// Whether requests can be read on their way to the server.
    pub(crate) fn is_plain_elsewhere(&self) -> bool {
        Url::parse(&self.base.read()).is_ok_and(|url| url.scheme() == "http" && !is_here(&url))
    }

    /// Sends later requests elsewhere. `base` was checked.
    pub(crate) fn set_base(&self, base: String) {
        *self.base.write() = base;
    }

    /// The client for downloads, which go to other servers.
    pub(crate) fn downloads(&self) -> &reqwest::Client {
        &self.downloads
    }

    /// Sends `call` once.
    pub(crate) async fn send(&self, call: &Call<'_>, token: &str) -> Answer {
        let timeout = call.within.map_or(self.timeout, |within| within.min(self.timeout));
        let url = format!("{}{}", self.base.read(), call.path);
        let request = match call.body {
            None => self.http.get(url),
            Some(body) => self.http.post(url).header(CONTENT_TYPE, "application/json").body(body.to_vec()),
        };
        let sent =
            request.bearer_auth(token).header(ACCEPT, "application/json").timeout(timeout).send().await;
        let mut response = match sent {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => return Answer::NotSent(fault(error)),
            Err(error) => return Answer::Lost(fault(error)),
        };
        let http = response.status().as_u16();
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()).map(|date| date.timestamp());
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
            Some(envelope) => Answer::Envelope(http, Envelope { date, ..envelope }),
            None => Answer::Nonsense(http, "an answer that is not the vendor's"),
        }
    }
}

/// `base` as later URLs begin, so that none can go elsewhere.
fn checked_base(base: &str, plain: bool) -> Result<String, Error> {
    let refused = |rule: &str| Error::Configuration { setting: "base_url", rule: rule.to_owned() };
    let url = Url::parse(base).map_err(|_| refused("must be a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(refused("must be an http or https URL"));
    }
    if url.scheme() == "http" && !plain && !is_here(&url) {
        return Err(refused("must be an https URL, or one of this machine"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("must have no user and password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused("must have no query and fragment"));
    }
    let base = url.as_str().trim_end_matches('/');
    Ok(base.strip_suffix("/v1").unwrap_or(base).trim_end_matches('/').to_owned())
}

/// Whether a URL stays on this machine.
fn is_here(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    })
}

pub(crate) fn fault(error: reqwest::Error) -> Fault {
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
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("http://api.klingai.com", None),
            ("api.klingai.com", None),
            ("", None),
            ("ftp://a", None),
            ("https://user:pass@a", None),
            ("https://a?key=1", None),
        ] {
            let exchange = Exchange::new(base, Duration::from_secs(1), false);

            assert_eq!(exchange.ok().map(|exchange| exchange.base()).as_deref(), taken, "{base}");
        }
    }
}
