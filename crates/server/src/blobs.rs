//! Uploaded bytes, stored once by content in a local folder.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::error::{Error, Result};

/// Bytes gathered before they go to the disk.
const WRITE_BUFFER: usize = 256 * 1024;

/// The folder of blobs. A blob is named by the SHA-256 of its bytes and never changes.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
    counter: Arc<AtomicU64>,
}

/// Bytes that are on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Lower-case hexadecimal SHA-256.
    pub hash: String,
    pub bytes: i64,
}

impl Blobs {
    /// Opens the folder, making it when it is new, and sweeps out what an interrupted upload left.
    pub fn open(root: PathBuf) -> Result<Self> {
        let incoming = root.join("incoming");
        if incoming.exists() {
            std::fs::remove_dir_all(&incoming).context("sweeping out interrupted uploads")?;
        }
        std::fs::create_dir_all(&incoming).with_context(|| format!("making {}", incoming.display()))?;
        Ok(Self { root, counter: Arc::default() })
    }

    /// Stores a stream. When this returns, the bytes and their name are on the disk.
    ///
    /// More than `limit` bytes are refused, and nothing is kept of them.
    pub async fn put<E>(&self, stream: impl Stream<Item = Result<Bytes, E>>, limit: u64) -> Result<Stored>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let incoming = self.root.join("incoming").join(number.to_string());
        let written = write(&incoming, stream, limit).await;
        match written {
            Ok(stored) => {
                let name = self.path(&stored.hash);
                tokio::task::spawn_blocking(move || settle(&incoming, &name)).await.context("storing a blob")??;
                Ok(stored)
            }
            Err(error) => {
                // Best effort: the sweep at the next start takes what stays.
                let _ = tokio::fs::remove_file(&incoming).await;
                Err(error)
            }
        }
    }

    /// Opens a blob for reading.
    pub fn read(&self, hash: &str) -> io::Result<std::fs::File> {
        std::fs::File::open(self.path(hash))
    }

    /// Returns where a blob lies. `hash` comes from our own table, never from a request.
    pub fn path(&self, hash: &str) -> PathBuf {
        let (folder, name) = hash.split_at(2.min(hash.len()));
        self.root.join(folder).join(name)
    }
}

async fn write<E>(file: &Path, stream: impl Stream<Item = Result<Bytes, E>>, limit: u64) -> Result<Stored>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut out = BufWriter::with_capacity(WRITE_BUFFER, tokio::fs::File::create(file).await.context("making a file")?);
    let mut hasher = Sha256::new();
    let mut bytes = 0_u64;
    let mut stream = std::pin::pin!(stream);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| interrupted(&error))?;
        bytes += chunk.len() as u64;
        if bytes > limit {
            return Err(Error::TooLarge { message: format!("a file may have at most {limit} bytes") });
        }
        hasher.update(&chunk);
        out.write_all(&chunk).await.context("writing an upload")?;
    }
    out.flush().await.context("writing an upload")?;
    out.get_ref().sync_all().await.context("writing an upload to the disk")?;
    Ok(Stored { hash: hex(&hasher.finalize()), bytes: bytes as i64 })
}

fn interrupted(error: &dyn std::error::Error) -> Error {
    Error::bad_request("upload_interrupted", format!("the upload ended early: {error}"))
}

/// Gives the written file its name, durably. A blob that is there already has the same bytes.
fn settle(incoming: &Path, name: &Path) -> io::Result<()> {
    if name.exists() {
        return std::fs::remove_file(incoming);
    }
    let folder = name.parent().unwrap_or(name);
    if !folder.exists() {
        std::fs::create_dir_all(folder)?;
        sync_folder(folder.parent().unwrap_or(folder))?;
    }
    std::fs::rename(incoming, name)?;
    sync_folder(folder)
}

/// A new name is durable only when its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Writes bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}
