//! Events written to a trail, against ordinary JSON logs.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    sync::Mutex,
    thread,
};

use kling_audit::{__private, Draft, Durability};
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::{filter::LevelFilter, fmt as tracing_fmt, prelude::*};

use crate::{
    measure::{Row, Scale, Table},
    subject::{emit, event, event_by_macro, files, log, stack},
};

pub(crate) fn measure(table: &mut Table, scale: Scale) {
    layer_against_fmt(table, scale);
    system_calls_alone(table, scale);
    written_against_its_parts(table, scale);
    macro_against_tracing(table, scale);
    two_threads_against_one(table, scale);
    linking_much_against_little(table, scale);
    disabled_callsites(table, scale);
    allocations(table, scale);
}

/// Returns a stack with `fmt().json()` into a buffered file.
fn json_in_a_buffer(directory: &Path) -> Dispatch {
    let file = File::create(directory.join("peer")).expect("a file");
    let writer = Mutex::new(BufWriter::with_capacity(256 * 1024, file));
    Dispatch::new(tracing_subscriber::registry().with(tracing_fmt::layer().json().with_writer(writer)))
}

/// Returns a stack with `fmt().json()` into a rolling file, one system call for each event.
fn json_in_a_rolling_file(directory: &Path) -> Dispatch {
    let writer = tracing_appender::rolling::daily(directory, "peer");
    Dispatch::new(tracing_subscriber::registry().with(tracing_fmt::layer().json().with_writer(writer)))
}

/// Measures an event through the layer into a trail, against an event through `fmt().json()` into the same kind of
/// file.
fn layer_against_fmt(table: &mut Table, scale: Scale) {
    let buffered =
        Row::new("event through the layer, buffered", "fmt().json() into a BufWriter").at_most(0.30);
    let written =
        Row::new("event through the layer, written", "fmt().json() to a rolling file").at_most(0.45);
    for (durability, row) in [(Durability::Buffered, buffered), (Durability::Written, written)] {
        let directory = tempfile::tempdir().expect("a directory");
        let log = log(&directory.path().join("audit"), durability);
        let ours = stack(&log);
        let theirs = match durability {
            Durability::Buffered => json_in_a_buffer(directory.path()),
            _ => json_in_a_rolling_file(directory.path()),
        };

        table.pair(
            row,
            scale.events(20_000),
            scale,
            |count| emit(&ours, count),
            |count| emit(&theirs, count),
        );
        log.close().expect("closes");
    }
}

/// Measures a bare `write(2)` of the line: the lower bound of the written row, for any log that hands each event to
/// the OS separately.
fn system_calls_alone(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let trail = directory.path().join("audit");
    let log = log(&trail, Durability::Written);
    emit(&stack(&log), 1);
    log.close().expect("closes");
    let text = fs::read(&files(&trail)[0]).expect("readable");
    let line = text.split_inclusive(|byte| *byte == b'\n').nth(1).expect("an event");
    let file = File::create(directory.path().join("plain")).expect("a file");
    let theirs = json_in_a_rolling_file(directory.path());

    table.pair(
        Row::new("write(2) of the same line, no more", "fmt().json() to a rolling file"),
        scale.events(20_000),
        scale,
        |count| (0..count).for_each(|_| (&file).write_all(line).expect("written")),
        |count| emit(&theirs, count),
    );
}

/// Measures an event in a `Written` log against the sum of its parts: the same event in a `Buffered` log, then a bare
/// `write(2)`. A system call slows the code after it, so the parts measured separately would be too fast.
fn written_against_its_parts(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let open = |name: &str, durability| log(&directory.path().join(name), durability);
    let (written, buffered) = (open("written", Durability::Written), open("buffered", Durability::Buffered));
    let (ours, parts) = (stack(&written), stack(&buffered));
    emit(&ours, 1);
    let text = fs::read(&files(&directory.path().join("written"))[0]).expect("readable");
    let line = text.split_inclusive(|byte| *byte == b'\n').next_back().expect("an event");
    let file = File::create(directory.path().join("plain")).expect("a file");

    table.pair(
        Row::new("event through the layer, written", "one buffered, and write(2) of the same line"),
        scale.events(20_000),
        scale,
        |count| emit(&ours, count),
        |count| {
            dispatcher::with_default(&parts, || {
                for number in 0..count {
                    event(number);
                    (&file).write_all(line).expect("written");
                }
            });
        },
    );
    written.close().expect("closes");
    buffered.close().expect("closes");
}

/// Measures an event by `audit!` against one by `tracing::info!`, both through the layer.
fn macro_against_tracing(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let log = log(&directory.path().join("audit"), Durability::Buffered);
    let stack = stack(&log);

    table.pair(
        Row::new("audit! through the layer", "tracing::info! through the layer").at_most(1.05),
        scale.events(20_000),
        scale,
        |count| dispatcher::with_default(&stack, || (0..count).for_each(event_by_macro)),
        |count| emit(&stack, count),
    );
    log.close().expect("closes");
}

/// Measures the throughput of two threads against that of one thread, in one log.
fn two_threads_against_one(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let log = log(&directory.path().join("audit"), Durability::Buffered);
    let stack = stack(&log);
    let on_threads = |threads: u64, count: u64| {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| emit(&stack, count / threads));
            }
        });
    };
    let count = scale.events(100_000);

    table.throughput(
        Row::new("events of 2 threads, buffered", "of 1 thread").at_least(1.4).with_control(),
        (count, count),
        scale,
        |count| on_threads(2, count),
        |count| on_threads(1, count),
    );
    log.close().expect("closes");
}

/// Measures linking, which runs under the queue lock, for large and for small details.
fn linking_much_against_little(table: &mut Table, scale: Scale) {
    const COUNT: usize = 20;
    let directory = tempfile::tempdir().expect("a directory");
    let log = log(&directory.path().join("audit"), Durability::Buffered);
    let linking = |length: usize| {
        let draft = || Draft::new("task_submitted").actor("alice").detail("text", "x".repeat(length));
        let times = (0..50).map(|_| {
            // The first buffered line wakes the flusher thread. This append keeps the wake-up out of the measured time.
            log.append(draft()).expect("appended");
            let drafts = (0..COUNT).map(|_| draft()).collect();
            let time = __private::time_of_linking(&log, drafts).expect("linked");
            log.flush().expect("flushed");
            time
        });
        times.min().unwrap_or_default() / COUNT as u32
    };

    table.pair_of_readings(
        Row::new("serial section, 10 KB of details", "200 B of details").at_most(1.3),
        scale,
        || linking(10_000),
        || linking(200),
    );
    log.close().expect("closes");
}

/// Measures a disabled `trace!` of other code, with the layer in the stack and without it.
fn disabled_callsites(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let log = log(&directory.path().join("audit"), Durability::Buffered);
    let info = LevelFilter::INFO;
    let fmt = tracing_fmt::layer().with_writer(std::io::sink).with_filter(info);
    let with = Dispatch::new(tracing_subscriber::registry().with(log.layer()).with(fmt));
    let trace = |count: u64| {
        for number in 0..count {
            tracing::trace!(number, "disabled");
        }
    };
    // The two stacks exist one after the other: together they would share the cached interest of the callsite.
    let ours = dispatcher::with_default(&with, || table.time(scale.events(2_000_000), scale, trace));
    drop(with);
    let fmt = tracing_fmt::layer().with_writer(std::io::sink).with_filter(info);
    let without = Dispatch::new(tracing_subscriber::registry().with(fmt));
    let theirs = dispatcher::with_default(&without, || table.time(scale.events(2_000_000), scale, trace));
    table.value(
        Row::new("a disabled trace!, with the layer: ns more", "the same without").at_most(2.0),
        ours - theirs,
        "ns",
        ours,
        theirs,
    );
    log.close().expect("closes");
}

/// Counts allocations of the emitting thread after a warm-up.
fn allocations(table: &mut Table, scale: Scale) {
    let directory = tempfile::tempdir().expect("a directory");
    let log = log(&directory.path().join("audit"), Durability::Buffered);
    let (ours, theirs) = (stack(&log), json_in_a_buffer(directory.path()));
    let count = scale.events(20_000);
    let each = |stack: &Dispatch| {
        emit(stack, count);
        allocation_counter::measure(|| emit(stack, count)).count_total as f64 / count as f64
    };
    let (ours, theirs) = (each(&ours), each(&theirs));
    table.value(
        Row::new("heap allocations of an event", "of one through fmt().json()").at_most(2.0),
        ours,
        "",
        ours,
        theirs,
    );
    log.close().expect("closes");
}
