//! Sinks: places for checkpoints beside the trail, out of reach of the trail's writer.

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
    checkpoint::{file, signed_note::SIGNATURE_PREFIX, statement::SignedCheckpoint},
    error::{Error, Operation},
};

/// Maximum time of a command for one checkpoint.
const SINK_COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Number of bytes at the end of a file in which its last signature line begins. The line has a name and 92 bytes of
/// base64.
const MAX_SIGNATURE_LINE_BYTES: u64 = 4_096;

type Callback =
    dyn Fn(&SignedCheckpoint) -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// A place that receives each checkpoint of a log and is out of reach of the trail's writer. A checkpoint that is
/// only in the trail's directory can be replaced by an older one together with it.
///
/// The log reports a failed sink to its [`on_error`](crate::AuditLogBuilder::on_error) hook. The trail continues, and
/// the next checkpoint is sent again.
#[derive(Clone)]
pub struct CheckpointSink(Kind);

#[derive(Clone)]
enum Kind {
    File(PathBuf),
    Command(PathBuf, Vec<String>),
    Callback(Arc<Callback>),
}

impl CheckpointSink {
    /// Appends each checkpoint to a file, such as one on another host's mount, and syncs it. `verify --checkpoint`
    /// reads the file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// Runs a program for each checkpoint. The program receives the checkpoint on standard input and must exit with
    /// status 0 within 30 s.
    pub fn command<S: Into<String>>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        Self(Kind::Command(program.into(), arguments.into_iter().map(Into::into).collect()))
    }

    /// Calls a function with each checkpoint, on a thread of the log. The function must not append to the log.
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
            // Arguments are left out, since they may contain secrets.
            Kind::Command(program, _) => write!(f, "CheckpointSink::command({})", program.display()),
            Kind::Callback(_) => f.write_str("CheckpointSink::callback"),
        }
    }
}

fn append(path: &Path, checkpoint: &SignedCheckpoint) -> Result<(), Error> {
    let failed = || Error::io(Operation::AppendCheckpoint, path);
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed())?;
    if !ends_with_checkpoint(&mut file).map_err(failed())? {
        // An earlier write failed halfway. A checkpoint behind its remainder would be unreadable too, so the file is
        // truncated to its last whole checkpoint.
        let mut end = 0;
        file::read(path, |found| end = found.end)?;
        file.set_len(end).map_err(Error::io(Operation::Truncate, path))?;
    }
    let separator = if file.metadata().map_err(failed())?.len() == 0 { "" } else { "\n" };
    file.write_all(format!("{separator}{checkpoint}").as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed())
}

/// Returns `true` if a file is empty or ends with a signature line.
fn ends_with_checkpoint(file: &mut File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_SIGNATURE_LINE_BYTES)))?;
    let mut end = Vec::new();
    file.take(MAX_SIGNATURE_LINE_BYTES).read_to_end(&mut end)?;
    let Some(lines) = end.strip_suffix(b"\n") else { return Ok(end.is_empty()) };
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(last.starts_with(SIGNATURE_PREFIX.as_bytes()))
}

fn run(program: &PathBuf, arguments: &[String], checkpoint: &SignedCheckpoint) -> io::Result<()> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // A checkpoint fits into the buffer of a pipe, so this write never waits for the program to read.
    let written =
        child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(checkpoint.to_string().as_bytes()));
    let deadline = Instant::now() + SINK_COMMAND_TIMEOUT;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() >= deadline => {
                child.kill()?;
                child.wait()?;
                let seconds = SINK_COMMAND_TIMEOUT.as_secs();
                return Err(io::Error::other(format!("the command did not end within {seconds} s")));
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    if !status.success() {
        return Err(io::Error::other(format!("the command failed with {status}")));
    }
    match written {
        // A program may succeed without reading its input, such as one that only counts checkpoints.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
