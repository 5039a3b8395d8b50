//! SQL of rotations.

use std::collections::HashMap;
use std::net::IpAddr;

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _};

use super::secret;
use crate::blobs::hex;
use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::KeyId;
use crate::keys::ApiKey;
use crate::keys::last_use::Use;
use crate::keys::rotation::{FormerUse, MAX_FORMERS, Rotation};
use crate::time::Millis;

const COLUMNS: &str = "key_id, seq, rotated_at, former_mac, former_pepper_version, overlap_until, former_used_at, \
                       adopted_at, token_hash, answer";

fn read(row: &SqliteRow) -> sqlx::Result<(KeyId, Rotation)> {
    let rotation = Rotation {
        seq: row.try_get(1)?,
        rotated_at: row.try_get(2)?,
        former: secret(row.try_get(3)?, row.try_get(4)?)?,
        overlap_until: row.try_get(5)?,
        former_used_at: row.try_get(6)?,
        adopted_at: row.try_get(7)?,
        token_hash: row.try_get(8)?,
        answer: row.try_get(9)?,
    };
    Ok((row.try_get(0)?, rotation))
}

/// Rotations by key, the latest first.
pub type Rotations = HashMap<KeyId, Vec<Rotation>>;

fn grouped(rows: &[SqliteRow]) -> Result<Rotations> {
    let mut rotations = Rotations::new();
    for row in rows {
        let (key, rotation) = read(row)?;
        rotations.entry(key).or_default().push(rotation);
    }
    Ok(rotations)
}

/// Returns all rotations of all keys: there are few beside the keys.
pub async fn list_all_rotations(tx: &mut Tx) -> Result<Rotations> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(COLUMNS).push(" FROM api_key_rotation ORDER BY key_id, seq DESC");
    let rows = on!(tx, conn => query.build().fetch_all(conn).await)?;
    grouped(&rows)
}

/// Gives keys their rotations.
pub async fn add_rotations(tx: &mut Tx, keys: &mut [ApiKey]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::new("SELECT ");
    query.push(COLUMNS).push(" FROM api_key_rotation WHERE key_id IN (");
    let mut ids = query.separated(", ");
    for key in keys.iter() {
        ids.push_bind(key.id);
    }
    query.push(") ORDER BY key_id, seq DESC");
    let rows = on!(tx, conn => query.build().fetch_all(conn).await)?;
    let mut rotations = grouped(&rows)?;
    for key in keys {
        key.rotations = rotations.remove(&key.id).unwrap_or_default();
    }
    Ok(())
}

/// Writes a rotation down. Uses of the secret before it are no longer of interest, nor the oldest of many rotations.
pub async fn insert_rotation(tx: &mut Tx, key: KeyId, rotation: &Rotation) -> Result<()> {
    let sql = "INSERT INTO api_key_rotation (key_id, seq, rotated_at, former_mac, former_pepper_version, overlap_until, \
               token_hash, answer) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let query = sqlx::query(sql).bind(key).bind(rotation.seq).bind(rotation.rotated_at).bind(hex(&rotation.former.mac));
    let query = query.bind(i64::from(rotation.former.pepper)).bind(rotation.overlap_until);
    let query = query.bind(&rotation.token_hash).bind(&rotation.answer);
    on!(tx, conn => query.execute(conn).await)?;
    let sql = "DELETE FROM api_key_former_use WHERE key_id = $1";
    on!(tx, conn => sqlx::query(sql).bind(key).execute(conn).await)?;
    let sql = "DELETE FROM api_key_rotation WHERE key_id = $1 AND seq <= $2";
    let last = rotation.seq - MAX_FORMERS as i64;
    on!(tx, conn => sqlx::query(sql).bind(key).bind(last).execute(conn).await)?;
    Ok(())
}

/// Ends the overlap that is open.
pub async fn close_rotation(tx: &mut Tx, key: KeyId, now: Millis) -> Result<()> {
    let sql = "UPDATE api_key_rotation SET overlap_until = $1, answer = NULL WHERE key_id = $2 AND overlap_until > $3";
    on!(tx, conn => sqlx::query(sql).bind(now).bind(key).bind(now).execute(conn).await)?;
    Ok(())
}

/// Lists keys whose new secret is in use and whose old one is accepted, but was not used since `before`.
pub async fn list_silent_rotations(tx: &mut Tx, now: Millis, before: Millis) -> Result<Vec<KeyId>> {
    let sql = "SELECT key_id FROM api_key_rotation WHERE overlap_until > $1 AND adopted_at IS NOT NULL \
               AND COALESCE(former_used_at, rotated_at) <= $2";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(now).bind(before).fetch_all(conn).await)?)
}

/// Notes that the secret from before the last rotation was used.
pub async fn update_former_use(tx: &mut Tx, key: KeyId, ip: IpAddr, used: &Use) -> Result<()> {
    let latest = "seq = (SELECT MAX(seq) FROM api_key_rotation WHERE key_id = $2)";
    let sql = format!("UPDATE api_key_rotation SET former_used_at = $1 WHERE {latest} AND key_id = $3");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(used.at).bind(key).bind(key);
    on!(tx, conn => query.execute(conn).await)?;
    let sql = "INSERT INTO api_key_former_use (key_id, ip, user_agent, used_at) \
               SELECT key_id, $1, $2, $3 FROM api_key_rotation WHERE key_id = $4 AND rotated_at <= $5 \
               ORDER BY seq DESC LIMIT 1 \
               ON CONFLICT (key_id, ip) DO UPDATE SET user_agent = excluded.user_agent, used_at = excluded.used_at";
    let query = sqlx::query(sql).bind(ip.to_string()).bind(&used.agent).bind(used.at).bind(key).bind(used.at);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

/// Notes that a new secret was used: its holder has it, so its sealed answer has served.
pub async fn update_adopted(tx: &mut Tx, key: KeyId, at: Millis) -> Result<()> {
    let sql = "UPDATE api_key_rotation SET adopted_at = $1, answer = NULL \
               WHERE key_id = $2 AND adopted_at IS NULL AND rotated_at <= $3";
    on!(tx, conn => sqlx::query(sql).bind(at).bind(key).bind(at).execute(conn).await)?;
    Ok(())
}

pub async fn list_former_uses(tx: &mut Tx, key: KeyId) -> Result<Vec<FormerUse>> {
    let sql =
        "SELECT ip, user_agent, used_at FROM api_key_former_use WHERE key_id = $1 ORDER BY used_at DESC LIMIT 200";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(key).fetch_all(conn).await)?)
}
