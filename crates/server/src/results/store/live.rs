//! SQL of provisional results: those of a run in progress, which belong to no upload.

use testward_wire::results::Status;

use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::{CaseId, ResultId, RunId, SuiteId};
use crate::results::{status_from_name, status_name};

/// Finds the provisional suite of that name.
pub async fn find_live_suite(tx: &mut Tx, run: RunId, name: &str) -> Result<Option<SuiteId>> {
    let sql = "SELECT id FROM suite WHERE run_id = $1 AND upload_id IS NULL AND name = $2";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(run).bind(name).fetch_optional(conn).await)?)
}

/// Finds the provisional result of a case, and the status it has.
pub async fn find_live_result(tx: &mut Tx, run: RunId, case: CaseId) -> Result<Option<(ResultId, Status)>> {
    let sql = "SELECT id, status FROM result WHERE case_id = $1 AND run_id = $2 AND upload_id IS NULL";
    let query = sqlx::query_as(sql).bind(case).bind(run);
    let row: Option<(ResultId, String)> = on!(tx, conn => query.fetch_optional(conn).await)?;
    Ok(row.map(|(id, status)| (id, status_from_name(&status).unwrap_or(Status::Running))))
}

pub async fn update_live_result(tx: &mut Tx, id: ResultId, status: Status) -> Result<()> {
    let sql = "UPDATE result SET status = $1 WHERE id = $2";
    on!(tx, conn => sqlx::query(sql).bind(status_name(status)).bind(id).execute(conn).await)?;
    Ok(())
}

/// Says of results that were running when their run ended that they never ended.
pub async fn update_running_to_incomplete(tx: &mut Tx, run: RunId) -> Result<()> {
    let sql = "UPDATE result SET status = 'INCOMPLETE' WHERE run_id = $1 AND is_deciding = TRUE AND status = 'RUNNING'";
    on!(tx, conn => sqlx::query(sql).bind(run).execute(conn).await)?;
    Ok(())
}

/// Removes the provisional results and suites of a run.
pub async fn delete_live(tx: &mut Tx, run: RunId) -> Result<()> {
    for sql in [
        "DELETE FROM result WHERE run_id = $1 AND upload_id IS NULL",
        "DELETE FROM suite WHERE run_id = $1 AND upload_id IS NULL",
    ] {
        on!(tx, conn => sqlx::query(sql).bind(run).execute(conn).await)?;
    }
    Ok(())
}
