//! The builder of a verification.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    checkpoint::verifying_key::VerifyingKey,
    codec::digest::Digest,
    error::{Error, Operation},
    findings::{progress::Progress, verification::Verification},
    format::receipt::Receipt,
    storage::{
        head_file::FoundHead,
        segments::{self, TrailFile},
    },
    verify::{
        anchor::Anchor,
        entry_view::EntryView,
        evidence::{Evidence, Requirements},
        head_check::HeadPolicy,
        observer::Observer,
        parallel_read::default_threads,
        run::{self, Against},
        verdict::Extent,
    },
};

/// Verifies a trail and reports all findings.
///
/// A process may write the trail meanwhile: the files are listed and measured first, and bytes beyond are not read.
/// Logs of the Python tool are verified too. The first line of the first file decides the format.
///
/// The directory is not trusted. A chain alone cannot show that the owner rewrote the trail or removed its end.
/// Checkpoints [kept elsewhere](Self::checkpoint) and [receipts](Self::receipt) can. [`Verification::basis`] names the
/// evidence for a verdict.
///
/// ```no_run
/// use std::time::Duration;
///
/// use kling_audit::verify::Verifier;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = "example.com/audit+290e76d8+ARl/ayPhbIUyxqvIOPrNXqeJvgx2spIDNAOb+os9No1h".parse()?;
/// let verification = Verifier::new("audit")
///     .key(key)
///     .checkpoint("/mnt/elsewhere/checkpoints")
///     .max_age(Duration::from_secs(3_600))
///     .run()?;
/// println!("{verification}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is verified before `run`"]
pub struct Verifier {
    path: PathBuf,
    head: HeadPolicy,
    required: Requirements,
    threads: NonZero<usize>,
    since: Option<Anchor>,
}

impl Verifier {
    /// Prepares to verify the trail at `path`: a directory, or a single file of a trail.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            head: HeadPolicy::default(),
            required: Requirements::default(),
            threads: default_threads(),
            since: None,
        }
    }

    /// Verifies only the entries after the entry `seq`, whose `hash` is known from an earlier verification or from a
    /// receipt. The time grows with the new part of the trail and not with the whole.
    ///
    /// That entry must be there and have this hash. Entries before it are taken on trust, as the basis of the verdict
    /// states. Erasable values are not checked. Checkpoints and receipts need a whole verification: if they are
    /// required too, the verdict is [`Verdict::Unverifiable`](crate::verify::Verdict::Unverifiable).
    pub fn since(mut self, seq: u64, hash: Digest) -> Self {
        self.since = Some(Anchor { seq, hash });
        self
    }

    /// Sets the number of threads that parse lines, the calling thread included. By default the number of processors,
    /// at most 16.
    ///
    /// Results do not depend on it. Each thread takes about 0.7 MiB of memory. A short trail is parsed by one thread.
    pub fn threads(mut self, threads: NonZero<usize>) -> Self {
        self.threads = threads;
        self
    }

    /// Checks checkpoints with `key`: those in the trail's `audit.checkpoints`, and those of
    /// [`checkpoint`](Self::checkpoint). With several keys, each may have signed some.
    ///
    /// Get the key from its owner and not from the trail. Without a checkpoint under a given key, the verdict is
    /// [`Verdict::Unverifiable`](crate::verify::Verdict::Unverifiable).
    pub fn key(mut self, key: VerifyingKey) -> Self {
        self.required.keys.push(key);
        self
    }

    /// Compares the trail with the checkpoints in a file that was kept out of reach of the trail's owner. The file
    /// holds one checkpoint, or several with an empty line between them. They are checked with the given keys.
    ///
    /// This shows that the directory was replaced by an older copy of itself. The trail needs no head then.
    pub fn checkpoint(mut self, path: impl Into<PathBuf>) -> Self {
        self.required.kept.push(path.into());
        self
    }

    /// Requires a checkpoint whose last entry is not older than `age` by this machine's clock, nor more than five
    /// minutes ahead of it.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.required.max_age = Some(age);
        self
    }

    /// Requires the entry of `receipt`.
    pub fn receipt(mut self, receipt: Receipt) -> Self {
        self.required.receipts.push(receipt);
        self
    }

    /// Requires the entries of the receipts in a file. Each line has the form `SEQ HASH` or `TRAIL_ID SEQ HASH`.
    pub fn receipts(mut self, path: impl Into<PathBuf>) -> Self {
        self.required.receipt_files.push(path.into());
        self
    }

    /// Accepts a record of pruned entries that no checkpoint covers. Signing calls this before such a checkpoint
    /// exists.
    pub(crate) fn accept_pruned(mut self) -> Self {
        self.required.accept_pruned = true;
        self
    }

    /// Verifies a copy of a trail, which may lack its head. The verifier does not check the end of the trail then.
    pub fn without_head(mut self) -> Self {
        self.head = HeadPolicy::NotRequired;
        self
    }

    /// Verifies the trail.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Unreadable`] if a file is unreadable. A trail with findings is no error.
    pub fn run(&self) -> Result<Verification, Error> {
        self.run_with_progress(|_| {})
    }

    /// Verifies the trail as [`run`](Self::run) does, and calls `progress` about every 128 KiB, on the calling thread.
    ///
    /// # Errors
    ///
    /// The errors of [`run`](Self::run).
    pub fn run_with_progress(&self, mut progress: impl FnMut(Progress)) -> Result<Verification, Error> {
        self.run_observed(&mut Observer { threads: self.threads, on_entry: None, progress: &mut progress })
    }

    /// Verifies the trail as [`run`](Self::run) does, and calls `on_entry` with each entry.
    pub(crate) fn run_observing(
        &self,
        on_entry: &mut dyn FnMut(EntryView<'_>),
    ) -> Result<Verification, Error> {
        self.run_observed(&mut Observer {
            threads: self.threads,
            on_entry: Some(on_entry),
            progress: &mut |_| {},
        })
    }

    fn run_observed(&self, observer: &mut Observer<'_>) -> Result<Verification, Error> {
        let is_directory =
            std::fs::metadata(&self.path).map_err(Error::io(Operation::Open, &self.path))?.is_dir();
        if is_directory {
            // The head and the checkpoints are read before the files are listed: an entry that was written before
            // them is then in the list. In the other order a growing trail would seem truncated.
            let head = self.head.read(&self.path)?;
            // A kept checkpoint shows where the trail ends as well as a head does.
            let head = head.filter(|found| *found != FoundHead::Missing || !self.required.has_kept());
            let evidence = Evidence::gather(&self.required, Some(&self.path))?;
            let files = segments::list(&self.path)?;
            self.verify(&files, Extent::Whole, Against { head, evidence }, observer)
        } else {
            let file = TrailFile::alone(&self.path)?;
            let evidence = Evidence::gather(&self.required, None)?;
            self.verify(&[file], Extent::File, Against { head: None, evidence }, observer)
        }
    }

    fn verify(
        &self,
        files: &[TrailFile],
        extent: Extent,
        against: Against,
        observer: &mut Observer<'_>,
    ) -> Result<Verification, Error> {
        match &self.since {
            None => run::verify_files(&self.path, files, extent, against, observer),
            Some(anchor) => {
                let requires_evidence = !self.required.is_nothing();
                run::verify_since(
                    &self.path,
                    files,
                    extent,
                    anchor,
                    requires_evidence,
                    against.head,
                    observer,
                )
            }
        }
    }
}
