//! Results told one by one while a run is in progress. They are provisional: the report that follows replaces them.

use testward_wire::results::Status;

use super::record::{self, NewResult, NewSuite, RunFacts, count, hash_key};
use super::store::{self, Placed};
use super::{Run, RunStage, SILENCE, judge};
use crate::blobs::hex;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{ResultId, SuiteId};
use crate::projects::Project;
use crate::time::Millis;

/// Characters of a session, suite or test name.
const MAX_NAME: usize = 10_000;

/// One message of a run in progress.
#[derive(Debug, Clone, Default)]
pub struct LiveUpdate {
    pub session_id: String,
    /// Suite the test belongs to; may be empty.
    pub suite: String,
    /// Absent: only says that the run is alive.
    pub name: Option<String>,
    /// Absent: the test has begun.
    pub status: Option<Status>,
    /// The run ends with this message.
    pub is_end: bool,
}

/// Takes one message in, making the session's run when it is the first.
///
/// Once a report of the session was imported, messages change nothing: the report is the better witness.
pub async fn live_update(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    project: &Project,
    update: LiveUpdate,
) -> Result<Run> {
    check(&update)?;
    let facts = RunFacts { session_id: Some(update.session_id.clone()), ..RunFacts::default() };
    let mut run = record::open_run(tx, now, caller, project, RunStage::Running, &facts).await?;
    if run.stage != RunStage::Running {
        return Ok(run);
    }
    if let Some(name) = &update.name {
        let status = update.status.unwrap_or(Status::Running);
        record_result(tx, now, &mut run, &update.suite, name, status).await?;
    }
    if update.is_end {
        end(tx, now, &mut run, RunStage::Done).await?;
    } else {
        run.started_at.get_or_insert(now);
        store::update_run(tx, now, &run).await?;
    }
    Ok(run)
}

fn check(update: &LiveUpdate) -> Result<()> {
    if update.session_id.trim().is_empty() {
        return Err(Error::invalid("sessionId", "must name the session the message belongs to"));
    }
    let is_long = |text: &str| text.chars().count() > MAX_NAME;
    if is_long(&update.session_id) || is_long(&update.suite) || update.name.as_deref().is_some_and(is_long) {
        return Err(Error::bad_request(
            "name_too_long",
            format!("session, suite and name have at most {MAX_NAME} characters"),
        ));
    }
    Ok(())
}

async fn record_result(tx: &mut Tx, now: Millis, run: &mut Run, suite: &str, name: &str, status: Status) -> Result<()> {
    let suite_id = find_or_insert_suite(tx, now, run, suite).await?;
    let result = provisional(now, suite, name, status);
    let case = record::find_or_insert_cases(tx, run.project_id, std::slice::from_ref(&result)).await?[0];
    if let Some((id, before)) = store::find_live_result(tx, run.id, case).await? {
        store::update_live_result(tx, id, status).await?;
        count(&mut run.counts, before, -1);
    } else {
        let id = ResultId::next(tx).await?;
        let placed = Placed { id, case_id: case, suite_id: Some(suite_id), attempt: 1, is_flaky: false };
        store::insert_results(tx, run.id, None, &[(placed, &result)]).await?;
    }
    count(&mut run.counts, status, 1);
    Ok(())
}

async fn find_or_insert_suite(tx: &mut Tx, now: Millis, run: &Run, name: &str) -> Result<SuiteId> {
    if let Some(id) = store::find_live_suite(tx, run.id, name).await? {
        return Ok(id);
    }
    let id = SuiteId::next(tx).await?;
    let suite = NewSuite { name: name.to_owned(), started_at: Some(now), ..NewSuite::default() };
    store::insert_suites(tx, run.id, None, &[(id, None, &suite)]).await?;
    Ok(id)
}

fn provisional(now: Millis, suite: &str, name: &str, status: Status) -> NewResult {
    NewResult {
        suite: None,
        key_hash: hex(&hash_key(&testward_reports::case_key(&[suite], None, name, None), 1)).into(),
        name: name.into(),
        class_name: None,
        status,
        is_flaky: false,
        attempt: 1,
        duration_ms: None,
        started_at: Some(now),
        message: None,
        detail: None,
        attachments: Vec::new(),
    }
}

/// Closes runs in progress that have been silent for [`SILENCE`](super::SILENCE).
pub async fn close_silent(tx: &mut Tx, now: Millis) -> Result<()> {
    for mut run in store::list_silent(tx, now.plus(-SILENCE)).await? {
        end(tx, now, &mut run, RunStage::Closed).await?;
    }
    Ok(())
}

async fn end(tx: &mut Tx, now: Millis, run: &mut Run, stage: RunStage) -> Result<()> {
    store::update_running_to_incomplete(tx, run.id).await?;
    run.counts = record::recount(tx, run.id).await?;
    run.stage = stage;
    run.status = judge(&run.counts, stage == RunStage::Closed);
    run.ended_at = Some(now);
    run.duration_ms = run.started_at.map(|started_at| now.since(started_at));
    store::update_run(tx, now, run).await
}
