//! Elements and voices as resources of the account.

/// Kind of a resource that stays in the account. Public in a private module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Element,
    Voice,
}

impl Resource {
    /// Returns the event for a new resource.
    pub(crate) fn created(self) -> &'static str {
        match self {
            Resource::Element => "element_created",
            Resource::Voice => "voice_created",
        }
    }

    /// Returns the event for a deleted resource.
    pub(crate) fn deleted(self) -> &'static str {
        match self {
            Resource::Element => "element_deleted",
            Resource::Voice => "voice_deleted",
        }
    }
}
