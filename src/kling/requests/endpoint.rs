//! The macro that declares an endpoint: its request type with the setters, its rules, and its trait.

/// Declares the request type of an endpoint.
///
/// ```text
/// endpoint! {
///     /// Documentation of the type.
///     Name: task("action", "/path") -> Output {         // or `immediate`, for an answer at once
///         required { field: Type => rule, }             // private; set by a constructor
///         optional { field: Type => rule, }             // one setter each; left out of the body unless set
///         lists { field: Item => rule, }                // one setter each; left out of the body if empty
///         with callback, watermark, shots;              // setters that several endpoints share
///         one_of(field, field);                         // exactly one of two optional fields
///         also Name::check_together;                    // rules that concern several fields
///     }
///     fn defaults(&self) -> Defaults { .. }             // further items of the trait
/// }
/// ```
///
/// Only the head is mandatory. Instead of `required`, a documented `new` generates a public constructor `new` with
/// these fields as arguments. Both generate the private constructor `bare`. A rule is a function of a value and the
/// name of its field, see [`validation`](crate::kling::requests::validation). The body has the fields in the order of
/// declaration: a changed order changes `body_hash` in entries.
macro_rules! endpoint {
    (
        $(#[$about:meta])*
        $name:ident: $kind:ident($action:literal, $path:literal) -> $output:ty {
            $($(#[$new_doc:meta])+ new { $($(#[$new_serde:meta])? $new:ident: $new_type:ty => $new_rule:expr,)* })?
            $(required { $($(#[$serde:meta])? $required:ident: $required_type:ty => $required_rule:expr,)* })?
            $(optional { $($(#[$doc:meta])* $optional:ident: $optional_type:ty => $optional_rule:expr,)* })?
            $(lists { $($(#[$list_doc:meta])* $list:ident: $item:ty => $list_rule:expr,)* })?
            $(with $($shared:ident),+;)?
            $(one_of($one:ident, $other:ident);)?
            $(also $also:path;)?
        }
        $($more:item)*
    ) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, serde::Serialize)]
        pub struct $name {
            $($($(#[$new_serde])? $new: $new_type,)*)?
            $($($(#[$serde])? $required: $required_type,)*)?
            $($(#[serde(skip_serializing_if = "Option::is_none")] $optional: Option<$optional_type>,)*)?
            $($(#[serde(skip_serializing_if = "Vec::is_empty")] $list: Vec<$item>,)*)?
            #[serde(flatten)]
            options: $crate::kling::requests::options::Options,
        }

        impl $name {
            #[allow(clippy::too_many_arguments)]
            fn bare($($($new: $new_type,)*)? $($($required: $required_type,)*)?) -> $name {
                $name {
                    $($($new,)*)?
                    $($($required,)*)?
                    $($($optional: None,)*)?
                    $($($list: Vec::new(),)*)?
                    options: $crate::kling::requests::options::Options::default(),
                }
            }

            $(
                $(#[$new_doc])+
                pub fn new($($new: impl Into<$new_type>),*) -> $name {
                    $name::bare($($new.into()),*)
                }
            )?

            $($(
                #[doc = concat!("Sets `", stringify!($optional), "`.")]
                $(#[$doc])*
                pub fn $optional(mut self, value: impl Into<$optional_type>) -> $name {
                    self.$optional = Some(value.into());
                    self
                }
            )*)?

            $($(
                #[doc = concat!("Sets `", stringify!($list), "`.")]
                $(#[$list_doc])*
                pub fn $list(mut self, values: impl IntoIterator<Item = impl Into<$item>>) -> $name {
                    self.$list = values.into_iter().map(Into::into).collect();
                    self
                }
            )*)?

            fn check_fields(&self) -> Result<(), $crate::kling::error::RequestError> {
                $($(($new_rule)(&self.$new, stringify!($new))?;)*)?
                $($(($required_rule)(&self.$required, stringify!($required))?;)*)?
                $($(
                    if let Some(value) = &self.$optional {
                        ($optional_rule)(value, stringify!($optional))?;
                    }
                )*)?
                $($(($list_rule)(&self.$list, stringify!($list))?;)*)?
                $(
                    $crate::kling::requests::validation::one_of(
                        (stringify!($one), self.$one.is_some()),
                        (stringify!($other), self.$other.is_some()),
                    )?;
                )?
                $($also(self)?;)?
                self.options.check()
            }
        }

        // The names of setters and of the kind of endpoint select one of the arms below.
        $($($crate::kling::requests::endpoint::endpoint!(@$shared $name);)+)?
        $crate::kling::requests::endpoint::endpoint!(@$kind $name, $action, $path, $output; $($more)*);

        /// Shows no free text of a user, and no URL.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("external_task_id", &self.options.external_task_id)
                    .finish_non_exhaustive()
            }
        }
    };
    (@task $name:ident, $action:literal, $path:literal, $output:ty; $($more:item)*) => {
        impl $crate::kling::requests::request::sealed::Sealed for $name {}

        impl $crate::kling::requests::request::Request for $name {
            const ACTION: &'static str = $action;
            const PATH: &'static str = $path;
            type Output = $output;

            $($more)*

            fn check(&self) -> Result<(), $crate::kling::error::RequestError> {
                self.check_fields()
            }

            fn options(&self) -> &$crate::kling::requests::options::Options {
                &self.options
            }

            fn options_mut(&mut self) -> &mut $crate::kling::requests::options::Options {
                &mut self.options
            }
        }
    };
    (@immediate $name:ident, $action:literal, $path:literal, $output:ty; $($more:item)*) => {
        impl $crate::kling::requests::request::sealed::Sealed for $name {}

        impl $crate::kling::requests::immediate::Immediate for $name {
            const ACTION: &'static str = $action;
            const PATH: &'static str = $path;
            type Output = $output;

            fn check(&self) -> Result<(), $crate::kling::error::RequestError> {
                self.check_fields()
            }

            $($more)*
        }
    };
    (@callback $name:ident) => {
        impl $name {
            /// Sets `callback_url`, to which Kling sends each change of the task. Entries name only its host.
            pub fn callback_url(mut self, url: impl Into<String>) -> $name {
                self.options.callback_url = Some(url.into());
                self
            }

            /// Sets `external_task_id`, the caller's own id for the task. Kling must not know it yet.
            ///
            /// Entries contain it unchanged. After a lost answer the client looks the task up by this id, so an id that
            /// was used before could find the earlier task. Without it the client generates one.
            pub fn external_task_id(mut self, id: impl Into<String>) -> $name {
                self.options.external_task_id = Some(id.into());
                self
            }
        }
    };
    (@watermark $name:ident) => {
        impl $name {
            /// Sets `watermark_info`: with `true` Kling also makes a copy with a watermark.
            pub fn watermark_info(mut self, enabled: bool) -> $name {
                self.options.watermark_info = Some($crate::kling::requests::options::Watermark { enabled });
                self
            }
        }
    };
    (@shots $name:ident) => {
        impl $name {
            /// Sets `shot_type`, and `multi_shot` to `true`.
            pub fn shot_type(mut self, shot_type: impl Into<$crate::kling::requests::vocabulary::ShotType>) -> $name {
                self.plan.set_shot_type(shot_type.into());
                self
            }

            /// Sets `multi_prompt` with numbers from 1 on, `multi_shot` to `true`, and `shot_type` to `customize`.
            pub fn multi_prompt(
                mut self,
                shots: impl IntoIterator<Item = $crate::kling::requests::shots::Shot>,
            ) -> $name {
                self.plan.set_shots(shots);
                self
            }
        }
    };
}
pub(super) use endpoint;
