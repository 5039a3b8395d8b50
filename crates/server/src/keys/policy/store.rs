//! SQL of policies.

use sqlx::{FromRow, Row as _};

use super::Policy;
use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::OrganizationId;
use crate::keys::ApiKey;
use crate::net::Networks;
use crate::rights::Scopes;
use crate::time::Millis;

impl FromRow<'_, sqlx::sqlite::SqliteRow> for Policy {
    fn from_row(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            max_lifetime_days: row.try_get("max_lifetime_days")?,
            allows_never: row.try_get("allows_never")?,
            scopes: Scopes::from_text(row.try_get("scopes")?),
            networks: networks(row.try_get("networks")?)?,
            allows_personal: row.try_get("allows_personal")?,
            is_shown_once: false,
            changed_at: row.try_get("changed_at")?,
            version: row.try_get("version")?,
        })
    }
}

/// Networks that cannot be read must not be taken for none, which would be everywhere.
fn networks(text: &str) -> sqlx::Result<Networks> {
    Networks::parse(text.split_whitespace()).map_err(|problem| sqlx::Error::Decode(problem.into()))
}

pub async fn find(tx: &mut Tx, organization: OrganizationId) -> Result<Option<Policy>> {
    let sql = "SELECT * FROM key_policy WHERE organization_id = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(organization).fetch_optional(conn).await)?)
}

pub async fn list(tx: &mut Tx) -> Result<Vec<(OrganizationId, Policy)>> {
    let rows = on!(tx, conn => sqlx::query("SELECT * FROM key_policy").fetch_all(conn).await)?;
    let read = |row| Ok((sqlx::Row::try_get(row, "organization_id")?, Policy::from_row(row)?));
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

pub async fn upsert(tx: &mut Tx, organization: OrganizationId, policy: &Policy) -> Result<()> {
    let sql = "INSERT INTO key_policy (organization_id, max_lifetime_days, allows_never, scopes, networks, \
               allows_personal, changed_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
               ON CONFLICT (organization_id) DO UPDATE SET max_lifetime_days = excluded.max_lifetime_days, \
               allows_never = excluded.allows_never, scopes = excluded.scopes, \
               networks = excluded.networks, allows_personal = excluded.allows_personal, \
               changed_at = excluded.changed_at, version = excluded.version";
    let query = sqlx::query(sql).bind(organization).bind(policy.max_lifetime_days).bind(policy.allows_never);
    let query = query.bind(policy.scopes.to_text()).bind(policy.networks.to_string());
    let query = query.bind(policy.allows_personal).bind(policy.changed_at).bind(policy.version);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

/// Lists the keys of an organization's people that live, each with its owner's address.
pub async fn list_live_keys(tx: &mut Tx, now: Millis, organization: OrganizationId) -> Result<Vec<(ApiKey, String)>> {
    let sql = "SELECT k.*, p.email AS owner_email FROM api_key k JOIN person p ON p.id = k.owner_id \
               JOIN organization_member m ON m.person_id = p.id AND m.organization_id = $1 \
               WHERE k.revoked_at IS NULL AND k.disabled_at IS NULL AND p.disabled_at IS NULL \
               AND COALESCE(k.expires_at, $2 + 1) > $2";
    let rows = on!(tx, conn => sqlx::query(sql).bind(organization).bind(now).fetch_all(conn).await)?;
    let read = |row| Ok((ApiKey::from_row(row)?, sqlx::Row::try_get(row, "owner_email")?));
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}
