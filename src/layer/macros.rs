//! The macros `audit!`, `try_audit!`, `try_audit_async!` and `audit_span!`, and the checks they make at compile time.
//!
//! Each field expands to a `match` around everything after it. So it is evaluated once and in order, and without a
//! closure: `?`, `return` and `.await` work in a field as they do elsewhere. References to `dyn Value` are not `Send`.
//! They exist only in the innermost `match`, after the last `.await`, so that the caller's future stays `Send`.

/// Items that the macros need from this crate. Not part of the public API.
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

    /// Records drafts and returns the time that this took after all of them were rendered. For benches: threads do
    /// this part one after the other.
    pub fn time_of_linking(log: &AuditLog, drafts: Vec<Draft>) -> Result<Duration, Error> {
        log.time_of_linking(drafts)
    }

    #[inline]
    pub fn outcome(result: Result<Receipt, NotRecorded>) -> Outcome {
        Outcome::new(result)
    }
}

/// Records an audit event and passes it to the other layers of the subscriber.
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
/// # Grammar
///
/// ```text
/// audit!("event_type", option: value, .., field = value, .., "message {}", argument, ..)
/// ```
///
/// The event type comes first, as a string literal. Options, fields and the message may be left out. A type that is
/// known only at run time is a field instead: `audit!(event_type = kind, actor = "alice")`.
///
/// Fields have the grammar of `tracing`:
///
/// | field | recorded value |
/// |---|---|
/// | `rows = 12` | number, boolean or string, as it is |
/// | `user = %name` | text by `Display` |
/// | `range = ?range` | text by `Debug` |
/// | `rows`, `%user`, `?range` | the variable of that name: short for `rows = rows`, `user = %user`, `range = ?range` |
/// | `http.status = 404`, `"content-type" = kind` | names with dots, and names in quotes |
/// | `{FIELD_NAME} = 12` | a field whose name is the constant `FIELD_NAME` |
/// | `tables = json(&tables)` | structure, by [`json`](crate::json()) |
/// | `email = erasable(&email)` | a value that can be erased later, by [`erasable`](crate::erasable()) |
///
/// The field `actor` names the person or program that acts. Without it, the entry has the actor of the enclosing audit
/// span, otherwise that of [`AuditLogBuilder::actor`](crate::AuditLogBuilder::actor).
///
/// Fields are evaluated once, in order. `?`, `return` and `.await` work in a field.
///
/// # Options
///
/// Options come directly before or after the event type:
///
/// | option | default | meaning |
/// |---|---|---|
/// | `level:` | `INFO` | level for the other layers: `INFO`, `WARN` or `ERROR` |
/// | `parent:` | the current span | parent span: a span, its id, or `None` |
/// | `log:` | see below | the [`AuditLog`](crate::AuditLog) to record in |
///
/// Without `log:`, the event goes to the log of the subscriber's [`AuditLayer`](crate::AuditLayer). If there is none,
/// it goes to the log of [`AuditLog::set_global`](crate::AuditLog::set_global). Further audit layers of the stack
/// record the event in their logs as well.
///
/// # Result
///
/// The event is recorded before any layer receives it. So no filter, and no panic in another layer, can keep it from
/// the log.
///
/// The result is an [`Outcome`](crate::Outcome), which a statement may ignore. A loss is counted by the log and
/// printed to standard error, once for each kind. If the next step depends on the record, use
/// [`try_audit!`](crate::try_audit).
///
/// # Compile errors
///
/// A field that is given twice:
///
/// ```compile_fail
/// kling_audit::audit!("export_requested", rows = 1, rows = 2);
/// ```
///
/// A missing event type:
///
/// ```compile_fail
/// kling_audit::audit!(rows = 1);
/// ```
///
/// An empty event type:
///
/// ```compile_fail
/// kling_audit::audit!("", rows = 1);
/// ```
///
/// A level below INFO, because filters of other layers would drop the event:
///
/// ```compile_fail
/// kling_audit::audit!("export_requested", level: DEBUG, rows = 1);
/// ```
///
/// An event type that is reserved for the log's own entries (`audit_*`, `*.opened`, `*.closed`):
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

/// Records an audit event and returns `Result<Receipt, NotRecorded>`.
///
/// Grammar and options are those of [`audit!`](crate::audit).
///
/// ```no_run
/// # fn rows() -> Result<u64, Box<dyn std::error::Error>> { Ok(1) }
/// # fn export(log: &kling_audit::AuditLog) -> Result<(), Box<dyn std::error::Error>> {
/// use kling_audit::try_audit;
///
/// // Without a record, there is no export.
/// let receipt = try_audit!(log: log, "export_requested", actor = "alice", rows = rows()?)?;
/// println!("recorded as {}", receipt.seq);
/// # Ok(())
/// # }
/// ```
///
/// After `Ok`, the entry is as durable as the log's [`Durability`](crate::Durability) promises.
///
/// With `log:`, the event is recorded once in that log, even if the log's layer is in the stack. If the stack has
/// several audit layers, the receipt is that of the layer which was added last.
///
/// # Errors
///
/// [`NotRecorded`](crate::NotRecorded) contains the reason. The other layers receive the event in any case.
#[macro_export]
macro_rules! try_audit {
    ($($all:tt)*) => {
        $crate::__audit!(@ record [$crate::__private::Level::INFO]
            [$crate::__private::SpanParent::Current] [$crate::__private::None] [] {} $($all)*)
    };
}

/// Records an audit event without blocking the thread. Returns a future of `Result<Receipt, NotRecorded>`.
///
/// Grammar and options are those of [`audit!`](crate::audit).
///
/// ```no_run
/// # async fn export(log: kling_audit::AuditLog) -> Result<(), kling_audit::NotRecorded> {
/// use kling_audit::try_audit_async;
///
/// // Without a record, there is no export. No thread of the runtime waits for the disk.
/// let receipt = try_audit_async!(log: &log, "export_requested", actor = "alice", rows = 12).await?;
/// println!("recorded as {}", receipt.seq);
/// # Ok(())
/// # }
/// ```
///
/// The macro itself links the event into the trail and hands it to the other layers, before the future is awaited. The
/// event stays in the trail if the future is dropped. The future borrows nothing and is `Send`: a program can start
/// several and await them later.
///
/// The thread blocks as with [`try_audit!`](crate::try_audit) in a single case: the layer is in a wrapper that hides
/// it, such as `tracing_subscriber::reload`, and neither `log:` nor a global log is set.
///
/// # Errors
///
/// The future returns the errors of [`try_audit!`](crate::try_audit).
#[macro_export]
macro_rules! try_audit_async {
    ($($all:tt)*) => {{
        // A statement of its own, so that temporary borrows of the fields end before the future is awaited.
        let __pending = $crate::__audit!(@ record_async [$crate::__private::Level::INFO]
            [$crate::__private::SpanParent::Current] [$crate::__private::None] [] {} $($all)*);
        __pending
    }};
}

/// Opens a span whose opening and closing are recorded. Returns a `tracing::Span` with target `audit` and level INFO.
///
/// ```
/// let span = kling_audit::audit_span!("nightly_export", actor = "cron", rows = tracing::field::Empty);
/// span.in_scope(|| {
///     // Entries recorded here name the span, and have its actor unless they name one themselves.
///     span.record("rows", 1200);
/// });
/// ```
///
/// The name comes first, as a string literal. Fields and the options `level:`, `parent:` and `log:` are those of
/// [`audit!`](crate::audit). A field that `Span::record` sets later is declared as `tracing::field::Empty`.
///
/// The entry `nightly_export.opened` has the fields of the opening. The entry `nightly_export.closed` has the latest
/// value of each field, and `busy_us` and `idle_us`: the microseconds during which at least one thread was inside, and
/// the rest.
///
/// A span depends on the subscriber, unlike an event: a filter of the whole stack can drop it. The log counts that as
/// not recorded, and it is printed to standard error. With `log:`, it is no loss if that log has no layer in any
/// stack. A library can therefore open spans for a log that it was given.
#[macro_export]
macro_rules! audit_span {
    ($($all:tt)*) => {
        $crate::__audit!(@ span [$crate::__private::Level::INFO]
            [$crate::__private::SpanParent::Current] [$crate::__private::None] [] {} $($all)*)
    };
}

/// Consumes the input piece by piece. Its state is `@ kind [level] [parent] [log] [type] { fields } input`.
///
/// The kind is `span`, or the function that records an event: `record` or `record_async`. For `audit!("x", n = 1)` the
/// states are:
///
/// ```text
/// @ record [INFO] [Current] [None] []    {}             "x", n = 1
/// @ record [INFO] [Current] [None] ["x"] {}             n = 1
/// match &1 { __value =>
/// @ record [INFO] [Current] [None] ["x"] { ("n", __value) }
/// }
/// ```
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
        $crate::__private::compile_error!("an audit event always has the target `audit`: leave `target:` out")
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

    // The event type, or the name of a span.
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

    // A type that is a field. The look-ahead keeps all tokens in braces and passes them on: tokens that a rule
    // writes itself have the macro's hygiene and would not find the caller's variables.
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

    // The input is empty: the callsite, in its three kinds. A span; an event whose type is a field; an event with a
    // literal type.
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
        static __SITE: $crate::__private::CallsiteState =
            $crate::__private::CallsiteState::new(&__CALLSITE, &__META, false);
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
        static __SITE: $crate::__private::CallsiteState =
            $crate::__private::CallsiteState::new(&__CALLSITE, &__META, false);
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
            // `fmt` does not print the name of an event, so the type is its message as well. The log ignores it.
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
                "` is reserved: `audit_*`, `*.opened` and `*.closed` are entries of the log itself"
            )
        );
        $crate::__private::$record(&__SITE, $parent, $log, &[
            $crate::__private::Some(&__META.name() as &dyn $crate::__private::Value),
            $($crate::__private::Some($value as &dyn $crate::__private::Value)),*
        ])
    }};

    // The rest is no field, so it is the message. It is evaluated last, and it is the first field of the callsite
    // because other layers print the first field first.
    (@ $kind:ident $l:tt $p:tt $g:tt $t:tt { $($field:tt)* } $($message:tt)+) => {
        match $crate::__private::format_args!($($message)+) {
            __message => $crate::__audit!(@ $kind $l $p $g $t { ("message", &__message) $($field)* }),
        }
    };
}

/// Returns the name of a field that is written as identifiers and dots, without the `r#` of raw identifiers.
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

/// Fails to compile if a name occurs twice.
#[doc(hidden)]
#[macro_export]
macro_rules! __audit_once {
    ($names:expr) => {
        const _: () = if let $crate::__private::Some(__name) = $crate::__private::twice($names) {
            $crate::__private::panic!("{}", $crate::__private::Twice::new(__name).as_str())
        };
    };
}

/// Fails to compile, for a level below INFO that is written as a word.
#[doc(hidden)]
#[macro_export]
macro_rules! __audit_low_level {
    () => {
        $crate::__private::compile_error!(
            "an audit event has level INFO, WARN or ERROR: filters of other layers would drop a lower level"
        )
    };
}
