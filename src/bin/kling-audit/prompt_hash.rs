//! `kling-audit prompt-hash`: prints the hash that stands for a prompt in a trail.

use std::{io, process::ExitCode};

use crate::{
    failure::{Failure, Outcome},
    stream::print,
};

#[derive(clap::Args)]
pub(crate) struct PromptHash {
    /// Hash standard input as it is. Default: without one newline at its end.
    #[arg(long)]
    exact: bool,
}

pub(crate) fn prompt_hash(arguments: &PromptHash) -> Outcome {
    use kling_audit::kling::{PromptKey, unkeyed_prompt_hash};

    let prompt =
        io::read_to_string(io::stdin()).map_err(|error| Failure::Stream("read standard input", error))?;
    let prompt = match arguments.exact {
        true => prompt.as_str(),
        false => {
            prompt.strip_suffix('\n').map_or(prompt.as_str(), |line| line.strip_suffix('\r').unwrap_or(line))
        }
    };
    let key = PromptKey::from_env().map_err(|error| Failure::Message(error.to_string()))?;
    let (hash, kind) = match key {
        Some(key) => (key.hash(prompt), key.kind()),
        None => (unkeyed_prompt_hash(prompt), "sha256-16".to_owned()),
    };
    print(&format!("{hash} {kind} {}\n", prompt.chars().count()))?;
    Ok(ExitCode::SUCCESS)
}
