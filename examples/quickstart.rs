//! The whole path in one program, without credentials: a server on this machine stands in for Kling AI, one video is
//! made, and the trail of it is verified and reported.
//!
//! ```text
//! cargo run --features kling --example quickstart
//! ```

mod stand_in;

use std::{
    error::Error,
    io::{IsTerminal as _, stdout},
    path::PathBuf,
    time::Duration,
};

use kling_audit::{
    AuditLog,
    kling::{
        Client, Credentials,
        requests::{Model, TextToVideo},
    },
};
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use stand_in::{ACCESS_KEY, SECRET_KEY, StandIn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(format!("target/quickstart-audit-{}", std::process::id()));
    let server = StandIn::start();

    println!("== What an ordinary fmt layer shows, with the audit layer beside it\n");
    let log = AuditLog::builder(&directory).service("quickstart").open()?;
    tracing_subscriber::registry()
        .with(log.layer())
        .with(
            fmt::layer()
                .with_ansi(stdout().is_terminal())
                .with_target(false)
                .with_filter(EnvFilter::new("info")),
        )
        .init();

    let client = Client::builder(Credentials::new(ACCESS_KEY, SECRET_KEY), log.clone())
        .actor("alice")
        .base_url(server.base_url())
        .poll_interval(Duration::from_millis(200))
        .build()?;
    let task = client.submit(TextToVideo::new("a red fox in deep snow").model_name(Model::V2_6)).await?;
    let done = client.wait(&task).await?;
    log.close()?;
    println!("\n== The video\n\n{}", done.output.first().url);

    println!("\n== The trail, as it is on disk in {}\n", directory.display());
    for file in std::fs::read_dir(&directory)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            print!("{}", std::fs::read_to_string(path)?);
        }
    }

    println!("\n== Verified\n");
    println!("{}", kling_audit::verify(&directory)?);

    println!("\n== Reported\n");
    println!("{}", kling_audit::report(&directory, 30)?);

    println!("\nGo on with:\n");
    println!("    cargo run --features cli -- verify {}", directory.display());
    println!("    cargo run --features cli -- report {}", directory.display());
    Ok(())
}
