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
        /// `kling-v1-6`.
        V1_6 = "kling-v1-6",
        /// `kling-v2-master`, which has no mode.
        V2Master = "kling-v2-master",
        /// `kling-v2-1-master`, which has no mode.
        V2_1Master = "kling-v2-1-master",
        /// `kling-v2-5-turbo`.
        V2_5Turbo = "kling-v2-5-turbo",
        /// `kling-v2-6`.
        V2_6 = "kling-v2-6",
        /// `kling-v3`.
        V3 = "kling-v3",
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
