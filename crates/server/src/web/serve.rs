//! Listens, serves until told to stop, and does what is due every few seconds.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use super::listen::{self, Patience};
use super::{guard, jobs, welcome};
use crate::app::App;
use crate::config::{Config, FirstPerson};
use crate::error::Result;
use crate::random::Random;
use crate::time::Clock;
use crate::{admin, audit, identity, ingest, keys, notices, signin, trust, web, work};

/// How often uses of keys are written down, and the database's log is folded into its file.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// How often what has ended long ago is swept out.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// How long requests under way may take after the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// A server that listens already, so that its address is known, and serves once [`run`](Self::run).
pub struct Server {
    pub app: App,
    listener: TcpListener,
    /// Where proxies on this machine ask about keys.
    proxies: Option<UnixListener>,
    /// Where the operator's orders come in.
    socket: PathBuf,
    /// Held for as long as the server lives: one process at a time may write the data folder.
    lock: File,
}

impl Server {
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let lock = lock(config)?;
        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("listening on {}", config.listen))?;
        let base_url = match &config.base_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", listener.local_addr()?),
        };
        let app = App::open(config, base_url, Clock::System, Random::System).await.map_err(into_anyhow)?;
        if let Some(first) = &config.first_person {
            make_first(&app, first).await.map_err(into_anyhow)?;
        }
        let proxies = config.verify_socket.as_deref().map(guard::bind).transpose()?;
        Ok(Self { app, listener, proxies, lock, socket: admin::socket(config) })
    }

    /// Returns the link that sets the server up, when nobody is here yet.
    pub async fn setup_link(&self) -> anyhow::Result<Option<String>> {
        let mut tx = self.app.db.read().await.map_err(into_anyhow)?;
        let is_empty = identity::is_empty(&mut tx).await.map_err(into_anyhow)?;
        Ok(is_empty.then(|| self.app.url(&format!("/setup?token={}", self.app.setup_token))))
    }

    /// Serves until `stop` completes, then finishes what is under way and closes the database.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let (stopping, stopped) = watch::channel(false);
        let chores = spawn(do_chores(self.app.clone(), stopped.clone()));
        let jobs = spawn(work::run(self.app.clone(), jobs::handlers(), stopped.clone()));
        let importing = spawn(import(self.app.clone(), stopped.clone()));
        let orders = spawn(take_orders(self.app.clone(), self.socket.clone()));
        let proxies = spawn(guard::listen(self.app.clone(), self.proxies));
        let (service, _) = web::service(&self.app);
        let server = spawn(listen::serve(self.listener, service, Patience::default(), stopped.clone()));
        stop.await;
        tracing::info!("stopping: finishing what is under way");
        stopping.send_replace(true);
        let finished = tokio::time::timeout(GRACE, server).await;
        if finished.is_err() {
            tracing::warn!("some requests took longer than {} seconds and were cut off", GRACE.as_secs());
        }
        chores.await?;
        if tokio::time::timeout(GRACE, jobs).await.is_err() {
            tracing::warn!("some jobs took too long and were cut off; they are tried again");
        }
        importing.await?;
        orders.abort();
        proxies.abort();
        guard::close(self.app.config.verify_socket.as_ref());
        let _ = std::fs::remove_file(&self.socket);
        write_down(&self.app).await.map_err(into_anyhow)?;
        self.app.db.close().await;
        drop(self.lock);
        tracing::info!("stopped");
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that starts what runs beside requests")]
pub(super) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}

async fn take_orders(app: App, socket: PathBuf) {
    if let Err(error) = admin::listen(app, socket).await {
        tracing::warn!("`testward admin` cannot reach this server: {error:#}");
    }
}

/// Makes the first person that the environment names, if nobody is here yet.
async fn make_first(app: &App, first: &FirstPerson) -> Result<()> {
    let mut tx = app.db.read().await?;
    let is_empty = identity::is_empty(&mut tx).await?;
    drop(tx);
    if is_empty { welcome::make_first(app, first).await } else { Ok(()) }
}

/// Locks the data folder, so that one process at a time writes it.
pub fn lock(config: &Config) -> anyhow::Result<File> {
    let folder = &config.data_dir;
    keys::make_private_folder(folder).map_err(into_anyhow)?;
    let file = File::create(folder.join("lock")).with_context(|| format!("writing to {}", folder.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another Testward is running on the data folder {}; stop it first, or choose another --data-dir",
            folder.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).context("locking the data folder"),
    }
}

/// Imports uploads until told to stop. One that is cut off begins again at the next start.
async fn import(app: App, mut stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = ingest::work(app) => {}
        _ = stopped.changed() => {}
    }
}

/// Does the chores until told to stop.
async fn do_chores(app: App, mut stopped: watch::Receiver<bool>) {
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        let done = tokio::select! {
            _ = flush.tick() => app.panics.catch(write_down(&app)).await,
            _ = sweep.tick() => app.panics.catch(run_chores(&app)).await,
            _ = stopped.changed() => return,
        };
        if let Err(error) = done.flatten() {
            tracing::error!("chores failed: {error:?}");
        }
    }
}

/// Writes down what may wait a little: uses of keys, the seal of the audit log, and the database's log into its file.
async fn write_down(app: &App) -> Result<()> {
    keys::flush_uses(app).await?;
    audit::seal(app).await?;
    app.db.fold_log().await
}

/// Does everything that is due now or later: writes down uses of keys, sweeps out what ended long ago.
pub async fn run_chores(app: &App) -> Result<()> {
    write_down(app).await?;
    audit::log_head(app);
    // What a rotation of the key-encryption key left to do when it was cut off.
    keys::rewrap_data_keys(app).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    identity::forget_ended(&mut tx, now).await?;
    work::forget_failed(&mut tx, now).await?;
    notices::forget_old(&mut tx, now).await?;
    trust::forget_old(&mut tx, now).await?;
    signin::forget_old(&mut tx, now).await?;
    let change = keys::do_chores(&mut tx, now).await?;
    keys::commit(app, tx, change).await?;
    keys::tell_expiring(app).await
}

/// Makes an error one for the console.
pub fn into_anyhow(error: crate::error::Error) -> anyhow::Error {
    match error {
        crate::error::Error::Internal(error) => error,
        error => anyhow::anyhow!("{}", error.message()),
    }
}
