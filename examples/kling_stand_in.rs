//! A server that stands in for Kling AI, to test a service against without credits.
//!
//! ```text
//! cargo run --features kling --example kling_stand_in -- --port 8080
//! ```
//!
//! It takes one pair of keys and one API key, which it prints. Tasks end 2 seconds after they were submitted, and 5 may
//! run at a time. It runs until it is stopped.

mod stand_in;

use std::{env, process::ExitCode, time::Duration};

use stand_in::{ACCESS_KEY, API_KEY, Pace, SECRET_KEY, StandIn};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let port = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Some(0),
        ["--port", port] => port.parse().ok(),
        [port] => port.strip_prefix("--port=").and_then(|port| port.parse().ok()),
        _ => None,
    };
    let Some(port) = port else {
        eprintln!("usage: kling_stand_in [--port N]");
        return ExitCode::from(2);
    };
    let server = match StandIn::start_on(port, Pace::Time(Duration::from_secs(2)), 5) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("listen on port {port}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("KLING_BASE_URL={}", server.base_url());
    println!("KLING_ACCESS_KEY={ACCESS_KEY}");
    println!("KLING_SECRET_KEY={SECRET_KEY}");
    println!("# or, in place of the pair, KLING_API_KEY={API_KEY}");
    loop {
        std::thread::park();
    }
}
