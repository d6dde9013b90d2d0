//! Under a scoped subscriber, whose callsites are reached for the first time inside the scope.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use kling_audit::{AuditLog, audit, audit_span};
use tracing_subscriber::{fmt, prelude::*};

#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// One test, in a process of its own: what matters is which subscriber is there when a callsite is first reached.
#[test]
fn the_first_event_and_span_of_a_callsite_reach_every_layer() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = AuditLog::open(directory.path().join("audit")).expect("opens");
    let shown = Shown::default();
    let writer = shown.clone();
    let subscriber = tracing_subscriber::registry()
        .with(log.layer())
        .with(fmt::layer().with_ansi(false).with_writer(move || writer.clone()));

    tracing::subscriber::with_default(subscriber, || {
        for round in 0..2 {
            let span = audit_span!("job", round);
            span.in_scope(|| audit!("worked", round));
        }
    });
    log.close().expect("closes");

    assert_eq!(log.counters().not_recorded, 0);
    let verified = kling_audit::verify(log.directory()).expect("intact");
    assert_eq!(verified.entries(), 2 + 2 * 3);
    let shown = String::from_utf8(shown.0.lock().expect("no panic").clone()).expect("text");
    assert_eq!(
        shown.lines().filter(|line| line.contains("job") && line.contains("worked")).count(),
        2,
        "{shown}"
    );
}
