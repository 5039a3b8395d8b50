//! SQL of projects.

use super::Project;
use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::{PersonId, ProjectId, TeamId};
use crate::time::Millis;

/// The columns of a [`Project`], and below it the condition under which person `$1` may see it.
macro_rules! visible {
    ($state:literal, $more:literal) => {
        concat!(
            "SELECT p.id, p.name, t.id AS team_id, t.name AS team_name, o.id AS organization_id, \
             o.name AS organization_name, p.created_at, p.archived_at \
             FROM project p JOIN team t ON t.id = p.team_id JOIN organization o ON o.id = t.organization_id \
             JOIN organization_member m ON m.organization_id = o.id AND m.person_id = $1 \
             LEFT JOIN team_member tm ON tm.team_id = t.id AND tm.person_id = m.person_id \
             WHERE p.archived_at ",
            $state,
            " AND (m.role IN ('owner', 'admin') OR tm.person_id IS NOT NULL)",
            $more
        )
    };
}

pub async fn find(tx: &mut Tx, person: PersonId, id: ProjectId) -> Result<Option<Project>> {
    let sql = visible!("IS NULL", " AND p.id = $2");
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(person).bind(id).fetch_optional(conn).await)?)
}

pub async fn list(tx: &mut Tx, person: PersonId) -> Result<Vec<Project>> {
    let sql = visible!("IS NULL", "");
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(person).fetch_all(conn).await)?)
}

#[derive(sqlx::FromRow)]
struct ArchivedRow {
    #[sqlx(flatten)]
    project: Project,
    archived_at: Millis,
}

pub async fn list_archived(tx: &mut Tx, person: PersonId) -> Result<Vec<(Project, Millis)>> {
    let sql = visible!("IS NOT NULL", "");
    let rows: Vec<ArchivedRow> = on!(tx, conn => sqlx::query_as(sql).bind(person).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|row| (row.project, row.archived_at)).collect())
}

pub async fn update(tx: &mut Tx, id: ProjectId, team: TeamId, name: &str) -> Result<()> {
    let sql = "UPDATE project SET team_id = $1, name = $2 WHERE id = $3";
    on!(tx, conn => sqlx::query(sql).bind(team).bind(name).bind(id).execute(conn).await)?;
    Ok(())
}

pub async fn update_archived(tx: &mut Tx, id: ProjectId, at: Option<Millis>) -> Result<()> {
    let sql = "UPDATE project SET archived_at = $1 WHERE id = $2";
    on!(tx, conn => sqlx::query(sql).bind(at).bind(id).execute(conn).await)?;
    Ok(())
}

/// Lists every project of the server.
pub async fn list_all(tx: &mut Tx) -> Result<Vec<(ProjectId, String)>> {
    let sql = "SELECT id, name FROM project WHERE archived_at IS NULL ORDER BY id";
    Ok(on!(tx, conn => sqlx::query_as(sql).fetch_all(conn).await)?)
}

pub async fn insert(tx: &mut Tx, id: ProjectId, team: TeamId, name: &str, now: Millis) -> Result<()> {
    let sql = "INSERT INTO project (id, team_id, name, created_at) VALUES ($1, $2, $3, $4)";
    on!(tx, conn => sqlx::query(sql).bind(id).bind(team).bind(name).bind(now).execute(conn).await)?;
    Ok(())
}
