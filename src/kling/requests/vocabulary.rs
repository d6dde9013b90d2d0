//! Kling's vocabularies. Each is an enum of the known words, with `Other` for words that Kling adds later.

use std::fmt;

/// Declares an enum of Kling's words.
macro_rules! vocabulary {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        ///
        /// A word that is not listed here is sent unchanged, by `Other` or `From<&str>`. It must not be blank.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            /// Any other word, sent unchanged.
            Other(String),
        }

        impl $name {
            /// Returns Kling's spelling.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => $word,)+
                    $name::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> $name {
                match word {
                    $($word => $name::$variant,)+
                    other => $name::Other(other.to_owned()),
                }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// Model of a video, for the field `model_name`. Kling's default is `kling-v1`.
    Model {
        /// `kling-v1`.
        V1 = "kling-v1",
        /// `kling-v1-5`.
        V1_5 = "kling-v1-5",
        /// `kling-v1-6`.
        V1_6 = "kling-v1-6",
        /// `kling-v2-master`, which has no mode.
        V2Master = "kling-v2-master",
        /// `kling-v2-1-master`, which has no mode.
        V2_1Master = "kling-v2-1-master",
        /// `kling-v2-1`.
        V2_1 = "kling-v2-1",
        /// `kling-v2-5-turbo`.
        V2_5Turbo = "kling-v2-5-turbo",
        /// `kling-v2-6`.
        V2_6 = "kling-v2-6",
        /// `kling-v3`.
        V3 = "kling-v3",
        /// `kling-video-o1`, for omni videos.
        VideoO1 = "kling-video-o1",
        /// `kling-v3-omni`, for omni videos.
        V3Omni = "kling-v3-omni",
    }
}

impl Model {
    /// Returns Kling's default for a request without a mode, or `None` for a model without modes.
    pub(crate) fn default_mode(&self) -> Option<Mode> {
        match self {
            Model::V2Master | Model::V2_1Master => None,
            _ => Some(Mode::Std),
        }
    }
}

vocabulary! {
    /// Quality and price class of a video, for the field `mode`. Kling's default is `std`.
    Mode {
        /// `std`.
        Std = "std",
        /// `pro`.
        Pro = "pro",
        /// `4k`, for `kling-v3`.
        FourK = "4k",
    }
}

vocabulary! {
    /// Width to height of a video, for the field `aspect_ratio`. Kling's default is `16:9`.
    AspectRatio {
        /// `16:9`.
        Wide = "16:9",
        /// `9:16`.
        Tall = "9:16",
        /// `1:1`.
        Square = "1:1",
    }
}

vocabulary! {
    /// Sound of a video, for the field `sound`. Kling's default is `off`.
    Sound {
        /// `on`, for `kling-v2-6` and later.
        On = "on",
        /// `off`.
        Off = "off",
    }
}

vocabulary! {
    /// Division of a video into shots, for the field `shot_type` of `kling-v3` and later.
    ShotType {
        /// `customize`: the request lists the shots in `multi_prompt`.
        Customize = "customize",
        /// `intelligence`: Kling chooses the shots.
        Intelligence = "intelligence",
    }
}

vocabulary! {
    /// Model of an image, for the field `model_name`.
    ImageModel {
        /// `kling-v1`.
        V1 = "kling-v1",
        /// `kling-v1-5`.
        V1_5 = "kling-v1-5",
        /// `kling-v2`.
        V2 = "kling-v2",
        /// `kling-v2-new`.
        V2New = "kling-v2-new",
        /// `kling-v2-1`.
        V2_1 = "kling-v2-1",
        /// `kling-v3`.
        V3 = "kling-v3",
        /// `kling-image-o1`, for omni images.
        O1 = "kling-image-o1",
        /// `kling-v3-omni`, for omni images.
        V3Omni = "kling-v3-omni",
        /// `kolors-virtual-try-on-v1`, for virtual try-on.
        TryOnV1 = "kolors-virtual-try-on-v1",
        /// `kolors-virtual-try-on-v1-5`, for virtual try-on.
        TryOnV1_5 = "kolors-virtual-try-on-v1-5",
    }
}

vocabulary! {
    /// Width to height of an image, for the field `aspect_ratio`.
    ImageRatio {
        /// `16:9`.
        Wide = "16:9",
        /// `9:16`.
        Tall = "9:16",
        /// `1:1`.
        Square = "1:1",
        /// `4:3`.
        FourThree = "4:3",
        /// `3:4`.
        ThreeFour = "3:4",
        /// `3:2`.
        ThreeTwo = "3:2",
        /// `2:3`.
        TwoThree = "2:3",
        /// `21:9`.
        Cinema = "21:9",
        /// `auto`, for omni images.
        Auto = "auto",
    }
}

vocabulary! {
    /// Resolution of an image, or of a video of the new design, for the field `resolution`.
    Resolution {
        /// `1k`, for images.
        OneK = "1k",
        /// `2k`, for images.
        TwoK = "2k",
        /// `4k`.
        FourK = "4k",
        /// `720p`, for videos.
        P720 = "720p",
        /// `1080p`, for videos.
        P1080 = "1080p",
    }
}

vocabulary! {
    /// Part of a reference image to keep, for the field `image_reference`.
    ImageReference {
        /// `subject`.
        Subject = "subject",
        /// `face`.
        Face = "face",
    }
}

vocabulary! {
    /// Orientation of the figure, for the field `character_orientation`.
    Orientation {
        /// `image`: as in the image. The video has at most 10 seconds.
        Image = "image",
        /// `video`: as in the video, which has at most 30 seconds.
        Video = "video",
    }
}

vocabulary! {
    /// Handling of a video's own sound, for the field `keep_original_sound`.
    OriginalSound {
        /// `yes`.
        Keep = "yes",
        /// `no`.
        Drop = "no",
    }
}

vocabulary! {
    /// Kind of an edit, for the field `edit_mode`.
    EditMode {
        /// `addition` of the content of 1 or 2 images.
        Addition = "addition",
        /// `swap` of the selection for the content of an image.
        Swap = "swap",
        /// `removal` of the selection.
        Removal = "removal",
    }
}

vocabulary! {
    /// Spoken language, for the field `voice_language`.
    VoiceLanguage {
        /// `zh`.
        Chinese = "zh",
        /// `en`.
        English = "en",
    }
}

vocabulary! {
    /// Sound of a video of the new design, for the field `settings.audio`.
    AudioTrack {
        /// `native`: the model makes it.
        Native = "native",
        /// `original`: the sound of the reference video.
        Original = "original",
        /// `off`.
        Off = "off",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_not_known_is_sent_as_it_is() {
        assert_eq!(Model::from("kling-v9").as_str(), "kling-v9");
        assert_eq!(Model::from("kling-v2-6"), Model::V2_6);
        assert_eq!(Mode::from("4k"), Mode::FourK);
    }
}
