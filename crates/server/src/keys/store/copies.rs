//! SQL of sealed copies. Authentication reads none of it.

use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::{KeyId, OrganizationId, PersonId};
use crate::time::Millis;

/// Returns a person's data key, sealed, with the version of the key that seals it.
pub async fn find_data_key(tx: &mut Tx, owner: PersonId) -> Result<Option<(i64, String)>> {
    let sql = "SELECT kek_version, sealed FROM owner_data_key WHERE owner_id = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(owner).fetch_optional(conn).await)?)
}

pub async fn insert_data_key(tx: &mut Tx, owner: PersonId, kek_version: i64, sealed: &str) -> Result<()> {
    let sql = "INSERT INTO owner_data_key (owner_id, kek_version, sealed) VALUES ($1, $2, $3)";
    on!(tx, conn => sqlx::query(sql).bind(owner).bind(kek_version).bind(sealed).execute(conn).await)?;
    Ok(())
}

pub async fn find_sealed(tx: &mut Tx, id: KeyId) -> Result<Option<String>> {
    let sql = "SELECT sealed FROM api_key_sealed WHERE key_id = $1";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(id).fetch_optional(conn).await)?)
}

pub async fn insert_sealed(tx: &mut Tx, id: KeyId, sealed: &str) -> Result<()> {
    let sql = "INSERT INTO api_key_sealed (key_id, sealed) VALUES ($1, $2)";
    on!(tx, conn => sqlx::query(sql).bind(id).bind(sealed).execute(conn).await)?;
    Ok(())
}

pub async fn delete_sealed(tx: &mut Tx, id: KeyId) -> Result<()> {
    on!(tx, conn => sqlx::query("DELETE FROM api_key_sealed WHERE key_id = $1").bind(id).execute(conn).await)?;
    Ok(())
}

/// Destroys what could show a key that has ended: its copy, and answers of rotations.
pub async fn delete_all_copies(tx: &mut Tx, id: KeyId) -> Result<()> {
    delete_sealed(tx, id).await?;
    let sql = "UPDATE api_key_rotation SET answer = NULL WHERE key_id = $1";
    on!(tx, conn => sqlx::query(sql).bind(id).execute(conn).await)?;
    Ok(())
}

/// Whether an organization of the person's wants keys shown once only.
pub async fn is_locked(tx: &mut Tx, owner: PersonId) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM custody_lock WHERE organization_id IN \
               (SELECT organization_id FROM organization_member WHERE person_id = $1)";
    let locks: i64 = on!(tx, conn => sqlx::query_scalar(sql).bind(owner).fetch_one(conn).await)?;
    Ok(locks > 0)
}

/// Locks an organization; says whether it was not locked before.
pub async fn insert_lock(tx: &mut Tx, organization: OrganizationId, at: Millis) -> Result<bool> {
    let sql = "INSERT INTO custody_lock (organization_id, locked_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let done = on!(tx, conn => sqlx::query(sql).bind(organization).bind(at).execute(conn).await)?;
    Ok(done.rows_affected() > 0)
}

pub async fn find_lock(tx: &mut Tx, organization: OrganizationId) -> Result<Option<Millis>> {
    let sql = "SELECT locked_at FROM custody_lock WHERE organization_id = $1";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(organization).fetch_optional(conn).await)?)
}

/// Deletes copies of keys whose owners belong to a locked organization, and those whose window has closed.
pub async fn delete_forbidden_copies(tx: &mut Tx, now: Millis) -> Result<()> {
    let locked = "owner_id IN (SELECT person_id FROM organization_member m \
                  JOIN custody_lock l ON l.organization_id = m.organization_id)";
    for sql in [
        format!(
            "DELETE FROM api_key_sealed WHERE key_id IN (SELECT id FROM api_key WHERE {locked} OR copy_until <= $1)"
        ),
        format!(
            "UPDATE api_key_rotation SET answer = NULL WHERE answer IS NOT NULL AND $1 > 0 \
                 AND key_id IN (SELECT id FROM api_key WHERE {locked})"
        ),
        format!(
            "UPDATE api_key SET custody = 'once', copy_hours = NULL, copy_until = NULL \
                 WHERE {locked} AND custody <> 'once' AND $1 > 0"
        ),
    ] {
        on!(tx, conn => sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now).execute(conn).await)?;
    }
    Ok(())
}
