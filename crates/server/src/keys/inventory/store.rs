//! SQL of the inventory.

use sqlx::{FromRow as _, QueryBuilder, Row as _, Sqlite};

use super::{Found, State, Wanted};
use crate::db::{Tx, on};
use crate::error::Result;
use crate::identity::Person;
use crate::ids::{KeyId, OrganizationId, PersonId};
use crate::keys::ApiKey;
use crate::keys::store::add_rotations;
use crate::time::Millis;

/// Lists keys of an organization's people, the newest first, from behind `after`.
///
/// Ids grow, so their order is that of creation, and the table is read from its end only as far as the page goes.
pub async fn list(
    tx: &mut Tx,
    now: Millis,
    organization: OrganizationId,
    wanted: &Wanted,
    after: Option<KeyId>,
    limit: i64,
) -> Result<Vec<Found>> {
    let mut sql = QueryBuilder::new(
        "SELECT k.*, p.id AS person_id, p.email AS person_email, p.name AS person_name, \
         p.created_at AS person_created_at, p.disabled_at AS person_disabled_at \
         FROM api_key k JOIN person p ON p.id = k.owner_id \
         JOIN organization_member m ON m.person_id = k.owner_id AND m.organization_id = ",
    );
    sql.push_bind(organization);
    sql.push(" WHERE k.id < ").push_bind(after.map_or(i64::MAX, |id| id.0));
    add_state(&mut sql, now, wanted.state);
    add_conditions(&mut sql, wanted);
    sql.push(" ORDER BY k.id DESC LIMIT ").push_bind(limit);
    let rows = on!(tx, conn => sql.build().fetch_all(conn).await)?;
    let mut keys = rows.iter().map(ApiKey::from_row).collect::<sqlx::Result<Vec<_>>>()?;
    add_rotations(tx, &mut keys).await?;
    let found = keys.into_iter().zip(&rows).map(|(key, row)| Ok(Found { key, owner: person(row)? }));
    Ok(found.collect::<sqlx::Result<_>>()?)
}

fn person(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<Person> {
    Ok(Person {
        id: row.try_get("person_id")?,
        email: row.try_get("person_email")?,
        name: row.try_get("person_name")?,
        created_at: row.try_get("person_created_at")?,
        disabled_at: row.try_get("person_disabled_at")?,
    })
}

fn add_state(sql: &mut QueryBuilder<Sqlite>, now: Millis, state: State) {
    match state {
        State::All => {}
        State::Revoked => drop(sql.push(" AND k.revoked_at IS NOT NULL")),
        State::Expired => drop(sql.push(" AND k.revoked_at IS NULL AND k.expires_at <= ").push_bind(now)),
        State::Disabled => drop(sql.push(" AND k.revoked_at IS NULL AND k.disabled_at IS NOT NULL")),
        State::Live => {
            sql.push(
                " AND k.revoked_at IS NULL AND k.disabled_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > ",
            );
            sql.push_bind(now).push(")");
        }
    }
}

fn add_conditions(sql: &mut QueryBuilder<Sqlite>, wanted: &Wanted) {
    if let Some(text) = &wanted.text {
        sql.push(" AND (instr(lower(k.name), lower(").push_bind(text).push(")) > 0 OR k.handle = ");
        sql.push_bind(text).push(")");
    }
    if let Some(owner) = &wanted.owner {
        sql.push(" AND (instr(lower(p.name), lower(").push_bind(owner).push(")) > 0 OR instr(lower(p.email), lower(");
        sql.push_bind(owner).push(")) > 0)");
    }
    if let Some(project) = wanted.project {
        sql.push(" AND (k.projects IS NULL OR instr(' ' || k.projects || ' ', ");
        sql.push_bind(format!(" {project} ")).push(") > 0)");
    }
    if let Some(at) = wanted.created_after {
        sql.push(" AND k.created_at >= ").push_bind(at);
    }
    if let Some(at) = wanted.created_before {
        sql.push(" AND k.created_at < ").push_bind(at);
    }
    if let Some(at) = wanted.unused_since {
        sql.push(" AND (k.last_used_at IS NULL OR k.last_used_at < ").push_bind(at).push(")");
    }
    if let Some(ip) = wanted.seen_from {
        sql.push(" AND k.id IN (SELECT key_id FROM api_key_machine WHERE ip = ").push_bind(ip.to_string()).push(")");
    }
    if let Some(ids) = &wanted.ids {
        sql.push(" AND k.id IN (");
        let mut list = sql.separated(", ");
        for id in ids {
            list.push_bind(*id);
        }
        sql.push(")");
    }
}

/// Lists all keys of one owner, the newest first.
pub async fn list_of(tx: &mut Tx, owner: PersonId) -> Result<Vec<ApiKey>> {
    let sql = "SELECT * FROM api_key WHERE owner_id = $1 ORDER BY id DESC";
    let mut keys: Vec<ApiKey> = on!(tx, conn => sqlx::query_as(sql).bind(owner).fetch_all(conn).await)?;
    add_rotations(tx, &mut keys).await?;
    Ok(keys)
}
