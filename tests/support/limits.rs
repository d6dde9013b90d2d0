//! How long tests run and wait, and how much memory they take.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    env, fs, thread,
    time::{Duration, Instant},
};

/// `true` if the environment asks for the long versions of tests.
pub(crate) fn is_long() -> bool {
    env::var_os("KLING_AUDIT_LONG").is_some_and(|value| value == "1")
}

/// Waits until a condition holds that another thread brings about, and fails after two minutes.
pub(crate) fn wait_until(condition: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < deadline, "waited for two minutes: {condition}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The most memory that this process has had resident, in bytes; 0 on a system without `/proc`.
pub(crate) fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}
