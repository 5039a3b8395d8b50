//! The database: one writer, many readers, transactions as values.

mod log;
mod migrate;
mod rows;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::Mutex;

use crate::error::Result;
use log::Log;
pub(crate) use rows::{CHUNK, insert, marks};

/// The embedded database. SQLite allows one writer at a time, so writes queue here rather than fail there.
#[derive(Debug, Clone)]
pub struct Db {
    readers: SqlitePool,
    writer: SqlitePool,
    log: Arc<Log>,
    /// Folds the write-ahead log into the file, beside the writer.
    keeper: SqlitePool,
    /// Held by whoever folds the log: SQLite lets one do it at a time and turns away the other.
    folding: Arc<Mutex<()>>,
}

/// Pages (of 4 KiB) in the write-ahead log from which on the writer itself folds it into the file, and waits for it.
const LONGEST_LOG: &str = "16000";

/// One transaction. What was not committed is rolled back when it is dropped.
pub struct Tx {
    inner: Transaction<'static, Sqlite>,
    /// There when it may write.
    log: Option<Arc<Log>>,
}

/// Runs one query on the connection of `tx`: the only door from a `store` to a driver.
macro_rules! on {
    ($tx:expr, $conn:ident => $query:expr) => {{
        let $conn = $tx.connection();
        $query
    }};
}
pub(crate) use on;

impl Db {
    /// Opens the database file, making it when it is new, and brings its tables up to date.
    pub async fn open(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A 2xx promises that the data outlives a power cut: `Log` sees to it, for many commits at once.
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("cache_size", "-8000")
            .pragma("temp_store", "memory")
            .pragma("wal_autocheckpoint", LONGEST_LOG)
            // What is deleted is overwritten: sealed copies are destroyed, not forgotten.
            .pragma("secure_delete", "on")
            .optimize_on_close(true, 400);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await;
        let writer = writer.with_context(|| format!("opening the database {}", file.display()))?;
        migrate::run(&writer).await?;
        let keeper = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
        let readers = SqlitePoolOptions::new().max_connections(4).connect_lazy_with(options.read_only(true));
        let log = Log::of(file);
        log.sync().await?;
        Ok(Self { readers, writer, log, keeper, folding: Arc::default() })
    }

    /// Opens the database file beside whoever serves it, only to read.
    pub fn open_to_read(file: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options);
        Self { readers: pool.clone(), keeper: pool.clone(), writer: pool, log: Log::of(file), folding: Arc::default() }
    }

    /// Writes a copy of the database, as it stands at one moment, into a new file.
    pub async fn copy_to(&self, file: &Path) -> Result<()> {
        let name = file.to_str().with_context(|| format!("{} must be UTF-8", file.display()))?;
        let copied = sqlx::query("VACUUM INTO $1").bind(name).execute(&self.readers).await;
        copied.with_context(|| format!("copying the database to {}", file.display()))?;
        Ok(std::fs::File::open(file)?.sync_all()?)
    }

    /// Begins a transaction that only reads; it sees one state of the database throughout.
    pub async fn read(&self) -> Result<Tx> {
        Ok(Tx { inner: self.readers.begin().await?, log: None })
    }

    /// Begins a transaction that may write. It takes the write lock at once: a lock taken later can fail.
    pub async fn write(&self) -> Result<Tx> {
        let inner = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Tx { inner, log: Some(self.log.clone()) })
    }

    /// Folds the write-ahead log into the file and empties it, so that it holds nothing that was deleted.
    pub async fn scrub(&self) -> Result<()> {
        let _folding = self.folding.lock().await;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer).await?;
        Ok(())
    }

    /// Looks for damage in the database file.
    pub async fn check(&self) -> Result<()> {
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&self.readers).await?;
        if found == "ok" { Ok(()) } else { Err(anyhow::anyhow!(found).into()) }
    }

    /// Folds what was committed into the file, so that the write-ahead log starts anew. Nobody waits for this; what is
    /// in the log is durable.
    pub async fn fold_log(&self) -> Result<()> {
        let _folding = self.folding.lock().await;
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&self.keeper).await?;
        Ok(())
    }

    /// Closes all connections; the write-ahead log is folded into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.keeper.close().await;
        self.writer.close().await;
    }
}

impl Tx {
    /// Makes everything written so far durable.
    pub async fn commit(self) -> Result<()> {
        self.inner.commit().await?;
        match self.log {
            Some(log) => log.sync().await,
            None => Ok(()),
        }
    }

    /// Ends the transaction without waiting for the disk: a power cut may undo it until the next [`commit`](Self::commit).
    /// For steps that are begun again unless a later one, which is waited for, says that they are whole.
    pub async fn commit_step(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }

    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }
}
