//! Writing: how the importer makes runs and fills them. Nothing is judged here before the last row is in.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use testward_wire::results::{Counts, Status};

use super::run::judge;
use super::store::{self, Placed};
use super::{Run, RunStage};
use crate::db::{CHUNK, Tx};
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{self, CaseId, ProjectId, ResultId, RunId, SuiteId, UploadId};
use crate::projects::Project;
use crate::time::Millis;

/// Rows removed in one transaction.
const DISCARDED_AT_ONCE: usize = 2_000;

/// What is known of a run when something of it arrives. What is known already stays.
#[derive(Debug, Clone, Default)]
pub struct RunFacts {
    pub session_id: Option<String>,
    pub name: Option<String>,
    pub branch: Option<String>,
    pub commit: Option<String>,
    pub build_label: Option<String>,
    pub build_url: Option<String>,
    pub tags: Vec<String>,
    pub environment: Vec<(String, String)>,
}

/// A suite as a report has it. Indices are those of [`Writer`].
#[derive(Debug, Clone, Default)]
pub struct NewSuite {
    pub index: u32,
    pub parent: Option<u32>,
    pub name: String,
    pub hostname: Option<String>,
    pub started_at: Option<Millis>,
    pub duration_ms: Option<f64>,
    pub counts: Counts,
    /// JSON of a [`Detail`](super::Detail), when there is something to tell.
    pub detail: Option<String>,
}

/// A result as a report has it. Its texts are shared with the statements that write them, some of them in two tables.
#[derive(Debug, Clone)]
pub struct NewResult {
    pub suite: Option<u32>,
    /// Half a SHA-256 of the case's identity, hexadecimal.
    pub key_hash: Arc<str>,
    pub name: Arc<str>,
    pub class_name: Option<Arc<str>>,
    pub status: Status,
    pub is_flaky: bool,
    /// Attempts at the case in this report, this one included.
    pub attempt: i64,
    pub duration_ms: Option<f64>,
    pub started_at: Option<Millis>,
    pub message: Option<Arc<str>>,
    /// JSON of a [`Detail`](super::Detail), when there is something to tell.
    pub detail: Option<Arc<str>>,
    pub attachments: Vec<NewAttachment>,
}

/// A stored file that belongs to a result or a run.
#[derive(Debug, Clone)]
pub struct NewAttachment {
    pub name: String,
    pub blob: String,
    pub bytes: i64,
    pub mime: String,
}

/// Suites and results that are written at once; at most [`CHUNK`] of each.
#[derive(Debug, Default)]
pub struct Chunk {
    pub suites: Vec<NewSuite>,
    pub results: Vec<NewResult>,
}

/// What the uploads of a run say together.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    pub started_at: Option<Millis>,
    pub ended_at: Option<Millis>,
    pub duration_ms: Option<i64>,
    /// A report broke off, so that silence about failures proves nothing.
    pub is_cut_off: bool,
    /// Something failed outside any test.
    pub has_suite_failures: bool,
    /// No upload could be read at all.
    pub is_refused: bool,
}

/// Finds the run of the session, or makes a run in `stage`.
pub async fn open_run(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    project: &Project,
    stage: RunStage,
    facts: &RunFacts,
) -> Result<Run> {
    if let Some(session) = &facts.session_id
        && let Some(mut run) = store::find_run_by_session(tx, project.id, session).await?
    {
        add_facts(tx, now, &mut run, facts).await?;
        return Ok(run);
    }
    let number = store::claim_number(tx, project.id).await?;
    let run = Run {
        id: RunId::next(tx).await?,
        project_id: project.id,
        number,
        name: facts.name.clone().unwrap_or_else(|| unnamed(number)),
        status: Status::Running,
        stage,
        counts: Counts::default(),
        duration_ms: None,
        started_at: None,
        ended_at: None,
        session_id: facts.session_id.clone(),
        build_label: facts.build_label.clone(),
        build_url: facts.build_url.clone(),
        branch: facts.branch.clone(),
        commit: facts.commit.clone(),
        tags: facts.tags.clone(),
        environment: facts.environment.clone(),
        person_id: caller.person,
        key_handle: caller.key().map(|key| key.handle.to_string()),
        created_at: now,
    };
    store::insert_run(tx, &run).await?;
    Ok(run)
}

fn unnamed(number: i64) -> String {
    format!("Run {number}")
}

/// Adds what is not known of a run yet.
pub async fn add_facts(tx: &mut Tx, now: Millis, run: &mut Run, facts: &RunFacts) -> Result<()> {
    let before = run.clone();
    if run.name == unnamed(run.number)
        && let Some(name) = &facts.name
    {
        run.name.clone_from(name);
    }
    for (known, new) in [
        (&mut run.session_id, &facts.session_id),
        (&mut run.branch, &facts.branch),
        (&mut run.commit, &facts.commit),
        (&mut run.build_label, &facts.build_label),
        (&mut run.build_url, &facts.build_url),
    ] {
        if known.is_none() {
            known.clone_from(new);
        }
    }
    for tag in &facts.tags {
        if !run.tags.contains(tag) {
            run.tags.push(tag.clone());
        }
    }
    for fact in &facts.environment {
        if !run.environment.contains(fact) {
            run.environment.push(fact.clone());
        }
    }
    if *run == before { Ok(()) } else { store::update_run(tx, now, run).await }
}

/// Returns a run for whoever wrote it; pages go through `find_run`.
pub async fn load_run(tx: &mut Tx, id: RunId) -> Result<Run> {
    store::find_run_by_id(tx, id).await?.ok_or(Error::NotFound("run"))
}

/// Finds the run, other than `run`, that a session has already.
pub async fn find_session_run(tx: &mut Tx, run: &Run, session: &str) -> Result<Option<Run>> {
    let found = store::find_run_by_session(tx, run.project_id, session).await?;
    Ok(found.filter(|found| found.id != run.id))
}

/// Lets the number of `run`, of which nothing hangs any more, lead to `other`.
pub async fn replace_run(tx: &mut Tx, run: &Run, other: RunId) -> Result<()> {
    store::delete_run_in_favour_of(tx, run, other).await
}

/// Says that an upload of the run is being read.
pub async fn begin(tx: &mut Tx, now: Millis, run: &mut Run) -> Result<()> {
    run.stage = RunStage::Importing;
    run.status = Status::Running;
    store::update_run(tx, now, run).await
}

/// Removes some of what an earlier import of an upload wrote, and says whether that was all.
///
/// Attempts of other uploads that it had overtaken decide again.
pub async fn discard_some(tx: &mut Tx, upload: UploadId) -> Result<bool> {
    let Some(last) = store::find_last_of(tx, upload, DISCARDED_AT_ONCE).await? else {
        store::delete_suites(tx, upload).await?;
        return Ok(true);
    };
    store::update_to_deciding(tx, upload, last).await?;
    store::delete_results(tx, upload, last).await?;
    Ok(false)
}

/// Removes the rows of live updates, once there is a report to take their place.
pub async fn discard_live(tx: &mut Tx, run: RunId) -> Result<()> {
    store::delete_live(tx, run).await
}

/// Counts a run after rows were written, and judges it unless `is_awaiting` more of it.
pub async fn finish(tx: &mut Tx, now: Millis, run: &mut Run, ending: &Ending, is_awaiting: bool) -> Result<()> {
    run.counts = recount(tx, run.id).await?;
    if is_awaiting {
        return store::update_run(tx, now, run).await;
    }
    run.stage = if ending.is_refused && run.counts.total == 0 { RunStage::Refused } else { RunStage::Done };
    run.status = match judge(&run.counts, ending.is_cut_off) {
        _ if ending.has_suite_failures => Status::Failed,
        status => status,
    };
    run.duration_ms = ending.duration_ms;
    // Without an instant in the report, the run ended when its report came, more or less.
    run.ended_at = ending.ended_at.or(run.ended_at).or(Some(run.created_at));
    run.started_at = ending.started_at.or_else(|| Some(run.ended_at?.plus(-ending.duration_ms.unwrap_or(0))));
    store::update_run(tx, now, run).await
}

/// Counts the deciding results of a run.
pub(super) async fn recount(tx: &mut Tx, run: RunId) -> Result<Counts> {
    let mut counts = Counts { flaky: store::count_flaky(tx, run).await?, ..Counts::default() };
    for (status, n) in store::count_results(tx, run).await? {
        count(&mut counts, status, n);
    }
    Ok(counts)
}

/// Adds `n` results of one status; a running one counts in the total only.
pub fn count(counts: &mut Counts, status: Status, n: i64) {
    counts.total += n;
    match status {
        Status::Passed => counts.passed += n,
        Status::Failed => counts.failed += n,
        Status::Error => counts.error += n,
        Status::Incomplete => counts.incomplete += n,
        Status::Skipped => counts.skipped += n,
        Status::NotRun => counts.not_run += n,
        Status::Running => {}
    }
}

/// Hashes the identity of a case. `ordinal` tells equal names of one upload apart, from 1.
pub fn hash_key(key: &str, ordinal: u32) -> [u8; 16] {
    let mut hasher = Sha256::new_with_prefix(key);
    if ordinal > 1 {
        hasher.update(format!("#{ordinal}"));
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize()[..16]);
    hash
}

/// Writes the rows of one upload.
pub struct Writer {
    project: ProjectId,
    run: RunId,
    upload: UploadId,
    /// Other uploads of the run may have results of the same cases.
    has_company: bool,
    /// Ids of the suites by their index, which counts all suites of the upload.
    suite_ids: Vec<SuiteId>,
}

impl Writer {
    pub fn new(run: &Run, upload: UploadId, has_company: bool) -> Self {
        Self { project: run.project_id, run: run.id, upload, has_company, suite_ids: Vec::new() }
    }

    /// Writes one chunk.
    pub async fn write(&mut self, tx: &mut Tx, chunk: &Chunk) -> Result<()> {
        self.reserve_suites(tx, chunk).await?;
        if !chunk.results.is_empty() {
            self.write_results(tx, &chunk.results).await?;
        }
        if !chunk.suites.is_empty() {
            let parent = |suite: &NewSuite| suite.parent.map(|parent| self.suite_id(parent));
            let suites = chunk.suites.iter();
            let rows: Vec<_> = suites.map(|suite| (self.suite_id(suite.index), parent(suite), suite)).collect();
            store::insert_suites(tx, self.run, Some(self.upload), &rows).await?;
        }
        Ok(())
    }

    /// Writes files that belong to the run as a whole.
    pub async fn write_files(&self, tx: &mut Tx, files: &[NewAttachment]) -> Result<()> {
        let files: Vec<_> = files.iter().map(|file| (None, file)).collect();
        insert_attachments(tx, self.run, self.upload, &files).await
    }

    /// Takes ids for suites that are mentioned for the first time.
    async fn reserve_suites(&mut self, tx: &mut Tx, chunk: &Chunk) -> Result<()> {
        let of_results = chunk.results.iter().filter_map(|result| result.suite);
        let of_suites = chunk.suites.iter().map(|suite| suite.index);
        let n = of_results.chain(of_suites).max().map_or(0, |highest| highest as usize + 1);
        if n > self.suite_ids.len() {
            let more = n - self.suite_ids.len();
            let first = ids::take(tx, "suite", more as i64).await?;
            self.suite_ids.extend((first..).take(more).map(SuiteId));
        }
        Ok(())
    }

    fn suite_id(&self, index: u32) -> SuiteId {
        self.suite_ids[index as usize]
    }

    async fn write_results(&self, tx: &mut Tx, results: &[NewResult]) -> Result<()> {
        let cases = find_or_insert_cases(tx, self.project, results).await?;
        let first = ids::take(tx, "result", results.len() as i64).await?;
        let earlier = if self.has_company { self.overtake(tx, &cases).await? } else { HashMap::new() };
        let place = |(id, (result, case_id)): (i64, (&_, &CaseId))| {
            let result: &NewResult = result;
            let (attempts, was_bad) = earlier.get(case_id).copied().unwrap_or_default();
            Placed {
                id: ResultId(id),
                case_id: *case_id,
                suite_id: result.suite.map(|suite| self.suite_id(suite)),
                attempt: attempts + result.attempt,
                is_flaky: result.is_flaky || (was_bad && result.status == Status::Passed),
            }
        };
        let placed = (first..).zip(results.iter().zip(&cases)).map(place);
        let rows: Vec<_> = placed.zip(results).collect();
        store::insert_results(tx, self.run, Some(self.upload), &rows).await?;
        self.write_details(tx, &rows).await
    }

    async fn write_details(&self, tx: &mut Tx, rows: &[(Placed, &NewResult)]) -> Result<()> {
        let details: Vec<_> = rows.iter().filter_map(|(at, result)| Some((at.id, result.detail.as_ref()?))).collect();
        if !details.is_empty() {
            store::insert_details(tx, &details).await?;
        }
        let files = rows.iter().flat_map(|(at, result)| result.attachments.iter().map(|file| (Some(at.id), file)));
        insert_attachments(tx, self.run, self.upload, &files.collect::<Vec<_>>()).await
    }

    /// Takes the decision from earlier attempts at `cases`, and returns how many there were and whether the last failed.
    async fn overtake(&self, tx: &mut Tx, cases: &[CaseId]) -> Result<HashMap<CaseId, (i64, bool)>> {
        let earlier = store::list_earlier(tx, self.run, self.upload, cases).await?;
        if !earlier.is_empty() {
            store::update_to_overtaken(tx, &earlier.iter().map(|it| it.id).collect::<Vec<_>>()).await?;
        }
        let was_bad = |it: &store::Earlier| {
            it.is_flaky || matches!(it.status(), Status::Failed | Status::Error | Status::Incomplete)
        };
        Ok(earlier.iter().map(|it| (it.case_id, (it.attempt, was_bad(it)))).collect())
    }
}

async fn insert_attachments(
    tx: &mut Tx,
    run: RunId,
    upload: UploadId,
    files: &[(Option<ResultId>, &NewAttachment)],
) -> Result<()> {
    for files in files.chunks(CHUNK) {
        let first = ids::take(tx, "attachment", files.len() as i64).await?;
        store::insert_attachments(tx, run, upload, first, files).await?;
    }
    Ok(())
}

/// Returns the case of each result, making those that are new to the project.
pub(super) async fn find_or_insert_cases(
    tx: &mut Tx,
    project: ProjectId,
    results: &[NewResult],
) -> Result<Vec<CaseId>> {
    let known = store::list_cases(tx, project, results).await?;
    let new: Vec<_> = results.iter().filter(|result| !known.contains_key(&*result.key_hash)).collect();
    let mut next = 0;
    if !new.is_empty() {
        next = ids::take(tx, "test_case", new.len() as i64).await?;
        store::insert_cases(tx, project, CaseId(next), &new).await?;
    }
    let id_of = |result: &NewResult| {
        known.get(&*result.key_hash).copied().unwrap_or_else(|| {
            next += 1;
            CaseId(next - 1)
        })
    };
    Ok(results.iter().map(id_of).collect())
}
