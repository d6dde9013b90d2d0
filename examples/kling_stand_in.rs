//! A server that stands in for Kling AI, to test a service against without credits.
//!
//! ```text
//! cargo run --features kling --example kling_stand_in -- --port 8080
//! ```
//!
//! It takes one pair of keys and one API key, which it prints. It runs until it is stopped.
//!
//! | option | default | |
//! |---|---|---|
//! | `--port N` | any that is free | |
//! | `--seconds N` | 2 | how long a task takes |
//! | `--concurrency N` | 5 | how many may run at a time (1303) |
//! | `--lose-every N` | never | of so many submissions one loses its answer, and its task is made |
//! | `--halve-every N` | never | of so many submissions one has its answer end in the middle, and its task is made |
//! | `--slow-every N` | never | of so many submissions one has its answer come late |
//! | `--late N` | 60 | how late, in seconds |
//! | `--error-every N` | never | of so many submissions one is answered by 5000 or 5002, in turn, and its task is made |
//! | `--throttle-every N` | never | of so many submissions one is refused (1302) |
//! | `--expire-every N` | never | of so many requests one has its token called expired (1004) |
//! | `--clock-ahead N` | 0 | seconds that the server's clock is ahead; with a minus it is behind, and tokens come early (1003) |
//! | `--fail REASON` | | the next task fails, with this reason; as often as it is given |
//! | `--callback-secret S` | unsigned | callbacks are signed with this `whsec_` secret; with several while they change |
//! | `--callbacks-out-of-order` | in order | |
//! | `--cash` | units | tasks cost cash |

mod stand_in;

use std::{env, process::ExitCode, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use stand_in::{ACCESS_KEY, API_KEY, Pace, SECRET_KEY, StandIn, Weather};

const USAGE: &str = "usage: kling_stand_in [--port N] [--seconds N] [--concurrency N] [--lose-every N] \
                     [--halve-every N] [--slow-every N] [--late N] [--error-every N] [--clock-ahead N] \
                     [--throttle-every N] [--expire-every N] [--fail REASON]... [--callback-secret whsec_S]... \
                     [--callbacks-out-of-order] [--cash]";

struct Options {
    port: u16,
    seconds: u64,
    concurrency: usize,
    weather: Weather,
    clock_ahead: i64,
    failures: Vec<String>,
    secrets: Vec<Vec<u8>>,
    out_of_order: bool,
    cash: bool,
}

impl Options {
    /// `None` for what it does not know.
    fn read(arguments: impl IntoIterator<Item = String>) -> Option<Options> {
        let mut options = Options {
            port: 0,
            seconds: 2,
            concurrency: 5,
            weather: Weather { late: Duration::from_secs(60), ..Weather::default() },
            clock_ahead: 0,
            failures: Vec::new(),
            secrets: Vec::new(),
            out_of_order: false,
            cash: false,
        };
        // `--name=value` is `--name value`.
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
                "--lose-every" => options.weather.lost_every = Some(every(value()?)?),
                "--halve-every" => options.weather.half_every = Some(every(value()?)?),
                "--slow-every" => options.weather.slow_every = Some(every(value()?)?),
                "--late" => options.weather.late = Duration::from_secs(value()?.parse().ok()?),
                "--error-every" => options.weather.error_every = Some(every(value()?)?),
                "--clock-ahead" => options.clock_ahead = value()?.parse().ok()?,
                "--throttle-every" => options.weather.throttled_every = Some(every(value()?)?),
                "--expire-every" => options.weather.expired_every = Some(every(value()?)?),
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
    let Some(options) = Options::read(env::args().skip(1)) else {
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
    server.weather(options.weather);
    server.set_clock_ahead(options.clock_ahead);
    server.sign_with(options.secrets);
    for reason in &options.failures {
        server.fail_next_task(reason);
    }
    if options.out_of_order {
        server.tell_out_of_order();
    }
    if options.cash {
        server.charge_cash();
    }
    println!("KLING_BASE_URL={}", server.base_url());
    println!("KLING_ACCESS_KEY={ACCESS_KEY}");
    println!("KLING_SECRET_KEY={SECRET_KEY}");
    println!("# or, in place of the pair, KLING_API_KEY={API_KEY}");
    loop {
        std::thread::park();
    }
}
