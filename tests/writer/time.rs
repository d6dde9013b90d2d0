//! Clocks: midnight in a running process, leap days, steps back, and extreme times.

use chrono::{DateTime, Utc};
use kling_audit::{AuditLogBuilder, Draft, Durability};

use crate::support::{
    limits::is_long,
    random::Random,
    trail::{DAY, SECOND, TestTrail},
};

fn micros(text: &str) -> i64 {
    text.parse::<DateTime<Utc>>().expect("a time").timestamp_micros()
}

/// Changes the settings of a log.
type Setting = fn(AuditLogBuilder) -> AuditLogBuilder;

const SETTINGS: [(&str, Setting); 4] = [
    ("written", |builder| builder),
    ("buffered", |builder| builder.durability(Durability::Buffered)),
    ("synced", |builder| builder.durability(Durability::Synced)),
    ("in small files", |builder| builder.max_file_size(900)),
];

/// Appends an entry at each of the times, in one run, or in a run of its own for each.
fn at_times(times: &[i64], way: fn(AuditLogBuilder) -> AuditLogBuilder, one_run: bool) -> TestTrail {
    let trail = TestTrail::new();
    trail.set_clock(times[0]);
    let mut log = Some(way(trail.builder()).open().expect("opens"));
    for (number, &time) in times.iter().enumerate() {
        trail.set_clock(time);
        if log.is_none() {
            log = Some(way(trail.builder()).open().expect("opens again"));
        }
        log.as_ref().expect("one").append(Draft::new("worked").detail("number", number)).expect("recorded");
        if !one_run {
            log.take().expect("one").close().expect("closes");
        }
    }
    if let Some(log) = log {
        log.close().expect("closes");
    }
    trail
}

/// Values of `one_run`: always `true`, and `false` in long tests and where files are small.
fn runs(way: &str) -> impl Iterator<Item = bool> + use<> {
    let each = is_long() || way == "in small files";
    [true, false].into_iter().take(if each { 2 } else { 1 })
}

fn days_of_files(trail: &TestTrail) -> Vec<String> {
    let mut days: Vec<_> =
        trail.jsonl_names().iter().map(|name| name["audit-".len()..][..10].to_owned()).collect();
    days.dedup();
    days
}

#[test]
fn new_file_starts_at_midnight_in_a_running_process() {
    let midnights: [(&str, &str, [&str; 2]); 8] = [
        ("an ordinary night", "2026-11-25T00:00:00Z", ["2026-11-24", "2026-11-25"]),
        ("the end of a month", "2026-12-01T00:00:00Z", ["2026-11-30", "2026-12-01"]),
        ("the end of a year", "2027-01-01T00:00:00Z", ["2026-12-31", "2027-01-01"]),
        ("the night before a leap day", "2028-02-29T00:00:00Z", ["2028-02-28", "2028-02-29"]),
        ("the night after one", "2028-03-01T00:00:00Z", ["2028-02-29", "2028-03-01"]),
        ("no leap day", "2027-03-01T00:00:00Z", ["2027-02-28", "2027-03-01"]),
        ("a century's leap day", "2000-02-29T00:00:00Z", ["2000-02-28", "2000-02-29"]),
        ("a century without", "2100-03-01T00:00:00Z", ["2100-02-28", "2100-03-01"]),
    ];
    for (case, midnight, days) in midnights {
        let midnight = micros(midnight);
        let times: Vec<i64> =
            [-SECOND, -2, -1, 0, 1, SECOND].iter().map(|offset| midnight + offset).collect();
        for (way, settings) in SETTINGS {
            for one_run in runs(way) {
                let trail = at_times(&times, settings, one_run);

                let entries = trail.entries();
                let stated: Vec<_> = entries
                    .iter()
                    .filter(|entry| entry["event_type"] == "worked")
                    .map(|entry| micros(entry["timestamp"].as_str().expect("a time")))
                    .collect();
                assert_eq!(stated, times, "{case}, {way}");
                assert_eq!(days_of_files(&trail), days, "{case}, {way}");
                assert!(trail.verify().notices().is_empty(), "{case}, {way}");
            }
        }
    }
}

#[test]
fn step_back_of_more_than_a_second_is_recorded() {
    let start = micros("2026-11-24T12:00:00Z");
    for (step, recorded) in [
        (0, false),
        (1, false),
        (SECOND / 2, false),
        (SECOND, false),
        (SECOND + 1, true),
        (3_600 * SECOND, true),
        (13 * 3_600 * SECOND, true),
        (400 * DAY, true),
    ] {
        for (way, settings) in SETTINGS {
            for one_run in runs(way) {
                let trail = at_times(&[start, start - step, start - step + 1], settings, one_run);

                let entries = trail.entries();
                let stepped: Vec<_> =
                    entries.iter().filter(|entry| entry["event_type"] == "audit_clock_stepped").collect();
                assert_eq!(stepped.len(), usize::from(recorded), "{step}, {way}, {one_run}");
                if let [stepped] = stepped[..] {
                    let stated = |name: &str| micros(stepped["details"][name].as_str().expect("a time"));
                    assert_eq!(stated("from") - stated("to"), step, "{way}");
                    assert_eq!(stepped["timestamp"], stepped["details"]["to"]);
                }
            }
        }
    }
}

#[test]
fn clock_that_moves_around_midnight_keeps_trail_intact() {
    let midnight = micros("2027-01-01T00:00:00Z");
    let mut random = Random(20_270_101);
    let mut times = Vec::new();
    for _ in 0..if is_long() { 1_000 } else { 20 } {
        times.push(midnight + random.below(20 * SECOND as usize) as i64 - 10 * SECOND);
        times.push(midnight + random.below(4 * DAY as usize) as i64 - 2 * DAY);
        times.push(midnight + random.below(5) as i64 - 2);
    }
    for (way, settings) in SETTINGS {
        for one_run in runs(way) {
            let times = if one_run { &times[..] } else { &times[..30] };

            let trail = at_times(times, settings, one_run);

            let worked = trail.event_types().iter().filter(|name| *name == "worked").count();
            assert_eq!(worked, times.len());
        }
    }
}

#[test]
fn extreme_clock_values_are_recorded_in_every_mode() {
    let edges = [
        ("1970", 0),
        ("before 1970", -1),
        ("1901", -2_147_483_648 * SECOND),
        ("2038", 2_147_483_647 * SECOND),
        ("2106", 4_294_967_295 * SECOND),
        ("2262, where nanoseconds end", i64::MAX / 1_000),
        ("9999", micros("9999-12-31T23:59:59.999999Z")),
        ("0000", micros("0000-01-01T00:00:00Z")),
        ("the year 0 before", micros("0000-01-01T00:00:00Z") - 1),
        ("the year 10000", micros("9999-12-31T23:59:59.999999Z") + 1),
    ];
    for (case, edge) in edges {
        for (way, settings) in SETTINGS {
            for one_run in runs(way) {
                let trail = at_times(&[edge - 2, edge - 1, edge, edge + 1, edge + 2], settings, one_run);

                let worked = trail.event_types().iter().filter(|name| *name == "worked").count();
                assert_eq!(worked, 5, "{case}, {way}");
            }
        }
    }
    // One trail over all these times.
    let trail = at_times(&edges.map(|(_, edge)| edge), |builder| builder.max_file_size(500), true);
    assert_eq!(trail.event_types().iter().filter(|name| *name == "worked").count(), edges.len());
}

#[test]
fn gap_of_several_days_is_a_notice_and_no_finding() {
    let start = micros("2028-02-27T12:00:00Z");
    for one_run in [true, false] {
        let trail = at_times(&[start, start + 3 * DAY, start + 400 * DAY], |builder| builder, one_run);

        let notices: Vec<_> = trail.verify().notices().iter().map(ToString::to_string).collect();
        assert_eq!(notices[0], "days_without_entries: 2028-02-28 to 2028-02-29 (2 days)");
        assert!(notices[1].ends_with("(396 days)"), "{notices:?}");
        assert_eq!(days_of_files(&trail).len(), 3);
    }
}

#[test]
fn late_thread_with_an_older_time_is_no_clock_step() {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    let trail = TestTrail::new();
    let start = micros("2026-11-24T12:00:00Z");
    // A thread reads the clock before it has the lock. Its time may be older than the entry before it.
    let late = Arc::new(AtomicI64::new(0));
    let reading = Arc::clone(&late);
    let log = trail
        .builder()
        .clock(move || {
            let late = reading.swap(0, Ordering::Relaxed);
            DateTime::from_timestamp_micros(start + 60 * SECOND - late).expect("a time")
        })
        .open()
        .expect("opens");
    log.append(Draft::new("quick")).expect("recorded");
    for by in [1, SECOND, SECOND + 1, 50 * SECOND] {
        late.store(by, Ordering::Relaxed);
        log.append(Draft::new("late").detail("by", by)).expect("recorded");
    }
    log.close().expect("closes");

    let entries = trail.entries();
    let types: Vec<_> = entries.iter().map(|entry| entry["event_type"].as_str().expect("a type")).collect();
    assert_eq!(types, ["audit_started", "quick", "late", "late", "late", "late", "audit_stopped"]);
    let mut stated: Vec<_> =
        entries.iter().map(|entry| entry["timestamp"].as_str().expect("a time")).collect();
    stated.dedup();
    assert_eq!(stated, ["2026-11-24T12:01:00.000000Z"]);
}
