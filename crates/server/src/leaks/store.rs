//! SQL of leaks.

use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::{LeakId, OrganizationId, PersonId, ProjectId, RunId};
use crate::time::Millis;

/// A secret that was found, without itself.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Leak {
    pub id: LeakId,
    pub organization_id: OrganizationId,
    pub at: Millis,
    pub source: String,
    pub rule: String,
    pub project_id: Option<ProjectId>,
    pub person_id: Option<PersonId>,
    pub blob: Option<String>,
    pub byte_offset: Option<i64>,
    pub key_handle: Option<String>,
}

/// A leak with what a page tells of it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Shown {
    #[sqlx(flatten)]
    pub leak: Leak,
    pub person_name: Option<String>,
    pub project_name: Option<String>,
    pub team_id: Option<i64>,
    /// A run whose upload holds the file.
    pub run_number: Option<i64>,
    pub path: Option<String>,
}

/// Says how many rows are new: the same place in the same bytes is known already.
pub async fn insert(tx: &mut Tx, leak: &Leak) -> Result<u64> {
    let sql = "INSERT INTO leak (id, organization_id, at, source, rule, project_id, person_id, blob, byte_offset, \
               key_handle) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
               ON CONFLICT (blob, byte_offset, organization_id) DO NOTHING";
    let query = sqlx::query(sql).bind(leak.id).bind(leak.organization_id).bind(leak.at).bind(&leak.source);
    let query = query.bind(&leak.rule).bind(leak.project_id).bind(leak.person_id).bind(&leak.blob);
    let query = query.bind(leak.byte_offset).bind(&leak.key_handle);
    Ok(on!(tx, conn => query.execute(conn).await)?.rows_affected())
}

pub async fn find_organization(tx: &mut Tx, project: ProjectId) -> Result<Option<OrganizationId>> {
    let sql = "SELECT t.organization_id FROM project p JOIN team t ON t.id = p.team_id WHERE p.id = $1";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(project).fetch_optional(conn).await)?)
}

pub async fn list(tx: &mut Tx, organization: OrganizationId, before: Option<LeakId>, limit: i64) -> Result<Vec<Shown>> {
    let sql = "SELECT l.*, p.name AS person_name, j.name AS project_name, j.team_id, r.number AS run_number, \
               u.path AS path FROM leak l LEFT JOIN person p ON p.id = l.person_id \
               LEFT JOIN project j ON j.id = l.project_id \
               LEFT JOIN upload_file u ON u.rowid = (SELECT MAX(f.rowid) FROM upload_file f WHERE f.blob = l.blob) \
               LEFT JOIN upload up ON up.id = u.upload_id LEFT JOIN run r ON r.id = up.run_id \
               WHERE l.organization_id = $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3";
    let query = sqlx::query_as(sql).bind(organization).bind(before.map_or(i64::MAX, |id| id.0)).bind(limit);
    Ok(on!(tx, conn => query.fetch_all(conn).await)?)
}

pub async fn count_in_run(tx: &mut Tx, run: RunId) -> Result<i64> {
    let sql = "SELECT COUNT(DISTINCT l.id) FROM upload u JOIN upload_file f ON f.upload_id = u.id \
               LEFT JOIN file p ON p.id = f.file_id JOIN leak l ON l.blob = COALESCE(p.blob, f.blob) \
               WHERE u.run_id = $1";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(run).fetch_one(conn).await)?)
}
