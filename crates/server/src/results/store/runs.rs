//! SQL of runs.

use anyhow::Context as _;
use sqlx::QueryBuilder;
use testward_wire::results::{Counts, Status};

use super::containing;
use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::{PersonId, ProjectId, RunId};
use crate::results::{Run, RunFilter, RunStage, status_from_name, status_name};
use crate::time::Millis;

const COLUMNS: &str = "id, project_id, number, name, status, stage, total, passed, failed, error, incomplete, skipped, \
                       not_run, flaky, duration_ms, started_at, ended_at, session_id, build_label, build_url, branch, \
                       commit_hash, tags, environment, person_id, key_handle, created_at";

#[derive(sqlx::FromRow)]
struct Row {
    id: RunId,
    project_id: ProjectId,
    number: i64,
    name: String,
    status: String,
    stage: String,
    #[sqlx(flatten)]
    counts: CountsRow,
    duration_ms: Option<i64>,
    started_at: Option<Millis>,
    ended_at: Option<Millis>,
    session_id: Option<String>,
    build_label: Option<String>,
    build_url: Option<String>,
    branch: Option<String>,
    commit_hash: Option<String>,
    tags: String,
    environment: String,
    person_id: PersonId,
    key_handle: Option<String>,
    created_at: Millis,
}

/// The columns of [`Counts`].
#[derive(sqlx::FromRow)]
pub(super) struct CountsRow {
    total: i64,
    passed: i64,
    failed: i64,
    error: i64,
    incomplete: i64,
    skipped: i64,
    not_run: i64,
    flaky: i64,
}

impl From<CountsRow> for Counts {
    fn from(row: CountsRow) -> Self {
        let CountsRow { total, passed, failed, error, incomplete, skipped, not_run, flaky } = row;
        Self { total, passed, failed, error, incomplete, skipped, not_run, flaky }
    }
}

impl From<Row> for Run {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            project_id: row.project_id,
            number: row.number,
            name: row.name,
            status: status_from_name(&row.status).unwrap_or(Status::Incomplete),
            stage: RunStage::from_name(&row.stage),
            counts: row.counts.into(),
            duration_ms: row.duration_ms,
            started_at: row.started_at,
            ended_at: row.ended_at,
            session_id: row.session_id,
            build_label: row.build_label,
            build_url: row.build_url,
            branch: row.branch,
            commit: row.commit_hash,
            tags: serde_json::from_str(&row.tags).unwrap_or_default(),
            environment: serde_json::from_str(&row.environment).unwrap_or_default(),
            person_id: row.person_id,
            key_handle: row.key_handle,
            created_at: row.created_at,
        }
    }
}

/// Takes the next number of a project.
pub async fn claim_number(tx: &mut Tx, project: ProjectId) -> Result<i64> {
    let sql = "INSERT INTO run_counter (project_id, next) VALUES ($1, 2) \
               ON CONFLICT (project_id) DO UPDATE SET next = run_counter.next + 1 RETURNING next - 1";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(project).fetch_one(conn).await)?)
}

pub async fn insert_run(tx: &mut Tx, run: &Run) -> Result<()> {
    let sql = "INSERT INTO run (id, project_id, number, name, status, stage, total, passed, failed, error, incomplete, \
               skipped, not_run, flaky, session_id, build_label, build_url, branch, commit_hash, tags, environment, \
               person_id, key_handle, created_at, touched_at) VALUES \
               ($1, $2, $3, $4, $5, $6, 0, 0, 0, 0, 0, 0, 0, 0, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    let query = sqlx::query(sql)
        .bind(run.id)
        .bind(run.project_id)
        .bind(run.number)
        .bind(&run.name)
        .bind(status_name(run.status))
        .bind(run.stage.name())
        .bind(&run.session_id)
        .bind(&run.build_label)
        .bind(&run.build_url)
        .bind(&run.branch)
        .bind(&run.commit)
        .bind(json(&run.tags)?)
        .bind(json(&run.environment)?)
        .bind(run.person_id)
        .bind(&run.key_handle)
        .bind(run.created_at)
        .bind(run.created_at);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

/// Writes what may change of a run.
pub async fn update_run(tx: &mut Tx, now: Millis, run: &Run) -> Result<()> {
    let sql = "UPDATE run SET name = $1, status = $2, stage = $3, total = $4, passed = $5, failed = $6, error = $7, \
               incomplete = $8, skipped = $9, not_run = $10, flaky = $11, duration_ms = $12, started_at = $13, \
               ended_at = $14, session_id = $15, build_label = $16, build_url = $17, branch = $18, commit_hash = $19, \
               tags = $20, environment = $21, touched_at = $22 WHERE id = $23";
    let Counts { total, passed, failed, error, incomplete, skipped, not_run, flaky } = run.counts;
    let query = sqlx::query(sql).bind(&run.name).bind(status_name(run.status)).bind(run.stage.name());
    let query = query.bind(total).bind(passed).bind(failed).bind(error);
    let query = query.bind(incomplete).bind(skipped).bind(not_run).bind(flaky);
    let query = query.bind(run.duration_ms).bind(run.started_at).bind(run.ended_at).bind(&run.session_id);
    let query = query.bind(&run.build_label).bind(&run.build_url).bind(&run.branch).bind(&run.commit);
    let query = query.bind(json(&run.tags)?).bind(json(&run.environment)?).bind(now).bind(run.id);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    Ok(serde_json::to_string(value).context("writing JSON")?)
}

pub async fn find_run(tx: &mut Tx, project: ProjectId, number: i64) -> Result<Option<Run>> {
    let sql = format!("SELECT {COLUMNS} FROM run WHERE project_id = $1 AND number = $2");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(project).bind(number);
    let row: Option<Row> = on!(tx, conn => query.fetch_optional(conn).await)?;
    Ok(row.map(Run::from))
}

pub async fn find_run_by_id(tx: &mut Tx, id: RunId) -> Result<Option<Run>> {
    let sql = format!("SELECT {COLUMNS} FROM run WHERE id = $1");
    let row: Option<Row> =
        on!(tx, conn => sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(conn).await)?;
    Ok(row.map(Run::from))
}

pub async fn find_run_by_session(tx: &mut Tx, project: ProjectId, session: &str) -> Result<Option<Run>> {
    let sql = format!("SELECT {COLUMNS} FROM run WHERE project_id = $1 AND session_id = $2");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(project).bind(session);
    let row: Option<Row> = on!(tx, conn => query.fetch_optional(conn).await)?;
    Ok(row.map(Run::from))
}

/// Finds the run that took the place of the one that had `number`.
pub async fn find_alias(tx: &mut Tx, project: ProjectId, number: i64) -> Result<Option<RunId>> {
    let sql = "SELECT run_id FROM run_alias WHERE project_id = $1 AND number = $2";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(project).bind(number).fetch_optional(conn).await)?)
}

/// Makes the numbers of `run` lead to `other`, and removes the row of `run`, of which nothing may hang any more.
pub async fn delete_run_in_favour_of(tx: &mut Tx, run: &Run, other: RunId) -> Result<()> {
    let older = "UPDATE run_alias SET run_id = $1 WHERE run_id = $2";
    on!(tx, conn => sqlx::query(older).bind(other).bind(run.id).execute(conn).await)?;
    let own = "INSERT INTO run_alias (project_id, number, run_id) VALUES ($1, $2, $3)";
    let query = sqlx::query(own).bind(run.project_id).bind(run.number).bind(other);
    on!(tx, conn => query.execute(conn).await)?;
    on!(tx, conn => sqlx::query("DELETE FROM run WHERE id = $1").bind(run.id).execute(conn).await)?;
    Ok(())
}

/// Lists runs with numbers below `before`, newest first.
pub async fn list_runs(
    tx: &mut Tx,
    project: ProjectId,
    filter: &RunFilter,
    before: i64,
    limit: usize,
) -> Result<Vec<Run>> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(COLUMNS).push(" FROM run WHERE project_id = ").push_bind(project);
    query.push(" AND number < ").push_bind(before);
    if let Some(status) = filter.status {
        query.push(" AND status = ").push_bind(status_name(status));
    }
    if let Some(branch) = &filter.branch {
        query.push(" AND branch = ").push_bind(branch.clone());
    }
    if let Some(person) = filter.person {
        query.push(" AND person_id = ").push_bind(person);
    }
    if let Some(key) = &filter.key {
        query.push(" AND key_handle = ").push_bind(key.clone());
    }
    if let Some(tag) = &filter.tag {
        // The list is JSON, so a whole tag stands between quotes, written as JSON writes it.
        query.push(" AND instr(tags, ").push_bind(json(tag)?).push(") > 0");
    }
    if let Some(since) = filter.since {
        // Numbers grow with time: from here on none older need be looked at.
        query.push(" AND number >= (SELECT MIN(number) FROM run WHERE project_id = ").push_bind(project);
        query.push(" AND created_at >= ").push_bind(since).push(") AND created_at >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        query.push(" AND created_at < ").push_bind(until);
    }
    if let Some(text) = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        push_text(&mut query, text);
    }
    query.push(" ORDER BY number DESC LIMIT ").push_bind(limit as i64);
    let rows: Vec<Row> = on!(tx, conn => query.build_query_as().fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Run::from).collect())
}

fn push_text(query: &mut QueryBuilder<sqlx::Sqlite>, text: &str) {
    query.push(" AND (number = ").push_bind(text.trim_start_matches('#').parse().unwrap_or(0_i64));
    for column in ["name", "build_label", "branch", "commit_hash", "tags"] {
        query.push(" OR lower(").push(column).push(") LIKE ").push_bind(containing(text)).push(" ESCAPE '\\'");
    }
    query.push(")");
}

pub async fn list_uploaders(tx: &mut Tx, project: ProjectId) -> Result<Vec<PersonId>> {
    let sql = "SELECT id FROM person WHERE EXISTS (SELECT 1 FROM run WHERE project_id = $1 AND person_id = person.id)";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(project).fetch_all(conn).await)?)
}

pub async fn count_runs(tx: &mut Tx, project: ProjectId) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM run WHERE project_id = $1";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(project).fetch_one(conn).await)?)
}

/// Lists runs in progress that were last heard of before `before`.
pub async fn list_silent(tx: &mut Tx, before: Millis) -> Result<Vec<Run>> {
    let sql =
        format!("SELECT {COLUMNS} FROM run WHERE stage = 'running' AND touched_at < $1 ORDER BY touched_at LIMIT 100");
    let rows: Vec<Row> = on!(tx, conn => sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(before).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Run::from).collect())
}

/// Counts the deciding results of a run by status.
pub async fn count_results(tx: &mut Tx, run: RunId) -> Result<Vec<(Status, i64)>> {
    let sql = "SELECT status, COUNT(*) FROM result WHERE run_id = $1 AND is_deciding = TRUE GROUP BY status";
    let rows: Vec<(String, i64)> = on!(tx, conn => sqlx::query_as(sql).bind(run).fetch_all(conn).await)?;
    Ok(rows.into_iter().filter_map(|(status, n)| Some((status_from_name(&status)?, n))).collect())
}

/// Counts the deciding results of a run that passed after a failed attempt.
pub async fn count_flaky(tx: &mut Tx, run: RunId) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM result WHERE run_id = $1 AND is_deciding = TRUE AND is_flaky";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(run).fetch_one(conn).await)?)
}
