//! Reading back a trail before it is signed: its Merkle tree, from the last signed frontier over the entries since.
//!
//! An `audit_checkpoint` records the frontier of the tree that its checkpoint signed: the hashes from which the tree can
//! grow. Entries below the last recorded frontier are not read, so the work does not grow with the trail. Each entry above
//! must have its printed hash, follow its predecessor, and give the root of every checkpoint on the way.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use crate::{
    checkpoint::{file, signer::Signer, verifying_key::VerifyingKey},
    codec::{
        digest::Link,
        json::value::Value,
        merkle::{Frontier, TreeHash},
    },
    error::{Error, Operation},
    format::{
        line::{Line, MAX_LINE_BYTES},
        receipt::TrailId,
    },
    storage::{
        line_reader::{Lines, Piece},
        prune_record::{Pruned, first_seq},
        segments::{self, TrailFile},
    },
    write::signing::{checkpoint_log::CheckpointLog, prune_check, sign::refused},
};

/// Bytes that one read takes when files are read backwards.
const BACKWARD_BLOCK_BYTES: u64 = 1 << 20;

/// Returns the tree over the entries below `end`, or over all entries, of a trail that the signer may sign.
///
/// # Errors
///
/// - [`Error::Conflict`] if the key signs another trail, the entries do not continue the checkpoints that the key signed,
///   or a signed checkpoint is missing.
/// - [`Error::Io`] if a file can't be read.
pub(crate) fn resume(
    directory: &Path,
    signer: &dyn Signer,
    log: &CheckpointLog,
    trail: TrailId,
    end: Option<u64>,
) -> Result<Frontier, Error> {
    let key = signer.verifying_key();
    let was_claimed = signer.claim(trail)?;
    let last = signer.last();
    let files = segments::list(directory)?;
    let start = find_start(directory, key, log, &files)?;
    // The key signed this trail before, so its checkpoints were deleted. A new one would hide what they had shown.
    if was_claimed && log.is_empty() {
        return Err(refused(
            directory,
            format!(
                "the key {} has signed checkpoints of this trail, and there is none in {}: the signed checkpoints must \
                 be put back before new ones are signed",
                key.label(),
                file::CHECKPOINTS_FILE
            ),
        ));
    }
    let tree = ReadBack { directory, log, last, files: &files }.follow(start, end)?;
    if let Some(size) = log.last_size().filter(|size| *size > tree.size()) {
        return Err(refused(
            directory,
            format!("a checkpoint covers {size} entries, and the trail ends after {}", tree.size()),
        ));
    }
    if let Some((size, _)) = last.filter(|(size, _)| *size > tree.size()) {
        return Err(refused(
            directory,
            format!(
                "the key {} has signed the first {size} entries, and the trail ends after {}: it was put back to an \
                 older state",
                key.label(),
                tree.size()
            ),
        ));
    }
    Ok(tree)
}

/// Position of a line: the number of its file and its offset there.
#[derive(Clone, Copy, Debug, Default)]
struct LinePosition {
    file: usize,
    offset: u64,
}

/// A tree, and the position of the first entry that is not in it.
#[derive(Debug, Default)]
struct Start {
    tree: Frontier,
    position: LinePosition,
}

/// Finds the last frontier that the trail records under `key`, and the first entry above it.
///
/// # Errors
///
/// [`Error::Conflict`] if the checkpoint of that frontier is missing in `log`.
fn find_start(
    directory: &Path,
    key: &VerifyingKey,
    log: &CheckpointLog,
    files: &[TrailFile],
) -> Result<Start, Error> {
    let mut frontier: Option<Frontier> = None;
    let mut start = None;
    read_backwards(files, |position, bytes| {
        if let Some(frontier) = &frontier {
            let seq = Line::recognise(bytes).ok().map(|line| line.seq);
            if seq == Some(frontier.size()) {
                start = Some(position);
            }
            return Ok(start.is_none() && seq.is_none_or(|seq| seq > frontier.size()));
        }
        // Most entries are of other types. A search for the type is faster than parsing the line.
        if memchr::memmem::find(bytes, b"\"audit_checkpoint\"").is_none() {
            return Ok(true);
        }
        let Ok(line) = Line::recognise(bytes) else { return Ok(true) };
        let Some(recorded) = recorded_frontier(&line, key) else { return Ok(true) };
        if log.root(recorded.size()) != Some(recorded.root()) {
            return Err(refused(
                directory,
                format!(
                    "seq {} records a checkpoint of the first {} entries, which is not in {}: the signed checkpoints \
                     must be put back before new ones are signed",
                    line.seq,
                    recorded.size(),
                    file::CHECKPOINTS_FILE
                ),
            ));
        }
        // The `audit_checkpoint` itself may be the first entry that its checkpoint does not cover.
        start = (line.seq == recorded.size()).then_some(position);
        frontier = Some(recorded);
        Ok(start.is_none())
    })?;
    match (frontier, start) {
        (Some(tree), Some(position)) => Ok(Start { tree, position }),
        // No frontier was recorded, or the entries from it on were removed.
        _ => start_of_files(files),
    }
}

/// Returns the tree and the position at the start of the files, after entries that were pruned. The tree is not trusted
/// yet: another program may have forged the `audit_pruned`. Only a signed checkpoint above it proves it.
fn start_of_files(files: &[TrailFile]) -> Result<Start, Error> {
    let Some(pruned) = Pruned::of_trail(files)? else { return Ok(Start::default()) };
    for (number, file) in files.iter().enumerate() {
        if first_seq(std::slice::from_ref(file))? == Some(pruned.size()) {
            return Ok(Start { tree: pruned.frontier, position: LinePosition { file: number, offset: 0 } });
        }
    }
    Ok(Start::default())
}

/// Returns the frontier that `line` records, if it is an `audit_checkpoint` of this key.
fn recorded_frontier(line: &Line<'_>, key: &VerifyingKey) -> Option<Frontier> {
    if !line.is("audit_checkpoint") || !line.holds() {
        return None;
    }
    let details = line.decoded_details();
    if details.str("key")? != key.label() {
        return None;
    }
    let node = |value: &Value| match value {
        Value::String(text) => TreeHash::parse(text.to_str()?),
        _ => None,
    };
    Frontier::of(details.u64("size")?, details.array("frontier")?.iter().map(node).collect::<Option<_>>()?)
}

/// Calls `visit` with complete lines, the last one first, until it returns `false`.
fn read_backwards(
    files: &[TrailFile],
    mut visit: impl FnMut(LinePosition, &[u8]) -> Result<bool, Error>,
) -> Result<(), Error> {
    for (number, file) in files.iter().enumerate().rev() {
        let io = |error| Error::io(Operation::Read, &file.path)(error);
        let mut opened = file.open()?;
        let mut end = file.length;
        // Start of a line whose end was in the block read before. An overlong line is not an entry and is dropped.
        let mut unfinished = Vec::new();
        let mut is_tail = true;
        while end > 0 {
            let from = end.saturating_sub(BACKWARD_BLOCK_BYTES);
            let mut block = read_range(&mut opened, from, end).map_err(io)?;
            block.append(&mut unfinished);
            let first =
                if from == 0 { 0 } else { memchr::memchr(b'\n', &block).map_or(block.len(), |at| at + 1) };
            let mut rest = &block[first..];
            while !rest.is_empty() {
                let line_end = rest.len();
                let body = rest.strip_suffix(b"\n").unwrap_or(rest);
                let start = memchr::memrchr(b'\n', body).map_or(0, |at| at + 1);
                // Only the file's last line can lack its newline: it is a torn tail.
                let is_complete = body.len() < line_end || !std::mem::take(&mut is_tail);
                let offset = from + (first + start) as u64;
                if is_complete && !visit(LinePosition { file: number, offset }, &body[start..])? {
                    return Ok(());
                }
                is_tail = false;
                rest = &rest[..start];
            }
            block.truncate(first);
            if block.len() <= 2 * MAX_LINE_BYTES {
                unfinished = block;
            }
            end = from;
        }
    }
    Ok(())
}

fn read_range(file: &mut File, from: u64, end: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut block = vec![0; usize::try_from(end - from).unwrap_or(0)];
    file.read_exact(&mut block)?;
    Ok(block)
}

/// A trail that is read back, and the signatures that it must agree with.
struct ReadBack<'a> {
    directory: &'a Path,
    log: &'a CheckpointLog,
    /// Size and root of the last checkpoint that the signer remembers.
    last: Option<(u64, TreeHash)>,
    files: &'a [TrailFile],
}

impl ReadBack<'_> {
    /// Adds the entries from `start` on to the tree, as far as `end`. Each entry must follow its predecessor.
    fn follow(&self, start: Start, end: Option<u64>) -> Result<Frontier, Error> {
        let Start { mut tree, position: start } = start;
        let start_size = tree.size();
        let covered = self.log.last_size().unwrap_or(0);
        let mut link = (start_size == 0).then_some(Link::Genesis);
        // Entries below the start are not read. Two different roots for them are noticed here.
        if let Some((size, root)) = self.last
            && size <= start_size
            && self.log.root(size).is_some_and(|signed| signed != root)
        {
            return Err(self.replaced(size));
        }
        // A recorded tree at the start is trusted after a signed checkpoint over it, or over entries that follow it.
        let mut is_proven = start_size == 0 || self.is_signed(&tree);
        'files: for (number, file) in self.files.iter().enumerate().skip(start.file) {
            let from = if number == start.file { start.offset } else { 0 };
            let io = |error| Error::io(Operation::Read, &file.path)(error);
            let mut opened = file.open()?;
            opened.seek(SeekFrom::Start(from)).map_err(io)?;
            let mut lines = Lines::new(opened, file.length.saturating_sub(from), MAX_LINE_BYTES);
            while let Some(piece) = lines.next().map_err(io)? {
                if end.is_some_and(|end| tree.size() >= end) {
                    break 'files;
                }
                let (offset, bytes) = match piece {
                    Piece::Line { offset, bytes } => (offset, bytes),
                    Piece::TooLong { offset, .. } => (offset, &b""[..]),
                    // A torn tail, of a crash or a failed write. The next entry must follow all the same.
                    Piece::Unterminated => continue,
                };
                let refuse = |reason: &str| {
                    Err(refused(self.directory, format!("{}, byte {}: {reason}", file.name, from + offset)))
                };
                let Some(line) = Line::recognise(bytes).ok().filter(Line::holds) else {
                    return refuse("the line is not an entry that verifies");
                };
                if line.seq != tree.size() || link.is_some_and(|link| link != line.previous) {
                    return refuse("the entry does not follow the one before it");
                }
                // While the start is not proven, no `audit_pruned` is checked here: the missing proof is refused below.
                if is_proven
                    && line.seq >= covered
                    && let Some(pruned) = Pruned::read(&line)
                {
                    prune_check::check(self.directory, self.files, &pruned, line.time)?;
                }
                link = Some(Link::Hash(line.stated));
                tree.push(&line.sha256);
                if self.contradicts_last(&tree) {
                    return Err(self.replaced(tree.size()));
                }
                if self.is_signed(&tree) {
                    is_proven = true;
                } else if self.log.root(tree.size()).is_some() {
                    let size = tree.size();
                    return refuse(&format!(
                        "the first {size} entries are not those of the checkpoint over them"
                    ));
                }
            }
        }
        if !is_proven {
            return Err(refused(
                self.directory,
                format!(
                    "the entries below {start_size} are missing, and no checkpoint in {} that the key signed proves \
                     that they came before the entries that are left",
                    file::CHECKPOINTS_FILE
                ),
            ));
        }
        match end {
            Some(end) if tree.size() < end => {
                let reason = format!("the trail ends after {} of {end} entries", tree.size());
                Err(refused(self.directory, reason))
            }
            _ => Ok(tree),
        }
    }

    /// Returns `true` if the key signed this tree.
    fn is_signed(&self, tree: &Frontier) -> bool {
        self.log.root(tree.size()) == Some(tree.root())
    }

    /// Returns `true` if the signer remembers another root for the size of this tree.
    fn contradicts_last(&self, tree: &Frontier) -> bool {
        self.last.is_some_and(|(size, root)| size == tree.size() && root != tree.root())
    }

    fn replaced(&self, size: u64) -> Error {
        let reason = format!(
            "the first {size} entries are not those that the key signed: the trail was put back to an older state"
        );
        refused(self.directory, reason)
    }
}
