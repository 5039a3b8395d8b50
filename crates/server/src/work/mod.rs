//! Work beside requests: a table of jobs, each run until it succeeds or was tried often enough.
//!
//! A job is enqueued in the transaction of the change that asks for it, so both happen or neither. It may run twice
//! when the process ends in between: what a job does must bear that.

mod store;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::time::{DAY, HOUR, MINUTE, Millis, SECOND};

/// Jobs run at once, so that one slow neighbour does not hold up the others.
const WORKERS: usize = 4;
/// How often to look for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long one attempt may take.
const TIME_LIMIT: Duration = Duration::from_mins(2);
/// How long a job belongs to whoever claimed it; longer than an attempt may take.
const LEASE: i64 = 3 * MINUTE;
/// Attempts at a job whose kind says nothing else, or is known to another version only.
const MANY: i64 = 8;
const FIRST_PAUSE: i64 = 30 * SECOND;
const LONGEST_PAUSE: i64 = 6 * HOUR;
/// How long the error of a job that was given up can be looked at.
const KEPT_FOR: i64 = 30 * DAY;

/// An order or an event, in the words of whoever enqueues it. What it says must still be read by the next version.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// Names the kind in the table.
    const KIND: &'static str;
    /// Attempts before it is given up. With eight the last one is made about 15 hours after the first.
    const ATTEMPTS: i64 = MANY;

    fn run(self, app: App) -> impl Future<Output = Result<()>> + Send;
}

/// Puts a job into the queue, to be run when the transaction is committed.
pub async fn enqueue<J: Job>(tx: &mut Tx, now: Millis, job: &J) -> Result<()> {
    let body = serde_json::to_string(job).context("writing a job")?;
    store::insert(tx, J::KIND, &body, now).await
}

/// Forgets what was given up long ago.
pub async fn forget_failed(tx: &mut Tx, now: Millis) -> Result<()> {
    store::delete_failed_before(tx, now.plus(-KEPT_FOR)).await
}

/// What to do for each kind of job.
#[derive(Default)]
pub struct Handlers(HashMap<&'static str, Handler>);

struct Handler {
    run: fn(App, String) -> BoxFuture<'static, Result<()>>,
    attempts: i64,
}

impl Handlers {
    /// Adds a kind of job.
    #[must_use]
    pub fn on<J: Job>(mut self) -> Self {
        let handler = Handler { run: |app, body| read_and_run::<J>(app, body).boxed(), attempts: J::ATTEMPTS };
        let former = self.0.insert(J::KIND, handler);
        assert!(former.is_none(), "two kinds of job are called {}", J::KIND);
        self
    }
}

async fn read_and_run<J: Job>(app: App, body: String) -> Result<()> {
    let job: J = serde_json::from_str(&body).context("reading a job")?;
    job.run(app).await
}

/// Runs jobs until told to stop; those under way are finished first.
pub async fn run(app: App, handlers: Handlers, stopped: watch::Receiver<bool>) {
    let workers = (0..WORKERS).map(|_| run_one_by_one(&app, &handlers, stopped.clone()));
    join_all(workers).await;
}

async fn run_one_by_one(app: &App, handlers: &Handlers, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        match run_next(app, handlers).await {
            Ok(true) => {}
            Ok(false) => pause(&mut stopped).await,
            Err(error) => {
                tracing::error!("looking for jobs failed: {error:?}");
                pause(&mut stopped).await;
            }
        }
    }
}

async fn pause(stopped: &mut watch::Receiver<bool>) {
    // Told to stop, or time to look again: the loop finds out which.
    let _ = tokio::time::timeout(LOOK_EVERY, stopped.changed()).await;
}

/// Runs everything that is due, and what comes of it, and returns how many attempts that were.
pub async fn run_due(app: &App, handlers: &Handlers) -> Result<usize> {
    let mut attempts = 0;
    while run_next(app, handlers).await? {
        attempts += 1;
    }
    Ok(attempts)
}

/// Makes one attempt at the next job that is due. Says whether there was one.
async fn run_next(app: &App, handlers: &Handlers) -> Result<bool> {
    let now = app.clock.now();
    // A look costs no write lock; mostly there is nothing.
    let mut tx = app.db.read().await?;
    if !store::has_due(&mut tx, now).await? {
        return Ok(false);
    }
    drop(tx);
    let mut tx = app.db.write().await?;
    let claimed = store::claim_next(&mut tx, now, now.plus(LEASE)).await?;
    tx.commit().await?;
    let Some(claimed) = claimed else { return Ok(false) };
    let outcome = attempt(app, handlers, &claimed).await;
    settle(app, handlers, &claimed, outcome).await?;
    Ok(true)
}

async fn attempt(app: &App, handlers: &Handlers, claimed: &store::Claimed) -> Result<()> {
    let handler = handlers.0.get(claimed.kind.as_str());
    let handler = handler.ok_or_else(|| anyhow!("this version knows no job of the kind {}", claimed.kind))?;
    let running = app.panics.catch((handler.run)(app.clone(), claimed.body.clone()));
    let outcome = tokio::time::timeout(TIME_LIMIT, running).await;
    outcome.map_err(|_| anyhow!("the job took longer than {} seconds", TIME_LIMIT.as_secs()))?.flatten()
}

/// Writes down what came of an attempt.
async fn settle(app: &App, handlers: &Handlers, claimed: &store::Claimed, outcome: Result<()>) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    match outcome {
        Ok(()) => store::delete(&mut tx, claimed).await?,
        Err(error) => {
            let (id, kind, text) = (claimed.id, &claimed.kind, text(&error));
            let attempts = handlers.0.get(kind.as_str()).map_or(MANY, |handler| handler.attempts);
            if claimed.attempts >= attempts {
                tracing::error!(job = id, "job {kind} was given up after attempt {}: {text}", claimed.attempts);
                store::update_failed(&mut tx, claimed, now, &text).await?;
            } else {
                tracing::warn!(job = id, "job {kind} failed and is tried again: {text}");
                let again = now.plus(pause_after(claimed.attempts));
                store::update_again(&mut tx, claimed, again, &text).await?;
            }
        }
    }
    tx.commit().await
}

/// Returns what an operator may read of an error: its whole chain, since it never holds a secret.
fn text(error: &Error) -> String {
    match error {
        Error::Internal(cause) => format!("{cause:#}"),
        error => error.message(),
    }
}

/// Four times as long after each failure.
fn pause_after(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or_default() * 2;
    (FIRST_PAUSE << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let pauses: Vec<_> = (1..=7).map(|attempts| pause_after(attempts) / SECOND).collect();
        assert_eq!(pauses, [30, 120, 480, 1920, 7680, 21600, 21600]);
        assert_eq!(pause_after(i64::MAX), LONGEST_PAUSE);
    }
}
