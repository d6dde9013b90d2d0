//! A progress bar on the terminal for work of more than a second.

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use kling_audit::verify::Progress;

/// Time after which a bar appears. Shorter work shows none.
const BAR_DELAY: Duration = Duration::from_secs(1);

/// A bar that appears after [`BAR_DELAY`] and disappears when it is dropped.
pub(crate) struct Bar {
    message: &'static str,
    /// Time at which the bar appears. `None` if standard error is no terminal.
    due: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Bar {
    /// A bar for work that prints after it is done.
    pub(crate) fn new(message: &'static str) -> Self {
        let due = io::stderr().is_terminal().then(|| Instant::now() + BAR_DELAY);
        Self { message, due, bar: None }
    }

    /// A bar for work that prints while it is done. It never appears if the output goes to a terminal, which both would
    /// write to.
    pub(crate) fn beside_output(message: &'static str) -> Self {
        let mut bar = Self::new(message);
        bar.due = bar.due.filter(|_| !io::stdout().is_terminal());
        bar
    }

    /// Shows the bytes of a trail that were read.
    pub(crate) fn show(&mut self, progress: Progress) {
        let form = "{msg} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
        if let Some(bar) = self.shown(Some(progress.of), form) {
            bar.set_position(progress.bytes);
        }
    }

    /// Shows the number of entries, of an unknown total.
    pub(crate) fn count(&mut self, entries: u64) {
        if let Some(bar) = self.shown(None, "{spinner} {msg} {human_pos} entries {per_sec}") {
            bar.set_position(entries);
        }
    }

    /// Returns the bar if it is time to show it.
    fn shown(&mut self, of: Option<u64>, form: &str) -> Option<&ProgressBar> {
        if self.bar.is_none() && self.due.is_some_and(|due| due <= Instant::now()) {
            let bar = of.map_or_else(ProgressBar::new_spinner, ProgressBar::new).with_message(self.message);
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
