//! SQL of creations that may be repeated.

use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::{KeyId, PersonId};
use crate::time::Millis;

/// Finds the key that a request made since then, with the hash of what it asked for.
pub async fn find_request(
    tx: &mut Tx,
    person: PersonId,
    token_hash: &str,
    since: Millis,
) -> Result<Option<(KeyId, String)>> {
    let sql = "SELECT key_id, wish_hash FROM api_key_request WHERE person_id = $1 AND token_hash = $2 AND made_at > $3";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(person).bind(token_hash).bind(since).fetch_optional(conn).await)?)
}

pub async fn insert_request(
    tx: &mut Tx,
    person: PersonId,
    (token_hash, wish_hash): (&str, &str),
    key: KeyId,
    now: Millis,
) -> Result<()> {
    let sql = "INSERT INTO api_key_request (person_id, token_hash, wish_hash, key_id, made_at) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (person_id, token_hash) DO UPDATE SET \
               wish_hash = excluded.wish_hash, key_id = excluded.key_id, made_at = excluded.made_at";
    let query = sqlx::query(sql).bind(person).bind(token_hash).bind(wish_hash).bind(key).bind(now);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn delete_requests_before(tx: &mut Tx, before: Millis) -> Result<()> {
    on!(tx, conn => sqlx::query("DELETE FROM api_key_request WHERE made_at < $1").bind(before).execute(conn).await)?;
    Ok(())
}
