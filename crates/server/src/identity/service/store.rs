//! SQL of service accounts and their stewards.

use crate::db::{Tx, on};
use crate::error::Result;
use crate::identity::Person;
use crate::ids::{OrganizationId, PersonId};
use crate::time::Millis;

/// Makes a person who cannot sign in: no password has an empty hash.
pub async fn insert(tx: &mut Tx, person: &Person) -> Result<()> {
    let sql = "INSERT INTO person (id, email, name, password_hash, created_at, kind) \
               VALUES ($1, $2, $3, '', $4, 'service')";
    let query = sqlx::query(sql).bind(person.id).bind(&person.email).bind(&person.name).bind(person.created_at);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn insert_account(
    tx: &mut Tx,
    id: PersonId,
    organization: OrganizationId,
    description: &str,
    by: PersonId,
) -> Result<()> {
    let sql =
        "INSERT INTO service_account (person_id, organization_id, description, created_by) VALUES ($1, $2, $3, $4)";
    on!(tx, conn => sqlx::query(sql).bind(id).bind(organization).bind(description).bind(by).execute(conn).await)?;
    Ok(())
}

pub async fn update_description(tx: &mut Tx, id: PersonId, description: &str) -> Result<()> {
    let sql = "UPDATE service_account SET description = $1 WHERE person_id = $2";
    on!(tx, conn => sqlx::query(sql).bind(description).bind(id).execute(conn).await)?;
    Ok(())
}

pub async fn find_account(tx: &mut Tx, id: PersonId) -> Result<Option<(OrganizationId, String)>> {
    let sql = "SELECT organization_id, description FROM service_account WHERE person_id = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(id).fetch_optional(conn).await)?)
}

pub async fn find_organization(tx: &mut Tx, id: PersonId) -> Result<Option<OrganizationId>> {
    Ok(find_account(tx, id).await?.map(|(organization, _)| organization))
}

/// Lists accounts that a person looks after or whose organization they administer.
pub async fn list_ids(tx: &mut Tx, person: PersonId) -> Result<Vec<PersonId>> {
    let sql = "SELECT a.person_id FROM service_account a JOIN organization_member m \
               ON m.organization_id = a.organization_id AND m.person_id = $1 \
               WHERE m.role IN ('admin', 'owner') OR EXISTS \
               (SELECT 1 FROM service_steward s WHERE s.account_id = a.person_id AND s.person_id = $2) \
               ORDER BY a.person_id";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(person).bind(person).fetch_all(conn).await)?)
}

pub async fn insert_steward(tx: &mut Tx, account: PersonId, person: PersonId, now: Millis) -> Result<()> {
    let sql = "INSERT INTO service_steward (account_id, person_id, added_at) VALUES ($1, $2, $3) \
               ON CONFLICT (account_id, person_id) DO NOTHING";
    on!(tx, conn => sqlx::query(sql).bind(account).bind(person).bind(now).execute(conn).await)?;
    Ok(())
}

pub async fn delete_steward(tx: &mut Tx, account: PersonId, person: PersonId) -> Result<()> {
    let sql = "DELETE FROM service_steward WHERE account_id = $1 AND person_id = $2";
    on!(tx, conn => sqlx::query(sql).bind(account).bind(person).execute(conn).await)?;
    Ok(())
}

pub async fn is_steward(tx: &mut Tx, account: PersonId, person: PersonId) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM service_steward WHERE account_id = $1 AND person_id = $2";
    let n: i64 = on!(tx, conn => sqlx::query_scalar(sql).bind(account).bind(person).fetch_one(conn).await)?;
    Ok(n > 0)
}

pub async fn list_stewards(tx: &mut Tx, account: PersonId) -> Result<Vec<Person>> {
    let sql = "SELECT p.id, p.email, p.name, p.created_at, p.disabled_at FROM service_steward s \
               JOIN person p ON p.id = s.person_id WHERE s.account_id = $1 ORDER BY s.added_at, p.id";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(account).fetch_all(conn).await)?)
}

pub async fn list_looked_after(tx: &mut Tx, person: PersonId) -> Result<Vec<PersonId>> {
    let sql = "SELECT account_id FROM service_steward WHERE person_id = $1 ORDER BY account_id";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(person).fetch_all(conn).await)?)
}
