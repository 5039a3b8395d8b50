//! What pages ask of runs and results. Every question is answered from an index.

use testward_wire::results::{Counts, Status};

use super::{Detail, Run, status_from_name, status_name, store};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{AttachmentId, CaseId, PersonId, ProjectId, ResultId, RunId, SuiteId};
use crate::projects::Project;
use crate::time::Millis;

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    pub status: Option<Status>,
    pub branch: Option<String>,
    /// Whoever uploaded it.
    pub person: Option<PersonId>,
    /// Handle of the key it was uploaded with.
    pub key: Option<String>,
    /// A whole tag.
    pub tag: Option<String>,
    /// Uploaded at this instant or later.
    pub since: Option<Millis>,
    /// Uploaded before this instant.
    pub until: Option<Millis>,
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
    /// Directly in this suite.
    pub suite: Option<SuiteId>,
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
    /// It has output, properties or failures of its own.
    pub has_detail: bool,
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

/// Past results shown with a result.
const HISTORY: usize = 30;
/// The most rows on one page.
const MAX_LIMIT: usize = 500;

/// Lists runs, newest first, and says where the next page begins.
pub async fn list_runs(
    tx: &mut Tx,
    project: &Project,
    filter: &RunFilter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Vec<Run>, Option<String>)> {
    let before = cursor.map_or(Ok(i64::MAX), |text| text.parse().map_err(|_| bad_cursor()))?;
    let limit = limit.clamp(1, MAX_LIMIT);
    let mut runs = store::list_runs(tx, project.id, filter, before, limit + 1).await?;
    let has_more = runs.len() > limit;
    runs.truncate(limit);
    let next = runs.last().filter(|_| has_more).map(|run| run.number.to_string());
    Ok((runs, next))
}

fn bad_cursor() -> Error {
    Error::invalid("cursor", "must be one that an earlier answer gave")
}

/// Returns the last `limit` runs, newest first.
pub async fn latest_runs(tx: &mut Tx, project: ProjectId, limit: usize) -> Result<Vec<Run>> {
    store::list_runs(tx, project, &RunFilter::default(), i64::MAX, limit).await
}

/// Lists who has uploaded runs of a project.
pub async fn list_uploaders(tx: &mut Tx, project: &Project) -> Result<Vec<PersonId>> {
    store::list_uploaders(tx, project.id).await
}

pub async fn count_runs(tx: &mut Tx, project: &Project) -> Result<i64> {
    store::count_runs(tx, project.id).await
}

/// Returns the run that has `number`, or had it before it joined the run of its session.
pub async fn find_run(tx: &mut Tx, project: &Project, number: i64) -> Result<Run> {
    if let Some(run) = store::find_run(tx, project.id, number).await? {
        return Ok(run);
    }
    let other = store::find_alias(tx, project.id, number).await?.ok_or(Error::NotFound("run"))?;
    store::find_run_by_id(tx, other).await?.ok_or(Error::NotFound("run"))
}

/// Returns project and number of a run, for callers that know only its id. What of it may be seen is decided by
/// opening the project.
pub async fn locate(tx: &mut Tx, run: RunId) -> Result<(ProjectId, i64)> {
    let run = store::find_run_by_id(tx, run).await?.ok_or(Error::NotFound("run"))?;
    Ok((run.project_id, run.number))
}

/// Lists the suites of a run in the order in which the reports have them.
pub async fn list_suites(tx: &mut Tx, run: &Run) -> Result<Vec<Suite>> {
    store::list_suites(tx, run.id).await
}

pub async fn find_suite(tx: &mut Tx, run: &Run, id: SuiteId) -> Result<Suite> {
    store::find_suite(tx, run.id, id).await?.ok_or(Error::NotFound("suite"))
}

/// Returns output, properties and failures of a suite itself.
pub async fn find_suite_detail(tx: &mut Tx, run: &Run, id: SuiteId) -> Result<Detail> {
    store::find_suite_detail(tx, run.id, id).await?.ok_or(Error::NotFound("suite"))
}

/// Lists the deciding results of a run, failures first, and says where the next page begins.
pub async fn list_results(
    tx: &mut Tx,
    run: &Run,
    filter: &ResultFilter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Vec<CaseResult>, Option<String>)> {
    let after = cursor.map(|text| read_cursor(text).ok_or_else(bad_cursor)).transpose()?;
    let limit = limit.clamp(1, MAX_LIMIT);
    let mut results = store::list_results(tx, run.id, filter, after, limit + 1).await?;
    let has_more = results.len() > limit;
    results.truncate(limit);
    let next = results.last().filter(|_| has_more).map(|last| format!("{}.{}", status_name(last.status), last.id));
    Ok((results, next))
}

fn read_cursor(text: &str) -> Option<(Status, ResultId)> {
    let (status, id) = text.split_once('.')?;
    Some((status_from_name(status)?, ResultId(id.parse().ok()?)))
}

/// Lists the first `limit` results that fail the run, with their detail.
pub async fn list_failures(tx: &mut Tx, run: &Run, limit: usize) -> Result<Vec<(CaseResult, Detail)>> {
    let statuses = vec![Status::Error, Status::Failed, Status::Incomplete];
    let filter = ResultFilter { statuses, ..ResultFilter::default() };
    let mut failures = Vec::new();
    for result in store::list_results(tx, run.id, &filter, None, limit).await? {
        let detail = store::find_detail(tx, result.id).await?;
        failures.push((result, detail));
    }
    Ok(failures)
}

/// Returns everything about one result of run `number`.
pub async fn find_result(tx: &mut Tx, project: &Project, number: i64, id: ResultId) -> Result<ResultPage> {
    let run = find_run(tx, project, number).await?;
    let result = store::find_result(tx, run.id, id).await?.ok_or(Error::NotFound("result"))?;
    let mut other_attempts = store::list_attempts(tx, run.id, result.case_id).await?;
    other_attempts.retain(|attempt| attempt.id != id);
    let suite = match result.suite_id {
        Some(suite) => store::find_suite(tx, run.id, suite).await?,
        None => None,
    };
    Ok(ResultPage {
        suite,
        detail: store::find_detail(tx, id).await?,
        attachments: store::list_attachments(tx, id).await?,
        other_attempts,
        history: store::list_history(tx, result.case_id, HISTORY).await?,
        run,
        result,
    })
}

/// Lists the files of a run that belong to no result.
pub async fn list_attachments(tx: &mut Tx, run: &Run) -> Result<Vec<Attachment>> {
    store::list_run_attachments(tx, run.id).await
}

/// Returns a stored file of the project.
pub async fn find_attachment(tx: &mut Tx, project: &Project, id: AttachmentId) -> Result<Attachment> {
    store::find_attachment(tx, project.id, id).await?.ok_or(Error::NotFound("file"))
}
