//! SQL of taking away again, after a restore, what had been taken away.

use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::PersonId;
use crate::time::Millis;

pub async fn replay_revoked(tx: &mut Tx, handle: &str, version: i64, at: Millis) -> Result<u64> {
    let sql = "UPDATE api_key SET revoked_at = $1, version = $2 WHERE handle = $3 AND revoked_at IS NULL";
    let query = sqlx::query(sql).bind(at).bind(version).bind(handle);
    let changed = on!(tx, conn => query.execute(conn).await)?.rows_affected();
    let sql = "DELETE FROM api_key_sealed WHERE key_id = (SELECT id FROM api_key WHERE handle = $1)";
    if changed > 0 {
        on!(tx, conn => sqlx::query(sql).bind(handle).execute(conn).await)?;
    }
    Ok(changed)
}

pub async fn replay_disabled(tx: &mut Tx, handle: &str, version: i64, at: Millis) -> Result<u64> {
    let sql = "UPDATE api_key SET disabled_at = $1, version = $2 WHERE handle = $3 AND version < $4 \
               AND disabled_at IS NULL";
    let query = sqlx::query(sql).bind(at).bind(version).bind(handle).bind(version);
    Ok(on!(tx, conn => query.execute(conn).await)?.rows_affected())
}

pub async fn replay_person(tx: &mut Tx, person: PersonId, at: Millis) -> Result<u64> {
    let sql = "UPDATE person SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NULL";
    Ok(on!(tx, conn => sqlx::query(sql).bind(at).bind(person).execute(conn).await)?.rows_affected())
}
