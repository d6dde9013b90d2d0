//! A request made ready to be sent: its body, and what of it an entry may say. Its promise: what is recorded is what
//! the wire says, with the vendor's defaults for what it leaves out, and of a prompt only its hash and its length.

use std::fmt;

use sha2::{Digest, Sha256};

use super::screen::Screen;

/// A body and what is recorded of it. Public in a private module: requests make it, the client reads it.
#[derive(Default)]
#[non_exhaustive]
pub struct Submission {
    pub(crate) body: Vec<u8>,
    pub(crate) screen: Screen,
    pub(crate) model: Option<String>,
    pub(crate) duration: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) prompt: Option<PromptTrace>,
    pub(crate) negative_prompt: Option<PromptTrace>,
    pub(crate) aspect_ratio: Option<String>,
    pub(crate) sound: Option<String>,
    pub(crate) cfg_scale: Option<f64>,
    pub(crate) camera: Option<String>,
    pub(crate) shot_type: Option<String>,
    pub(crate) shots: Option<u64>,
    pub(crate) watermark: Option<bool>,
    pub(crate) callback_host: Option<String>,
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("model", &self.model)
            .field("prompt", &self.prompt)
            .finish_non_exhaustive()
    }
}

/// What is left of a prompt in an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromptTrace {
    /// The first 16 hexadecimal digits of the SHA-256 of the prompt in UTF-8. Anybody who guesses the prompt can
    /// check the guess.
    pub(crate) hash: String,
    /// In Unicode scalar values.
    pub(crate) length: u64,
}

impl PromptTrace {
    /// How [`PromptTrace::hash`] was made.
    pub(crate) const KIND: &'static str = "sha256-16";

    pub(crate) fn of(prompt: &str) -> PromptTrace {
        let digest = Sha256::digest(prompt.as_bytes());
        PromptTrace {
            hash: digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            length: prompt.chars().count() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PromptTrace;

    #[test]
    fn a_prompt_leaves_16_digits_and_its_length_in_scalars() {
        let trace = PromptTrace::of("été 🦊");

        assert_eq!(trace.length, 5);
        assert_eq!(trace.hash, "8bf4cfb8904b2243");
    }
}
