//! Images, sounds and videos in requests, by URL or as bytes. Neither `Debug` nor an entry shows the bytes, or more of
//! a URL than its host.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    codec::json::write::hex_digits,
    kling::{
        api::urls::host,
        error::RequestError,
        requests::validation::{require, url},
    },
};

/// Size limit of an image.
const MAX_IMAGE_BYTES: usize = 10 << 20;
/// Size limit of a sound.
const MAX_SOUND_BYTES: usize = 5 << 20;

/// An image or a sound: the URL from which Kling downloads it, or its bytes in Base64.
///
/// Converted from a text, or made from bytes by [`Media::from_bytes`]. Kling does not accept a `data:` URL.
///
/// ```
/// use kling_audit::kling::requests::Media;
///
/// let by_url = Media::from("https://example.com/fox.png?key=1");
/// assert_eq!(format!("{by_url:?}"), r#"Media { host: "example.com" }"#);
///
/// let by_bytes = Media::from_bytes(b"\x89PNG");
/// assert_eq!(format!("{by_bytes:?}"), "Media { bytes: 4 }");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Media(String);

impl Media {
    /// Encodes the bytes of a file, which are sent with the request.
    pub fn from_bytes(bytes: impl AsRef<[u8]>) -> Media {
        Media(STANDARD.encode(bytes))
    }

    pub(crate) fn check_image(&self, field: &'static str) -> Result<(), RequestError> {
        self.check(field, MAX_IMAGE_BYTES)
    }

    pub(crate) fn check_sound(&self, field: &'static str) -> Result<(), RequestError> {
        self.check(field, MAX_SOUND_BYTES)
    }

    /// Checks an image or a video of the new design, whose pages name no lower limit.
    pub(crate) fn check_content(&self, field: &'static str) -> Result<(), RequestError> {
        self.check(field, MAX_IMAGE_BYTES * 5)
    }

    fn check(&self, field: &'static str, limit: usize) -> Result<(), RequestError> {
        require(!self.0.trim().is_empty(), field, "must not be blank")?;
        require(!self.0.starts_with("data:"), field, "must be Base64 without a data: prefix")?;
        if is_url(&self.0) {
            return url(&self.0, field);
        }
        // Four digits of Base64 are three bytes. The last three may be padding for up to two bytes.
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
        match host(&self.0) {
            Some(host) => shown.field("host", &host),
            None => shown.field("bytes", &decoded(&self.0).len()),
        };
        shown.finish()
    }
}

fn is_url(text: &str) -> bool {
    text.get(..8).is_some_and(|start| start.contains("://"))
}

/// Returns the bytes of a Base64 text. Another text is sent unchanged, so its own bytes are returned.
fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec())
}

/// Description of an image, a sound or a video in an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MediaSummary {
    /// Field of the body, with dots between levels.
    pub(crate) field: String,
    /// Host, for a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// SHA-256, for bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
    /// Size, for bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<usize>,
}

impl MediaSummary {
    pub(crate) fn of(field: &str, text: &str) -> MediaSummary {
        let field = field.to_owned();
        if is_url(text) {
            return MediaSummary { field, host: host(text), sha256: None, bytes: None };
        }
        let bytes = decoded(text);
        let sha256 = Some(hex_digits(&Sha256::digest(&bytes)));
        MediaSummary { field, host: None, sha256, bytes: Some(bytes.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_host_of_a_url_or_the_hash_of_bytes() {
        let url = MediaSummary::of("image", "https://a.example/fox.png?sign=key");
        let full = MediaSummary::of("image", "YWJj");

        assert_eq!((url.host.as_deref(), url.sha256), (Some("a.example"), None));
        assert_eq!(
            full.sha256.as_deref(),
            Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
        assert_eq!(full.bytes, Some(3));
    }

    #[test]
    fn a_data_url_and_too_many_bytes_are_refused() {
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
