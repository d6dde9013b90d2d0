//! Under a scoped subscriber, whose callsites are reached for the first time inside the scope.

use kling_audit::{audit, audit_span};
use tracing_subscriber::prelude::*;

use crate::support::{
    log::TestLog,
    printed::Printed,
    process::{isolated, test_path},
};

// In a process of its own: what matters is which subscriber is there when a callsite is first reached.
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
