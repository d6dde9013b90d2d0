//! The manual: the format on disk, the promise of a receipt, subscriber stacks, the report, the evidence in a trail,
//! erasure, retention, and the architecture of this crate.

// The pages must also read well on a code host, where `crate::` links lead nowhere. There, `[trust]` uses the link
// definition at the end of the page, which names a file. In rustdoc, the definition above the page comes first, and the
// first definition applies.

/// [format]: crate::manual::format
#[doc = include_str!("architecture.md")]
pub mod architecture {}

/// [privacy]: crate::manual::privacy
/// [retention]: crate::manual::retention
/// [trust]: crate::manual::trust
#[doc = include_str!("format.md")]
pub mod format {}

#[doc = include_str!("durability.md")]
pub mod durability {}

/// [durability]: crate::manual::durability
#[doc = include_str!("stacks.md")]
pub mod stacks {}

#[doc = include_str!("report.md")]
pub mod report {}

#[doc = include_str!("privacy.md")]
pub mod privacy {}

/// [privacy]: crate::manual::privacy
/// [trust]: crate::manual::trust
#[doc = include_str!("retention.md")]
pub mod retention {}

#[doc = include_str!("trust.md")]
pub mod trust {}
