//! Verification: is every entry there and unchanged?
//!
//! It trusts nobody: not the directory, not its names, not its lines. It never writes, never panics, and its memory
//! is bounded, whatever the bytes are.

pub(crate) mod adopted_trail;
pub(crate) mod anchor;
pub(crate) mod format1;
pub(crate) mod head_check;
pub(crate) mod observer;
pub(crate) mod parallel_read;
pub(crate) mod private_values;
pub(crate) mod python_tool;
pub(crate) mod scan;
pub(crate) mod sequence;
pub(crate) mod verified;

pub(crate) mod evidence;

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::storage::head_file::FoundHead;
use crate::verify::{
    anchor::{Since, Sought},
    format1::Native,
    python_tool::Tool,
    scan::Seen,
};
use crate::{
    checkpoint::verifying_key::VerifyingKey,
    codec::digest::Digest,
    error::{Error, Operation},
    format::receipt::Receipt,
    storage::{
        permissions,
        prune_record::Pruned,
        segments::{self, TrailFile, TrailFormat},
    },
};
pub(crate) use crate::{
    findings::verification::count,
    verify::{
        evidence::{Evidence, Requirements},
        observer::Observer,
        parallel_read::default_threads,
        scan::Said,
    },
};
pub use crate::{
    findings::{
        finding::{Finding, FindingKind},
        notice::Notice,
        progress::Progress,
        verification::{EntryRef, Verdict, Verification},
        withheld::ErasableCounts,
    },
    verify::verified::Verified,
};

/// Verifies the trail at `path`: a directory, or one file of a trail. `Ok` only if it is intact.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("audit");
/// # kling_audit::AuditLog::open(&directory)?.close()?;
/// let verified = kling_audit::verify(&directory)?;
///
/// println!("{verified}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::NotIntact`] for a trail with findings and for one of which nothing can be told; [`Error::Io`] and
/// [`Error::Unreadable`] for what can't be read.
pub fn verify(path: impl AsRef<Path>) -> Result<Verified, Error> {
    Verified::try_from(Verifier::new(path).run()?)
}

/// Verifies a trail and tells everything it finds.
///
/// A trail may be written meanwhile: its files are listed first, then measured, and nothing beyond is looked at.
/// Logs of the Python tool are read too; which of both it is, the first line of the first file decides.
///
/// The directory is not trusted, but a chain alone can't convict an owner who rewrote all of it, or cut its end:
/// [`Verification::basis`] says what a verdict stands on. Checkpoints under a [`key`](Self::key), one that was
/// [kept elsewhere](Self::checkpoint) before all, and [receipts](Self::receipt) can.
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
    asked: Requirements,
    threads: NonZero<usize>,
    since: Option<Since>,
}

/// Whether a trail must have a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HeadPolicy {
    #[default]
    Required,
    /// This is a copy, which may have none.
    Unasked,
}

impl Verifier {
    /// Prepares to verify the trail at `path`: a directory, or one file of a trail.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            head: HeadPolicy::default(),
            asked: Requirements::default(),
            threads: default_threads(),
            since: None,
        }
    }

    /// Verifies only what came after the entry `seq`, whose hash is known to be `hash`: of the last verification, or of a
    /// receipt. The time it takes grows with the new part and not with the trail.
    ///
    /// That entry is looked for and must have this hash; what came before it is taken on trust, and the verdict says so.
    /// Values that entries withhold are not looked at. Checkpoints and receipts need a whole verification: where they are
    /// asked for too, the verdict is [`Verdict::Unverifiable`].
    pub fn since(mut self, seq: u64, hash: Digest) -> Self {
        self.since = Some(Since { seq, hash });
        self
    }

    /// How many threads look at lines, this one among them: as many as the machine runs at once, 16 at most, unless this
    /// says otherwise. What is found does not depend on it. Each takes some memory; a short trail is read by one.
    pub fn threads(mut self, threads: NonZero<usize>) -> Self {
        self.threads = threads;
        self
    }

    /// Checks checkpoints with `key`: those in the trail's `audit.checkpoints`, and those given with
    /// [`checkpoint`](Self::checkpoint). Of several keys each may have signed some.
    ///
    /// The key must come from whoever signs, and not from the trail. Without a checkpoint under a given key the verdict
    /// is [`Verdict::Unverifiable`].
    pub fn key(mut self, key: VerifyingKey) -> Self {
        self.asked.keys.push(key);
        self
    }

    /// Holds the trail against the checkpoints in a file that was kept where the trail's owner can't reach: one
    /// checkpoint, or several with an empty line between them. They are checked with the given keys.
    ///
    /// This finds what an older copy of the whole directory hides. A head is not needed then.
    pub fn checkpoint(mut self, path: impl Into<PathBuf>) -> Self {
        self.asked.kept.push(path.into());
        self
    }

    /// Asks for a checkpoint whose last entry is not older than `age` by this machine's clock, nor more than five minutes
    /// ahead of it.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.asked.max_age = Some(age);
        self
    }

    /// Asks for the entry that `receipt` is for.
    pub fn receipt(mut self, receipt: Receipt) -> Self {
        self.asked.receipts.push(receipt);
        self
    }

    /// Asks for the entries that a file's receipts are for: a line each, `SEQ HASH` or `TRAIL_ID SEQ HASH`.
    pub fn receipts(mut self, path: impl Into<PathBuf>) -> Self {
        self.asked.receipt_files.push(path.into());
        self
    }

    /// Lets a pruned beginning be, though no checkpoint covers the entry that tells of it: for who is about to sign one.
    pub(crate) fn accept_pruned(mut self) -> Self {
        self.asked.accept_pruned = true;
        self
    }

    /// Says that this is a copy of a trail, which need not have a head: whether its end is there is then not asked.
    pub fn without_head(mut self) -> Self {
        self.head = HeadPolicy::Unasked;
        self
    }

    /// Verifies.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Unreadable`] for what can't be read. What is wrong in the trail is no error.
    pub fn run(&self) -> Result<Verification, Error> {
        self.run_with_progress(|_| {})
    }

    /// As [`run`](Self::run), and tells `progress` how far it is: often, about every 128 KiB, and on this thread.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    pub fn run_with_progress(&self, mut progress: impl FnMut(Progress)) -> Result<Verification, Error> {
        self.run_watched(&mut Observer { threads: self.threads, said: None, progress: &mut progress })
    }

    /// As [`run`](Self::run), and shows every entry to `observe` on the way.
    pub(crate) fn run_observing(&self, observe: &mut dyn FnMut(Said<'_>)) -> Result<Verification, Error> {
        self.run_watched(&mut Observer { threads: self.threads, said: Some(observe), progress: &mut |_| {} })
    }

    fn run_watched(&self, watch: &mut Observer<'_>) -> Result<Verification, Error> {
        let directory =
            std::fs::metadata(&self.path).map_err(Error::io(Operation::Open, &self.path))?.is_dir();
        if directory {
            // What is acknowledged when the head is read stands in the files when they are listed.
            let head = self.head.read(&self.path)?;
            let head = head.filter(|found| *found != FoundHead::Missing || !self.asked.has_kept());
            let evidence = Evidence::gather(&self.asked, Some(&self.path))?;
            let files = segments::list(&self.path)?;
            self.verify(&files, Extent::Whole, (head, evidence), watch)
        } else {
            let file = TrailFile::alone(&self.path)?;
            let evidence = Evidence::gather(&self.asked, None)?;
            self.verify(&[file], Extent::File, (None, evidence), watch)
        }
    }

    fn verify(
        &self,
        files: &[TrailFile],
        extent: Extent,
        (head, evidence): (Option<FoundHead>, Evidence),
        watch: &mut Observer<'_>,
    ) -> Result<Verification, Error> {
        match &self.since {
            None => verify_files(&self.path, files, extent, (head, evidence), watch),
            Some(since) => {
                let more = !self.asked.is_nothing();
                verify_since(&self.path, files, extent, (since, more), head, watch)
            }
        }
    }
}

impl HeadPolicy {
    /// The head of the trail in `directory`, where one is asked for.
    pub(crate) fn read(self, directory: &Path) -> Result<Option<FoundHead>, Error> {
        match self {
            Self::Required => FoundHead::read(directory).map(Some),
            Self::Unasked => Ok(None),
        }
    }
}

/// How much of a trail is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The whole trail.
    Whole,
    /// Its newest files.
    Newest,
    /// One file by itself.
    File,
    /// From an entry on that is known.
    Since(Since),
}

/// Verifies `files`, while `watch` looks on.
pub(crate) fn verify_files(
    path: &Path,
    files: &[TrailFile],
    extent: Extent,
    (head, evidence): (Option<FoundHead>, Evidence),
    watch: &mut Observer<'_>,
) -> Result<Verification, Error> {
    let mut seen = Seen::default();
    let has_head = matches!(head, Some(FoundHead::Head(_)));
    let writer = segments::writer(files)?;
    match writer {
        TrailFormat::Format1 => {
            note_permissions(path, files, extent, &mut seen)?;
            let rule = match extent {
                Extent::Whole => Native::whole(),
                Extent::Newest | Extent::Since(_) => Native::part(),
                Extent::File => Native::file(),
            };
            let pruned = if extent == Extent::Whole { Pruned::look(files)? } else { None };
            let mut rule = rule.until(head).against(evidence).after(pruned);
            scan::walk(files, 0, &mut rule, &mut seen, watch)?;
            let last_file = files.last().map_or(crate::format::head::NAME, |file| &file.name);
            rule.conclude(last_file, &mut seen);
            if extent != Extent::File {
                private_values::look(path, files, &mut seen)?;
            }
        }
        TrailFormat::PythonTool => {
            let mut rule = if extent == Extent::Whole { Tool::whole() } else { Tool::part() };
            scan::walk(files, 0, &mut rule, &mut seen, watch)?;
            seen.standing = evidence.of_tool();
        }
    }
    Ok(conclude(path, files, (extent, has_head), writer, seen))
}

/// Verifies what stands in `files` from the entry on that is known; `more` if it should be held against other things too.
fn verify_since(
    path: &Path,
    files: &[TrailFile],
    extent: Extent,
    (since, more): (&Since, bool),
    head: Option<FoundHead>,
    watch: &mut Observer<'_>,
) -> Result<Verification, Error> {
    let mut seen = Seen::default();
    let has_head = matches!(head, Some(FoundHead::Head(_)));
    let writer = segments::writer(files)?;
    let mut read = files;
    if writer == TrailFormat::PythonTool {
        seen.stopped = Some("entries of the Python tool have no numbers to begin at".to_owned());
        read = &[];
    } else {
        match since.seek(files)? {
            Sought::There { file, offset, finding } => {
                read = files.get(file..).unwrap_or_default();
                note_permissions(path, read, extent, &mut seen)?;
                seen.findings_total += u64::from(finding.is_some());
                seen.findings.extend(finding);
                let rule = if extent == Extent::File { Native::file() } else { Native::part() };
                let mut rule = rule.until(head);
                scan::walk(read, offset, &mut rule, &mut seen, watch)?;
                let last_file = files.last().map_or(crate::format::head::NAME, |file| &file.name);
                rule.conclude(last_file, &mut seen);
                if let Some(first) = read.first() {
                    scan::count_from_the_start(first, offset, &mut seen)?;
                }
                if more {
                    let needed = "checkpoints and receipts were asked for too, which need the whole trail";
                    seen.standing.missing = Some(needed.to_owned());
                }
            }
            Sought::Gone(finding) => seen.finding(finding),
            Sought::Before(first) => {
                seen.stopped =
                    Some(format!("entry {} is not there: what is there begins with seq {first}", since.seq));
            }
            Sought::Nothing => {}
        }
    }
    Ok(conclude(path, read, (Extent::Since(*since), has_head), writer, seen))
}

fn note_permissions(path: &Path, files: &[TrailFile], extent: Extent, seen: &mut Seen) -> Result<(), Error> {
    let mut look = |name: &str, path: &Path| {
        let metadata = std::fs::symlink_metadata(path).map_err(Error::io(Operation::Open, path))?;
        if let Some(mode) = permissions::loose_mode(&metadata) {
            seen.notice(Notice::LoosePermissions { file: name.to_owned(), mode: format!("{mode:04o}") });
        }
        Ok(())
    };
    if extent != Extent::File {
        look(".", path)?;
    }
    files.iter().try_for_each(|file| look(&file.name, &file.path))
}

fn conclude(
    path: &Path,
    files: &[TrailFile],
    asked: (Extent, bool),
    writer: TrailFormat,
    seen: Seen,
) -> Verification {
    let (verdict, basis) = judge(asked, writer, &seen);
    Verification {
        path: path.to_owned(),
        verdict,
        basis,
        signed_through: seen.standing.signed_through,
        entries: seen.entries,
        files: files.iter().map(|file| file.name.clone()).collect(),
        first: seen.first,
        last: seen.last.map(|spot| EntryRef::new(spot.seq, spot.hash, spot.time)),
        findings: seen.findings,
        findings_total: seen.findings_total,
        notices: seen.notices,
        notices_total: seen.notices_total,
        withheld: seen.withheld,
    }
}

fn judge((extent, has_head): (Extent, bool), writer: TrailFormat, seen: &Seen) -> (Verdict, String) {
    if seen.findings_total > 0 {
        return (Verdict::Tampered, count(seen.findings_total, "finding", "findings"));
    }
    if let Some(reason) = &seen.stopped {
        return (Verdict::Unverifiable, reason.clone());
    }
    if seen.entries == 0 {
        return (Verdict::Unverifiable, "there are no entries".to_owned());
    }
    if let Some(missing) = &seen.standing.missing {
        return (Verdict::Unverifiable, missing.clone());
    }
    let by = match writer {
        TrailFormat::Format1 if seen.standing.basis.is_some() => {
            seen.standing.basis.as_deref().unwrap_or_default()
        }
        TrailFormat::Format1 if has_head => {
            "by the chain and its head: the directory's owner could rewrite both"
        }
        TrailFormat::Format1 => "by the chain alone: the directory's owner could rewrite it or cut its end",
        TrailFormat::PythonTool => {
            "by the Python tool's chain of 64-bit hashes alone: the directory's owner could rewrite it or cut its \
             end"
        }
    };
    let where_from = match extent {
        Extent::Whole => String::new(),
        Extent::Newest => "; of the period: what came before its first entry is taken on trust".to_owned(),
        Extent::File => "; one file: what came before its first entry is taken on trust".to_owned(),
        Extent::Since(Since { seq, hash }) => {
            format!(
                "; from seq {seq} on, which has the hash that was given, {hash}: what came before is taken on trust"
            )
        }
    };
    (Verdict::Intact, format!("{by}{where_from}"))
}
