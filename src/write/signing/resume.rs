//! The tree of a trail that goes on: from the last frontier that the trail tells and the key signed, over the entries
//! since.
//!
//! Nothing before that frontier is read, however long the trail is. What is read must follow: each line holds, its number
//! and its link go on, and each checkpoint since has the root that the tree has there.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use crate::{
    checkpoint::signer::Signer,
    write::signing::{checkpoint_log::CheckpointLog, prune_check, refused},
};
use crate::{
    checkpoint::{file, verifying_key::VerifyingKey},
    codec::{
        digest::Link,
        json::value::Value,
        merkle::{Frontier, TreeHash},
    },
    error::{Error, Operation},
    format::{
        line::{Line, MAX_LINE},
        receipt::TrailId,
    },
    storage::{
        line_reader::{Lines, Piece},
        prune_record::{Pruned, first_seq},
        segments::{self, TrailFile},
    },
};

/// How much is read at once on the way back.
const BLOCK: u64 = 1 << 20;

/// The tree over the entries below number `end`, or all, once the signer takes the trail for its own.
pub(crate) fn resume(
    directory: &Path,
    signer: &dyn Signer,
    book: &CheckpointLog,
    trail: TrailId,
    end: Option<u64>,
) -> Result<Frontier, Error> {
    let key = signer.verifying_key();
    let claimed = signer.claim(trail)?;
    let last = signer.last();
    let files = segments::list(directory)?;
    let (frontier, place) = find_start(directory, key, book, &files)?;
    if claimed && book.is_empty() {
        return Err(refused(
            directory,
            format!(
                "the key {} has signed checkpoints of this trail, and there is none in {}: what was signed must be \
                 put back before more is",
                key.label(),
                file::NAME
            ),
        ));
    }
    let tree = follow(directory, book, last, &files, frontier, place, end)?;
    if let Some(size) = book.last_size().filter(|size| *size > tree.size()) {
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

/// Where a line stands: which file, and at which byte.
#[derive(Clone, Copy, Debug, Default)]
struct Spot {
    file: usize,
    offset: u64,
}

/// The last frontier, and the first entry that is not in it.
fn find_start(
    directory: &Path,
    key: &VerifyingKey,
    book: &CheckpointLog,
    files: &[TrailFile],
) -> Result<(Frontier, Spot), Error> {
    let mut frontier: Option<Frontier> = None;
    let mut start = None;
    walk_back(files, |spot, bytes| {
        if let Some(frontier) = &frontier {
            let seq = Line::recognise(bytes).ok().map(|line| line.seq);
            if seq == Some(frontier.size()) {
                start = Some(spot);
            }
            return Ok(start.is_none() && seq.is_none_or(|seq| seq > frontier.size()));
        }
        // The type is looked for before the line is read, since most are others.
        if memchr::memmem::find(bytes, b"\"audit_checkpoint\"").is_none() {
            return Ok(true);
        }
        let Ok(line) = Line::recognise(bytes) else { return Ok(true) };
        let Some(told) = told(&line, key) else { return Ok(true) };
        if book.root(told.size()) != Some(told.root()) {
            return Err(refused(
                directory,
                format!(
                    "seq {} tells of a checkpoint of the first {} entries, which is not in {}: what was signed must \
                     be put back before more is",
                    line.seq,
                    told.size(),
                    file::NAME
                ),
            ));
        }
        // The entry that tells of it may be the first that it does not cover.
        start = (line.seq == told.size()).then_some(spot);
        frontier = Some(told);
        Ok(start.is_none())
    })?;
    match (frontier, start) {
        (Some(frontier), Some(start)) => Ok((frontier, start)),
        // Nothing was noted since the beginning was pruned.
        _ => after_pruned(files),
    }
}

/// Where the entries begin that were not pruned. That the tree there is the right one is for a checkpoint over it to show:
/// anybody who can write the directory can tell of a tree.
fn after_pruned(files: &[TrailFile]) -> Result<(Frontier, Spot), Error> {
    let Some(pruned) = Pruned::look(files)? else { return Ok((Frontier::default(), Spot::default())) };
    for (number, file) in files.iter().enumerate() {
        if first_seq(std::slice::from_ref(file))? == Some(pruned.size()) {
            return Ok((pruned.frontier, Spot { file: number, offset: 0 }));
        }
    }
    Ok((Frontier::default(), Spot::default()))
}

/// The frontier that an `audit_checkpoint` under that key tells.
fn told(line: &Line<'_>, key: &VerifyingKey) -> Option<Frontier> {
    if !line.is("audit_checkpoint") || !line.holds() {
        return None;
    }
    match line.detail("key")? {
        Value::String(label) if label.to_str() == Some(key.label().as_str()) => {}
        _ => return None,
    }
    let (Value::Number(size), Value::Array(nodes)) = (line.detail("size")?, line.detail("frontier")?) else {
        return None;
    };
    let node = |value: &Value| match value {
        Value::String(text) => TreeHash::parse(text.to_str()?),
        _ => None,
    };
    Frontier::of(size.parse().ok()?, nodes.iter().map(node).collect::<Option<_>>()?)
}

/// Shows whole lines, the last first, as long as `show` wants more.
fn walk_back(
    files: &[TrailFile],
    mut show: impl FnMut(Spot, &[u8]) -> Result<bool, Error>,
) -> Result<(), Error> {
    for (number, file) in files.iter().enumerate().rev() {
        let io = |error| Error::io(Operation::Read, &file.path)(error);
        let mut opened = file.open()?;
        let mut end = file.length;
        // The beginning of a line whose end was read already; an overlong one is no entry.
        let mut open = Vec::new();
        let mut torn = true;
        while end > 0 {
            let from = end.saturating_sub(BLOCK);
            let mut block = read(&mut opened, from, end).map_err(io)?;
            block.append(&mut open);
            let first =
                if from == 0 { 0 } else { memchr::memchr(b'\n', &block).map_or(block.len(), |at| at + 1) };
            let mut rest = &block[first..];
            while !rest.is_empty() {
                let line_end = rest.len();
                let body = rest.strip_suffix(b"\n").unwrap_or(rest);
                let start = memchr::memrchr(b'\n', body).map_or(0, |at| at + 1);
                let whole = body.len() < line_end || !std::mem::take(&mut torn);
                let offset = from + (first + start) as u64;
                if whole && !show(Spot { file: number, offset }, &body[start..])? {
                    return Ok(());
                }
                torn = false;
                rest = &rest[..start];
            }
            block.truncate(first);
            if block.len() <= 2 * MAX_LINE {
                open = block;
            }
            end = from;
        }
    }
    Ok(())
}

fn read(file: &mut File, from: u64, end: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut block = vec![0; usize::try_from(end - from).unwrap_or(0)];
    file.read_exact(&mut block)?;
    Ok(block)
}

/// Adds the entries from `start` on. `last`: size and root that the signer remembers.
fn follow(
    directory: &Path,
    book: &CheckpointLog,
    last: Option<(u64, TreeHash)>,
    files: &[TrailFile],
    mut tree: Frontier,
    start: Spot,
    end: Option<u64>,
) -> Result<Frontier, Error> {
    let start_size = tree.size();
    let covered = book.last_size().unwrap_or(0);
    let mut link = (start_size == 0).then_some(Link::Genesis);
    let is_over = |tree: &Frontier| book.root(tree.size()) == Some(tree.root());
    let is_other =
        |tree: &Frontier| last.is_some_and(|(size, root)| size == tree.size() && root != tree.root());
    let replaced = |size: u64| {
        refused(
            directory,
            format!(
                "the first {size} entries are not those that the key signed: the trail was put back to an older state"
            ),
        )
    };
    // Entries below the start are not read: what was signed of them says whether they are the same.
    if let Some((size, root)) = last
        && size <= start_size
        && book.root(size).is_some_and(|signed| signed != root)
    {
        return Err(replaced(size));
    }
    // Whether what the tree began with was signed, and not only told.
    let mut signed = start_size == 0 || is_over(&tree);
    'files: for (number, file) in files.iter().enumerate().skip(start.file) {
        let from = if number == start.file { start.offset } else { 0 };
        let io = |error| Error::io(Operation::Read, &file.path)(error);
        let mut opened = file.open()?;
        opened.seek(SeekFrom::Start(from)).map_err(io)?;
        let mut lines = Lines::new(opened, file.length.saturating_sub(from), MAX_LINE);
        while let Some(piece) = lines.next().map_err(io)? {
            if end.is_some_and(|end| tree.size() >= end) {
                break 'files;
            }
            let (offset, bytes) = match piece {
                Piece::Line { offset, bytes } => (offset, bytes),
                Piece::Long { offset, .. } => (offset, &b""[..]),
                // What a crash or a failed write leaves; the next entry must follow all the same.
                Piece::Rest => continue,
            };
            let refuse = |reason: &str| {
                Err(refused(directory, format!("{}, byte {}: {reason}", file.name, from + offset)))
            };
            let Some(line) = Line::recognise(bytes).ok().filter(Line::holds) else {
                return refuse("the line is no entry that verifies");
            };
            if line.seq != tree.size() || link.is_some_and(|link| link != line.previous) {
                return refuse("the entry does not follow the one before it");
            }
            // No checkpoint is left that could show what was not shown so far: that is refused below.
            if signed
                && line.seq >= covered
                && let Some(pruned) = Pruned::read(&line)
            {
                prune_check::check(directory, files, &pruned, line.time)?;
            }
            link = Some(Link::Hash(line.stated));
            tree.push(&line.sha256);
            if is_other(&tree) {
                return Err(replaced(tree.size()));
            }
            if is_over(&tree) {
                signed = true;
            } else if book.root(tree.size()).is_some() {
                let size = tree.size();
                return refuse(&format!(
                    "the first {size} entries are not those of the checkpoint over them"
                ));
            }
        }
    }
    if !signed {
        return Err(refused(
            directory,
            format!(
                "the entries below {start_size} are not there, and no checkpoint in {} that the key signed shows that \
                 they came before those that are",
                file::NAME
            ),
        ));
    }
    match end {
        Some(end) if tree.size() < end => {
            Err(refused(directory, format!("the trail ends after {} of {end} entries", tree.size())))
        }
        _ => Ok(tree),
    }
}
