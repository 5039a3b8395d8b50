//! Uploaded bytes, stored once by content in a local folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use crate::error::{Error, Result};

/// Bytes gathered before they go to the disk.
const WRITE_BUFFER: usize = 256 * 1024;
/// Syncs under way at once: a file system carries out together what is asked of it together.
const SYNCS_AT_ONCE: usize = 16;

/// The folder of blobs. A blob is named by the SHA-256 of its bytes and never changes.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
    counter: Arc<AtomicU64>,
}

/// Bytes that were received whole. They are on the disk, under their name, once they were [kept](Blobs::keep).
#[derive(Debug)]
pub struct Received {
    /// Lower-case hexadecimal SHA-256.
    pub hash: String,
    pub bytes: i64,
    incoming: Incoming,
}

/// A file of its own for bytes that come in; gone with its owner, who may be cut off at any moment.
#[derive(Debug)]
struct Incoming(PathBuf);

impl Drop for Incoming {
    fn drop(&mut self) {
        // It was given its name, or nobody wants it. The sweep at the next start takes what cannot be removed now.
        let _ = fs::remove_file(&self.0);
    }
}

impl Blobs {
    /// Opens the folder, making it when it is new, and sweeps out what an interrupted upload left.
    pub fn open(root: PathBuf) -> Result<Self> {
        let incoming = root.join("incoming");
        if incoming.exists() {
            fs::remove_dir_all(&incoming).context("sweeping out interrupted uploads")?;
        }
        fs::create_dir_all(&incoming).with_context(|| format!("making {}", incoming.display()))?;
        make_folders(&root).with_context(|| format!("making folders in {}", root.display()))?;
        Ok(Self { root, counter: Arc::default() })
    }

    /// Stores a stream of at most `limit` bytes. When this returns, the bytes and their name are on the disk.
    pub async fn put<E>(&self, stream: impl Stream<Item = Result<Bytes, E>>, limit: u64) -> Result<Received>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let received = self.receive(stream, limit).await?;
        self.keep([&received]).await?;
        Ok(received)
    }

    /// Receives a stream of at most `limit` bytes. Nothing stays of it unless it is [kept](Self::keep).
    pub async fn receive<E>(&self, stream: impl Stream<Item = Result<Bytes, E>>, limit: u64) -> Result<Received>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let incoming = Incoming(self.root.join("incoming").join(number.to_string()));
        let mut out = Output { path: incoming.0.clone(), file: None, gathered: Vec::new() };
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
            out.gathered.extend_from_slice(&chunk);
            if out.gathered.len() >= WRITE_BUFFER {
                out = out.write().await?;
            }
        }
        out.write().await?;
        Ok(Received { hash: hex(&hasher.finalize()), bytes: bytes as i64, incoming })
    }

    /// Gives received bytes their names. When this returns, all of them are on the disk; they are synced together,
    /// because one by one each would wait for the disk.
    pub async fn keep(&self, received: impl IntoIterator<Item = &Received>) -> Result<()> {
        let received = received.into_iter().map(|it| (it.incoming.0.clone(), self.path(&it.hash)));
        let (incoming, names): (Vec<_>, Vec<_>) = received.unzip();
        in_groups(incoming.clone(), |file| File::open(file)?.sync_all()).await.context("syncing uploads")?;
        let folders = spawn_blocking(move || settle(incoming.iter().zip(&names)));
        let folders = folders.await.context("storing uploads")?.context("naming uploads")?;
        in_groups(folders, sync_folder).await.context("syncing the folders of uploads")?;
        Ok(())
    }

    /// Opens a blob for reading.
    pub fn read(&self, hash: &str) -> io::Result<File> {
        File::open(self.path(hash))
    }

    /// Returns where a blob lies. `hash` comes from our own table, never from a request.
    pub fn path(&self, hash: &str) -> PathBuf {
        let (folder, name) = hash.split_at(2.min(hash.len()));
        self.root.join(folder).join(name)
    }
}

/// A file that is being written, and what is still to be written to it.
struct Output {
    path: PathBuf,
    file: Option<File>,
    gathered: Vec<u8>,
}

impl Output {
    /// Writes what was gathered. The first time makes the file, so that a small one costs one trip to another thread.
    async fn write(mut self) -> Result<Self> {
        let write = move || {
            let mut file = self.file.take().map_or_else(|| File::create(&self.path), Ok)?;
            file.write_all(&self.gathered)?;
            self.gathered.clear();
            Ok::<_, io::Error>(Self { file: Some(file), ..self })
        };
        Ok(spawn_blocking(write).await.context("writing an upload")?.context("writing an upload")?)
    }
}

fn interrupted(error: &dyn std::error::Error) -> Error {
    Error::bad_request("upload_interrupted", format!("the upload ended early: {error}"))
}

/// Does something to every path, several at once.
async fn in_groups(paths: Vec<PathBuf>, each: fn(&Path) -> io::Result<()>) -> anyhow::Result<()> {
    let size = paths.len().div_ceil(SYNCS_AT_ONCE).max(1);
    let groups = paths.chunks(size).map(<[_]>::to_vec);
    let groups = groups.map(|group| spawn_blocking(move || group.iter().try_for_each(|path| each(path))));
    for done in try_join_all(groups).await? {
        done?;
    }
    Ok(())
}

/// Makes all folders that blobs may need, so that only names within them are ever new.
fn make_folders(root: &Path) -> io::Result<()> {
    let folder = |first: u8| root.join(hex(&[first]));
    if folder(u8::MAX).exists() {
        return Ok(());
    }
    (0..=u8::MAX).try_for_each(|first| fs::create_dir_all(folder(first)))?;
    sync_folder(root)
}

/// Gives written files their names, and returns the folders that must be synced for the names to last.
fn settle<'a>(files: impl Iterator<Item = (&'a PathBuf, &'a PathBuf)>) -> io::Result<Vec<PathBuf>> {
    let mut folders = BTreeSet::new();
    for (incoming, name) in files {
        // A blob that is there already has the same bytes; whoever put it there may not have synced the folder yet.
        if !name.exists() {
            fs::rename(incoming, name)?;
        }
        folders.extend(name.parent().map(Path::to_owned));
    }
    Ok(folders.into_iter().collect())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Writes bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
