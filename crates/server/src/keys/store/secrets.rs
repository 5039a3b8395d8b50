//! SQL of what depends on pepper and key-encryption key.

use crate::blobs::hex;
use crate::db::{Tx, on};
use crate::error::Result;
use crate::gate::Secret;
use crate::ids::{KeyId, PersonId};
use crate::time::Millis;

/// Counts live keys, and former secrets that are accepted still, by the pepper they were made with.
pub async fn count_live_by_pepper(tx: &mut Tx, now: Millis) -> Result<Vec<(i64, i64)>> {
    let sql = "SELECT version, CAST(SUM(n) AS BIGINT) FROM ( \
                 SELECT pepper_version AS version, COUNT(*) AS n FROM api_key \
                 WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) GROUP BY pepper_version \
                 UNION ALL \
                 SELECT former_pepper_version, COUNT(*) FROM api_key_rotation WHERE overlap_until > $2 \
                 GROUP BY former_pepper_version) AS counted GROUP BY version";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(now).bind(now).fetch_all(conn).await)?)
}

pub async fn count_data_keys_by_kek(tx: &mut Tx) -> Result<Vec<(i64, i64)>> {
    let sql = "SELECT kek_version, COUNT(*) FROM owner_data_key GROUP BY kek_version";
    Ok(on!(tx, conn => sqlx::query_as(sql).fetch_all(conn).await)?)
}

/// Gives a key the MAC of another pepper, if it still has the one that was seen.
pub async fn update_mac(tx: &mut Tx, id: KeyId, old: Secret, new: Secret) -> Result<bool> {
    let sql = "UPDATE api_key SET mac = $1, pepper_version = $2, version = version + 1 WHERE id = $3 AND mac = $4";
    let query = sqlx::query(sql).bind(hex(&new.mac)).bind(i64::from(new.pepper)).bind(id).bind(hex(&old.mac));
    let done = on!(tx, conn => query.execute(conn).await)?;
    Ok(done.rows_affected() > 0)
}

/// Lists data keys that an older key-encryption key wraps, with its version.
pub async fn list_data_keys_before(tx: &mut Tx, version: i64, limit: i64) -> Result<Vec<(PersonId, i64, String)>> {
    let sql = "SELECT owner_id, kek_version, sealed FROM owner_data_key WHERE kek_version < $1 LIMIT $2";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(version).bind(limit).fetch_all(conn).await)?)
}

pub async fn update_data_key(tx: &mut Tx, owner: PersonId, kek_version: i64, sealed: &str) -> Result<()> {
    let sql = "UPDATE owner_data_key SET kek_version = $1, sealed = $2 WHERE owner_id = $3";
    on!(tx, conn => sqlx::query(sql).bind(kek_version).bind(sealed).bind(owner).execute(conn).await)?;
    Ok(())
}
