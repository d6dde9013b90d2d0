//! Progress of entries to the device, as sequence numbers.

/// Three bounds; each counts the entries with a smaller sequence number.
///
/// Invariant: `synced <= written`. A request may be ahead of both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watermarks {
    /// Entries handed to the OS.
    written: u64,
    /// Entries on the device.
    synced: u64,
    /// Entries that a caller wants on the device.
    sync_requested: u64,
}

impl Watermarks {
    /// Starts with the entries below `end` written and synced, as opening a trail leaves them.
    pub(crate) fn new(end: u64) -> Self {
        Self { written: end, synced: end, sync_requested: 0 }
    }

    /// Returns the end of the entries that were handed to the OS.
    #[inline]
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Returns the end of the entries that are on the device.
    #[inline]
    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }

    /// Records that the entries below `end` were handed to the OS.
    #[inline]
    pub(crate) fn advance_written(&mut self, end: u64) {
        self.written = self.written.max(end);
    }

    /// Records that a sync put the written entries below `end` on the device.
    #[inline]
    pub(crate) fn advance_synced(&mut self, end: u64) {
        self.synced = self.synced.max(end.min(self.written));
    }

    /// Makes the next commit sync, unless the entries below `end` are on the device already.
    #[inline]
    pub(crate) fn request_sync(&mut self, end: u64) {
        self.sync_requested = self.sync_requested.max(end);
    }

    /// Withdraws the requests to sync entries from `first_failed` on, which are gone.
    pub(crate) fn withdraw_requests(&mut self, first_failed: u64) {
        self.sync_requested = self.sync_requested.min(first_failed);
    }

    /// Returns `true` if the next commit has to sync.
    #[inline]
    pub(crate) fn sync_is_due(&self) -> bool {
        self.sync_requested > self.synced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synced_never_passes_written() {
        let mut progress = Watermarks::new(3);
        progress.advance_written(5);

        progress.advance_synced(9);

        assert_eq!((progress.written(), progress.synced()), (5, 5));
    }

    #[test]
    fn a_sync_is_due_until_the_request_is_met_or_withdrawn() {
        let mut progress = Watermarks::new(3);
        assert!(!progress.sync_is_due());

        progress.request_sync(6);
        assert!(progress.sync_is_due());
        progress.withdraw_requests(3);
        assert!(!progress.sync_is_due());

        progress.request_sync(4);
        progress.advance_written(4);
        progress.advance_synced(4);
        assert!(!progress.sync_is_due());
    }

    #[test]
    fn watermarks_never_move_back() {
        let mut progress = Watermarks::new(7);

        progress.advance_written(2);
        progress.advance_synced(1);

        assert_eq!((progress.written(), progress.synced()), (7, 7));
    }
}
