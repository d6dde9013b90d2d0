//! References to elements, voices, tags and images, each in a JSON object of its own.

use serde::Serialize;

use crate::kling::{
    error::RequestError,
    requests::{media::Media, validation},
};

/// Declares a reference with one member, and the rule for the member.
macro_rules! reference {
    ($(#[$about:meta])* $name:ident { $field:ident: $type:ty => $rule:expr }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[allow(unreachable_pub, reason = "some are in signatures of setters, others are not")]
        pub struct $name {
            $field: $type,
        }

        impl $name {
            pub(crate) fn check(&self, field: &'static str) -> Result<(), RequestError> {
                ($rule)(&self.$field, field)
            }
        }

        impl<T: Into<$type>> From<T> for $name {
            fn from(value: T) -> $name {
                $name { $field: value.into() }
            }
        }
    };
}

reference! {
    /// An element, by its id. Public in a private module: setters take the id itself.
    ElementId { element_id: String => validation::word }
}
reference! {
    /// A voice, by its id.
    VoiceId { voice_id: String => validation::word }
}
reference! {
    /// A tag of an element, by its id.
    TagId { tag_id: String => validation::word }
}
reference! {
    /// An image in a list.
    ListedImage { image: Media => Media::check_image }
}
reference! {
    /// An image of a subject in a list.
    SubjectImage { subject_image: Media => Media::check_image }
}
reference! {
    /// An image of an element in a list.
    ReferImage { image_url: Media => Media::check_image }
}
reference! {
    /// A video of an element.
    ReferVideo { video_url: String => validation::url }
}
