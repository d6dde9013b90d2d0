//! Who looks on while a trail is read.

use std::num::NonZero;

use crate::{findings::progress::Progress, verify::scan::Said};

/// What is shown of a walk while it goes on, and how many threads it may take.
pub(crate) struct Observer<'w> {
    pub(crate) threads: NonZero<usize>,
    /// Is shown every entry, in order, if there is somebody.
    pub(crate) said: Option<&'w mut dyn FnMut(Said<'_>)>,
    /// Is told after each block how far it is.
    pub(crate) progress: &'w mut dyn FnMut(Progress),
}

impl Observer<'_> {
    /// Whom every entry is shown.
    pub(super) fn said(&mut self) -> Option<&mut dyn FnMut(Said<'_>)> {
        match &mut self.said {
            Some(said) => Some(&mut **said),
            None => None,
        }
    }
}
