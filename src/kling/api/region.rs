//! Addresses of Kling's servers.

/// One of Kling's servers. An account belongs to one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Region {
    /// All countries except China: `https://api-singapore.klingai.com`.
    #[default]
    Singapore,
    /// China: `https://api-beijing.klingai.com`.
    Beijing,
    /// Older address for all countries except China: `https://api.klingai.com`.
    Global,
}

impl Region {
    /// Base URL.
    pub fn base_url(self) -> &'static str {
        match self {
            Region::Singapore => "https://api-singapore.klingai.com",
            Region::Beijing => "https://api-beijing.klingai.com",
            Region::Global => "https://api.klingai.com",
        }
    }
}
