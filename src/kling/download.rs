//! Fetching what a task made. Its promise: a file is whole, its hash and size are in the trail before it stands under
//! its name, and what stands behind the question mark of its URL is nowhere.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt,
};

use super::{
    client::{Client, not_recorded},
    error::Error,
    exchange::fault,
    media::hex,
    output::without_query,
    recorder::Asset,
    request::RequestError,
    rules,
};

/// The most bytes that are fetched, unless told otherwise.
const LIMIT: u64 = 2 << 30;

/// A file to fetch, from [`Client::download`].
///
/// | setting | default |
/// |---|---|
/// | `limit` | 2 GiB |
/// | `progress` | none |
/// | `output_id` | none |
#[must_use = "nothing is fetched before `to`"]
pub struct Download<'a> {
    client: &'a Client,
    task_id: &'a str,
    url: &'a str,
    output_id: Option<&'a str>,
    limit: u64,
    progress: Option<Progress<'a>>,
}

type Progress<'a> = Box<dyn FnMut(u64, Option<u64>) + Send + 'a>;

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// Where it is.
    pub path: PathBuf,
    /// Its SHA-256, as 64 hexadecimal digits.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// What the server calls it.
    pub content_type: Option<String>,
}

impl Client {
    /// Fetches a file that a task made.
    ///
    /// No token is sent: such a URL opens the file by itself, to whoever has it.
    ///
    /// ```no_run
    /// # use kling_audit::kling::{Client, Completed, Error, Videos};
    /// # async fn example(client: Client, done: Completed<Videos>) -> Result<(), Error> {
    /// let file = client.download(&done.task_id, &done.output.first().url).to("fox.mp4").await?;
    /// println!("{} {}", file.sha256, file.path.display());
    /// # Ok(())
    /// # }
    /// ```
    pub fn download<'a>(&'a self, task_id: &'a str, url: &'a str) -> Download<'a> {
        Download { client: self, task_id, url, output_id: None, limit: LIMIT, progress: None }
    }

    /// Removes a file that was fetched, and records that as `asset_deleted` with its hash.
    ///
    /// # Errors
    ///
    /// [`Error::Download`] where it can't be read or removed, [`Error::NotRecorded`]: it stays.
    pub async fn delete_download(&self, task_id: &str, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let failed = |error: std::io::Error| Error::Download {
            host: "this machine".to_owned(),
            cause: format!("{}: {error}", path.display()),
        };
        let file = path.to_owned();
        let (sha256, bytes) = off_the_runtime(move || digest_of(&file)).await.map_err(failed)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.recorder()
            .asset_deleted(task_id, &name, &sha256, bytes)
            .await
            .map_err(not_recorded("download", "asset_deleted"))?;
        fs::remove_file(path).await.map_err(failed)
    }
}

/// The SHA-256 of a file, and its size.
fn digest_of(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = std::fs::File::open(path)?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hex(&sha256.finalize()), bytes)),
            read => {
                sha256.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// Runs what waits for a disk where no worker of the runtime waits with it.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

impl<'a> Download<'a> {
    /// The most bytes that are fetched. A larger file is given up.
    pub fn limit(mut self, bytes: u64) -> Download<'a> {
        self.limit = bytes;
        self
    }

    /// The vendor's id of the video, picture or sound, which the entry is to name.
    pub fn output_id(mut self, id: &'a str) -> Download<'a> {
        self.output_id = Some(id);
        self
    }

    /// Calls `progress` with how many bytes have come, and of how many, where that is known.
    pub fn progress(mut self, progress: impl FnMut(u64, Option<u64>) + Send + 'a) -> Download<'a> {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Fetches the file to `path`, which must not be there yet.
    ///
    /// Meanwhile it is beside it, as `NAME.part`; when it is whole, `asset_downloaded` is recorded, and only then it
    /// gets its name. Where it can't get it, it is removed, and `asset_deleted` is recorded before.
    ///
    /// # Errors
    ///
    /// [`Error::Download`]: it could not be fetched or written; [`Error::NotRecorded`]. Nothing is left on disk.
    pub async fn to(self, path: impl AsRef<Path>) -> Result<Downloaded, Error> {
        let path = path.as_ref();
        let Some(host) = rules::host(self.url) else {
            return Err(RequestError::new("url", "must be an http or https URL").into());
        };
        let failed = |cause: String| Error::Download { host: host.clone(), cause };
        match fs::try_exists(path).await {
            Ok(false) => {}
            Ok(true) => return Err(failed(format!("{}: is there already", path.display()))),
            Err(error) => return Err(failed(format!("{}: {error}", path.display()))),
        }
        let mut part =
            Part::create(path).await.map_err(|error| failed(format!("{}: {error}", path.display())))?;
        let (client, task_id) = (self.client, self.task_id);
        let downloaded = self.fetch(&host, path, &mut part).await?;
        if let Err(error) = fs::rename(&part.path, path).await {
            let Downloaded { sha256, bytes, .. } = &downloaded;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // What the trail says was fetched does not stay, so that is there too, before it goes.
            client
                .recorder()
                .asset_deleted(task_id, &name, sha256, *bytes)
                .await
                .map_err(not_recorded("download", "asset_deleted"))?;
            return Err(failed(format!("{}: {error}", path.display())));
        }
        part.kept = true;
        Ok(downloaded)
    }

    async fn fetch(mut self, host: &str, path: &Path, part: &mut Part) -> Result<Downloaded, Error> {
        let failed = |cause: String| Error::Download { host: host.to_owned(), cause };
        let sent = self.client.exchange().downloads().get(self.url).send().await;
        let mut response = sent.map_err(|error| failed(fault(error).cause))?;
        let http = response.status().as_u16();
        let end = response.url().host_str().filter(|end| *end != host).map(str::to_owned);
        let asset = Asset {
            task_id: self.task_id,
            output_id: self.output_id,
            host,
            path: &path_of(self.url),
            redirected_to: end.as_deref(),
        };
        let content_type = response.headers().get(reqwest::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let is_page = http == 200 && content_type.as_deref().is_some_and(is_page);
        if is_page || matches!(http, 403 | 404 | 410) {
            self.client
                .recorder()
                .asset_expired(asset, http, content_type.as_deref())
                .await
                .map_err(not_recorded("download", "asset_expired"))?;
        }
        if is_page {
            return Err(failed("a page in the place of the file".to_owned()));
        }
        if http != 200 {
            return Err(failed(format!("http {http}")));
        }
        let whole = response.content_length();
        let too_long = || failed(format!("it has more than {} bytes", self.limit));
        if whole.is_some_and(|whole| whole > self.limit) {
            return Err(too_long());
        }
        let mut sha256 = Sha256::new();
        let mut bytes = 0;
        loop {
            let chunk = response.chunk().await.map_err(|error| failed(fault(error).cause))?;
            let Some(chunk) = chunk else { break };
            bytes += chunk.len() as u64;
            if bytes > self.limit {
                return Err(too_long());
            }
            sha256.update(&chunk);
            part.file
                .write_all(&chunk)
                .await
                .map_err(|error| failed(format!("{}: {error}", part.path.display())))?;
            if let Some(progress) = &mut self.progress {
                progress(bytes, whole);
            }
        }
        if whole.is_some_and(|whole| whole != bytes) {
            return Err(failed(format!("ended after {bytes} bytes")));
        }
        // What is written last fails here, and nowhere else.
        let written = match part.file.flush().await {
            Ok(()) => part.file.sync_all().await,
            Err(error) => Err(error),
        };
        written.map_err(|error| failed(format!("{}: {error}", part.path.display())))?;
        let sha256 = hex(&sha256.finalize());
        self.client
            .recorder()
            .asset_downloaded(asset, &sha256, bytes, content_type.as_deref())
            .await
            .map_err(not_recorded("download", "asset_downloaded"))?;
        Ok(Downloaded { path: path.to_owned(), sha256, bytes, content_type })
    }
}

impl std::fmt::Debug for Download<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download")
            .field("task_id", &self.task_id)
            .field("url", &without_query(self.url))
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Whether what came is a text that tells of a file, and not one that a task made.
fn is_page(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(
        kind.as_str(),
        "text/html" | "text/xml" | "application/xml" | "application/xhtml+xml" | "application/json"
    )
}

/// The path of a URL, without its query.
fn path_of(url: &str) -> String {
    reqwest::Url::parse(url).map(|url| url.path().to_owned()).unwrap_or_default()
}

/// A file that is not whole yet. Dropped as it is, it goes.
struct Part {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Part {
    async fn create(target: &Path) -> std::io::Result<Part> {
        let mut path = target.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let file = OpenOptions::new().write(true).create_new(true).open(&path).await?;
        Ok(Part { file, path, kept: false })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            // What can't be removed stays, under a name that says what it is.
            drop(std::fs::remove_file(&self.path));
        }
    }
}
