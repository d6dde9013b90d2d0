//! A local server that replaces Kling AI, to try a service without credits.
//!
//! ```text
//! cargo run --features kling --example kling_stand_in -- --port 8080
//! ```
//!
//! The server accepts one key pair and one API key, and prints all of them. It runs until its process is ended.
//! A fault with an option `--X-every N` affects one of every `N` submissions (`--expire-every`: requests).
//!
//! | option | default | effect |
//! |---|---|---|
//! | `--port N` | any free port | port of the server |
//! | `--seconds N` | 2 | duration of a task |
//! | `--concurrency N` | 5 | limit of concurrent tasks; further submissions are refused (1303) |
//! | `--lose-every N` | never | the answer is lost; the task is created |
//! | `--halve-every N` | never | the answer ends in the middle; the task is created |
//! | `--slow-every N` | never | the answer is late; the task is created |
//! | `--late N` | 60 | delay of late answers, in seconds |
//! | `--error-every N` | never | the answer is error 5000 or 5002, in turn; the task is created |
//! | `--throttle-every N` | never | the submission is refused (1302) |
//! | `--expire-every N` | never | a submission or query is refused because its token has expired (1004) |
//! | `--clock-ahead N` | 0 | seconds by which the server's clock is ahead. If negative, tokens are refused (1003) |
//! | `--fail REASON` | | the next task fails with this reason. May be repeated |
//! | `--callback-secret S` | unsigned | secret (`whsec_...`) that signs callbacks. May be repeated |
//! | `--callbacks-out-of-order` | in order | a callback about a status comes after that about the next status |
//! | `--cash` | units | tasks are paid in cash |

mod stand_in;

use std::{env, process::ExitCode, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use stand_in::{ACCESS_KEY, API_KEY, Pace, RecurringFaults, SECRET_KEY, StandIn};

const USAGE: &str = "usage: kling_stand_in [--port N] [--seconds N] [--concurrency N] [--lose-every N] \
                     [--halve-every N] [--slow-every N] [--late N] [--error-every N] [--clock-ahead N] \
                     [--throttle-every N] [--expire-every N] [--fail REASON]... [--callback-secret whsec_S]... \
                     [--callbacks-out-of-order] [--cash]";

/// Values of the command line.
struct Options {
    port: u16,
    seconds: u64,
    concurrency: usize,
    faults: RecurringFaults,
    clock_ahead: i64,
    failures: Vec<String>,
    secrets: Vec<Vec<u8>>,
    out_of_order: bool,
    cash: bool,
}

impl Options {
    /// Parses the command line. Returns `None` if an option is unknown, or its value is missing or invalid.
    fn parse(arguments: impl IntoIterator<Item = String>) -> Option<Options> {
        let mut options = Options {
            port: 0,
            seconds: 2,
            concurrency: 5,
            faults: RecurringFaults { late: Duration::from_secs(60), ..RecurringFaults::default() },
            clock_ahead: 0,
            failures: Vec::new(),
            secrets: Vec::new(),
            out_of_order: false,
            cash: false,
        };
        // `--name=value` is split, so that the loop below sees only `--name value`.
        let arguments = arguments.into_iter().flat_map(|argument| match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => vec![name.to_owned(), value.to_owned()],
            _ => vec![argument],
        });
        let mut arguments = arguments.into_iter();
        let every = |text: String| text.parse().ok().filter(|every| *every > 0);
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next();
            match name.as_str() {
                "--port" => options.port = value()?.parse().ok()?,
                "--seconds" => options.seconds = value()?.parse().ok()?,
                "--concurrency" => options.concurrency = value()?.parse().ok()?,
                "--lose-every" => options.faults.lost_every = Some(every(value()?)?),
                "--halve-every" => options.faults.half_every = Some(every(value()?)?),
                "--slow-every" => options.faults.slow_every = Some(every(value()?)?),
                "--late" => options.faults.late = Duration::from_secs(value()?.parse().ok()?),
                "--error-every" => options.faults.error_every = Some(every(value()?)?),
                "--clock-ahead" => options.clock_ahead = value()?.parse().ok()?,
                "--throttle-every" => options.faults.throttled_every = Some(every(value()?)?),
                "--expire-every" => options.faults.expired_every = Some(every(value()?)?),
                "--fail" => options.failures.push(value()?),
                "--callback-secret" => {
                    options.secrets.push(STANDARD.decode(value()?.strip_prefix("whsec_")?).ok()?);
                }
                "--callbacks-out-of-order" => options.out_of_order = true,
                "--cash" => options.cash = true,
                _ => return None,
            }
        }
        Some(options)
    }
}

fn main() -> ExitCode {
    let Some(options) = Options::parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let pace = Pace::Time(Duration::from_secs(options.seconds));
    let server = match StandIn::start_on(options.port, pace, options.concurrency) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("listen on port {}: {error}", options.port);
            return ExitCode::FAILURE;
        }
    };
    server.set_recurring_faults(options.faults);
    server.set_clock_ahead(options.clock_ahead);
    server.sign_with(options.secrets);
    for reason in &options.failures {
        server.fail_next_task(reason);
    }
    if options.out_of_order {
        server.deliver_callbacks_out_of_order();
    }
    if options.cash {
        server.charge_cash();
    }
    println!("KLING_BASE_URL={}", server.base_url());
    println!("KLING_ACCESS_KEY={ACCESS_KEY}");
    println!("KLING_SECRET_KEY={SECRET_KEY}");
    println!("# instead of the two keys: KLING_API_KEY={API_KEY}");
    loop {
        std::thread::park();
    }
}
