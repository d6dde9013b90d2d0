//! Kling's vocabularies. Each is an enum of the known words, with `Other` for words that Kling adds later.

use std::fmt;

/// Declares an enum of Kling's words.
macro_rules! vocabulary {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        /// A word that is not listed here is sent unchanged, by `Other` or `From<&str>`. It must not be blank.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $(
                #[doc = concat!("`", $word, "`.")]
                #[doc = ""]
                $(#[$doc])*
                $variant,
            )+
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
        V1 = "kling-v1",
        V1_5 = "kling-v1-5",
        V1_6 = "kling-v1-6",
        /// A model without modes.
        V2Master = "kling-v2-master",
        /// A model without modes.
        V2_1Master = "kling-v2-1-master",
        V2_1 = "kling-v2-1",
        V2_5Turbo = "kling-v2-5-turbo",
        V2_6 = "kling-v2-6",
        V3 = "kling-v3",
        /// For omni videos.
        VideoO1 = "kling-video-o1",
        /// For omni videos.
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
        Std = "std",
        Pro = "pro",
        /// For `kling-v3`.
        FourK = "4k",
    }
}

vocabulary! {
    /// Width to height of a video, for the field `aspect_ratio`. Kling's default is `16:9`.
    AspectRatio {
        Wide = "16:9",
        Tall = "9:16",
        Square = "1:1",
    }
}

vocabulary! {
    /// Sound of a video, for the field `sound`. Kling's default is `off`.
    Sound {
        /// For `kling-v2-6` and later.
        On = "on",
        Off = "off",
    }
}

vocabulary! {
    /// Division of a video into shots, for the field `shot_type` of `kling-v3` and later.
    ShotType {
        /// The request lists the shots in `multi_prompt`.
        Customize = "customize",
        /// Kling chooses the shots.
        Intelligence = "intelligence",
    }
}

vocabulary! {
    /// Model of an image, for the field `model_name`.
    ImageModel {
        V1 = "kling-v1",
        V1_5 = "kling-v1-5",
        V2 = "kling-v2",
        V2New = "kling-v2-new",
        V2_1 = "kling-v2-1",
        V3 = "kling-v3",
        /// For omni images.
        O1 = "kling-image-o1",
        /// For omni images.
        V3Omni = "kling-v3-omni",
        /// For virtual try-on.
        TryOnV1 = "kolors-virtual-try-on-v1",
        /// For virtual try-on.
        TryOnV1_5 = "kolors-virtual-try-on-v1-5",
    }
}

vocabulary! {
    /// Width to height of an image, for the field `aspect_ratio`.
    ImageRatio {
        Wide = "16:9",
        Tall = "9:16",
        Square = "1:1",
        FourThree = "4:3",
        ThreeFour = "3:4",
        ThreeTwo = "3:2",
        TwoThree = "2:3",
        Cinema = "21:9",
        /// For omni images.
        Auto = "auto",
    }
}

vocabulary! {
    /// Resolution of an image, or of a video of the new design, for the field `resolution`.
    Resolution {
        /// For images.
        OneK = "1k",
        /// For images.
        TwoK = "2k",
        FourK = "4k",
        /// For videos.
        P720 = "720p",
        /// For videos.
        P1080 = "1080p",
    }
}

vocabulary! {
    /// Part of a reference image to keep, for the field `image_reference`.
    ImageReference {
        Subject = "subject",
        Face = "face",
    }
}

vocabulary! {
    /// Orientation of the figure, for the field `character_orientation`.
    Orientation {
        /// As in the image. The video has at most 10 seconds.
        Image = "image",
        /// As in the video, which has at most 30 seconds.
        Video = "video",
    }
}

vocabulary! {
    /// Handling of a video's own sound, for the field `keep_original_sound`.
    OriginalSound {
        Keep = "yes",
        Drop = "no",
    }
}

vocabulary! {
    /// Kind of an edit, for the field `edit_mode`.
    EditMode {
        /// Adds the content of 1 or 2 images.
        Addition = "addition",
        /// Replaces the selection by the content of an image.
        Swap = "swap",
        /// Removes the selection.
        Removal = "removal",
    }
}

vocabulary! {
    /// Spoken language, for the field `voice_language`.
    VoiceLanguage {
        Chinese = "zh",
        English = "en",
    }
}

vocabulary! {
    /// Sound of a video of the new design, for the field `settings.audio`.
    AudioTrack {
        /// The model makes it.
        Native = "native",
        /// The sound of the reference video.
        Original = "original",
        Off = "off",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_sent_unchanged() {
        assert_eq!(Model::from("kling-v9").as_str(), "kling-v9");
        assert_eq!(Model::from("kling-v2-6"), Model::V2_6);
        assert_eq!(Mode::from("4k"), Mode::FourK);
    }
}
