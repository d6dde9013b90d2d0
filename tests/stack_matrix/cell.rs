//! A cell: runs a scenario in a stack, in a process with the layer and in one without, and compares trail and layers.

use std::{
    collections::BTreeMap,
    env, fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    record::{self, Key, Way},
    scenarios::{SCENARIOS, Scenario},
    stacks::{STACKS, Stack},
    support::log::TestLog,
};

/// Holds, in a child, the name of its cell.
const CELL: &str = "KLING_AUDIT_CELL";
/// Holds, in a child, the path to which it writes its findings.
const FINDINGS: &str = "KLING_AUDIT_CELL_FINDINGS";
/// Set in a child that runs without the layer.
const WITHOUT_LAYER: &str = "KLING_AUDIT_CELL_WITHOUT";

/// A child that takes longer has a deadlock, even on a slow machine.
const MAX_CHILD_TIME: Duration = Duration::from_secs(120);

#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) stack: &'static Stack,
    pub(crate) scenario: &'static Scenario,
}

/// Results of a child.
#[derive(Default, Deserialize, Serialize)]
struct Findings {
    recorded: usize,
    lost: usize,
    doubled: usize,
    /// Events and spans that other layers received, with their number.
    seen: BTreeMap<String, u64>,
    problems: Vec<String>,
}

/// Result of a cell, from both children.
pub(crate) struct Verdict {
    pub(crate) cell: Cell,
    pub(crate) recorded: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    /// Events and spans that other layers received only without the audit layer.
    pub(crate) silenced: u64,
    pub(crate) hung: bool,
    pub(crate) problems: Vec<String>,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.silenced == 0 && !self.hung && self.problems.is_empty()
    }
}

impl Cell {
    pub(crate) fn name(self) -> String {
        format!("{} / {}", self.stack.name, self.scenario.name)
    }

    pub(crate) fn is_quick(self) -> bool {
        self.stack.heavy || !self.scenario.heavy
    }

    /// The cell of this process, if it is a child.
    pub(crate) fn of_this_process() -> Option<Self> {
        let name = env::var(CELL).ok()?;
        let cells = STACKS.iter().flat_map(|stack| SCENARIOS.iter().map(|scenario| Self { stack, scenario }));
        Some(cells.into_iter().find(|cell| cell.name() == name).unwrap())
    }

    /// Runs the scenario in this process, and writes its findings.
    pub(crate) fn run_here(self) {
        let trails: Vec<TestLog> = match env::var_os(WITHOUT_LAYER) {
            Some(_) => Vec::new(),
            None => (0..self.stack.logs).map(|_| TestLog::new()).collect(),
        };
        let logs: Vec<_> = trails.iter().map(|trail| trail.log.clone()).collect();
        (self.stack.install)(&logs);
        let mut findings = Findings::default();
        for log in &logs {
            let problem = match (self.stack.culprit, log.self_test()) {
                (None, Ok(_)) => None,
                (Some(culprit), Err(error)) if error.to_string().contains(culprit) => None,
                (_, outcome) => Some(format!("the self-test returned {outcome:?}")),
            };
            findings.problems.extend(problem);
        }
        if self.stack.panics {
            record::expect_panics();
        }

        (self.scenario.run)();

        findings.seen = record::all_seen();
        trails.iter().for_each(|trail| self.judge(trail, &mut findings));
        fs::write(env::var_os(FINDINGS).unwrap(), serde_json::to_vec(&findings).unwrap()).unwrap();
    }

    /// Compares the sent events with the entries of the trail.
    fn judge(self, trail: &TestLog, findings: &mut Findings) {
        let entries = trail.entries();
        let sent = record::all_sent();
        let mut counts: BTreeMap<Key, (usize, usize)> = BTreeMap::new();
        for (_, key) in sent.iter().filter(|(way, _)| self.stack.promise.holds(*way)) {
            counts.entry(key.clone()).or_default().0 += 1;
        }
        for entry in &entries {
            counts.entry(key_of(entry)).or_default().1 += 1;
        }
        findings.recorded += entries.len();
        findings.lost += counts.values().map(|(sent, found)| sent.saturating_sub(*found)).sum::<usize>();
        findings.doubled += counts.values().map(|(sent, found)| found.saturating_sub(*sent)).sum::<usize>();
        for (key, (sent, found)) in counts.iter().filter(|(_, (sent, found))| sent != found).take(5) {
            findings.problems.push(format!("{key:?} was sent {sent} times and recorded {found} times"));
        }

        // A log counts a dropped span at its opening. It cannot know of a dropped event that is not from a macro.
        let dropped =
            |way, key: &Key| way == Way::Span && key.0.ends_with(".opened") && !self.stack.promise.holds(way);
        let dropped = sent.iter().filter(|(way, key)| dropped(*way, key)).count() as u64;
        let counters = trail.log.counters();
        if counters.not_recorded != dropped || counters.recorded != entries.len() as u64 {
            findings.problems.push(format!("{counters:?}, where {dropped} spans were dropped"));
        }
        if record::refused() > 0 {
            findings.problems.push(format!("{} macros returned an error", record::refused()));
        }
        trail.close_and_verify();
    }

    /// Runs the cell in two children, with the layer and without it, and compares them.
    pub(crate) fn run_apart(self) -> Verdict {
        let with = self.run_process(true);
        let without = self.run_process(false);
        let mut verdict = Verdict {
            cell: self,
            recorded: 0,
            lost: 0,
            doubled: 0,
            silenced: 0,
            hung: matches!(with, Err(Failure::Hung)),
            problems: Vec::new(),
        };
        match (with, without) {
            (Ok(with), Ok(without)) => {
                for (name, seen) in difference(&without.seen, &with.seen) {
                    verdict.silenced += seen;
                    verdict.problems.push(format!("{name}: {seen} times less than without the layer"));
                }
                // The audit layer renders a value once more, so events of its `Debug` implementation occur once more.
                for (name, seen) in difference(&with.seen, &without.seen) {
                    if !name.contains("in_debug") && !self.scenario.asks {
                        verdict.problems.push(format!("{name}: {seen} times more than without the layer"));
                    }
                }
                (verdict.recorded, verdict.lost, verdict.doubled) = (with.recorded, with.lost, with.doubled);
                verdict.problems.extend(with.problems);
            }
            (with, without) => {
                for (run, result) in [("with", with), ("without", without)] {
                    if let Err(failure) = result {
                        verdict.problems.push(format!("{run} the layer: {failure:?}"));
                    }
                }
            }
        }
        verdict
    }

    fn run_process(self, with: bool) -> Result<Findings, Failure> {
        let files = tempfile::tempdir().unwrap();
        let (findings, output) = (files.path().join("findings"), files.path().join("output"));
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .env(CELL, self.name())
            .env(FINDINGS, &findings)
            .env_remove("RUST_LOG")
            .envs(self.stack.directives.map(|directives| ("RUST_LOG", directives)))
            .envs((!with).then_some((WITHOUT_LAYER, "1")))
            .stdout(Stdio::null())
            .stderr(fs::File::create(&output).unwrap());
        let mut child = command.spawn().unwrap();
        let start = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > MAX_CHILD_TIME => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    return Err(Failure::Hung);
                }
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        if !status.success() {
            return Err(Failure::Ended(format!("{status}\n{}", fs::read_to_string(output).unwrap())));
        }
        Ok(serde_json::from_slice(&fs::read(findings).unwrap()).unwrap())
    }
}

/// Reason for a child without findings.
#[derive(Debug)]
enum Failure {
    Hung,
    /// Exit status and output.
    #[expect(dead_code, reason = "shown by `Debug`")]
    Ended(String),
}

fn key_of(entry: &Value) -> Key {
    (entry["event_type"].as_str().unwrap().to_owned(), entry["details"]["n"].as_u64())
}

/// Names that occur more often in `many` than in `few`, with the difference.
fn difference(many: &BTreeMap<String, u64>, few: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let more = many.iter().map(|(name, count)| {
        (name.clone(), count.saturating_sub(few.get(name).copied().unwrap_or_default()))
    });
    more.filter(|(_, count)| *count > 0).collect()
}
