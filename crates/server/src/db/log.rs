//! Group commit: transactions that end at about the same time share one write to the disk.
//!
//! SQLite could sync its write-ahead log in each commit, but it holds the write lock meanwhile, so everybody waits for
//! everybody's disk. Here a commit only appends to the log, the next writer goes on, and whoever needs the commit to be
//! durable waits for the next sync of the log, which covers all that was appended before it began. SQLite itself syncs
//! the log before each checkpoint (`synchronous = NORMAL`), so the file is never behind a log that was lost.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use tokio::sync::Mutex;

use crate::error::Result;

/// The write-ahead log of the database, as far as its durability goes.
#[derive(Debug)]
pub struct Log {
    file: PathBuf,
    /// Commits appended so far.
    appended: AtomicU64,
    /// How many of them are on the disk. Held by whoever syncs, so that one sync runs at a time.
    synced: Mutex<u64>,
}

impl Log {
    /// Finds the log beside its database.
    pub fn of(database: &std::path::Path) -> Arc<Self> {
        let mut file = database.as_os_str().to_owned();
        file.push("-wal");
        Arc::new(Self { file: file.into(), appended: AtomicU64::new(0), synced: Mutex::new(0) })
    }

    /// Waits until everything that was committed before this call is on the disk.
    pub async fn sync(&self) -> Result<()> {
        let mine = self.appended.fetch_add(1, Ordering::AcqRel) + 1;
        let mut synced = self.synced.lock().await;
        if *synced >= mine {
            return Ok(());
        }
        let covered = self.appended.load(Ordering::Acquire);
        let file = self.file.clone();
        // Opened anew each time: SQLite owns the file and may replace it. Its locks are on other files, so closing this
        // one drops none of them.
        let sync = move || OpenOptions::new().write(true).open(file)?.sync_data();
        let done = tokio::task::spawn_blocking(sync).await.context("syncing the database")?;
        done.context("syncing the database")?;
        *synced = covered;
        Ok(())
    }
}
