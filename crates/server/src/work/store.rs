//! SQL of the queue.

use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids;
use crate::time::Millis;

/// A job that somebody makes an attempt at.
#[derive(Debug, sqlx::FromRow)]
pub struct Claimed {
    pub id: i64,
    pub kind: String,
    pub body: String,
    /// This attempt included. Names the claim: an attempt that outlived its lease must not settle the next one's.
    pub attempts: i64,
}

pub async fn insert(tx: &mut Tx, kind: &'static str, body: &str, now: Millis) -> Result<()> {
    let sql = "INSERT INTO job (id, kind, body, created_at, run_after, attempts, leased_until) \
               VALUES ($1, $2, $3, $4, $5, 0, 0)";
    let query = sqlx::query(sql).bind(ids::take(tx, "job", 1).await?).bind(kind).bind(body).bind(now).bind(now);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn has_due(tx: &mut Tx, now: Millis) -> Result<bool> {
    let sql = "SELECT id FROM job WHERE failed_at IS NULL AND run_after <= $1 AND leased_until <= $2 LIMIT 1";
    let id: Option<i64> = on!(tx, conn => sqlx::query_scalar(sql).bind(now).bind(now).fetch_optional(conn).await)?;
    Ok(id.is_some())
}

/// Claims what has been due for longest.
pub async fn claim_next(tx: &mut Tx, now: Millis, leased_until: Millis) -> Result<Option<Claimed>> {
    let sql = "UPDATE job SET attempts = attempts + 1, leased_until = $1 WHERE id = \
               (SELECT id FROM job WHERE failed_at IS NULL AND run_after <= $2 AND leased_until <= $3 \
               ORDER BY run_after, id LIMIT 1) RETURNING id, kind, body, attempts";
    let query = sqlx::query_as(sql).bind(leased_until).bind(now).bind(now);
    Ok(on!(tx, conn => query.fetch_optional(conn).await)?)
}

pub async fn delete(tx: &mut Tx, job: &Claimed) -> Result<()> {
    let sql = "DELETE FROM job WHERE id = $1 AND attempts = $2";
    on!(tx, conn => sqlx::query(sql).bind(job.id).bind(job.attempts).execute(conn).await)?;
    Ok(())
}

/// Gives a job back, to be tried again later.
pub async fn update_again(tx: &mut Tx, job: &Claimed, run_after: Millis, error: &str) -> Result<()> {
    let sql = "UPDATE job SET run_after = $1, leased_until = 0, error = $2 WHERE id = $3 AND attempts = $4";
    let query = sqlx::query(sql).bind(run_after).bind(error).bind(job.id).bind(job.attempts);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

/// Gives a job up.
pub async fn update_failed(tx: &mut Tx, job: &Claimed, now: Millis, error: &str) -> Result<()> {
    let sql = "UPDATE job SET failed_at = $1, leased_until = 0, error = $2 WHERE id = $3 AND attempts = $4";
    let query = sqlx::query(sql).bind(now).bind(error).bind(job.id).bind(job.attempts);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn delete_failed_before(tx: &mut Tx, before: Millis) -> Result<()> {
    let sql = "DELETE FROM job WHERE failed_at < $1";
    on!(tx, conn => sqlx::query(sql).bind(before).execute(conn).await)?;
    Ok(())
}
