//! Creates one video from a text and records it in a trail.
//!
//! ```text
//! KLING_ACCESS_KEY=.. KLING_SECRET_KEY=.. cargo run --features kling --example generate_video -- \
//!     --prompt TEXT [--audit-dir DIR] [--deadline SECONDS]
//! ```
//!
//! `KLING_BASE_URL` replaces the URL of Kling's server. The program prints the URL of the video to stdout and all
//! messages to stderr. It never prints the prompt.
//!
//! The exit status is 0 (the video exists), 1 (it does not), or 2 (unusable arguments, environment or audit directory).

use std::{
    env, error::Error, ffi::OsString, io::Write as _, path::PathBuf, process::ExitCode, time::Duration,
};

use kling_audit::{
    AuditLog,
    kling::{Client, Credentials, Error as KlingError, requests::TextToVideo},
};
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

const USAGE: &str = "usage: generate_video --prompt TEXT [--audit-dir DIR] [--deadline SECONDS]";

/// Values of the command line.
struct Arguments {
    prompt: String,
    audit_dir: PathBuf,
    deadline: Option<Duration>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let (log, client, prompt) = match prepare() {
        Ok(prepared) => prepared,
        Err(error) => {
            print_message(&with_causes(error.as_ref()));
            return ExitCode::from(2);
        }
    };
    let result = generate(&client, prompt).await;
    // The global subscriber holds a clone of the log and is never dropped. Without this call, the trail would end
    // without `audit_stopped`.
    let closed = log.close();
    let shown = match &result {
        Ok(url) => writeln!(std::io::stdout(), "{url}").inspect_err(|error| {
            // The video has been paid for, so its URL must not be lost.
            print_message(&format!("write to standard output: {error}; the video is at {url}"));
        }),
        Err(error) => {
            print_message(&with_causes(error));
            Ok(())
        }
    };
    if let Err(error) = &closed {
        print_message(&with_causes(error));
    }
    match &result {
        Err(KlingError::Request(_)) => ExitCode::from(2),
        Ok(_) if closed.is_ok() && shown.is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Prepares everything that can fail before a request is sent: arguments, credentials, log, client and subscriber.
fn prepare() -> Result<(AuditLog, Client, String), Box<dyn Error>> {
    let arguments = arguments()?;
    let credentials = Credentials::from_env()?;
    let log = AuditLog::open(&arguments.audit_dir)?;
    let mut builder = Client::builder(credentials, log.clone()).actor(
        env::var("USER").ok().filter(|user| !user.trim().is_empty()).unwrap_or_else(|| "system".into()),
    );
    if let Ok(base_url) = env::var("KLING_BASE_URL")
        && !base_url.trim().is_empty()
    {
        builder = builder.base_url(base_url.trim());
    }
    if let Some(deadline) = arguments.deadline {
        builder = builder.deadline(deadline);
    }
    let client = builder.build()?;
    // The subscriber comes last. An error before this point drops the log, which then writes `audit_stopped`. An
    // installed layer keeps the log open.
    tracing_subscriber::registry()
        .with(log.layer())
        .with(
            fmt::layer()
                .with_writer(std::io::stderr)
                .with_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"))),
        )
        .try_init()?;
    Ok((log, client, arguments.prompt))
}

/// Creates the video and returns its URL.
async fn generate(client: &Client, prompt: String) -> Result<String, KlingError> {
    let task = client.submit(TextToVideo::new(prompt)).await?;
    print_message(&format!("task {} was accepted", task.id()));
    let done = client.wait(&task).await?;
    Ok(done.output.first().url.clone())
}

/// Parses the command line. Errors never repeat an argument.
fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut prompt = None;
    let mut audit_dir = PathBuf::from("audit");
    let mut deadline = None;
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        // The error does not repeat the argument, because it may be the prompt.
        let argument = argument.into_string().map_err(|_| format!("an argument is not Unicode\n{USAGE}"))?;
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (argument.as_str(), None),
        };
        if !matches!(name, "--prompt" | "--audit-dir" | "--deadline") {
            // The argument may be a word of a prompt without quotes, so the error does not repeat it.
            return Err(format!("unknown argument\n{USAGE}").into());
        }
        let value =
            value.or_else(|| arguments.next()).ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
        match name {
            "--prompt" => {
                prompt = Some(value.into_string().map_err(|_| format!("--prompt is not Unicode\n{USAGE}"))?);
            }
            "--audit-dir" => audit_dir = value.into(),
            _ => {
                let seconds = value.into_string().ok().and_then(|value| value.parse().ok());
                let seconds =
                    seconds.ok_or_else(|| format!("--deadline needs a whole number of seconds\n{USAGE}"))?;
                deadline = Some(Duration::from_secs(seconds));
            }
        }
    }
    let prompt = prompt.ok_or_else(|| format!("--prompt is missing\n{USAGE}"))?;
    Ok(Arguments { prompt, audit_dir, deadline })
}

/// Prints a message to stderr. Errors are ignored, because no other output is left.
fn print_message(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Returns the text of an error and of its causes, separated by colons.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // Some errors include the message of their cause. It is not repeated.
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}
