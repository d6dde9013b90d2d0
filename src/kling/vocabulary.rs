//! The vendor's closed vocabularies, kept open: each is an enum with the words that are known and an `Other` for those
//! that the vendor adds later. Its promise: what goes on the wire is the vendor's spelling, `std` and not `standard`.

use std::fmt;

/// An enum over the vendor's words, with `Other` for the words that it does not know.
macro_rules! vocabulary {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        ///
        /// A word that is not listed here is sent as it is, by `Other` or `From<&str>`; it must not be blank.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            /// Any other word, as it goes on the wire.
            Other(String),
        }

        impl $name {
            /// The vendor's spelling.
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
    /// A model, in the request's `model_name`. The vendor's default is `kling-v1`.
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
        /// `kling-video-o1`, of omni-video.
        VideoO1 = "kling-video-o1",
        /// `kling-v3-omni`, of omni-video.
        V3Omni = "kling-v3-omni",
    }
}

impl Model {
    /// What the vendor takes for a request that names no mode: `std`; none for the models that have no mode.
    pub(crate) fn default_mode(&self) -> Option<Mode> {
        match self {
            Model::V2Master | Model::V2_1Master => None,
            _ => Some(Mode::Std),
        }
    }
}

vocabulary! {
    /// The quality that is paid for, in the request's `mode`. The vendor's default is `std`.
    Mode {
        /// `std`.
        Std = "std",
        /// `pro`.
        Pro = "pro",
        /// `4k`, of `kling-v3`.
        FourK = "4k",
    }
}

vocabulary! {
    /// The video's shape, width to height, in the request's `aspect_ratio`. The vendor's default is `16:9`.
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
    /// Whether the video comes with sound, in the request's `sound`. The vendor's default is `off`.
    Sound {
        /// `on`: `kling-v2-6` and later.
        On = "on",
        /// `off`.
        Off = "off",
    }
}

vocabulary! {
    /// Who cuts a video of several shots, in the request's `shot_type`: `kling-v3` and later.
    ShotType {
        /// `customize`: the request lists the shots in `multi_prompt`.
        Customize = "customize",
        /// `intelligence`: the vendor cuts.
        Intelligence = "intelligence",
    }
}

vocabulary! {
    /// A model that makes pictures, in the request's `model_name`.
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
        /// `kling-image-o1`, of omni-image.
        O1 = "kling-image-o1",
        /// `kling-v3-omni`, of omni-image.
        V3Omni = "kling-v3-omni",
        /// `kolors-virtual-try-on-v1`, of virtual try-on.
        TryOnV1 = "kolors-virtual-try-on-v1",
        /// `kolors-virtual-try-on-v1-5`, of virtual try-on.
        TryOnV1_5 = "kolors-virtual-try-on-v1-5",
    }
}

vocabulary! {
    /// A picture's shape, width to height, in the request's `aspect_ratio`.
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
        /// `auto`, of omni-image.
        Auto = "auto",
    }
}

vocabulary! {
    /// How fine a picture or a video of the new standard is, in the request's `resolution`.
    Resolution {
        /// `1k`, of pictures.
        OneK = "1k",
        /// `2k`, of pictures.
        TwoK = "2k",
        /// `4k`.
        FourK = "4k",
        /// `720p`, of videos.
        P720 = "720p",
        /// `1080p`, of videos.
        P1080 = "1080p",
    }
}

vocabulary! {
    /// What of a reference picture is kept, in the request's `image_reference`.
    ImageReference {
        /// `subject`.
        Subject = "subject",
        /// `face`.
        Face = "face",
    }
}

vocabulary! {
    /// Whom the figure faces as, in the request's `character_orientation`.
    Orientation {
        /// `image`: as in the picture; the video has at most 10 seconds.
        Image = "image",
        /// `video`: as in the video, of at most 30 seconds.
        Video = "video",
    }
}

vocabulary! {
    /// Whether a video's own sound is kept, in the request's `keep_original_sound`.
    OriginalSound {
        /// `yes`.
        Keep = "yes",
        /// `no`.
        Drop = "no",
    }
}

vocabulary! {
    /// What an edit does, in the request's `edit_mode`.
    EditMode {
        /// `addition`: of what 1 or 2 pictures show.
        Addition = "addition",
        /// `swap`: of what is selected for what a picture shows.
        Swap = "swap",
        /// `removal`: of what is selected.
        Removal = "removal",
    }
}

vocabulary! {
    /// A language to speak, in the request's `voice_language`.
    VoiceLanguage {
        /// `zh`.
        Chinese = "zh",
        /// `en`.
        English = "en",
    }
}

vocabulary! {
    /// The sound of a video of the new standard, in `settings.audio`.
    AudioTrack {
        /// `native`: the model makes it.
        Native = "native",
        /// `original`: that of the video that was brought along.
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
