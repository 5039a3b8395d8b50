//! SQL of how much keys are used.

use sqlx::QueryBuilder;

use super::usage::Facet;
use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::KeyId;
use crate::time::Millis;

/// Rows of a table on a page.
const MAX_ROWS: i64 = 50;

pub async fn add_hour(tx: &mut Tx, key: KeyId, hour: Millis, route: &str, calls: i64) -> Result<()> {
    let sql = "INSERT INTO api_key_hour (key_id, hour, route, calls) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (key_id, hour, route) DO UPDATE SET calls = api_key_hour.calls + excluded.calls";
    on!(tx, conn => sqlx::query(sql).bind(key).bind(hour).bind(route).bind(calls).execute(conn).await)?;
    Ok(())
}

pub async fn add_day(tx: &mut Tx, key: KeyId, day: Millis, facet: Facet, value: &str, calls: i64) -> Result<()> {
    let sql = "INSERT INTO api_key_day (key_id, day, facet, value, calls) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (key_id, day, facet, value) DO UPDATE SET calls = api_key_day.calls + excluded.calls";
    let query = sqlx::query(sql).bind(key).bind(day).bind(facet.name()).bind(value).bind(calls);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn delete_before(tx: &mut Tx, before: Millis) -> Result<()> {
    for sql in ["DELETE FROM api_key_hour WHERE hour < $1", "DELETE FROM api_key_day WHERE day < $1"] {
        on!(tx, conn => sqlx::query(sql).bind(before).execute(conn).await)?;
    }
    Ok(())
}

pub async fn list_hours(tx: &mut Tx, key: KeyId, since: Millis) -> Result<Vec<(Millis, i64)>> {
    let sql = "SELECT hour, CAST(SUM(calls) AS BIGINT) FROM api_key_hour WHERE key_id = $1 AND hour >= $2 \
               GROUP BY hour ORDER BY hour";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(key).bind(since).fetch_all(conn).await)?)
}

pub async fn list_routes(tx: &mut Tx, key: KeyId, since: Millis) -> Result<Vec<(String, i64)>> {
    let sql = "SELECT route, CAST(SUM(calls) AS BIGINT) AS total FROM api_key_hour WHERE key_id = $1 AND hour >= $2 \
               GROUP BY route ORDER BY total DESC, route LIMIT $3";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(key).bind(since).bind(MAX_ROWS).fetch_all(conn).await)?)
}

pub async fn list_facet(tx: &mut Tx, key: KeyId, facet: Facet, since: Millis) -> Result<Vec<(String, i64)>> {
    let sql = "SELECT value, CAST(SUM(calls) AS BIGINT) AS total FROM api_key_day \
               WHERE key_id = $1 AND facet = $2 AND day >= $3 GROUP BY value ORDER BY total DESC, value LIMIT $4";
    let query = sqlx::query_as(sql).bind(key).bind(facet.name()).bind(since).bind(MAX_ROWS);
    Ok(on!(tx, conn => query.fetch_all(conn).await)?)
}

/// Lists each scope that was asked of some keys, once.
pub async fn list_scopes(tx: &mut Tx, keys: &[KeyId]) -> Result<Vec<(KeyId, String)>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::new("SELECT DISTINCT key_id, value FROM api_key_day WHERE facet = ");
    query.push_bind(Facet::Scope.name()).push(" AND key_id IN (");
    let mut list = query.separated(", ");
    for key in keys {
        list.push_bind(*key);
    }
    query.push(")");
    Ok(on!(tx, conn => query.build_query_as().fetch_all(conn).await)?)
}
