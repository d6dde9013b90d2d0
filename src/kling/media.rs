//! Pictures and sounds that a request brings along: by URL, or in full. Its promise: neither `Debug` nor an entry shows
//! the bytes or what stands behind a URL's host. It does not look inside.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{request::RequestError, rules};

/// The most bytes of a picture.
pub(crate) const IMAGE_LIMIT: usize = 10 << 20;
/// The most bytes of a sound.
pub(crate) const SOUND_LIMIT: usize = 5 << 20;

/// A picture or a sound: the URL where the vendor can fetch it, or its bytes in Base64.
///
/// Made from a text, or from bytes by [`Media::from_bytes`]. A `data:` URL is not taken by the vendor.
///
/// ```
/// use kling_audit::kling::Media;
///
/// let by_url = Media::from("https://example.com/fox.png?key=1");
/// assert_eq!(format!("{by_url:?}"), r#"Media { host: "example.com" }"#);
///
/// let in_full = Media::from_bytes(b"\x89PNG");
/// assert_eq!(format!("{in_full:?}"), "Media { bytes: 4 }");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Media(String);

impl Media {
    /// The bytes of a file, which are sent with the request.
    pub fn from_bytes(bytes: impl AsRef<[u8]>) -> Media {
        Media(STANDARD.encode(bytes))
    }

    pub(crate) fn check(&self, field: &'static str, limit: usize) -> Result<(), RequestError> {
        rules::require(!self.0.trim().is_empty(), field, "must not be blank")?;
        if self.0.starts_with("data:") {
            return Err(RequestError::new(field, "must be Base64 without a data: prefix"));
        }
        if is_url(&self.0) {
            return rules::url(field, Some(&self.0));
        }
        let bytes = self.0.len() / 4 * 3;
        match bytes <= limit + 2 {
            true => Ok(()),
            false => Err(RequestError::of(field, format!("must have at most {} MB", limit >> 20))),
        }
    }
}

impl From<&str> for Media {
    fn from(text: &str) -> Media {
        Media(text.to_owned())
    }
}

impl From<String> for Media {
    fn from(text: String) -> Media {
        Media(text)
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Media");
        match rules::host(&self.0) {
            Some(host) => shown.field("host", &host),
            None => shown.field("bytes", &decoded(&self.0).len()),
        };
        shown.finish()
    }
}

fn is_url(text: &str) -> bool {
    text.get(..8).is_some_and(|start| start.contains("://"))
}

fn decoded(text: &str) -> Vec<u8> {
    // What is no Base64 is sent as it is, and counts as it is.
    STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec())
}

/// What an entry says of a picture, a sound or a video that a request brings along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MediaTrace {
    pub(crate) field: String,
    /// Of a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// Of bytes in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<usize>,
}

impl MediaTrace {
    pub(crate) fn of(field: &str, text: &str) -> MediaTrace {
        let field = field.to_owned();
        if is_url(text) {
            return MediaTrace { field, host: rules::host(text), sha256: None, bytes: None };
        }
        let bytes = decoded(text);
        let sha256 = Some(hex(&Sha256::digest(&bytes)));
        MediaTrace { field, host: None, sha256, bytes: Some(bytes.len()) }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_names_the_host_of_a_url_and_the_hash_of_bytes() {
        let url = MediaTrace::of("image", "https://a.example/fox.png?sign=key");
        let full = MediaTrace::of("image", "YWJj");

        assert_eq!((url.host.as_deref(), url.sha256), (Some("a.example"), None));
        assert_eq!(
            full.sha256.as_deref(),
            Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
        assert_eq!(full.bytes, Some(3));
    }

    #[test]
    fn a_data_url_and_what_is_too_long_are_refused() {
        for (media, taken) in [
            (Media::from("data:image/png;base64,YWJj"), false),
            (Media::from(" "), false),
            (Media::from("ftp://a/b.png"), false),
            (Media::from("https://a/b.png"), true),
            (Media::from_bytes(vec![0; 100]), true),
            (Media::from_bytes(vec![0; 101 + 2]), false),
        ] {
            assert_eq!(media.check("image", 100).is_ok(), taken, "{media:?}");
        }
    }
}
