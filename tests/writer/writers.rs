//! One trail has one writer: races to open it, forks of its process, and the `Abort` policy.

#![allow(unsafe_code, reason = "the tests fork their process, which is unsafe")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use kling_audit::{AuditLog, Draft, Durability, Error, Health, OnFailure};

use crate::support::{
    limits::is_long,
    process::{child, child_after, child_directory, in_directory, is_child, isolated, run, test_path},
    trail::{LIVE, TestTrail},
};

/// A child process that opens and closes trails on order.
struct Opener {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Opener {
    fn new(name: &str) -> Self {
        let mut child = child(name).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("runs");
        let orders = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, orders, answers }
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("it listens");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.answers.read_line(&mut line).expect("it speaks") > 0, "it ended");
            if let Some((_, answer)) = line.split_once("ANSWER ") {
                return answer.trim_end().to_owned();
            }
        }
    }

    /// The body of the child: opens the trail that a line of input names, and closes it at the next line.
    fn obey() {
        let mut lines = std::io::stdin().lines();
        while let Some(Ok(order)) = lines.next() {
            let log = AuditLog::open(&order);
            match &log {
                Ok(log) => {
                    log.append(Draft::new("opened")).expect("recorded");
                    // The flush writes the head. Until its next entry, the log does not check its files.
                    log.flush().expect("flushed");
                    println!("\nANSWER opened");
                }
                Err(error) => println!("\nANSWER {error}"),
            }
            lines.next();
            if let Ok(log) = log {
                log.close().expect("closes");
            }
            println!("\nANSWER closed");
        }
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn one_of_two_processes_that_open_together_succeeds() {
    let name = test_path!();
    if is_child(name) {
        return Opener::obey();
    }
    let mut openers = [Opener::new(name), Opener::new(name)];
    let rounds = if is_long() { 2_000 } else { 50 };
    let trail = TestTrail::new();
    let mut firsts = [0, 0];
    for round in 0..rounds {
        // Five rounds share a trail. In one of the five, the lock file is missing.
        let directory = trail.root().join(format!("audit-{}", round / 5));
        if round % 5 == 3 {
            fs::remove_file(directory.join("audit.lock")).expect("removed");
        }
        let order = directory.to_str().expect("Unicode");
        openers.iter_mut().for_each(|opener| opener.order(order));
        let answers = openers.each_mut().map(Opener::answer);

        let opened = answers.iter().filter(|answer| *answer == "opened").count();
        assert_eq!(opened, 1, "round {round}: {answers:?}");
        let first = usize::from(answers[1] == "opened");
        firsts[first] += 1;
        assert!(answers[1 - first].contains("another writer holds the lock"), "{answers:?}");

        openers.iter_mut().for_each(|opener| opener.order(""));
        assert_eq!(openers.each_mut().map(Opener::answer), ["closed", "closed"]);
        let verification = kling_audit::verify(&directory).expect("intact");
        assert_eq!(verification.entries(), 3 * (round % 5 + 1));
    }
    println!("{rounds} rounds, opened by {firsts:?}");
}

#[test]
fn second_process_is_refused_without_the_lock_file() {
    let name = test_path!();
    if is_child(name) {
        return Opener::obey();
    }
    let trail = TestTrail::new();
    let order = trail.directory().to_str().expect("Unicode").to_owned();
    let mut openers = [Opener::new(name), Opener::new(name)];
    openers[0].order(&order);
    assert_eq!(openers[0].answer(), "opened");
    fs::remove_file(trail.path("audit.lock")).expect("removed");

    openers[1].order(&order);
    let answer = openers[1].answer();

    assert!(answer.contains("another writer holds the lock") && answer.contains(".jsonl"), "{answer}");
    for opener in &mut openers {
        opener.order("");
        assert_eq!(opener.answer(), "closed");
    }
    assert_eq!(kling_audit::verify(trail.directory()).expect("intact").entries(), 3);
}

/// Runs `body` in a fork of this process, and returns the exit status of the fork. A panic is 101.
fn fork(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child of a process with several threads may only call functions that are safe in a signal handler.
    // glibc allows allocation as well. The code under test must refuse before it takes any lock: the tests prove that.
    // The child ends by `_exit`, which runs no handler of the parent.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0, "forks");
        if child == 0 {
            let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101);
            libc::_exit(code);
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 1_000 + libc::WTERMSIG(status) }
    }
}

#[test]
fn forked_process_cannot_write_or_disturb_its_parent() {
    isolated(test_path!(), || {
        for level in [Durability::Written, Durability::Buffered, Durability::Synced] {
            let trail = TestTrail::new();
            let log = trail.builder().durability(level).open().expect("opens");
            log.append(Draft::new("before")).expect("recorded");
            let clone = log.clone();

            let code = fork(move || {
                let forked = |result: Result<(), Error>| matches!(result, Err(Error::Forked { .. }));
                let refused = [
                    forked(clone.append(Draft::new("child")).map(drop)),
                    forked(clone.append(Draft::new("child").critical()).map(drop)),
                    forked(clone.flush()),
                    forked(clone.close()),
                    forked(poll_once(clone.append_async(Draft::new("child"))).map(drop)),
                    clone.health() == Health::Closed,
                    clone.counters().bytes == 0,
                ];
                // For the fork, this is the last handle.
                drop(clone);
                refused.iter().position(|refused| !refused).map_or(0, |at| at as i32 + 1)
            });

            assert_eq!(code, 0, "{level:?}: number of the call that was not refused");
            assert!(
                matches!(AuditLog::open(trail.directory()), Err(Error::Locked { .. })),
                "the parent still has the trail open"
            );
            log.append(Draft::new("after")).expect("recorded");
            log.close().expect("closes");
            assert_eq!(
                trail.event_types(),
                ["audit_started", "before", "after", "audit_stopped"],
                "{level:?}"
            );
        }
    });
}

/// The output of a future that is ready at its first poll.
fn poll_once<F: Future>(future: F) -> F::Output {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(output) = std::pin::pin!(future).poll(&mut context) else {
        unreachable!("ready at the first poll");
    };
    output
}

#[test]
fn handle_dropped_in_a_fork_does_not_close_the_trail() {
    isolated(test_path!(), || {
        let trail = TestTrail::new();
        let mut log = Some(trail.open());

        let code = fork(|| {
            drop(log.take());
            0
        });

        assert_eq!(code, 0);
        let log = log.expect("the parent's");
        log.append(Draft::new("after")).expect("recorded");
        log.close().expect("closes");
        assert_eq!(trail.event_types(), ["audit_started", "after", "audit_stopped"]);
    });
}

#[test]
fn forks_of_a_busy_writer_do_not_hang_or_write() {
    isolated(test_path!(), || {
        let trail = TestTrail::new();
        let log = trail.open();
        log.append(Draft::new("worked")).expect("recorded");
        let over = AtomicBool::new(false);
        let rounds = if is_long() { 2_000 } else { 40 };
        thread::scope(|scope| {
            let writers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut count = 0;
                        while !over.load(Ordering::Relaxed) {
                            log.append(Draft::new("worked")).expect("recorded");
                            count += 1;
                        }
                        count
                    })
                })
                .collect();
            let mut codes = vec![0; rounds];
            for code in &mut codes {
                *code = fork(|| {
                    let refused = log.append(Draft::new("child")).is_err()
                        && poll_once(log.append_async(Draft::new("child"))).is_err()
                        && log.close().is_err()
                        && log.counters().recorded > 0
                        && log.health() == Health::Closed;
                    i32::from(!refused)
                });
            }
            over.store(true, Ordering::Relaxed);
            assert_eq!(codes, vec![0; rounds]);
            let appended: usize = writers.into_iter().map(|writer| writer.join().expect("well")).sum();
            log.close().expect("closes");
            assert_eq!(trail.entries().len(), appended + 3);
        });
    });
}

#[test]
fn living_fork_does_not_block_the_next_writer() {
    isolated(test_path!(), || {
        let trail = TestTrail::new();
        let log = trail.open();
        // SAFETY: as in `fork`. The child only sleeps.
        let child = unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::sleep(600);
                libc::_exit(0);
            }
            child
        };

        log.close().expect("closes");
        let opened = trail.builder().open();

        // SAFETY: kills and reaps the child of the call above.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
        opened.expect("the parent released its locks").close().expect("closes");
        assert_eq!(trail.entries().len(), 4);
    });
}

#[test]
fn on_failure_abort_ends_the_process_at_a_lost_entry() {
    let name = test_path!();
    if is_child(name) {
        let trail = child_directory().expect("a directory");
        let hooked = trail.with_extension("hooked");
        let log = AuditLog::builder(&trail)
            .on_failure(OnFailure::Abort)
            .on_error(move |error| fs::write(&hooked, error.to_string()).expect("written"))
            .open()
            .expect("opens");
        log.append(Draft::new("audit_mine")).expect_err("a reserved type is no failure of the log");
        log.append(Draft::new("recorded")).expect("recorded");
        let maximum = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        let limit = rustix::process::Rlimit { current: Some(2_000), maximum };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).expect("allowed");
        for _ in 0..100 {
            drop(log.append(Draft::new("more").detail("filling", "x".repeat(500))));
        }
        println!("the process continues");
        return;
    }
    let trail = TestTrail::new();
    let command = in_directory(child_after(name, "trap '' XFSZ; ulimit -c 0"), &trail.directory());

    let output = run(command);

    let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
    assert_eq!(signal, Some(libc::SIGABRT), "{}", output.text);
    assert!(output.text.contains("File too large"), "{}", output.text);
    let hooked = fs::read_to_string(trail.directory().with_extension("hooked")).expect("the hook was called");
    assert!(hooked.contains("append to") && hooked.contains("File too large"), "{hooked}");
    let verification = trail.verify();
    assert_eq!(verification.verdict(), kling_audit::verify::Verdict::Intact, "{verification}");
    let entries = trail.readable_entries(&verification);
    assert_eq!(entries[1]["event_type"], "recorded");
    trail.record_run(1);
}

#[test]
fn hook_receives_the_error_of_every_lost_entry() {
    let trail = TestTrail::new();
    let log = trail.open();
    for _ in 0..3 {
        log.append(Draft::new("audit_mine")).expect_err("reserved");
    }
    log.close().expect("closes");
    log.append(Draft::new("late")).expect_err("closed");

    let errors = trail.errors();

    assert_eq!(errors.len(), 4);
    assert!(errors[0].contains("audit_mine") && errors[3].contains("was closed"), "{errors:?}");
    assert_eq!(log.counters().not_recorded, 4);
    assert!(trail.path(LIVE).exists());
}
