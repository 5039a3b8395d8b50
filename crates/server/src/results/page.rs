//! What pages ask of runs and results. Every question is answered from an index.

use testward_wire::results::{Counts, Status};

use super::{Detail, Run};
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{AttachmentId, CaseId, ProjectId, ResultId, RunId, SuiteId};
use crate::projects::Project;
use crate::time::Millis;

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    pub status: Option<Status>,
    pub branch: Option<String>,
    /// Part of the name, build label, branch, commit or a tag; or the number.
    pub text: Option<String>,
}

/// Which results of a run to list.
#[derive(Debug, Clone, Default)]
pub struct ResultFilter {
    /// Empty: all.
    pub statuses: Vec<Status>,
    /// Part of the name or class name.
    pub text: Option<String>,
}

/// A suite of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    pub id: SuiteId,
    pub parent_id: Option<SuiteId>,
    pub name: String,
    pub hostname: Option<String>,
    pub started_at: Option<Millis>,
    pub duration_ms: Option<f64>,
    /// Of its own results and those of the suites within it.
    pub counts: Counts,
}

/// A result in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseResult {
    pub id: ResultId,
    pub run_id: RunId,
    pub suite_id: Option<SuiteId>,
    pub case_id: CaseId,
    pub name: String,
    pub class_name: Option<String>,
    pub status: Status,
    /// Passed after a failed attempt.
    pub is_flaky: bool,
    /// Whether it counts; an earlier attempt does not.
    pub is_deciding: bool,
    /// Counts the attempts at this case in this run from 1.
    pub attempt: i64,
    pub duration_ms: Option<f64>,
    pub started_at: Option<Millis>,
    /// First line of what went wrong, or why it was skipped; at most 500 characters.
    pub message: Option<String>,
}

/// A stored file that belongs to a result or a run.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Attachment {
    pub id: AttachmentId,
    pub run_id: RunId,
    pub result_id: Option<ResultId>,
    /// Path within the upload.
    pub name: String,
    pub blob: String,
    pub bytes: i64,
    pub mime: String,
}

/// One past result of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    pub status: Status,
    pub is_flaky: bool,
    pub run_number: i64,
    pub result_id: ResultId,
}

/// Everything about one result.
#[derive(Debug, Clone)]
pub struct ResultPage {
    pub run: Run,
    pub suite: Option<Suite>,
    pub result: CaseResult,
    pub detail: Detail,
    pub attachments: Vec<Attachment>,
    /// Other attempts at the same case in the same run, oldest first.
    pub other_attempts: Vec<CaseResult>,
    /// The deciding results of the case in its last 30 runs, newest first.
    pub history: Vec<HistoryEntry>,
}

/// Lists runs, newest first, and says where the next page begins.
pub async fn list_runs(
    tx: &mut Tx,
    project: &Project,
    filter: &RunFilter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Vec<Run>, Option<String>)> {
    unimplemented!()
}

/// Returns the last `limit` runs, newest first.
pub async fn latest_runs(tx: &mut Tx, project: ProjectId, limit: usize) -> Result<Vec<Run>> {
    unimplemented!()
}

pub async fn count_runs(tx: &mut Tx, project: &Project) -> Result<i64> {
    unimplemented!()
}

/// Returns the run that has `number`, or had it before it joined the run of its session.
pub async fn find_run(tx: &mut Tx, project: &Project, number: i64) -> Result<Run> {
    unimplemented!()
}

/// Returns project and number of a run, for callers that know only its id. What of it may be seen is decided by
/// opening the project.
pub async fn locate(tx: &mut Tx, run: RunId) -> Result<(ProjectId, i64)> {
    unimplemented!()
}

/// Lists the suites of a run in the order in which the reports have them.
pub async fn list_suites(tx: &mut Tx, run: &Run) -> Result<Vec<Suite>> {
    unimplemented!()
}

/// Lists the deciding results of a run, failures first, and says where the next page begins.
pub async fn list_results(
    tx: &mut Tx,
    run: &Run,
    filter: &ResultFilter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Vec<CaseResult>, Option<String>)> {
    unimplemented!()
}

/// Lists the first `limit` results that fail the run, with their detail.
pub async fn list_failures(tx: &mut Tx, run: &Run, limit: usize) -> Result<Vec<(CaseResult, Detail)>> {
    unimplemented!()
}

/// Returns everything about one result of run `number`.
pub async fn find_result(tx: &mut Tx, project: &Project, number: i64, id: ResultId) -> Result<ResultPage> {
    unimplemented!()
}

/// Lists the files of a run that belong to no result.
pub async fn list_attachments(tx: &mut Tx, run: &Run) -> Result<Vec<Attachment>> {
    unimplemented!()
}

/// Returns a stored file of the project.
pub async fn find_attachment(tx: &mut Tx, project: &Project, id: AttachmentId) -> Result<Attachment> {
    unimplemented!()
}
