//! Download of files that tasks made.
//!
//! A file gets its name only after it is complete and its hash and size are in the trail. The query string of its URL,
//! which grants access to the file, is in no entry and no error.

use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt,
};

use crate::{
    codec::json::write::hex_digits,
    kling::{
        api::{
            answer::Fault,
            urls::{host, path, without_query},
        },
        client::connection::Connection,
        error::{Error, RequestError},
        events::assets::{self, Asset},
    },
};

/// Default limit of a download.
const DEFAULT_MAX_DOWNLOAD_BYTES: u64 = 2 << 30;

/// A file to download, from [`Client::download`](crate::kling::Client::download).
///
/// Receives the number of bytes so far and, if the server states it, the number of all bytes.
type OnProgress<'a> = dyn FnMut(u64, Option<u64>) + Send + 'a;

/// | setting | default |
/// |---|---|
/// | `limit` | 2 GiB |
/// | `progress` | none |
/// | `output_id` | none |
#[must_use = "nothing is downloaded before `to`"]
pub struct Download<'a> {
    connection: &'a Connection,
    task_id: &'a str,
    url: &'a str,
    output_id: Option<&'a str>,
    limit: u64,
    progress: Option<Box<OnProgress<'a>>>,
}

/// A downloaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// Path of the file.
    pub path: PathBuf,
    /// SHA-256 of the file, as 64 hexadecimal digits.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
    /// Content type that the server named.
    pub content_type: Option<String>,
}

/// Removes a downloaded file, and records that before.
pub(crate) async fn delete_download(
    connection: &Connection,
    task_id: &str,
    path: &Path,
) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::Download {
        host: "this machine".to_owned(),
        cause: format!("{}: {error}", path.display()),
    };
    let file = path.to_owned();
    // The runtime's workers must not wait for the disk.
    let digest = tokio::task::spawn_blocking(move || digest_of(&file)).await.map_err(std::io::Error::other);
    let (sha256, bytes) = digest.flatten().map_err(failed)?;
    assets::asset_deleted(connection.recorder(), task_id, &file_name(path), &sha256, bytes)
        .await
        .map_err(Error::not_recorded("download", "asset_deleted"))?;
    fs::remove_file(path).await.map_err(failed)
}

/// Returns the SHA-256 and the size of a file.
fn digest_of(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = std::fs::File::open(path)?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hex_digits(&sha256.finalize()), bytes)),
            read => {
                sha256.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

impl<'a> Download<'a> {
    pub(crate) fn new(connection: &'a Connection, task_id: &'a str, url: &'a str) -> Download<'a> {
        Download {
            connection,
            task_id,
            url,
            output_id: None,
            limit: DEFAULT_MAX_DOWNLOAD_BYTES,
            progress: None,
        }
    }

    /// Limits the size of the file. The download of a larger file fails.
    pub fn limit(mut self, bytes: u64) -> Download<'a> {
        self.limit = bytes;
        self
    }

    /// Sets Kling's id of the video, image or sound, for the entry.
    pub fn output_id(mut self, id: &'a str) -> Download<'a> {
        self.output_id = Some(id);
        self
    }

    /// Calls `progress` with the number of bytes received so far, and the total if the server named it.
    pub fn progress(mut self, progress: impl FnMut(u64, Option<u64>) + Send + 'a) -> Download<'a> {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Downloads the file to `path`, which must not exist yet.
    ///
    /// The bytes go to `NAME.part` in the same directory. After the last byte `asset_downloaded` is recorded, and only
    /// then the file is renamed. If the rename fails, `asset_deleted` is recorded and the file is removed.
    ///
    /// # Errors
    ///
    /// [`Error::Download`] if the file could not be downloaded or written, and [`Error::NotRecorded`]. No file is left
    /// on disk.
    pub async fn to(self, path: impl AsRef<Path>) -> Result<Downloaded, Error> {
        let path = path.as_ref();
        let Some(host) = host(self.url) else {
            return Err(RequestError::new("url", "must be an http or https URL").into());
        };
        let failed = |cause: String| Error::Download { host: host.clone(), cause };
        // On Unix a rename replaces an existing file without an error.
        match fs::try_exists(path).await {
            Ok(false) => {}
            Ok(true) => return Err(failed(format!("{}: is there already", path.display()))),
            Err(error) => return Err(failed(format!("{}: {error}", path.display()))),
        }
        let mut part =
            PartFile::create(path).await.map_err(|error| failed(format!("{}: {error}", path.display())))?;
        let (connection, task_id) = (self.connection, self.task_id);
        let downloaded = self.fetch(&host, path, &mut part).await?;
        if let Err(error) = fs::rename(&part.path, path).await {
            let Downloaded { sha256, bytes, .. } = &downloaded;
            // The trail says that the file was downloaded, so it also says that the file was removed again.
            assets::asset_deleted(connection.recorder(), task_id, &file_name(path), sha256, *bytes)
                .await
                .map_err(Error::not_recorded("download", "asset_deleted"))?;
            return Err(failed(format!("{}: {error}", path.display())));
        }
        part.is_renamed = true;
        Ok(downloaded)
    }

    async fn fetch(mut self, host: &str, target: &Path, part: &mut PartFile) -> Result<Downloaded, Error> {
        let failed = |cause: String| Error::Download { host: host.to_owned(), cause };
        let recorder = self.connection.recorder();
        let sent = self.connection.transport().downloads().get(self.url).send().await;
        let mut response = sent.map_err(|error| failed(Fault::new(error).cause))?;
        let http = response.status().as_u16();
        let last_host = response.url().host_str().filter(|last| *last != host).map(str::to_owned);
        let asset = Asset {
            task_id: self.task_id,
            output_id: self.output_id,
            host,
            path: &path(self.url),
            redirected_to: last_host.as_deref(),
        };
        let content_type = response.headers().get(reqwest::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let is_page = http == 200 && content_type.as_deref().is_some_and(is_page);
        if is_page || matches!(http, 403 | 404 | 410) {
            assets::asset_expired(recorder, asset, http, content_type.as_deref())
                .await
                .map_err(Error::not_recorded("download", "asset_expired"))?;
        }
        if is_page {
            return Err(failed("a page in the place of the file".to_owned()));
        }
        if http != 200 {
            return Err(failed(format!("http {http}")));
        }
        let total = response.content_length();
        let too_long = || failed(format!("it has more than {} bytes", self.limit));
        // With a named size the download fails before the first byte. The check in the loop is for a missing or a
        // wrong size.
        if total.is_some_and(|total| total > self.limit) {
            return Err(too_long());
        }
        let mut sha256 = Sha256::new();
        let mut bytes = 0;
        loop {
            let chunk = response.chunk().await.map_err(|error| failed(Fault::new(error).cause))?;
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
                progress(bytes, total);
            }
        }
        // A connection that ends early looks like the end of the file to the HTTP client.
        if total.is_some_and(|total| total != bytes) {
            return Err(failed(format!("ended after {bytes} bytes")));
        }
        // `write_all` only queues the last bytes. Their errors appear in `flush`.
        let written = match part.file.flush().await {
            Ok(()) => part.file.sync_all().await,
            Err(error) => Err(error),
        };
        written.map_err(|error| failed(format!("{}: {error}", part.path.display())))?;
        // The file is synced before the entry. The trail must not name a file that a crash could lose.
        let sha256 = hex_digits(&sha256.finalize());
        assets::asset_downloaded(recorder, asset, &sha256, bytes, content_type.as_deref())
            .await
            .map_err(Error::not_recorded("download", "asset_downloaded"))?;
        Ok(Downloaded { path: target.to_owned(), sha256, bytes, content_type })
    }
}

impl fmt::Debug for Download<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("task_id", &self.task_id)
            .field("url", &without_query(self.url))
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Returns `true` for a page about a file. Tasks make no files of these types.
fn is_page(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(
        kind.as_str(),
        "text/html" | "text/xml" | "application/xml" | "application/xhtml+xml" | "application/json"
    )
}

/// An incomplete file beside its target. It is removed on drop, unless it was renamed to the target.
struct PartFile {
    file: File,
    path: PathBuf,
    is_renamed: bool,
}

impl PartFile {
    async fn create(target: &Path) -> std::io::Result<PartFile> {
        let mut path = target.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        // `create_new` fails if another download to the same target is running.
        let file = OpenOptions::new().write(true).create_new(true).open(&path).await?;
        Ok(PartFile { file, path, is_renamed: false })
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_renamed {
            // A file that cannot be removed keeps its `.part` name, which marks it as incomplete.
            drop(std::fs::remove_file(&self.path));
        }
    }
}
