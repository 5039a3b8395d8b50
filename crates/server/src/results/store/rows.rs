//! SQL of the importer: many rows in one statement.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::AssertSqlSafe;
use testward_wire::results::{Counts, Status};

use crate::db::{CHUNK, Tx, insert, marks, on};
use crate::error::Result;
use crate::ids::{CaseId, ProjectId, ResultId, RunId, SuiteId, UploadId};
use crate::results::record::{NewAttachment, NewResult, NewSuite};
use crate::results::{status_from_name, status_name};

/// Hexadecimal digits of a case's hash.
const HASH_LEN: usize = 32;

/// What a result gets from the tables when it is written.
pub struct Placed {
    pub id: ResultId,
    pub case_id: CaseId,
    pub suite_id: Option<SuiteId>,
    pub attempt: i64,
    pub is_flaky: bool,
}

/// An earlier attempt at a case, which decided so far.
#[derive(sqlx::FromRow)]
pub struct Earlier {
    pub id: ResultId,
    pub case_id: CaseId,
    pub attempt: i64,
    status: String,
    pub is_flaky: bool,
}

impl Earlier {
    pub fn status(&self) -> Status {
        status_from_name(&self.status).unwrap_or(Status::Incomplete)
    }
}

/// Finds the cases of a project that have the results, by the hash of their key; at most [`CHUNK`] at once.
pub async fn list_cases(tx: &mut Tx, project: ProjectId, results: &[NewResult]) -> Result<HashMap<String, CaseId>> {
    // One long text instead of rows: the driver hands each row from thread to thread, which costs more than finding it.
    let sql = format!(
        "SELECT string_agg(key_hash || id, ' ') FROM test_case WHERE project_id = ? AND key_hash IN ({})",
        marks(results.len())
    );
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(project).persistent(results.len() == CHUNK);
    for result in results {
        query = query.bind(result.key_hash.clone());
    }
    let found: Option<String> = on!(tx, conn => query.fetch_one(conn).await)?;
    let read = |case: &str| {
        let (hash, id) = case.split_at_checked(HASH_LEN)?;
        Some((hash.to_owned(), CaseId(id.parse().ok()?)))
    };
    Ok(found.unwrap_or_default().split(' ').filter_map(read).collect())
}

pub async fn insert_cases(tx: &mut Tx, project: ProjectId, first: CaseId, cases: &[&NewResult]) -> Result<()> {
    let sql = insert("test_case", "id, project_id, key_hash, name, class_name", cases.len());
    let mut query = sqlx::query(sql).persistent(cases.len() == CHUNK);
    for (id, case) in (first.0..).zip(cases) {
        query = query.bind(id).bind(project).bind(case.key_hash.clone()).bind(case.name.clone());
        query = query.bind(case.class_name.clone());
    }
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn insert_results(
    tx: &mut Tx,
    run: RunId,
    upload: Option<UploadId>,
    rows: &[(Placed, &NewResult)],
) -> Result<()> {
    let columns = "id, run_id, suite_id, case_id, upload_id, name, class_name, status, is_flaky, is_deciding, attempt, \
                   duration_ms, started_at, message";
    let mut query = sqlx::query(insert("result", columns, rows.len())).persistent(rows.len() == CHUNK);
    let mut names: HashMap<Status, Arc<str>> = HashMap::new();
    for (placed, result) in rows {
        query = query.bind(placed.id).bind(run).bind(placed.suite_id).bind(placed.case_id).bind(upload);
        let status = names.entry(result.status).or_insert_with(|| status_name(result.status).into());
        query = query.bind(result.name.clone()).bind(result.class_name.clone()).bind(status.clone());
        query = query.bind(placed.is_flaky).bind(true).bind(placed.attempt);
        query = query.bind(result.duration_ms).bind(result.started_at).bind(result.message.clone());
    }
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn insert_details(tx: &mut Tx, details: &[(ResultId, &Arc<str>)]) -> Result<()> {
    let mut query = sqlx::query(insert("result_detail", "result_id, body", details.len()));
    query = query.persistent(details.len() == CHUNK);
    for (id, body) in details {
        query = query.bind(id).bind(Arc::clone(body));
    }
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn insert_attachments(
    tx: &mut Tx,
    run: RunId,
    upload: UploadId,
    first: i64,
    files: &[(Option<ResultId>, &NewAttachment)],
) -> Result<()> {
    let columns = "id, run_id, upload_id, result_id, name, blob, bytes, mime";
    let mut query = sqlx::query(insert("attachment", columns, files.len())).persistent(false);
    for (id, (result, file)) in (first..).zip(files) {
        query = query.bind(id).bind(run).bind(upload).bind(result);
        query = query.bind(&file.name).bind(&file.blob).bind(file.bytes).bind(&file.mime);
    }
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn insert_suites(
    tx: &mut Tx,
    run: RunId,
    upload: Option<UploadId>,
    suites: &[(SuiteId, Option<SuiteId>, &NewSuite)],
) -> Result<()> {
    let columns = "id, run_id, upload_id, parent_id, name, hostname, started_at, duration_ms, total, passed, failed, \
                   error, incomplete, skipped, not_run, flaky, detail";
    let mut query = sqlx::query(insert("suite", columns, suites.len())).persistent(suites.len() == CHUNK);
    for (id, parent, suite) in suites {
        query = query.bind(id).bind(run).bind(upload).bind(parent).bind(&suite.name).bind(&suite.hostname);
        query = query.bind(suite.started_at).bind(suite.duration_ms);
        let Counts { total, passed, failed, error, incomplete, skipped, not_run, flaky } = suite.counts;
        query = query.bind(total).bind(passed).bind(failed).bind(error);
        query = query.bind(incomplete).bind(skipped).bind(not_run).bind(flaky).bind(&suite.detail);
    }
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

/// Lists the results of other uploads that decide about `cases` in a run; at most [`CHUNK`] cases.
pub async fn list_earlier(tx: &mut Tx, run: RunId, upload: UploadId, cases: &[CaseId]) -> Result<Vec<Earlier>> {
    // Put this way, `is_deciding` tempts nobody to walk the index of the whole run.
    let sql = format!(
        "SELECT id, case_id, attempt, status, is_flaky FROM result \
         WHERE run_id = ? AND upload_id <> ? AND NOT is_deciding = FALSE AND case_id IN ({})",
        marks(cases.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(run).bind(upload).persistent(cases.len() == CHUNK);
    for case in cases {
        query = query.bind(*case);
    }
    Ok(on!(tx, conn => query.fetch_all(conn).await)?)
}

/// Says of results that a later attempt decides.
pub async fn update_to_overtaken(tx: &mut Tx, results: &[ResultId]) -> Result<()> {
    let sql = format!("UPDATE result SET is_deciding = FALSE WHERE id IN ({})", marks(results.len()));
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(results.len() == CHUNK);
    for id in results {
        query = query.bind(*id);
    }
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

/// Finds the last of the first `n` results of an upload.
pub async fn find_last_of(tx: &mut Tx, upload: UploadId, n: usize) -> Result<Option<ResultId>> {
    let sql = "SELECT MAX(id) FROM (SELECT id FROM result WHERE upload_id = $1 ORDER BY id LIMIT $2) AS first_ones";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(upload).bind(n as i64).fetch_one(conn).await)?)
}

/// Lets the attempts before those of an upload, up to `last`, decide again.
pub async fn update_to_deciding(tx: &mut Tx, upload: UploadId, last: ResultId) -> Result<()> {
    let sql = "UPDATE result SET is_deciding = TRUE WHERE id IN (SELECT MAX(older.id) FROM result gone \
               JOIN result older ON older.case_id = gone.case_id AND older.run_id = gone.run_id \
               AND older.upload_id <> gone.upload_id WHERE gone.upload_id = $1 AND gone.id <= $2 \
               AND gone.is_deciding = TRUE GROUP BY gone.case_id)";
    on!(tx, conn => sqlx::query(sql).bind(upload).bind(last).execute(conn).await)?;
    Ok(())
}

/// Removes the results of an upload up to `last`, with their details.
pub async fn delete_results(tx: &mut Tx, upload: UploadId, last: ResultId) -> Result<()> {
    for sql in [
        "DELETE FROM result_detail WHERE result_id IN (SELECT id FROM result WHERE upload_id = $1 AND id <= $2)",
        "DELETE FROM result WHERE upload_id = $1 AND id <= $2",
    ] {
        on!(tx, conn => sqlx::query(sql).bind(upload).bind(last).execute(conn).await)?;
    }
    Ok(())
}

/// Removes the suites and files of an upload.
pub async fn delete_suites(tx: &mut Tx, upload: UploadId) -> Result<()> {
    for sql in ["DELETE FROM suite WHERE upload_id = $1", "DELETE FROM attachment WHERE upload_id = $1"] {
        on!(tx, conn => sqlx::query(sql).bind(upload).execute(conn).await)?;
    }
    Ok(())
}
