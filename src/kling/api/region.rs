//! Where the vendor's servers are. It does not know which account belongs where.

/// The vendor's servers. Accounts belong to one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Region {
    /// Everywhere but China: `https://api-singapore.klingai.com`.
    #[default]
    Singapore,
    /// China: `https://api-beijing.klingai.com`.
    Beijing,
    /// The older address of everywhere but China: `https://api.klingai.com`.
    Global,
}

impl Region {
    /// The base URL.
    pub fn base_url(self) -> &'static str {
        match self {
            Region::Singapore => "https://api-singapore.klingai.com",
            Region::Beijing => "https://api-beijing.klingai.com",
            Region::Global => "https://api.klingai.com",
        }
    }
}
