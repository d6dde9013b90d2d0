//! The manual: what is on disk, what a receipt promises, how to build a subscriber stack, what a report says, what a
//! trail proves, what of it can be forgotten, and when it may go.

#[doc = include_str!("format.md")]
pub mod format {}

#[doc = include_str!("durability.md")]
pub mod durability {}

#[doc = include_str!("stacks.md")]
pub mod stacks {}

#[doc = include_str!("report.md")]
pub mod report {}

#[doc = include_str!("privacy.md")]
pub mod privacy {}

#[doc = include_str!("retention.md")]
pub mod retention {}

#[doc = include_str!("trust.md")]
pub mod trust {}
