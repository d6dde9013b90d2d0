//! A crew of threads that reads a trail's files in blocks and looks at the lines of each block by themselves.
//!
//! Promise: blocks come out in the order of the files, with no more than a few of them in memory, whatever the number of
//! threads. Does not know what follows from one line to the next.

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

/// How many blocks are on their way for each thread.
const AHEAD: usize = 4;

/// So many bytes of a trail make one more thread worth starting.
const WORTH: u64 = 1 << 17;

/// One block and what is known about its lines.
pub(super) struct Batch<F> {
    /// The number of the file among those that are read.
    pub(super) file: usize,
    pub(super) block: Block,
    /// In the order of the lines; a line that is not here is no entry, or longer than the limit.
    pub(super) facts: Vec<LineFacts<F>>,
}

/// What is known about one line.
pub(super) struct LineFacts<F> {
    /// Where the line begins in its block.
    pub(super) from: usize,
    /// Where its newline stands.
    pub(super) to: usize,
    pub(super) facts: F,
}

/// Looks at the lines of a block and adds what it learns about those that are entries. `S` is what a thread remembers from
/// block to block, on which nothing depends.
pub(super) type Look<F, S> = fn(&[u8], &mut S, &mut Vec<LineFacts<F>>);

/// What is shared by the threads.
struct Crew<'f, F, S> {
    source: Mutex<Source<'f>>,
    queue: Mutex<Queue<F>>,
    changed: Condvar,
    look: Look<F, S>,
    /// How many blocks may be on their way.
    most: usize,
}

/// The files, block by block.
struct Source<'f> {
    files: &'f [TrailFile],
    /// How many of them are opened.
    opened: usize,
    open: Option<(usize, &'f TrailFile, Blocks<File>)>,
    limit: usize,
    /// Where the first file is read from.
    from: u64,
}

/// Blocks on their way.
struct Queue<F> {
    /// From the next to be given out on; `None` for those that a thread is at.
    batches: VecDeque<Option<Result<Batch<F>, Error>>>,
    /// How many were given out.
    given: usize,
    /// All is read, or nobody wants more.
    ended: bool,
    /// A thread panicked, and what it was at will not come.
    broken: bool,
    /// Memory to use again.
    spare: Vec<(Bytes, Vec<LineFacts<F>>)>,
}

/// The most threads that verification uses where nobody says how many. Each has memory of its own, about 0.7 MiB; this
/// many read faster than disks do.
const MOST: NonZero<usize> = NonZero::new(16).unwrap();

/// The threads that verification uses where nobody says how many.
pub(crate) fn default_threads() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN).min(MOST)
}

/// Goes through `files`, the first from the byte `from` on, on `threads` threads. `take` is given each block in order and
/// says whether to go on.
///
/// # Errors
///
/// What can't be read, when the turn comes to it, and those of `take`.
pub(super) fn read<F: Send, S: Default>(
    files: &[TrailFile],
    from: u64,
    limit: usize,
    threads: NonZero<usize>,
    look: Look<F, S>,
    mut take: impl FnMut(&Batch<F>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let length = files.iter().map(|file| file.length).sum::<u64>().saturating_sub(from);
    let worth = usize::try_from(length / WORTH).unwrap_or(usize::MAX).saturating_add(1);
    let threads = threads.get().min(worth);
    let crew = Crew {
        source: Mutex::new(Source { files, opened: 0, open: None, limit, from }),
        queue: Mutex::new(Queue {
            batches: VecDeque::new(),
            given: 0,
            ended: false,
            broken: false,
            spare: Vec::new(),
        }),
        changed: Condvar::new(),
        look,
        most: AHEAD * threads,
    };
    thread::scope(|scope| {
        // However it ends, nobody waits for a block that nobody wants.
        let _dismissed = Dismissal(&crew);
        for number in 1..threads {
            let name = format!("audit-verify-{number}");
            // Where there can be no more threads, those that there are do the work.
            if thread::Builder::new().name(name).spawn_scoped(scope, || crew.work()).is_err() {
                break;
            }
        }
        let mut remembered = S::default();
        while let Some(batch) = crew.next(&mut remembered) {
            let batch = batch?;
            if !take(&batch)? {
                break;
            }
            crew.put_back(batch);
        }
        Ok(())
    })
}

/// Sends the crew home when it goes: at the end, at an error, or when a thread panics.
struct Dismissal<'c, 'f, F, S>(&'c Crew<'f, F, S>);

impl<F, S> Drop for Dismissal<'_, '_, F, S> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.ended = true;
        queue.broken |= thread::panicking();
        self.0.changed.notify_all();
    }
}

impl<F, S: Default> Crew<'_, F, S> {
    /// What each thread but the first does.
    fn work(&self) {
        let _dismissed = Dismissal(self);
        let mut remembered = S::default();
        loop {
            let mut queue = self.queue.lock();
            while !queue.ended && queue.batches.len() >= self.most {
                self.changed.wait(&mut queue);
            }
            if queue.ended {
                return;
            }
            drop(queue);
            self.advance(&mut remembered);
        }
    }

    /// The next block; `None` at the end. While another thread is at it, this one is at one of those that follow.
    fn next(&self, remembered: &mut S) -> Option<Result<Batch<F>, Error>> {
        loop {
            let mut queue = self.queue.lock();
            if let Some(Some(_)) = queue.batches.front() {
                queue.given += 1;
                let batch = queue.batches.pop_front().flatten();
                // Who waits for room is left to sleep until there is plenty: two that wake each other for every block
                // are kept on one processor.
                if queue.batches.len() <= self.most / 2 {
                    self.changed.notify_all();
                }
                return batch;
            }
            if queue.broken || (queue.ended && queue.batches.is_empty()) {
                return None;
            }
            if queue.ended || queue.batches.len() >= self.most {
                self.changed.wait(&mut queue);
            } else {
                drop(queue);
                self.advance(remembered);
            }
        }
    }

    /// Reads a block and looks at its lines.
    fn advance(&self, remembered: &mut S) {
        let (bytes, mut facts) = self.queue.lock().spare.pop().unwrap_or_default();
        let mut source = self.source.lock();
        let read = source.next(bytes);
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
                queue.batches.push_back(Some(Err(error)));
                self.changed.notify_all();
                return;
            }
        };
        let number = queue.given + queue.batches.len();
        queue.batches.push_back(None);
        drop(queue);
        drop(source);
        if let Block::Lines { bytes, .. } = &block {
            (self.look)(bytes.get(), remembered, &mut facts);
        }
        let mut queue = self.queue.lock();
        let place = number - queue.given;
        if let Some(place) = queue.batches.get_mut(place) {
            *place = Some(Ok(Batch { file, block, facts }));
        }
        self.changed.notify_all();
    }

    /// Takes memory back that is done with.
    fn put_back(&self, batch: Batch<F>) {
        if let Batch { block: Block::Lines { bytes, .. }, mut facts, .. } = batch {
            facts.clear();
            self.queue.lock().spare.push((bytes, facts));
        }
    }
}

impl Source<'_> {
    /// The next block with the number of its file.
    fn next(&mut self, mut bytes: Bytes) -> Result<Option<(usize, Block)>, Error> {
        loop {
            if let Some((number, file, blocks)) = &mut self.open {
                let block = blocks
                    .next(std::mem::take(&mut bytes))
                    .map_err(Error::io(Operation::Read, &file.path))?;
                if let Some(block) = block {
                    return Ok(Some((*number, block)));
                }
            }
            let Some(file) = self.files.get(self.opened) else { return Ok(None) };
            let mut opened = file.open()?;
            let from = if self.opened == 0 { self.from } else { 0 };
            if from > 0 {
                opened.seek(SeekFrom::Start(from)).map_err(Error::io(Operation::Read, &file.path))?;
            }
            let blocks = Blocks::new(opened, from, file.length.saturating_sub(from), self.limit);
            self.open = Some((self.opened, file, blocks));
            self.opened += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lines(bytes: &[u8], (): &mut (), known: &mut Vec<LineFacts<usize>>) {
        let mut from = 0;
        for to in memchr::memchr_iter(b'\n', bytes) {
            known.push(LineFacts { from, to, facts: to - from });
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

    /// Some hundred blocks in three files, the second of them empty.
    fn texts() -> Vec<Vec<u8>> {
        let line = |number: u64| format!("{number} {}\n", "x".repeat(number as usize * 7919 % 900));
        [0..9_000, 0..0, 9_000..18_000]
            .map(|numbers| numbers.flat_map(|number| line(number).into_bytes()).collect())
            .into()
    }

    #[test]
    fn blocks_come_in_order_with_what_is_known_of_their_lines_whatever_the_number_of_threads() {
        let directory = tempfile::tempdir().expect("a directory");
        let texts = texts();
        let files = files(&directory, &texts);
        for threads in 1..=8 {
            let threads = NonZero::new(threads).expect("not zero");
            let mut found = vec![Vec::new(); 3];

            read(&files, 0, 1_000, threads, lines, |batch| {
                let Block::Lines { offset, bytes } = &batch.block else { panic!("only lines") };
                assert_eq!(*offset, found[batch.file].len() as u64);
                let mut known = Vec::new();
                lines(bytes.get(), &mut (), &mut known);
                let spans = |facts: &[LineFacts<usize>]| -> Vec<_> {
                    facts.iter().map(|line| (line.from, line.to, line.facts)).collect()
                };
                assert_eq!(spans(&batch.facts), spans(&known));
                found[batch.file].extend_from_slice(bytes.get());
                Ok(true)
            })
            .expect("can be read");

            assert_eq!(found, texts, "{threads} threads");
        }
    }

    #[test]
    fn what_can_not_be_read_is_an_error_when_its_turn_comes() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = files(&directory, &texts());
        fs::remove_file(&files[2].path).expect("removed");
        let three = NonZero::new(3).expect("not zero");
        let mut bytes = 0;

        let error = read(&files, 0, 1_000, three, lines, |batch| {
            bytes = batch.block.end();
            Ok(true)
        });
        assert!(error.is_err());
        assert_eq!(bytes, files[0].length);

        let stopped = read(&files, 0, 1_000, three, lines, |_| Ok(false));
        assert!(stopped.is_ok());

        files.truncate(1);
        let from = read(&files, 500_000, 1_000, three, lines, |batch| {
            bytes = batch.block.end();
            Ok(true)
        });
        assert!(from.is_ok() && bytes == files[0].length);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_in_a_thread_ends_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = files(&directory, &texts());
        fn panics(_: &[u8], (): &mut (), _: &mut Vec<LineFacts<usize>>) {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            assert!(!name.starts_with("audit-verify"), "on a thread of the crew");
        }
        // The first thread waits, so that others have to look.
        drop(read(&files, 0, 1_000, NonZero::new(3).expect("not zero"), panics, |_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            Ok(true)
        }));
    }
}
