//! Where checkpoints go beside the trail: out of the reach of who writes it.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    checkpoint::{file, statement::SignedCheckpoint},
    error::{Error, Operation},
};

/// How long a command may take with one checkpoint.
const PATIENCE: Duration = Duration::from_secs(30);

type Callback =
    dyn Fn(&SignedCheckpoint) -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// Takes each checkpoint of a log to where the trail's writer can't take it back: what is only in the trail's directory
/// can be rolled back with it.
///
/// A sink that fails is told to the log's [`on_error`](crate::AuditLogBuilder::on_error) hook; the trail goes on, and so
/// does the next checkpoint.
#[derive(Clone)]
pub struct CheckpointSink(Kind);

#[derive(Clone)]
enum Kind {
    File(PathBuf),
    Command(PathBuf, Vec<String>),
    Callback(Arc<Callback>),
}

impl CheckpointSink {
    /// Appends to a file, as on another host's mount, and puts it on the device. `verify --checkpoint` reads it.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// Runs a program for each checkpoint, which gets it on standard input and has 30 s to end with success.
    pub fn command<S: Into<String>>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        Self(Kind::Command(program.into(), arguments.into_iter().map(Into::into).collect()))
    }

    /// Calls a function with each checkpoint, on a thread of the log's own. It must not append to the log.
    pub fn callback(
        callback: impl Fn(&SignedCheckpoint) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Kind::Callback(Arc::new(callback)))
    }

    pub(crate) fn send(&self, checkpoint: &SignedCheckpoint) -> Result<(), Error> {
        match &self.0 {
            Kind::File(path) => append(path, checkpoint),
            Kind::Command(program, arguments) => {
                run(program, arguments, checkpoint).map_err(Error::io(Operation::PublishCheckpoint, program))
            }
            Kind::Callback(callback) => callback(checkpoint).map_err(|error| {
                Error::io(Operation::PublishCheckpoint, "a callback")(io::Error::other(error))
            }),
        }
    }
}

impl fmt::Debug for CheckpointSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::File(path) => write!(f, "CheckpointSink::file({})", path.display()),
            // Arguments may hold secrets.
            Kind::Command(program, _) => write!(f, "CheckpointSink::command({})", program.display()),
            Kind::Callback(_) => f.write_str("CheckpointSink::callback"),
        }
    }
}

fn append(path: &Path, checkpoint: &SignedCheckpoint) -> Result<(), Error> {
    let failed = || Error::io(Operation::AppendCheckpoint, path);
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed())?;
    if !ends_whole(&mut file).map_err(failed())? {
        // A write that did not come to its end: what follows it would be no checkpoint either.
        let mut end = 0;
        file::read(path, |one| end = one.end)?;
        file.set_len(end).map_err(Error::io(Operation::Truncate, path))?;
    }
    let between = if file.metadata().map_err(failed())?.len() == 0 { "" } else { "\n" };
    file.write_all(format!("{between}{checkpoint}").as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed())
}

/// Whether a file is empty or ends with a line of a signature.
fn ends_whole(file: &mut File) -> io::Result<bool> {
    /// A line of a signature is shorter: a name and 92 bytes of base64.
    const LOOKED_AT: u64 = 4_096;

    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOOKED_AT)))?;
    let mut end = Vec::new();
    file.take(LOOKED_AT).read_to_end(&mut end)?;
    let Some(lines) = end.strip_suffix(b"\n") else { return Ok(end.is_empty()) };
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(last.starts_with("\u{2014} ".as_bytes()))
}

fn run(program: &PathBuf, arguments: &[String], checkpoint: &SignedCheckpoint) -> io::Result<()> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // A checkpoint fits into a pipe: this waits for nobody.
    let written =
        child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(checkpoint.to_string().as_bytes()));
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() >= deadline => {
                child.kill()?;
                child.wait()?;
                return Err(io::Error::other(format!("it did not end within {} s", PATIENCE.as_secs())));
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    if !status.success() {
        return Err(io::Error::other(format!("it ended with {status}")));
    }
    match written {
        // It had no need to read.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
