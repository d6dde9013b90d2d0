//! A scoped subscriber, with callsites that the program reaches first inside the scope.

use kling_audit::{audit, audit_span};
use tracing_subscriber::prelude::*;

use crate::support::{
    log::TestLog,
    printed::Printed,
    process::{isolated, test_path},
};

// `tracing` registers a callsite at its first use. No other test of this process may register the callsites before, or
// install a subscriber, so the test has a process of its own.
#[test]
fn first_use_of_a_callsite_in_a_scope_reaches_every_layer() {
    isolated(test_path!(), || {
        let trail = TestLog::new();
        let printed = Printed::default();
        let subscriber = tracing_subscriber::registry().with(trail.log.layer()).with(printed.layer());

        tracing::subscriber::with_default(subscriber, || {
            for round in 0..2 {
                let span = audit_span!("job", round);
                span.in_scope(|| audit!("worked", round));
            }
        });
        trail.log.close().expect("closes");

        assert_eq!(trail.log.counters().not_recorded, 0);
        let verified = kling_audit::verify(trail.log.directory()).expect("intact");
        assert_eq!(verified.entries(), 2 + 2 * 3);
        let shown = printed.text();
        assert_eq!(
            shown.lines().filter(|line| line.contains("job") && line.contains("worked")).count(),
            2,
            "{shown}"
        );
    });
}
