//! Kinds of resource packs, by which Kling limits concurrent tasks.

/// Kind of resource pack. Kling limits the concurrent tasks of an account by pack and model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pack {
    /// Videos and sounds. A task takes one permit.
    Video,
    /// Images. A task takes one permit for each image.
    Image,
    /// Virtual try-on. A task takes one permit.
    TryOn,
}

impl Pack {
    /// `video`, `image` or `try-on`.
    pub fn as_str(self) -> &'static str {
        match self {
            Pack::Video => "video",
            Pack::Image => "image",
            Pack::TryOn => "try-on",
        }
    }
}
