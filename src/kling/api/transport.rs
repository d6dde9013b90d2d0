//! HTTP to Kling's server. Every result of a request is an [`Answer`], which shows whether Kling may have received it.

use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use parking_lot::RwLock;
use reqwest::{
    Url,
    header::{ACCEPT, CONTENT_TYPE, DATE},
    redirect,
};

use crate::kling::{
    api::{
        answer::{Answer, Fault, innermost_cause},
        call::Call,
        envelope::Envelope,
    },
    error::Error,
};

/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// HTTP clients and the base URL. Clones share the base URL.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    http: reqwest::Client,
    downloads: reqwest::Client,
    base: Arc<RwLock<String>>,
    timeout: Duration,
    allows_plain_http: bool,
}

impl Transport {
    pub(crate) fn new(base: &str, timeout: Duration, allows_plain_http: bool) -> Result<Transport, Error> {
        let base = checked_base(base, allows_plain_http)?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("kling-audit/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            // A failed connect proves that nothing was sent. With half of the time it fails before the timeout of the
            // whole request, which leaves the outcome unknown.
            .connect_timeout((timeout / 2).min(Duration::from_secs(10)))
            // The server closes idle connections. A request that meets a closing connection may lose its answer, and
            // its outcome would be unknown, so the client drops idle connections first.
            .pool_idle_timeout(Duration::from_secs(20))
            // A redirect would send a submission and the token to a server that the intent does not name.
            .redirect(redirect::Policy::none())
            // A retry of the HTTP client would be a second submission.
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| Error::Configuration {
                setting: "http client",
                rule: format!("could not be made: {}", innermost_cause(&error.without_url())),
            })?;
        // The time of a download depends on its size, so the limit applies to the pause between two chunks.
        let downloads = reqwest::Client::builder()
            .user_agent(concat!("kling-audit/", env!("CARGO_PKG_VERSION")))
            .connect_timeout((timeout / 2).min(Duration::from_secs(10)))
            .read_timeout(timeout)
            .redirect(redirect::Policy::limited(5))
            .build()
            .map_err(|error| Error::Configuration {
                setting: "http client",
                rule: format!("could not be made: {}", innermost_cause(&error.without_url())),
            })?;
        Ok(Transport { http, downloads, base: Arc::new(RwLock::new(base)), timeout, allows_plain_http })
    }

    /// Returns the base URL of requests.
    pub(crate) fn base(&self) -> String {
        self.base.read().clone()
    }

    /// Returns `base` as [`set_base`](Self::set_base) takes it, or refuses it.
    pub(crate) fn check_base(&self, base: &str) -> Result<String, Error> {
        checked_base(base, self.allows_plain_http)
    }

    /// Returns `true` if requests go to another machine without encryption.
    pub(crate) fn is_plain_elsewhere(&self) -> bool {
        Url::parse(&self.base.read()).is_ok_and(|url| url.scheme() == "http" && !is_local(&url))
    }

    /// Sends later requests to `base`, which [`check_base`](Self::check_base) returned.
    pub(crate) fn set_base(&self, base: String) {
        *self.base.write() = base;
    }

    /// Returns the HTTP client for downloads, which go to other servers and have other time limits.
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
            // Only these two errors prove that no byte of the request left.
            Err(error) if error.is_connect() || error.is_builder() => {
                return Answer::NotSent(Fault::new(error));
            }
            Err(error) => return Answer::Lost(Fault::new(error)),
        };
        let http = response.status().as_u16();
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()).map(|date| date.timestamp());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                // Checked for each chunk, because a server may leave out the length or name a wrong one.
                Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => {
                    return Answer::Unparseable(http, "an answer that is too long");
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Answer::Lost(Fault::new(error)),
            }
        }
        // An error message may quote the token of the request.
        match Envelope::decode(&body, &call.scrubber.and([token])) {
            Some(envelope) => Answer::Envelope(http, Envelope { date, ..envelope }),
            None => Answer::Unparseable(http, "an answer that is not the vendor's"),
        }
    }
}

/// Returns the prefix of all request URLs. It has no user, query or fragment, so an appended path cannot change the
/// host.
fn checked_base(base: &str, allows_plain_http: bool) -> Result<String, Error> {
    let refused = |rule: &str| Error::Configuration { setting: "base_url", rule: rule.to_owned() };
    let url = Url::parse(base).map_err(|_| refused("must be a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(refused("must be an http or https URL"));
    }
    if url.scheme() == "http" && !allows_plain_http && !is_local(&url) {
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

/// Returns `true` if the host of a URL is this machine.
fn is_local(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    })
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
            let transport = Transport::new(base, Duration::from_secs(1), false);

            assert_eq!(transport.ok().map(|transport| transport.base()).as_deref(), taken, "{base}");
        }
    }
}
