//! Makes one video from a text, audited.
//!
//! ```text
//! KLING_ACCESS_KEY=.. KLING_SECRET_KEY=.. cargo run --features kling --example generate_video -- \
//!     --prompt TEXT [--audit-dir DIR] [--deadline SECONDS]
//! ```
//!
//! `KLING_BASE_URL` names another server than the vendor's. The video's URL is printed to stdout, everything else to
//! stderr, and the prompt nowhere. Exits 0 with a video, 1 without one, 2 where the arguments, the environment or the
//! audit directory can't be used.

use std::{
    env, error::Error, ffi::OsString, io::Write as _, path::PathBuf, process::ExitCode, time::Duration,
};

use kling_audit::{
    AuditLog,
    kling::{Client, Credentials, Error as KlingError, requests::TextToVideo},
};
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

const USAGE: &str = "usage: generate_video --prompt TEXT [--audit-dir DIR] [--deadline SECONDS]";

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
            complain(&with_causes(error.as_ref()));
            return ExitCode::from(2);
        }
    };
    let result = generate(&client, prompt).await;
    // A global subscriber is never dropped: without this the trail has no `audit_stopped`.
    let closed = log.close();
    let shown = match &result {
        Ok(url) => writeln!(std::io::stdout(), "{url}").inspect_err(|error| {
            // It was paid for: somebody should learn where it is.
            complain(&format!("write to standard output: {error}; the video is at {url}"));
        }),
        Err(error) => {
            complain(&with_causes(error));
            Ok(())
        }
    };
    if let Err(error) = &closed {
        complain(&with_causes(error));
    }
    match &result {
        Err(KlingError::Request(_)) => ExitCode::from(2),
        Ok(_) if closed.is_ok() && shown.is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Everything that can be wrong before anything is sent.
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
    // Last of all: once the layer is installed, the log no longer ends by itself.
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

async fn generate(client: &Client, prompt: String) -> Result<String, KlingError> {
    let task = client.submit(TextToVideo::new(prompt)).await?;
    complain(&format!("task {} was accepted", task.id()));
    let done = client.wait(&task).await?;
    Ok(done.output.first().url.clone())
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut prompt = None;
    let mut audit_dir = PathBuf::from("audit");
    let mut deadline = None;
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        // What is no Unicode is not shown either: it may be the prompt.
        let argument =
            argument.into_string().map_err(|_| format!("an argument that is not Unicode\n{USAGE}"))?;
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (argument.as_str(), None),
        };
        if !matches!(name, "--prompt" | "--audit-dir" | "--deadline") {
            // The argument is not repeated: it may be a piece of the prompt that the shell cut off.
            return Err(format!("an argument that is not known\n{USAGE}").into());
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
                let seconds = seconds.ok_or_else(|| format!("--deadline must be whole seconds\n{USAGE}"))?;
                deadline = Some(Duration::from_secs(seconds));
            }
        }
    }
    let prompt = prompt.ok_or_else(|| format!("--prompt is missing\n{USAGE}"))?;
    Ok(Arguments { prompt, audit_dir, deadline })
}

/// Says something on stderr, if that is still there.
fn complain(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// An error and what caused it.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
