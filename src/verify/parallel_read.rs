//! Reading and parsing on several threads.
//!
//! Promise: blocks arrive in the order of the files, and only a few of them are in memory at a time, whatever the
//! number of threads. Each line is parsed on its own; what follows from one line to the next is decided elsewhere.
//!
//! ```text
//! files ── BlockSource ──> parse on any thread ──> BlockQueue ──> take, on the calling thread
//!          (one reader                             (slots in the
//!          at a time)                              order of reading)
//! ```
//!
//! The calling thread parses too while the block that it waits for is with another thread.

use std::{
    collections::VecDeque,
    fs::File,
    io::{Seek as _, SeekFrom},
    num::NonZero,
    thread,
};

use parking_lot::{Condvar, Mutex};

use crate::{
    error::{Error, Operation},
    storage::{
        block_reader::{Block, Blocks, Bytes},
        segments::TrailFile,
    },
};

/// Number of blocks in the queue for each thread. With fewer, threads wait for each other.
const BLOCKS_AHEAD: usize = 4;

/// Number of bytes of a trail for each further thread. Starting a thread for fewer bytes takes longer than it saves.
const BYTES_PER_THREAD: u64 = 1 << 17;

/// Maximum number of threads unless the caller sets another. Each takes about 0.7 MiB, and 16 threads parse faster
/// than disks read.
const MAX_DEFAULT_THREADS: NonZero<usize> = NonZero::new(16).unwrap();

/// One block and its parsed lines.
pub(super) struct ParsedBlock<P> {
    /// Index of the file.
    pub(super) file: usize,
    pub(super) block: Block,
    /// Entries in the order of their lines. A line that is not an entry, or is too long, is left out.
    pub(super) entries: Vec<ParsedLine<P>>,
}

/// One line that is an entry.
pub(super) struct ParsedLine<P> {
    /// Offset of the line's first byte in its block.
    pub(super) from: usize,
    /// Offset of the line's newline in its block.
    pub(super) to: usize,
    pub(super) parsed: P,
}

/// A function that parses the lines of a block and appends the entries. `C` is the memory of a thread from block to
/// block; results do not depend on it.
pub(super) type ParseBlock<P, C> = fn(&[u8], &mut C, &mut Vec<ParsedLine<P>>);

/// The state that reading threads share. Locks are taken in the order of the fields.
struct ParallelReader<'f, P, C> {
    source: Mutex<BlockSource<'f>>,
    queue: Mutex<BlockQueue<P>>,
    /// Signalled when a block is parsed, when there is room in the queue, and at the end.
    changed: Condvar,
    parse: ParseBlock<P, C>,
    /// Maximum number of blocks in the queue.
    max_blocks: usize,
}

/// The blocks of all files, one after the other.
struct BlockSource<'f> {
    files: &'f [TrailFile],
    /// Number of files that were opened.
    opened: usize,
    open: Option<OpenFile<'f>>,
    /// Maximum length of a line, its newline included.
    max_line_bytes: usize,
    /// Offset in the first file at which reading begins.
    from: u64,
}

/// The file that is being read.
struct OpenFile<'f> {
    index: usize,
    file: &'f TrailFile,
    blocks: Blocks<File>,
}

/// Blocks that were read and not taken yet.
struct BlockQueue<P> {
    /// Blocks in the order of reading; the front is taken next. `None` is a block that a thread is parsing.
    slots: VecDeque<Option<Result<ParsedBlock<P>, Error>>>,
    /// Number of blocks that were taken. The block with number `n` is in slot `n - taken`.
    taken: usize,
    /// `true` if no more blocks will be read.
    ended: bool,
    /// `true` if a thread panicked. Its slot stays `None` for ever, so waiting for it would never end.
    panicked: bool,
    /// Buffers of blocks that were taken, for reuse. They save two allocations a block.
    free_buffers: Vec<Buffers<P>>,
}

/// The memory of one block.
struct Buffers<P> {
    bytes: Bytes,
    entries: Vec<ParsedLine<P>>,
}

/// Returns the number of threads that verification uses unless the caller sets it.
pub(crate) fn default_threads() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN).min(MAX_DEFAULT_THREADS)
}

/// Reads and parses `files`, the first from the byte `from` on, on up to `threads` threads. Calls `take` with each
/// block, in order, until it returns `false`.
///
/// # Errors
///
/// The error of a block that is unreadable, after all blocks before it were taken; errors of `take`.
pub(super) fn read<P: Send, C: Default>(
    files: &[TrailFile],
    from: u64,
    max_line_bytes: usize,
    threads: NonZero<usize>,
    parse: ParseBlock<P, C>,
    mut take: impl FnMut(&ParsedBlock<P>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let length = files.iter().map(|file| file.length).sum::<u64>().saturating_sub(from);
    let useful = usize::try_from(length / BYTES_PER_THREAD).unwrap_or(usize::MAX).saturating_add(1);
    let threads = threads.get().min(useful);
    let reader = ParallelReader {
        source: Mutex::new(BlockSource { files, opened: 0, open: None, max_line_bytes, from }),
        queue: Mutex::new(BlockQueue {
            slots: VecDeque::new(),
            taken: 0,
            ended: false,
            panicked: false,
            free_buffers: Vec::new(),
        }),
        changed: Condvar::new(),
        parse,
        max_blocks: BLOCKS_AHEAD * threads,
    };
    thread::scope(|scope| {
        // An early return, an error or a panic drops this and ends all threads. Without it, the scope would wait for
        // ever for threads that wait for room in the queue.
        let _end = EndOnDrop(&reader);
        for number in 1..threads {
            let name = format!("audit-verify-{number}");
            // If the OS starts no more threads, those that run do the work.
            if thread::Builder::new().name(name).spawn_scoped(scope, || reader.work()).is_err() {
                break;
            }
        }
        let mut context = C::default();
        while let Some(parsed) = reader.next(&mut context) {
            let parsed = parsed?;
            if !take(&parsed)? {
                break;
            }
            reader.recycle(parsed);
        }
        Ok(())
    })
}

/// Ends all threads of a reader when it is dropped: at the end, at an error and when a thread panics.
struct EndOnDrop<'r, 'f, P, C>(&'r ParallelReader<'f, P, C>);

impl<P, C> Drop for EndOnDrop<'_, '_, P, C> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.ended = true;
        queue.panicked |= thread::panicking();
        self.0.changed.notify_all();
    }
}

impl<P, C: Default> ParallelReader<'_, P, C> {
    /// Parses blocks until the end. Run by each thread but the calling one.
    fn work(&self) {
        let _end = EndOnDrop(self);
        let mut context = C::default();
        loop {
            let mut queue = self.queue.lock();
            while !queue.ended && queue.slots.len() >= self.max_blocks {
                self.changed.wait(&mut queue);
            }
            if queue.ended {
                return;
            }
            drop(queue);
            self.parse_one(&mut context);
        }
    }

    /// Returns the next block, or `None` at the end. While another thread is parsing that block, this thread parses a
    /// later one.
    fn next(&self, context: &mut C) -> Option<Result<ParsedBlock<P>, Error>> {
        loop {
            let mut queue = self.queue.lock();
            if let Some(Some(_)) = queue.slots.front() {
                queue.taken += 1;
                let parsed = queue.slots.pop_front().flatten();
                // Threads that wait for room sleep until half the queue is free. Two threads that wake each other for
                // every block are kept on one processor by the OS ("verify, 2 threads" in benches/RESULTS.md).
                if queue.slots.len() <= self.max_blocks / 2 {
                    self.changed.notify_all();
                }
                return parsed;
            }
            if queue.panicked || (queue.ended && queue.slots.is_empty()) {
                return None;
            }
            if queue.ended || queue.slots.len() >= self.max_blocks {
                self.changed.wait(&mut queue);
            } else {
                drop(queue);
                self.parse_one(context);
            }
        }
    }

    /// Reads one block, reserves its slot in the queue, and parses its lines.
    fn parse_one(&self, context: &mut C) {
        let Buffers { bytes, mut entries } = self.queue.lock().free_buffers.pop().unwrap_or_default();
        let mut source = self.source.lock();
        let read = source.next(bytes);
        // The queue is locked before the source is unlocked. Otherwise another thread could read the next block and
        // reserve its slot first, and blocks would leave in the wrong order.
        let mut queue = self.queue.lock();
        let (file, block) = match read {
            Ok(Some(read)) => read,
            Ok(None) => {
                queue.ended = true;
                self.changed.notify_all();
                return;
            }
            Err(error) => {
                queue.ended = true;
                queue.slots.push_back(Some(Err(error)));
                self.changed.notify_all();
                return;
            }
        };
        let number = queue.taken + queue.slots.len();
        queue.slots.push_back(None);
        drop(queue);
        drop(source);
        if let Block::Lines { bytes, .. } = &block {
            (self.parse)(bytes.get(), context, &mut entries);
        }
        let mut queue = self.queue.lock();
        let slot = number - queue.taken;
        if let Some(slot) = queue.slots.get_mut(slot) {
            *slot = Some(Ok(ParsedBlock { file, block, entries }));
        }
        self.changed.notify_all();
    }

    /// Keeps the memory of a block for the next one.
    fn recycle(&self, parsed: ParsedBlock<P>) {
        if let ParsedBlock { block: Block::Lines { bytes, .. }, mut entries, .. } = parsed {
            entries.clear();
            self.queue.lock().free_buffers.push(Buffers { bytes, entries });
        }
    }
}

impl<P> Default for Buffers<P> {
    fn default() -> Self {
        Self { bytes: Bytes::default(), entries: Vec::new() }
    }
}

impl BlockSource<'_> {
    /// Returns the next block with the index of its file.
    fn next(&mut self, mut bytes: Bytes) -> Result<Option<(usize, Block)>, Error> {
        loop {
            if let Some(OpenFile { index, file, blocks }) = &mut self.open {
                let block = blocks
                    .next(std::mem::take(&mut bytes))
                    .map_err(Error::io(Operation::Read, &file.path))?;
                if let Some(block) = block {
                    return Ok(Some((*index, block)));
                }
            }
            let Some(file) = self.files.get(self.opened) else { return Ok(None) };
            let mut opened = file.open()?;
            let from = if self.opened == 0 { self.from } else { 0 };
            if from > 0 {
                opened.seek(SeekFrom::Start(from)).map_err(Error::io(Operation::Read, &file.path))?;
            }
            let blocks = Blocks::new(opened, from, file.length.saturating_sub(from), self.max_line_bytes);
            self.open = Some(OpenFile { index: self.opened, file, blocks });
            self.opened += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lines(bytes: &[u8], (): &mut (), entries: &mut Vec<ParsedLine<usize>>) {
        let mut from = 0;
        for to in memchr::memchr_iter(b'\n', bytes) {
            entries.push(ParsedLine { from, to, parsed: to - from });
            from = to + 1;
        }
    }

    fn files(directory: &tempfile::TempDir, texts: &[Vec<u8>]) -> Vec<TrailFile> {
        let name = |number: usize| directory.path().join(format!("{number}.jsonl"));
        texts
            .iter()
            .enumerate()
            .map(|(number, text)| {
                fs::write(name(number), text).expect("written");
                TrailFile::alone(&name(number)).expect("a file")
            })
            .collect()
    }

    /// Three files of some hundred blocks; the second is empty.
    fn texts() -> Vec<Vec<u8>> {
        let line = |number: u64| format!("{number} {}\n", "x".repeat(number as usize * 7919 % 900));
        [0..9_000, 0..0, 9_000..18_000]
            .map(|numbers| numbers.flat_map(|number| line(number).into_bytes()).collect())
            .into()
    }

    #[test]
    fn blocks_arrive_in_order_for_any_number_of_threads() {
        let directory = tempfile::tempdir().expect("a directory");
        let texts = texts();
        let files = files(&directory, &texts);
        for threads in 1..=8 {
            let threads = NonZero::new(threads).expect("not zero");
            let mut found = vec![Vec::new(); 3];

            read(&files, 0, 1_000, threads, lines, |parsed| {
                let Block::Lines { offset, bytes } = &parsed.block else { panic!("only lines") };
                assert_eq!(*offset, found[parsed.file].len() as u64);
                let mut known = Vec::new();
                lines(bytes.get(), &mut (), &mut known);
                let spans = |entries: &[ParsedLine<usize>]| -> Vec<_> {
                    entries.iter().map(|line| (line.from, line.to, line.parsed)).collect()
                };
                assert_eq!(spans(&parsed.entries), spans(&known));
                found[parsed.file].extend_from_slice(bytes.get());
                Ok(true)
            })
            .expect("can be read");

            assert_eq!(found, texts, "{threads} threads");
        }
    }

    #[test]
    fn an_unreadable_file_is_an_error_after_the_files_before_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = files(&directory, &texts());
        fs::remove_file(&files[2].path).expect("removed");
        let three = NonZero::new(3).expect("not zero");
        let mut bytes = 0;

        let error = read(&files, 0, 1_000, three, lines, |parsed| {
            bytes = parsed.block.end();
            Ok(true)
        });
        assert!(error.is_err());
        assert_eq!(bytes, files[0].length);

        let stopped = read(&files, 0, 1_000, three, lines, |_| Ok(false));
        assert!(stopped.is_ok());

        files.truncate(1);
        let from = read(&files, 500_000, 1_000, three, lines, |parsed| {
            bytes = parsed.block.end();
            Ok(true)
        });
        assert!(from.is_ok() && bytes == files[0].length);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_in_a_parsing_thread_reaches_the_caller() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = files(&directory, &texts());
        fn panics(_: &[u8], (): &mut (), _: &mut Vec<ParsedLine<usize>>) {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            assert!(!name.starts_with("audit-verify"), "on a parsing thread");
        }
        // The calling thread sleeps, so that other threads have to parse.
        drop(read(&files, 0, 1_000, NonZero::new(3).expect("not zero"), panics, |_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            Ok(true)
        }));
    }
}
