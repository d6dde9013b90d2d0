//! The macros, and the checks that they make while the caller compiles.
//!
//! A field becomes one `match` around all that follows it: evaluated once, in order, without a closure, so that `?`,
//! `return` and `.await` do what they do elsewhere. What borrows values without their type (and is not `Send`) comes
//! into being in the innermost `match` only, after the last `.await`.

/// What the macros need of this crate. No part of its interface.
#[doc(hidden)]
pub mod __private {
    pub use core::{
        assert, compile_error, concat, file, format_args, line, option::Option::None, option::Option::Some,
        panic, stringify,
    };

    pub use tracing::{
        Level, Metadata,
        callsite::DefaultCallsite,
        field::{Value, debug, display},
        metadata::Kind,
    };
    pub use tracing_core::metadata;

    pub use crate::layer::field_names::{FieldName, Names, Twice, holds, names, twice};
    pub use crate::{
        format::draft::is_reserved,
        layer::callsite::{CallsiteState, SpanParent, level, log, parent, record, record_async, span},
    };

    use std::time::Duration;

    use crate::{
        error::Error,
        format::{draft::Draft, receipt::Receipt},
        log::{AuditLog, not_recorded::NotRecorded, outcome::Outcome},
    };

    /// For benches: the time that drafts take from their rendering on, which is what threads do one after the other.
    pub fn time_of_linking(log: &AuditLog, drafts: Vec<Draft>) -> Result<Duration, Error> {
        log.time_of_linking(drafts)
    }

    #[inline]
    pub fn outcome(result: Result<Receipt, NotRecorded>) -> Outcome {
        Outcome::new(result)
    }
}

/// Records an audit event, and hands it to the other layers.
///
/// The first literal is the event type. After it come fields, in `tracing`'s own grammar: `name = value`,
/// `name = %display`, `name = ?debug`, the short forms `name`, `%name` and `?name`, dotted and quoted names, constant
/// names as `{NAME} = value`, and at the end a message with its arguments. The field `actor` says who did it.
/// Structure goes in by [`json`](crate::json).
///
/// ```
/// # let (user, rows, error) = ("alice", 12, std::io::Error::other("no space"));
/// use kling_audit::audit;
///
/// audit!("config_changed", actor = "alice", key = "quota", value = 5);
/// audit!("export_refused", level: WARN, actor = %user, rows, reason = ?error);
/// audit!("login", actor = user, "{user} logged in from {}", "10.0.0.1");
/// ```
///
/// Between type and fields, or before the type, may stand:
///
/// | option | default | |
/// |---|---|---|
/// | `level:` | `INFO` | for the other layers; `INFO`, `WARN` or `ERROR` |
/// | `parent:` | the current span | a span, its id, or `None` |
/// | `log:` | see below | the [`AuditLog`](crate::AuditLog) to record in |
///
/// A type that is known at run time only is given as `event_type = value` in the place of the literal.
///
/// The event is recorded before any layer sees it, so no filter and no panic in another layer can keep it from the
/// log: the log of the subscriber's [`AuditLayer`](crate::AuditLayer), else the one of
/// [`AuditLog::set_global`](crate::AuditLog::set_global). Further audit layers in the stack record it in their logs as
/// well.
///
/// The result is an [`Outcome`](crate::Outcome), which a statement may ignore. Where what happens next depends on the
/// record, use [`try_audit!`](crate::try_audit).
///
/// # Compile errors
///
/// A field that is named twice:
///
/// ```compile_fail
/// kling_audit::audit!("export_requested", rows = 1, rows = 2);
/// ```
///
/// no event type, or an empty one:
///
/// ```compile_fail
/// kling_audit::audit!(rows = 1);
/// ```
///
/// a level below INFO, which would leave the event to other layers' filters:
///
/// ```compile_fail
/// kling_audit::audit!("export_requested", level: DEBUG, rows = 1);
/// ```
///
/// a type that belongs to the log's own entries (`audit_*`, `*.opened`, `*.closed`):
///
/// ```compile_fail
/// kling_audit::audit!("audit_started", rows = 1);
/// ```
#[macro_export]
macro_rules! audit {
    ($($all:tt)*) => {
        $crate::__private::outcome($crate::__audit!(@ record [$crate::__private::Level::INFO]
            [$crate::__private::SpanParent::Current] [$crate::__private::None] [] {} $($all)*))
    };
}

/// Records an audit event, and says whether that was done: `Result<Receipt, NotRecorded>`.
///
/// The grammar is that of [`audit!`](crate::audit).
///
/// ```no_run
/// # fn rows() -> Result<u64, Box<dyn std::error::Error>> { Ok(1) }
/// # fn export(log: &kling_audit::AuditLog) -> Result<(), Box<dyn std::error::Error>> {
/// use kling_audit::try_audit;
///
/// // No record, no export.
/// let receipt = try_audit!(log: log, "export_requested", actor = "alice", rows = rows()?)?;
/// println!("recorded as {}", receipt.seq);
/// # Ok(())
/// # }
/// ```
///
/// With `log:` it records in that log, once, even where that log's layer is in the stack. With several layers in the
/// stack, the receipt is that of the layer added last.
///
/// # Errors
///
/// [`NotRecorded`](crate::NotRecorded) says why. The other layers were given the event all the same.
#[macro_export]
macro_rules! try_audit {
    ($($all:tt)*) => {
        $crate::__audit!(@ record [$crate::__private::Level::INFO]
            [$crate::__private::SpanParent::Current] [$crate::__private::None] [] {} $($all)*)
    };
}

/// Records an audit event without blocking the thread: a future of `Result<Receipt, NotRecorded>`.
///
/// The grammar is that of [`audit!`](crate::audit).
///
/// ```no_run
/// # async fn export(log: kling_audit::AuditLog) -> Result<(), kling_audit::NotRecorded> {
/// use kling_audit::try_audit_async;
///
/// // No record, no export; and no thread of the runtime waits for the disk.
/// let receipt = try_audit_async!(log: &log, "export_requested", actor = "alice", rows = 12).await?;
/// println!("recorded as {}", receipt.seq);
/// # Ok(())
/// # }
/// ```
///
/// The event takes its place in the trail, and is handed to the other layers, where the macro stands and not when the
/// [`PendingReceipt`](crate::PendingReceipt) is awaited; it keeps its place if that is dropped. The future borrows
/// nothing and is `Send`, so several can be begun in order and awaited later. Where the log is reached only behind a
/// layer that hides it, such as `tracing_subscriber::reload`, the thread waits as with
/// [`try_audit!`](crate::try_audit).
///
/// # Errors
///
/// The future gives what [`try_audit!`](crate::try_audit) would.
#[macro_export]
macro_rules! try_audit_async {
    ($($all:tt)*) => {{
        // A statement of its own: what the fields borrow for a moment ends before anything is awaited.
        let __recording = $crate::__audit!(@ record_async [$crate::__private::Level::INFO]
            [$crate::__private::SpanParent::Current] [$crate::__private::None] [] {} $($all)*);
        __recording
    }};
}

/// A span whose opening and closing are recorded: a `tracing::Span` with target `audit` and level INFO.
///
/// The first literal is its name. After it come fields as in [`audit!`](crate::audit), `tracing::field::Empty` for
/// those that `Span::record` gives later, and the options `level:`, `parent:` and `log:`.
///
/// ```
/// let span = kling_audit::audit_span!("nightly_export", actor = "cron", rows = tracing::field::Empty);
/// span.in_scope(|| {
///     // Entries that are recorded in here name the span, and have its actor unless they name their own.
///     span.record("rows", 1200);
/// });
/// ```
///
/// Unlike an event, a span depends on the subscriber: a filter for the whole stack can drop it. That is said on
/// standard error and counted by the log as not recorded. With `log:` it is no loss where that log has no layer in
/// any stack: for libraries that record their events in a log which they were given.
#[macro_export]
macro_rules! audit_span {
    ($($all:tt)*) => {
        $crate::__audit!(@ span [$crate::__private::Level::INFO]
            [$crate::__private::SpanParent::Current] [$crate::__private::None] [] {} $($all)*)
    };
}

/// Takes one piece off the input at a time: `@ kind [level] [parent] [log] [type] { fields } input`.
///
/// The kind is `span`, or what records an event: `record` or `record_async`.
#[doc(hidden)]
#[macro_export]
macro_rules! __audit {
    // Options.
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt level: INFO $(, $($rest:tt)*)?) => {
        $crate::__audit!(@ $kind [$crate::__private::Level::INFO] $p $g $t $f $($($rest)*)?)
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt level: WARN $(, $($rest:tt)*)?) => {
        $crate::__audit!(@ $kind [$crate::__private::Level::WARN] $p $g $t $f $($($rest)*)?)
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt level: ERROR $(, $($rest:tt)*)?) => {
        $crate::__audit!(@ $kind [$crate::__private::Level::ERROR] $p $g $t $f $($($rest)*)?)
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt level: DEBUG $($rest:tt)*) => {
        $crate::__audit_low_level!()
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt level: TRACE $($rest:tt)*) => {
        $crate::__audit_low_level!()
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt level: $level:expr $(, $($rest:tt)*)?) => {
        $crate::__audit!(@ $kind [$crate::__private::level($level)] $p $g $t $f $($($rest)*)?)
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt target: $($rest:tt)*) => {
        $crate::__private::compile_error!("what is audited has the target `audit`: leave `target:` out")
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt parent: $parent:expr $(, $($rest:tt)*)?) => {
        match $crate::__private::parent($parent) {
            __parent => $crate::__audit!(@ $kind $l [__parent] $g $t $f $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt log: $log:expr $(, $($rest:tt)*)?) => {
        match &$log {
            __log => $crate::__audit!(@ $kind $l $p [$crate::__private::log(__log)] $t $f $($($rest)*)?),
        }
    };

    // The type.
    (@ $kind:ident $l:tt $p:tt $g:tt [] {} $type:literal $(, $($rest:tt)*)?) => {
        $crate::__audit!(@ $kind $l $p $g [$type] {} $($($rest)*)?)
    };
    (@ span $l:tt $p:tt $g:tt [] {} $($rest:tt)*) => {
        $crate::__private::compile_error!(
            "an audit span needs its name first, as a literal, then a comma:\n\
             \n    audit_span!(\"nightly_export\", actor = \"cron\", rows = tracing::field::Empty);\n"
        )
    };

    (@ $kind:ident $l:tt $p:tt $g:tt [] {} $($rest:tt)*) => {
        $crate::__audit!(@ typed ($kind $l $p $g) { $($rest)* } $($rest)*)
    };

    // The caller's own tokens go on, since those of a rule would not name the caller's variables.
    (@ typed ($kind:ident $l:tt $p:tt $g:tt) { $($all:tt)* } event_type $($rest:tt)*) => {
        $crate::__audit!(@ $kind $l $p $g [@] {} $($all)*)
    };
    (@ typed ($kind:ident $l:tt $p:tt $g:tt) { $($all:tt)* } % event_type $($rest:tt)*) => {
        $crate::__audit!(@ $kind $l $p $g [@] {} $($all)*)
    };
    (@ typed ($kind:ident $l:tt $p:tt $g:tt) { $($all:tt)* } ? event_type $($rest:tt)*) => {
        $crate::__audit!(@ $kind $l $p $g [@] {} $($all)*)
    };
    (@ typed $way:tt $all:tt $($rest:tt)*) => {
        $crate::__private::compile_error!(
            "an audit event needs its type first, as a literal or as `event_type = value`, then a comma:\n\
             \n    audit!(\"config_changed\", actor = \"alice\", key = \"quota\", value = 5);\n    \
             audit!(event_type = kind, actor = %user);\n"
        )
    };

    // Fields in braces, before a message.
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt { $($fields:tt)* }, $($message:tt)+) => {
        $crate::__audit!(@ $kind $l $p $g $t $f $($fields)*, $($message)+)
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt { $($fields:tt)* } $(,)?) => {
        $crate::__audit!(@ $kind $l $p $g $t $f $($fields)*)
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt $f:tt , $($rest:tt)*) => {
        $crate::__audit!(@ $kind $l $p $g $t $f $($rest)*)
    };

    // One field.
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } $($name:ident).+ = ? $value:expr $(, $($rest:tt)*)?) => {
        match &$value {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($crate::__audit_name!($($name).+), &$crate::__private::debug(__value)) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } $($name:ident).+ = % $value:expr $(, $($rest:tt)*)?) => {
        match &$value {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($crate::__audit_name!($($name).+), &$crate::__private::display(__value)) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } $($name:ident).+ = $value:expr $(, $($rest:tt)*)?) => {
        match &$value {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($crate::__audit_name!($($name).+), __value) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } ? $($name:ident).+ $(, $($rest:tt)*)?) => {
        match &$($name).+ {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($crate::__audit_name!($($name).+), &$crate::__private::debug(__value)) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } % $($name:ident).+ $(, $($rest:tt)*)?) => {
        match &$($name).+ {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($crate::__audit_name!($($name).+), &$crate::__private::display(__value)) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } $($name:ident).+ $(, $($rest:tt)*)?) => {
        match &$($name).+ {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($crate::__audit_name!($($name).+), __value) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } $name:literal = ? $value:expr $(, $($rest:tt)*)?) => {
        match &$value {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($name, &$crate::__private::debug(__value)) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } $name:literal = % $value:expr $(, $($rest:tt)*)?) => {
        match &$value {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($name, &$crate::__private::display(__value)) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } $name:literal = $value:expr $(, $($rest:tt)*)?) => {
        match &$value {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($name, __value) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } { $name:expr } = ? $value:expr $(, $($rest:tt)*)?) => {
        match &$value {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($name, &$crate::__private::debug(__value)) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } { $name:expr } = % $value:expr $(, $($rest:tt)*)?) => {
        match &$value {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($name, &$crate::__private::display(__value)) } $($($rest)*)?),
        }
    };
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($f:tt)* } { $name:expr } = $value:expr $(, $($rest:tt)*)?) => {
        match &$value {
            __value => $crate::__audit!(@ $kind $l $p $g $t { $($f)*
                ($name, __value) } $($($rest)*)?),
        }
    };

    // Nothing is left.
    (@ span [$level:expr] [$parent:expr] [$log:expr] [$type:literal] { $(($name:expr, $value:expr))* }) => {{
        static __CALLSITE: $crate::__private::DefaultCallsite = $crate::__private::DefaultCallsite::new(&__META);
        static __META: $crate::__private::Metadata<'static> = $crate::__private::metadata! {
            name: $type,
            target: "audit",
            level: $level,
            fields: __NAMES,
            callsite: &__CALLSITE,
            kind: $crate::__private::Kind::SPAN,
        };
        static __SITE: $crate::__private::CallsiteState = $crate::__private::CallsiteState::new(&__CALLSITE, &__META, false);
        const __NAMES: $crate::__private::Names = &[$($name),*];
        $crate::__audit_once!(__NAMES);
        const _: () = $crate::__private::assert!(!$type.is_empty(), "the span's name is empty");
        $crate::__private::span(&__SITE, $parent, $log, &[
            $crate::__private::None,
            $($crate::__private::Some($value as &dyn $crate::__private::Value)),*
        ])
    }};
    (@ $record:ident [$level:expr] [$parent:expr] [$log:expr] [@] { $(($name:expr, $value:expr))* }) => {{
        static __CALLSITE: $crate::__private::DefaultCallsite = $crate::__private::DefaultCallsite::new(&__META);
        static __META: $crate::__private::Metadata<'static> = $crate::__private::metadata! {
            name: $crate::__private::concat!(
                "event ", $crate::__private::file!(), ":", $crate::__private::line!()
            ),
            target: "audit",
            level: $level,
            fields: __NAMES,
            callsite: &__CALLSITE,
            kind: $crate::__private::Kind::EVENT,
        };
        static __SITE: $crate::__private::CallsiteState = $crate::__private::CallsiteState::new(&__CALLSITE, &__META, false);
        const __NAMES: $crate::__private::Names = &[$($name),*];
        $crate::__audit_once!(__NAMES);
        $crate::__private::$record(&__SITE, $parent, $log, &[
            $crate::__private::None,
            $($crate::__private::Some($value as &dyn $crate::__private::Value)),*
        ])
    }};
    (@ $record:ident [$level:expr] [$parent:expr] [$log:expr] [$type:literal] { $(($name:expr, $value:expr))* }) => {{
        static __CALLSITE: $crate::__private::DefaultCallsite = $crate::__private::DefaultCallsite::new(&__META);
        static __META: $crate::__private::Metadata<'static> = $crate::__private::metadata! {
            name: $type,
            target: "audit",
            level: $level,
            // Layers that show no event names show a message.
            fields: $crate::__private::names(__NAMES, &["message", $($name),*]),
            callsite: &__CALLSITE,
            kind: $crate::__private::Kind::EVENT,
        };
        static __SITE: $crate::__private::CallsiteState = $crate::__private::CallsiteState::new(
            &__CALLSITE,
            &__META,
            !$crate::__private::holds(__NAMES, "message"),
        );
        const __NAMES: $crate::__private::Names = &[$($name),*];
        $crate::__audit_once!(__NAMES);
        const _: () = $crate::__private::assert!(
            !$crate::__private::holds(__NAMES, "event_type"),
            "the event type is given twice: as the literal and as the field `event_type`"
        );
        const _: () = $crate::__private::assert!(!$type.is_empty(), "the event type is empty");
        const _: () = $crate::__private::assert!(
            !$crate::__private::is_reserved($type),
            "{}",
            $crate::__private::concat!(
                "the event type `", $type,
                "` is reserved: `audit_*`, `*.opened` and `*.closed` are the log's own entries"
            )
        );
        $crate::__private::$record(&__SITE, $parent, $log, &[
            $crate::__private::Some(&__META.name() as &dyn $crate::__private::Value),
            $($crate::__private::Some($value as &dyn $crate::__private::Value)),*
        ])
    }};

    // What is left is no field, so it is the message. It comes last where it is evaluated, and first for those who
    // print it.
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($field:tt)* } $($message:tt)+) => {
        match $crate::__private::format_args!($($message)+) {
            __message => $crate::__audit!(@ $kind $l $p $g $t { ("message", &__message) $($field)* }),
        }
    };
}

/// The name of a field that is written as identifiers, without the `r#` of raw ones.
#[doc(hidden)]
#[macro_export]
macro_rules! __audit_name {
    ($($name:ident).+) => {{
        const __NAME: $crate::__private::FieldName<{
            $crate::__private::FieldName::length($crate::__private::stringify!($($name).+))
        }> = $crate::__private::FieldName::new($crate::__private::stringify!($($name).+));
        __NAME.as_str()
    }};
}

/// Refuses names that hold one twice.
#[doc(hidden)]
#[macro_export]
macro_rules! __audit_once {
    ($names:expr) => {
        const _: () = if let $crate::__private::Some(__name) = $crate::__private::twice($names) {
            $crate::__private::panic!("{}", $crate::__private::Twice::new(__name).as_str())
        };
    };
}

/// Refuses a level that is written as a word.
#[doc(hidden)]
#[macro_export]
macro_rules! __audit_low_level {
    () => {
        $crate::__private::compile_error!(
            "an audit event has level INFO, WARN or ERROR: below, other layers' filters would drop it"
        )
    };
}
