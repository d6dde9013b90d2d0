//! Requests to Kling's endpoints, one file each, and the types of their fields.
//!
//! A request serialises to Kling's fields and nothing else. Fields that were not set are left out. `Debug` of a request
//! shows no free text of a user.

pub(crate) mod advanced_lip_sync;
pub(crate) mod avatar;
pub(crate) mod camera;
pub(crate) mod custom_element;
pub(crate) mod custom_voice;
pub(crate) mod defaults;
pub(crate) mod deletion;
pub(crate) mod duration;
pub(crate) mod effects;
pub(crate) mod endpoint;
pub(crate) mod expand_image;
pub(crate) mod generate_image;
pub(crate) mod identify_face;
pub(crate) mod image_to_video;
pub(crate) mod immediate;
pub(crate) mod legacy_element;
pub(crate) mod lip_sync;
pub(crate) mod media;
pub(crate) mod model_support;
pub(crate) mod motion_control;
pub(crate) mod multi_elements;
pub(crate) mod multi_image_to_image;
pub(crate) mod multi_image_to_video;
pub(crate) mod multi_shot;
pub(crate) mod omni_image;
pub(crate) mod omni_video;
pub(crate) mod options;
pub(crate) mod pack;
pub(crate) mod prepared_request;
pub(crate) mod recognize_image;
pub(crate) mod references;
pub(crate) mod request;
pub(crate) mod selection;
pub(crate) mod shots;
pub(crate) mod speech;
pub mod standard;
pub(crate) mod text_to_audio;
pub(crate) mod text_to_video;
pub(crate) mod try_on;
pub(crate) mod validation;
pub(crate) mod video_extend;
pub(crate) mod video_to_audio;
pub(crate) mod vocabulary;

pub use self::{
    advanced_lip_sync::{AdvancedLipSync, FaceChoice},
    avatar::Avatar,
    camera::{CameraConfig, CameraControl},
    custom_element::CustomElement,
    custom_voice::CustomVoice,
    deletion::{DeleteElement, DeleteLegacyElement, DeleteVoice},
    duration::Duration,
    effects::Effects,
    expand_image::ExpandImage,
    generate_image::GenerateImage,
    identify_face::IdentifyFace,
    image_to_video::{Brush, ImageToVideo, Point},
    immediate::Immediate,
    legacy_element::LegacyElement,
    lip_sync::LipSync,
    media::Media,
    motion_control::MotionControl,
    multi_elements::MultiElements,
    multi_image_to_image::MultiImageToImage,
    multi_image_to_video::MultiImageToVideo,
    multi_shot::MultiShot,
    omni_image::OmniImage,
    omni_video::{OmniVideo, ReferenceImage, ReferenceVideo},
    pack::Pack,
    recognize_image::RecognizeImage,
    request::Request,
    selection::{
        AddSelection, ClearSelection, DeleteSelection, InitSelection, PreviewSelection, RelativePoint,
    },
    shots::Shot,
    speech::Speech,
    text_to_audio::TextToAudio,
    text_to_video::TextToVideo,
    try_on::TryOn,
    video_extend::VideoExtend,
    video_to_audio::VideoToAudio,
    vocabulary::{
        AspectRatio, AudioTrack, EditMode, ImageModel, ImageRatio, ImageReference, Mode, Model, Orientation,
        OriginalSound, Resolution, ShotType, Sound, VoiceLanguage,
    },
};
