//! SQL of provisioned users.

use super::User;
use crate::db::{Tx, on};
use crate::error::Result;
use crate::identity::Person;
use crate::ids::{OrganizationId, PersonId};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    id: PersonId,
    email: String,
    name: String,
    created_at: Millis,
    disabled_at: Option<Millis>,
    external_id: Option<String>,
    updated_at: Option<Millis>,
    role: Option<String>,
}

/// Lists the organization's members, and whom its provider shut out but not took away.
pub async fn list(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<User>> {
    let sql = "SELECT p.id, p.email, p.name, p.created_at, p.disabled_at, s.external_id, s.updated_at, m.role \
               FROM person p \
               LEFT JOIN organization_member m ON m.person_id = p.id AND m.organization_id = $1 \
               LEFT JOIN scim_user s ON s.person_id = p.id AND s.organization_id = $2 AND s.deleted_at IS NULL \
               WHERE m.person_id IS NOT NULL OR s.person_id IS NOT NULL ORDER BY p.id";
    let rows: Vec<Row> =
        on!(tx, conn => sqlx::query_as(sql).bind(organization).bind(organization).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Row::read).collect())
}

impl Row {
    fn read(self) -> User {
        let person = Person {
            id: self.id,
            email: self.email,
            name: self.name,
            created_at: self.created_at,
            disabled_at: self.disabled_at,
        };
        User {
            is_active: self.role.is_some() && person.disabled_at.is_none(),
            external_id: self.external_id,
            created_at: person.created_at,
            updated_at: self.updated_at.unwrap_or(person.created_at),
            person,
        }
    }
}

pub async fn upsert(
    tx: &mut Tx,
    organization: OrganizationId,
    person: PersonId,
    external_id: Option<&str>,
    now: Millis,
) -> Result<()> {
    let sql = "INSERT INTO scim_user (organization_id, person_id, external_id, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organization_id, person_id) DO UPDATE SET \
               external_id = excluded.external_id, updated_at = excluded.updated_at, deleted_at = NULL";
    let query = sqlx::query(sql).bind(organization).bind(person).bind(external_id).bind(now).bind(now);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn update_deleted(tx: &mut Tx, organization: OrganizationId, person: PersonId, now: Millis) -> Result<()> {
    let sql = "UPDATE scim_user SET deleted_at = $1 WHERE organization_id = $2 AND person_id = $3";
    on!(tx, conn => sqlx::query(sql).bind(now).bind(organization).bind(person).execute(conn).await)?;
    Ok(())
}
