//! The trait of results, and the macro for results that are a list of one item or more.

use std::fmt;

use serde_json::Value;

use crate::kling::outputs::resource::Resource;

/// Result of a task that succeeded. Implemented by [`Videos`](crate::kling::outputs::Videos) and the other results of
/// this crate, and not elsewhere.
pub trait Output: fmt::Debug + Clone + Send + Sync + 'static {
    /// Decodes `task_result`. Returns `None` if nothing in it is usable.
    #[doc(hidden)]
    fn decode(task_result: &Value) -> Option<Self>;

    /// Returns the number of items of each kind.
    #[doc(hidden)]
    fn counts(&self) -> Counts;

    /// Returns the items that stay in the account as resources, by id.
    #[doc(hidden)]
    fn resources(&self) -> Vec<(Resource, String)> {
        Vec::new()
    }
}

/// Number of items of each kind. Public in a private module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    pub(crate) videos: Option<u64>,
    pub(crate) images: Option<u64>,
    pub(crate) audios: Option<u64>,
    pub(crate) elements: Option<u64>,
    pub(crate) voices: Option<u64>,
}

/// Declares a result that is a list of one item or more.
///
/// The items are in the array `member` of the result, and count as `count`. A list of resources names their kind.
macro_rules! output_list {
    (
        $(#[$about:meta])*
        $name:ident of $item:ident at $member:literal counted as $count:ident $(resource $resource:ident)?
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            first: $item,
            others: Vec<$item>,
        }

        impl $name {
            /// Returns the first item, which is mostly the only one.
            pub fn first(&self) -> &$item {
                &self.first
            }

            /// Returns all items, in Kling's order.
            pub fn iter(&self) -> impl Iterator<Item = &$item> {
                std::iter::once(&self.first).chain(&self.others)
            }

            /// Returns the number of items, which is at least 1.
            #[expect(clippy::len_without_is_empty, reason = "the list is never empty")]
            pub fn len(&self) -> usize {
                1 + self.others.len()
            }

            pub(crate) fn decode(task_result: &serde_json::Value) -> Option<$name> {
                let items = $crate::kling::api::json_fields::items(task_result, $member, $item::decode);
                let mut items = items.into_iter();
                Some($name { first: items.next()?, others: items.collect() })
            }
        }

        impl $crate::kling::outputs::output::Output for $name {
            fn decode(task_result: &serde_json::Value) -> Option<$name> {
                $name::decode(task_result)
            }

            fn counts(&self) -> $crate::kling::outputs::output::Counts {
                let mut counts = $crate::kling::outputs::output::Counts::default();
                counts.$count = Some(self.len() as u64);
                counts
            }

            $(
                fn resources(&self) -> Vec<($crate::kling::outputs::resource::Resource, String)> {
                    let kind = $crate::kling::outputs::resource::Resource::$resource;
                    self.iter().map(|item| (kind, item.id.clone())).collect()
                }
            )?
        }
    };
}
pub(super) use output_list;
