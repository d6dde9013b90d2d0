//! The vendor's endpoints, one request a file. Its promise: a request serialises to the vendor's fields and nothing else,
//! what was not set is left out, and `Debug` shows no text that somebody wrote.

mod advanced_lip_sync;
mod avatar;
mod custom_element;
mod custom_voice;
mod deletion;
mod effects;
mod expand_image;
mod generate_image;
mod identify_face;
mod image_to_video;
mod legacy_element;
mod lip_sync;
mod motion_control;
mod multi_elements;
mod multi_image_to_image;
mod multi_image_to_video;
mod multi_shot;
mod omni_image;
mod omni_video;
mod part;
mod recognize_image;
mod selection;
mod speech;
mod text_to_audio;
mod text_to_video;
mod try_on;
mod video_extend;
mod video_to_audio;

pub use self::{
    advanced_lip_sync::{AdvancedLipSync, FaceChoice},
    avatar::Avatar,
    custom_element::CustomElement,
    custom_voice::CustomVoice,
    deletion::{DeleteElement, DeleteLegacyElement, DeleteVoice, Deleted},
    effects::Effects,
    expand_image::ExpandImage,
    generate_image::GenerateImage,
    identify_face::{Face, Faces, IdentifyFace},
    image_to_video::{Brush, ImageToVideo, Point},
    legacy_element::LegacyElement,
    lip_sync::LipSync,
    motion_control::MotionControl,
    multi_elements::MultiElements,
    multi_image_to_image::MultiImageToImage,
    multi_image_to_video::MultiImageToVideo,
    multi_shot::MultiShot,
    omni_image::OmniImage,
    omni_video::{OmniVideo, ReferenceImage, ReferenceVideo},
    part::Shot,
    recognize_image::{RecognizeImage, Segment, Segments},
    selection::{
        AddSelection, ClearSelection, DeleteSelection, InitSelection, Preview, PreviewSelection, Selection,
        Session, Spot,
    },
    speech::Speech,
    text_to_audio::TextToAudio,
    text_to_video::TextToVideo,
    try_on::TryOn,
    video_extend::VideoExtend,
    video_to_audio::VideoToAudio,
};

/// A request: what it must hold, what it may, and its setters. The constructor is written beside it and calls `bare`.
macro_rules! fields {
    (
        $(#[$about:meta])*
        $name:ident {
            must { $($(#[$held:meta])* $must:ident: $must_type:ty,)* }
            may { $($(#[$doc:meta])* $may:ident: $may_type:ty,)* }
            lists { $($(#[$list_doc:meta])* $list:ident: $item:ty,)* }
        }
        $($common:ident)?
    ) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, serde::Serialize)]
        pub struct $name {
            $($(#[$held])* $must: $must_type,)*
            $(#[serde(skip_serializing_if = "Option::is_none")] $may: Option<$may_type>,)*
            $(#[serde(skip_serializing_if = "Vec::is_empty")] $list: Vec<$item>,)*
            #[serde(flatten)]
            options: $crate::kling::options::Options,
        }

        impl $name {
            /// With what it must hold and nothing else.
            #[allow(clippy::too_many_arguments)]
            fn bare($($must: $must_type),*) -> $name {
                $name {
                    $($must,)*
                    $($may: None,)*
                    $($list: Vec::new(),)*
                    options: $crate::kling::options::Options::default(),
                }
            }

            $(
                #[doc = concat!("Sets `", stringify!($may), "`.")]
                $(#[$doc])*
                pub fn $may(mut self, value: impl Into<$may_type>) -> $name {
                    self.$may = Some(value.into());
                    self
                }
            )*

            $(
                #[doc = concat!("Sets `", stringify!($list), "`.")]
                $(#[$list_doc])*
                pub fn $list(mut self, values: impl IntoIterator<Item = impl Into<$item>>) -> $name {
                    self.$list = values.into_iter().map(Into::into).collect();
                    self
                }
            )*
        }

        $($crate::kling::requests::$common!($name);)?

        /// Shows no text that somebody wrote, and no URL.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("external_task_id", &self.options.external_task_id)
                    .finish_non_exhaustive()
            }
        }
    };
}
use fields;

/// The setters of a task's name and callback.
macro_rules! named {
    ($name:ident) => {
        impl $name {
            /// Sets `callback_url`, which the vendor tells of each change. Entries name its host alone.
            pub fn callback_url(mut self, url: impl Into<String>) -> $name {
                self.options.callback_url = Some(url.into());
                self
            }

            /// Sets `external_task_id`: the caller's own name for the task, which must be new to the vendor.
            ///
            /// It is recorded as it is. A lost answer is looked up by it, so an id that was used before could find
            /// the earlier task. Without one the client makes one.
            pub fn external_task_id(mut self, id: impl Into<String>) -> $name {
                self.options.external_task_id = Some(id.into());
                self
            }
        }
    };
}
use named;

/// The setters of a task's name, callback and watermark.
macro_rules! watermarked {
    ($name:ident) => {
        $crate::kling::requests::named!($name);

        impl $name {
            /// Sets `watermark_info`: whether a watermarked copy is made as well.
            pub fn watermark_info(mut self, enabled: bool) -> $name {
                self.options.watermark_info = Some($crate::kling::options::Watermark { enabled });
                self
            }
        }
    };
}
use watermarked;

/// The setters of a video of several shots, which stand in a field `plan`.
macro_rules! in_shots {
    ($name:ident) => {
        impl $name {
            /// Sets `shot_type`, and `multi_shot` with it.
            pub fn shot_type(mut self, shot_type: impl Into<$crate::kling::ShotType>) -> $name {
                self.plan.cut(shot_type.into());
                self
            }

            /// Sets `multi_prompt`, and with it `multi_shot` and `shot_type` `customize`. The shots are numbered
            /// from 1.
            pub fn multi_prompt(mut self, shots: impl IntoIterator<Item = $crate::kling::Shot>) -> $name {
                self.plan.list(shots);
                self
            }
        }
    };
}
use in_shots;

/// What makes fields a request for a task. `more` are further items of the trait.
macro_rules! task {
    ($name:ident, $action:literal, $path:literal, $output:ty; $($more:item)*) => {
        impl $crate::kling::request::sealed::Sealed for $name {}

        impl $crate::kling::Request for $name {
            const ACTION: &'static str = $action;
            const PATH: &'static str = $path;
            type Output = $output;

            $($more)*

            fn check(&self) -> Result<(), $crate::kling::RequestError> {
                self.rules()?;
                self.options.check()
            }

            fn options(&self) -> &$crate::kling::options::Options {
                &self.options
            }

            fn options_mut(&mut self) -> &mut $crate::kling::options::Options {
                &mut self.options
            }
        }
    };
}
use task;

/// What makes fields a request that is answered at once. `more` are further items of the trait.
macro_rules! immediate {
    ($name:ident, $action:literal, $path:literal, $output:ty; $($more:item)*) => {
        impl $crate::kling::request::sealed::Sealed for $name {}

        impl $crate::kling::Immediate for $name {
            const ACTION: &'static str = $action;
            const PATH: &'static str = $path;
            type Output = $output;

            fn check(&self) -> Result<(), $crate::kling::RequestError> {
                self.rules()
            }

            $($more)*
        }
    };
}
use immediate;
