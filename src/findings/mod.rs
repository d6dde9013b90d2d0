//! Results of a verification as plain data: findings, notices, verdict and counts. Uses `codec` alone.
//!
//! | file | owns |
//! |---|---|
//! | `finding` | a fault in a trail, and its place |
//! | `notice` | a fact about a trail that does not change the verdict |
//! | `verification` | the outcome of one verification, with its verdict |
//! | `withheld` | counts of erasable values |
//! | `progress` | the progress of a running verification or report |

pub(crate) mod finding;
pub(crate) mod notice;
pub(crate) mod progress;
pub(crate) mod verification;
pub(crate) mod withheld;
