//! A bar on the terminal for what takes longer than a second, and nothing where there is no terminal.

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use kling_audit::verify::Progress;

/// What is done sooner shows none.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar that appears when it has to, and goes when it is dropped.
pub(crate) struct Bar {
    what: &'static str,
    /// `None` where nobody would see it.
    due: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Bar {
    /// A bar for reading trails.
    pub(crate) fn new(what: &'static str) -> Self {
        let due = io::stderr().is_terminal().then(|| Instant::now() + PATIENCE);
        Self { what, due, bar: None }
    }

    /// A bar for what prints on the way: not where that goes to the terminal too.
    pub(crate) fn beside_output(what: &'static str) -> Self {
        let mut bar = Self::new(what);
        bar.due = bar.due.filter(|_| !io::stdout().is_terminal());
        bar
    }

    /// Shows how far reading a trail is.
    pub(crate) fn show(&mut self, progress: Progress) {
        let form = "{msg} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
        if let Some(bar) = self.shown(Some(progress.of), form) {
            bar.set_position(progress.bytes);
        }
    }

    /// Shows how many entries there are, of nobody knows how many.
    pub(crate) fn count(&mut self, entries: u64) {
        if let Some(bar) = self.shown(None, "{spinner} {msg} {human_pos} entries {per_sec}") {
            bar.set_position(entries);
        }
    }

    fn shown(&mut self, of: Option<u64>, form: &str) -> Option<&ProgressBar> {
        if self.bar.is_none() && self.due.is_some_and(|due| due <= Instant::now()) {
            let bar = of.map_or_else(ProgressBar::new_spinner, ProgressBar::new).with_message(self.what);
            self.bar = Some(match ProgressStyle::with_template(form) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            });
        }
        self.bar.as_ref()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
