//! SQL of second factors and of what organizations demand.

use super::Policy;
use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::{OrganizationId, PersonId};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
pub struct Authenticator {
    pub sealed: String,
    pub confirmed_at: Option<Millis>,
    pub last_step: i64,
}

#[derive(sqlx::FromRow)]
pub struct PendingRow {
    pub person_id: PersonId,
    pub created_at: Millis,
    pub failures: i64,
}

pub async fn find_authenticator(tx: &mut Tx, person: PersonId) -> Result<Option<Authenticator>> {
    let sql = "SELECT sealed, confirmed_at, last_step FROM authenticator WHERE person_id = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(person).fetch_optional(conn).await)?)
}

pub async fn insert_authenticator(tx: &mut Tx, person: PersonId, sealed: &str, now: Millis) -> Result<()> {
    let sql = "INSERT INTO authenticator (person_id, sealed, created_at, last_step) VALUES ($1, $2, $3, 0)";
    on!(tx, conn => sqlx::query(sql).bind(person).bind(sealed).bind(now).execute(conn).await)?;
    Ok(())
}

/// Notes the step of an accepted code, which also confirms an authenticator that was new.
pub async fn update_authenticator_used(tx: &mut Tx, person: PersonId, step: i64, now: Millis) -> Result<()> {
    let sql = "UPDATE authenticator SET last_step = $1, confirmed_at = COALESCE(confirmed_at, $2) WHERE person_id = $3";
    on!(tx, conn => sqlx::query(sql).bind(step).bind(now).bind(person).execute(conn).await)?;
    Ok(())
}

pub async fn delete_factors(tx: &mut Tx, person: PersonId) -> Result<()> {
    delete_recovery_codes(tx, person).await?;
    on!(tx, conn => sqlx::query("DELETE FROM authenticator WHERE person_id = $1").bind(person).execute(conn).await)?;
    Ok(())
}

pub async fn count_recovery_codes(tx: &mut Tx, person: PersonId) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM recovery_code WHERE person_id = $1";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(person).fetch_one(conn).await)?)
}

pub async fn insert_recovery_code(tx: &mut Tx, person: PersonId, hash: &str) -> Result<()> {
    let sql = "INSERT INTO recovery_code (person_id, code_hash) VALUES ($1, $2)";
    on!(tx, conn => sqlx::query(sql).bind(person).bind(hash).execute(conn).await)?;
    Ok(())
}

/// Takes a code away; false, when there is no such code.
pub async fn delete_recovery_code(tx: &mut Tx, person: PersonId, hash: &str) -> Result<bool> {
    let sql = "DELETE FROM recovery_code WHERE person_id = $1 AND code_hash = $2";
    let done = on!(tx, conn => sqlx::query(sql).bind(person).bind(hash).execute(conn).await)?;
    Ok(done.rows_affected() == 1)
}

pub async fn delete_recovery_codes(tx: &mut Tx, person: PersonId) -> Result<()> {
    on!(tx, conn => sqlx::query("DELETE FROM recovery_code WHERE person_id = $1").bind(person).execute(conn).await)?;
    Ok(())
}

pub async fn insert_pending(tx: &mut Tx, token_hash: &str, person: PersonId, now: Millis) -> Result<()> {
    let sql = "INSERT INTO pending_sign_in (token_hash, person_id, created_at, failures) VALUES ($1, $2, $3, 0)";
    on!(tx, conn => sqlx::query(sql).bind(token_hash).bind(person).bind(now).execute(conn).await)?;
    Ok(())
}

pub async fn find_pending(tx: &mut Tx, token_hash: &str) -> Result<Option<PendingRow>> {
    let sql = "SELECT person_id, created_at, failures FROM pending_sign_in WHERE token_hash = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(token_hash).fetch_optional(conn).await)?)
}

pub async fn update_pending_failed(tx: &mut Tx, token_hash: &str) -> Result<()> {
    let sql = "UPDATE pending_sign_in SET failures = failures + 1 WHERE token_hash = $1";
    on!(tx, conn => sqlx::query(sql).bind(token_hash).execute(conn).await)?;
    Ok(())
}

pub async fn delete_pending(tx: &mut Tx, token_hash: &str) -> Result<()> {
    let sql = "DELETE FROM pending_sign_in WHERE token_hash = $1";
    on!(tx, conn => sqlx::query(sql).bind(token_hash).execute(conn).await)?;
    Ok(())
}

pub async fn delete_pending_before(tx: &mut Tx, created: Millis) -> Result<()> {
    let sql = "DELETE FROM pending_sign_in WHERE created_at < $1";
    on!(tx, conn => sqlx::query(sql).bind(created).execute(conn).await)?;
    Ok(())
}

pub async fn find_policy(tx: &mut Tx, organization: OrganizationId) -> Result<Option<Policy>> {
    let sql = "SELECT second_factor_required_at FROM sign_in_policy WHERE organization_id = $1";
    let required_at: Option<Option<Millis>> =
        on!(tx, conn => sqlx::query_scalar(sql).bind(organization).fetch_optional(conn).await)?;
    Ok(required_at.map(|at| Policy { second_factor_required: at.is_some() }))
}

pub async fn upsert_second_factor_required(
    tx: &mut Tx,
    organization: OrganizationId,
    at: Option<Millis>,
) -> Result<()> {
    let sql = "INSERT INTO sign_in_policy (organization_id, second_factor_required_at) VALUES ($1, $2) \
               ON CONFLICT (organization_id) \
               DO UPDATE SET second_factor_required_at = excluded.second_factor_required_at";
    on!(tx, conn => sqlx::query(sql).bind(organization).bind(at).execute(conn).await)?;
    Ok(())
}
