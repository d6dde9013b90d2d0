//! What tasks make. Its promise: an output holds one thing at least, each with what it takes to use it, whichever of
//! the vendor's shapes it came in. `Debug` does not show what stands behind the question mark of a URL: it opens the
//! thing to whoever has it.

use std::fmt;

use serde_json::Value;

use super::{
    audio::Audio,
    element::{Element, Voice},
    envelope::text,
    image::Image,
    video::Video,
};

/// What a task that succeeded gives. Implemented by [`Videos`](crate::kling::Videos) and its like, and not elsewhere.
pub trait Output: fmt::Debug + Clone + Send + Sync + 'static {
    /// Reads `task_result`; `None` where nothing in it is usable.
    #[doc(hidden)]
    fn decode(task_result: &Value) -> Option<Self>;

    /// How many there are of what.
    #[doc(hidden)]
    fn counts(&self) -> Counts;

    /// What was made that is a resource of the account, by id.
    #[doc(hidden)]
    fn resources(&self) -> Vec<(Resource, String)> {
        Vec::new()
    }
}

/// Whatever a task made, where its kind is not known beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Made {
    /// Videos.
    pub videos: Vec<Video>,
    /// Pictures.
    pub images: Vec<Image>,
    /// Sounds.
    pub audios: Vec<Audio>,
    /// Elements.
    pub elements: Vec<Element>,
    /// Voices.
    pub voices: Vec<Voice>,
}

impl Output for Made {
    fn decode(task_result: &Value) -> Option<Made> {
        let made = Made {
            videos: items(task_result, "videos", Video::decode),
            images: items(task_result, "images", Image::decode),
            audios: items(task_result, "audios", Audio::decode),
            elements: items(task_result, "elements", Element::decode),
            voices: items(task_result, "voices", Voice::decode),
        };
        (made != Made::default()).then_some(made)
    }

    fn counts(&self) -> Counts {
        let count = |count: usize| (count > 0).then_some(count as u64);
        Counts {
            videos: count(self.videos.len()),
            images: count(self.images.len()),
            audios: count(self.audios.len()),
            elements: count(self.elements.len()),
            voices: count(self.voices.len()),
        }
    }
}

/// How many there are of what. Public in a private module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    pub(crate) videos: Option<u64>,
    pub(crate) images: Option<u64>,
    pub(crate) audios: Option<u64>,
    pub(crate) elements: Option<u64>,
    pub(crate) voices: Option<u64>,
}

/// What stays in the account. Public in a private module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Element,
    Voice,
}

impl Resource {
    /// The event of one that is there from now on.
    pub(crate) fn created(self) -> &'static str {
        match self {
            Resource::Element => "element_created",
            Resource::Voice => "voice_created",
        }
    }

    /// The event of one that is not there any more.
    pub(crate) fn deleted(self) -> &'static str {
        match self {
            Resource::Element => "element_deleted",
            Resource::Voice => "voice_deleted",
        }
    }
}

/// A URL without what stands behind its path.
pub(crate) fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// The members of an array that can be read.
pub(crate) fn items<T>(result: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    result.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(read).collect()
}

/// The first of these members that is a text or a number.
pub(crate) fn either(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(value, name))
}

/// One thing or more that a task made.
macro_rules! output {
    ($(#[$about:meta])* $name:ident of $item:ident at $member:literal counted as $count:ident) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            first: $item,
            others: Vec<$item>,
        }

        impl $name {
            /// The first, which mostly is the only one.
            pub fn first(&self) -> &$item {
                &self.first
            }

            /// All, in the vendor's order.
            pub fn iter(&self) -> impl Iterator<Item = &$item> {
                std::iter::once(&self.first).chain(&self.others)
            }

            /// How many there are: 1 or more.
            #[expect(clippy::len_without_is_empty, reason = "it never is")]
            pub fn len(&self) -> usize {
                1 + self.others.len()
            }

            pub(crate) fn decode(task_result: &serde_json::Value) -> Option<$name> {
                let mut items = $crate::kling::output::items(task_result, $member, $item::decode).into_iter();
                Some($name { first: items.next()?, others: items.collect() })
            }
        }

        impl $crate::kling::Output for $name {
            fn decode(task_result: &serde_json::Value) -> Option<$name> {
                $name::decode(task_result)
            }

            fn counts(&self) -> $crate::kling::output::Counts {
                let count = Some(self.len() as u64);
                $crate::kling::output::Counts { $count: count, ..$crate::kling::output::Counts::default() }
            }

            fn resources(&self) -> Vec<($crate::kling::output::Resource, String)> {
                self.iter().filter_map($item::resource).collect()
            }
        }
    };
}
pub(crate) use output;
