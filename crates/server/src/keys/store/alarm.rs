//! SQL of what owners are told.

use super::super::ApiKey;
use crate::db::{Tx, on};
use crate::error::Result;
use crate::gate::Handle;
use crate::ids::KeyId;
use crate::time::{DAY, Millis};

/// Lists live keys whose owner was not yet told of the threshold that their end has come under. A threshold that the key
/// was below all its life does not count.
pub async fn list_to_warn(tx: &mut Tx, now: Millis, limit: i64) -> Result<Vec<ApiKey>> {
    let sql = "SELECT k.id FROM api_key k JOIN (SELECT 1 AS days UNION ALL SELECT 3 UNION ALL SELECT 7 UNION ALL \
               SELECT 14 UNION ALL SELECT 30) t ON k.expires_at - $1 <= t.days * $2 \
               AND k.expires_at - k.created_at > t.days * $3 \
               WHERE k.revoked_at IS NULL AND k.disabled_at IS NULL AND k.expires_at > $4 AND k.expires_at <= $5 \
               AND NOT EXISTS (SELECT 1 FROM api_key_expiry_notice n WHERE n.key_id = k.id \
               AND n.expires_at = k.expires_at AND n.days <= t.days) GROUP BY k.id ORDER BY k.id LIMIT $6";
    let query = sqlx::query_scalar(sql).bind(now).bind(DAY).bind(DAY).bind(now).bind(now.plus(30 * DAY)).bind(limit);
    let ids: Vec<KeyId> = on!(tx, conn => query.fetch_all(conn).await)?;
    let mut keys = Vec::with_capacity(ids.len());
    for id in ids {
        keys.extend(super::find(tx, id).await?);
    }
    Ok(keys)
}

/// Notes that an owner was told. Says whether that is new.
pub async fn insert_expiry_notice(tx: &mut Tx, id: KeyId, expires_at: Millis, days: i64) -> Result<bool> {
    let sql = "INSERT INTO api_key_expiry_notice (key_id, expires_at, days) VALUES ($1, $2, $3) \
               ON CONFLICT (key_id, expires_at, days) DO NOTHING";
    let query = sqlx::query(sql).bind(id).bind(expires_at).bind(days);
    Ok(on!(tx, conn => query.execute(conn).await)?.rows_affected() == 1)
}

/// Lists the addresses a key was used from.
pub async fn list_ips(tx: &mut Tx, id: KeyId) -> Result<Vec<String>> {
    let sql = "SELECT ip FROM api_key_machine WHERE key_id = $1 ORDER BY last_used_at DESC LIMIT 1000";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(id).fetch_all(conn).await)?)
}

/// Whether a key was used from exactly this address.
pub async fn has_machine(tx: &mut Tx, id: KeyId, ip: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM api_key_machine WHERE key_id = $1 AND ip = $2";
    let found: Option<i64> = on!(tx, conn => sqlx::query_scalar(sql).bind(id).bind(ip).fetch_optional(conn).await)?;
    Ok(found.is_some())
}

pub async fn find_by_handle(tx: &mut Tx, handle: Handle) -> Result<Option<ApiKey>> {
    let sql = "SELECT id FROM api_key WHERE handle = $1";
    let id: Option<KeyId> = on!(tx, conn => sqlx::query_scalar(sql).bind(handle.as_str()).fetch_optional(conn).await)?;
    match id {
        Some(id) => super::find(tx, id).await,
        None => Ok(None),
    }
}
