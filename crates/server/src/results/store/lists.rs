//! SQL of what pages list: suites, results, details, history and files.

use anyhow::Context as _;
use sqlx::QueryBuilder;
use testward_wire::results::Status;

use super::containing;
use super::runs::CountsRow;
use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::{AttachmentId, CaseId, ProjectId, ResultId, RunId, SuiteId};
use crate::results::{
    Attachment, CaseResult, Detail, HistoryEntry, ResultFilter, Suite, status_from_name, status_name,
};
use crate::time::Millis;

const SUITE: &str = "id, parent_id, name, hostname, started_at, duration_ms, total, passed, failed, error, incomplete, \
                     skipped, not_run, flaky, detail IS NOT NULL AS has_detail";
const RESULT: &str = "id, run_id, suite_id, case_id, name, class_name, status, is_flaky, is_deciding, attempt, \
                      duration_ms, started_at, message";
const ATTACHMENT: &str = "a.id, a.run_id, a.result_id, a.name, a.blob, a.bytes, a.mime";

#[derive(sqlx::FromRow)]
struct SuiteRow {
    id: SuiteId,
    parent_id: Option<SuiteId>,
    name: String,
    hostname: Option<String>,
    started_at: Option<Millis>,
    duration_ms: Option<f64>,
    #[sqlx(flatten)]
    counts: CountsRow,
    has_detail: bool,
}

impl From<SuiteRow> for Suite {
    fn from(row: SuiteRow) -> Self {
        let SuiteRow { id, parent_id, name, hostname, started_at, duration_ms, counts, has_detail } = row;
        Self { id, parent_id, name, hostname, started_at, duration_ms, counts: counts.into(), has_detail }
    }
}

#[derive(sqlx::FromRow)]
struct ResultRow {
    id: ResultId,
    run_id: RunId,
    suite_id: Option<SuiteId>,
    case_id: CaseId,
    name: String,
    class_name: Option<String>,
    status: String,
    is_flaky: bool,
    is_deciding: bool,
    attempt: i64,
    duration_ms: Option<f64>,
    started_at: Option<Millis>,
    message: Option<String>,
}

impl From<ResultRow> for CaseResult {
    fn from(row: ResultRow) -> Self {
        Self {
            id: row.id,
            run_id: row.run_id,
            suite_id: row.suite_id,
            case_id: row.case_id,
            name: row.name,
            class_name: row.class_name,
            status: status_from_name(&row.status).unwrap_or(Status::Incomplete),
            is_flaky: row.is_flaky,
            is_deciding: row.is_deciding,
            attempt: row.attempt,
            duration_ms: row.duration_ms,
            started_at: row.started_at,
            message: row.message,
        }
    }
}

pub async fn list_suites(tx: &mut Tx, run: RunId) -> Result<Vec<Suite>> {
    let sql = format!("SELECT {SUITE} FROM suite WHERE run_id = $1 ORDER BY id");
    let rows: Vec<SuiteRow> =
        on!(tx, conn => sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(run).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Suite::from).collect())
}

pub async fn find_suite(tx: &mut Tx, run: RunId, id: SuiteId) -> Result<Option<Suite>> {
    let sql = format!("SELECT {SUITE} FROM suite WHERE run_id = $1 AND id = $2");
    let row: Option<SuiteRow> =
        on!(tx, conn => sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(run).bind(id).fetch_optional(conn).await)?;
    Ok(row.map(Suite::from))
}

pub async fn find_suite_detail(tx: &mut Tx, run: RunId, id: SuiteId) -> Result<Option<Detail>> {
    let sql = "SELECT detail FROM suite WHERE run_id = $1 AND id = $2";
    let query = sqlx::query_scalar(sql).bind(run).bind(id);
    let body: Option<Option<String>> = on!(tx, conn => query.fetch_optional(conn).await)?;
    body.map(|body| body.map_or_else(|| Ok(Detail::default()), |body| read_detail(&body))).transpose()
}

/// Lists deciding results after the one at `after`, by status and id.
pub async fn list_results(
    tx: &mut Tx,
    run: RunId,
    filter: &ResultFilter,
    after: Option<(Status, ResultId)>,
    limit: usize,
) -> Result<Vec<CaseResult>> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(RESULT).push(" FROM result WHERE run_id = ").push_bind(run).push(" AND is_deciding = TRUE");
    if !filter.statuses.is_empty() {
        query.push(" AND status IN (");
        let mut list = query.separated(", ");
        for status in &filter.statuses {
            list.push_bind(status_name(*status));
        }
        query.push(")");
    }
    if let Some(suite) = filter.suite {
        query.push(" AND suite_id = ").push_bind(suite);
    }
    if let Some((status, id)) = after {
        query.push(" AND (status, id) > (").push_bind(status_name(status)).push(", ").push_bind(id).push(")");
    }
    if let Some(text) = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        query
            .push(" AND (lower(name) LIKE ")
            .push_bind(containing(text))
            .push(" ESCAPE '\\' OR lower(class_name) LIKE ");
        query.push_bind(containing(text)).push(" ESCAPE '\\')");
    }
    query.push(" ORDER BY status, id LIMIT ").push_bind(limit as i64);
    let rows: Vec<ResultRow> = on!(tx, conn => query.build_query_as().fetch_all(conn).await)?;
    Ok(rows.into_iter().map(CaseResult::from).collect())
}

pub async fn find_result(tx: &mut Tx, run: RunId, id: ResultId) -> Result<Option<CaseResult>> {
    let sql = format!("SELECT {RESULT} FROM result WHERE id = $1 AND run_id = $2");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id).bind(run);
    let row: Option<ResultRow> = on!(tx, conn => query.fetch_optional(conn).await)?;
    Ok(row.map(CaseResult::from))
}

/// Lists all results of a case in a run, oldest first.
pub async fn list_attempts(tx: &mut Tx, run: RunId, case: CaseId) -> Result<Vec<CaseResult>> {
    let sql = format!("SELECT {RESULT} FROM result WHERE case_id = $1 AND run_id = $2 ORDER BY id LIMIT 100");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(case).bind(run);
    let rows: Vec<ResultRow> = on!(tx, conn => query.fetch_all(conn).await)?;
    Ok(rows.into_iter().map(CaseResult::from).collect())
}

/// Lists the deciding results of a case, newest run first.
pub async fn list_history(tx: &mut Tx, case: CaseId, limit: usize) -> Result<Vec<HistoryEntry>> {
    let sql = "SELECT result.status, result.is_flaky, run.number, result.id FROM result \
               JOIN run ON run.id = result.run_id WHERE result.case_id = $1 AND result.is_deciding = TRUE \
               ORDER BY result.run_id DESC, result.id DESC LIMIT $2";
    let query = sqlx::query_as(sql).bind(case).bind(limit as i64);
    let rows: Vec<(String, bool, i64, ResultId)> = on!(tx, conn => query.fetch_all(conn).await)?;
    let entries = rows.into_iter().map(|(status, is_flaky, run_number, result_id)| {
        let status = status_from_name(&status).unwrap_or(Status::Incomplete);
        HistoryEntry { status, is_flaky, run_number, result_id }
    });
    Ok(entries.collect())
}

pub async fn find_detail(tx: &mut Tx, id: ResultId) -> Result<Detail> {
    let sql = "SELECT body FROM result_detail WHERE result_id = $1";
    let body: Option<String> = on!(tx, conn => sqlx::query_scalar(sql).bind(id).fetch_optional(conn).await)?;
    body.map_or_else(|| Ok(Detail::default()), |body| read_detail(&body))
}

fn read_detail(body: &str) -> Result<Detail> {
    Ok(serde_json::from_str(body).context("reading the detail of a result")?)
}

pub async fn list_attachments(tx: &mut Tx, result: ResultId) -> Result<Vec<Attachment>> {
    let sql = format!("SELECT {ATTACHMENT} FROM attachment a WHERE a.result_id = $1 ORDER BY a.id");
    Ok(on!(tx, conn => sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(result).fetch_all(conn).await)?)
}

/// Lists the files of a run that belong to no result; at most 20 000.
pub async fn list_run_attachments(tx: &mut Tx, run: RunId) -> Result<Vec<Attachment>> {
    let sql = format!(
        "SELECT {ATTACHMENT} FROM attachment a WHERE a.run_id = $1 AND a.result_id IS NULL ORDER BY a.id LIMIT 20000"
    );
    Ok(on!(tx, conn => sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(run).fetch_all(conn).await)?)
}

pub async fn find_attachment(tx: &mut Tx, project: ProjectId, id: AttachmentId) -> Result<Option<Attachment>> {
    let sql = format!(
        "SELECT {ATTACHMENT} FROM attachment a JOIN run ON run.id = a.run_id WHERE a.id = $1 AND run.project_id = $2"
    );
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id).bind(project);
    Ok(on!(tx, conn => query.fetch_optional(conn).await)?)
}
