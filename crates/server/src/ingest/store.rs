//! SQL of uploads, their files, and the places files are put into.

use anyhow::Context as _;
use testward_wire::results::{FileOutcome, Problem, UploadStage};

use crate::db::{CHUNK, Tx, insert, on};
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::{FileId, PersonId, ProjectId, RunId, UploadId};
use crate::results::record::Ending;
use crate::time::Millis;

/// One batch of files.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Upload {
    pub id: UploadId,
    pub project_id: ProjectId,
    pub batch: String,
    pub run_id: RunId,
    pub format: Option<String>,
    pub session_id: Option<String>,
    stage: String,
    pub is_complete: bool,
    pub revision: i64,
    pub began_at: Option<Millis>,
    pub failures: i64,
}

const UPLOAD: &str =
    "id, project_id, batch, run_id, format, session_id, stage, is_complete, revision, began_at, failures";

impl Upload {
    pub fn stage(&self) -> UploadStage {
        match self.stage.as_str() {
            "receiving" => UploadStage::Receiving,
            "importing" => UploadStage::Importing,
            "partly_refused" => UploadStage::PartlyRefused,
            "refused" => UploadStage::Refused,
            _ => UploadStage::Done,
        }
    }

    /// Whether its import came to an end.
    pub fn is_finished(&self) -> bool {
        !matches!(self.stage(), UploadStage::Receiving | UploadStage::Importing)
    }
}

const fn stage_name(stage: UploadStage) -> &'static str {
    match stage {
        UploadStage::Receiving => "receiving",
        UploadStage::Importing => "importing",
        UploadStage::Done => "done",
        UploadStage::PartlyRefused => "partly_refused",
        UploadStage::Refused => "refused",
    }
}

/// One file of a batch.
#[derive(Debug, Clone)]
pub struct UploadFile {
    pub seq: i64,
    pub path: String,
    pub file_id: Option<FileId>,
    /// The newest bytes, if any came.
    pub blob: Option<String>,
    pub bytes: i64,
    pub outcome: FileOutcome,
    pub format: Option<String>,
    pub results: i64,
    pub problem: Option<Problem>,
    pub repairs: Vec<Problem>,
}

#[derive(sqlx::FromRow)]
struct FileRow {
    seq: i64,
    path: String,
    file_id: Option<FileId>,
    blob: Option<String>,
    bytes: i64,
    outcome: String,
    format: Option<String>,
    results: i64,
    problem: Option<String>,
    repairs: Option<String>,
}

impl From<FileRow> for UploadFile {
    fn from(row: FileRow) -> Self {
        Self {
            seq: row.seq,
            path: row.path,
            file_id: row.file_id,
            blob: row.blob,
            bytes: row.bytes,
            outcome: match row.outcome.as_str() {
                "read" => FileOutcome::Read,
                "kept" => FileOutcome::Kept,
                "refused" => FileOutcome::Refused,
                _ => FileOutcome::Waiting,
            },
            format: row.format,
            results: row.results,
            problem: row.problem.and_then(|problem| serde_json::from_str(&problem).ok()),
            repairs: row.repairs.and_then(|repairs| serde_json::from_str(&repairs).ok()).unwrap_or_default(),
        }
    }
}

const fn outcome_name(outcome: FileOutcome) -> &'static str {
    match outcome {
        FileOutcome::Waiting => "waiting",
        FileOutcome::Read => "read",
        FileOutcome::Kept => "kept",
        FileOutcome::Refused => "refused",
    }
}

/// A place for a file.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct File {
    pub id: FileId,
    pub bytes: i64,
    pub person_id: PersonId,
    pub project_id: ProjectId,
}

pub async fn insert_file(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    project: ProjectId,
    id: FileId,
    path: &str,
    token_hash: &str,
) -> Result<()> {
    let sql = "INSERT INTO file (id, project_id, path, token_hash, bytes, person_id, key_handle, created_at) \
               VALUES ($1, $2, $3, $4, 0, $5, $6, $7)";
    let query = sqlx::query(sql).bind(id).bind(project).bind(path).bind(token_hash).bind(caller.person);
    let query = query.bind(caller.key().map(|key| key.handle.to_string())).bind(now);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn find_file_by_token(tx: &mut Tx, token_hash: &str) -> Result<Option<File>> {
    let sql = "SELECT id, bytes, person_id, project_id FROM file WHERE token_hash = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(token_hash).fetch_optional(conn).await)?)
}

pub async fn find_file_by_path(tx: &mut Tx, project: ProjectId, path: &str) -> Result<Option<File>> {
    let sql = "SELECT id, bytes, person_id, project_id FROM file WHERE path = $1 AND project_id = $2";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(path).bind(project).fetch_optional(conn).await)?)
}

pub async fn update_file(tx: &mut Tx, now: Millis, id: FileId, blob: &str, bytes: i64) -> Result<()> {
    let sql = "UPDATE file SET blob = $1, bytes = $2, received_at = $3 WHERE id = $4";
    on!(tx, conn => sqlx::query(sql).bind(blob).bind(bytes).bind(now).bind(id).execute(conn).await)?;
    Ok(())
}

/// Lists the uploads that a put file belongs to, each with the bytes that were imported of it.
pub async fn list_uploads_of_file(tx: &mut Tx, file: FileId) -> Result<Vec<(UploadId, Option<String>)>> {
    let sql = "SELECT upload_id, blob FROM upload_file WHERE file_id = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(file).fetch_all(conn).await)?)
}

pub async fn find_upload(tx: &mut Tx, project: ProjectId, id: UploadId) -> Result<Option<Upload>> {
    Ok(find_upload_by_id(tx, id).await?.filter(|upload| upload.project_id == project))
}

pub async fn find_upload_by_id(tx: &mut Tx, id: UploadId) -> Result<Option<Upload>> {
    let sql = format!("SELECT {UPLOAD} FROM upload WHERE id = $1");
    Ok(on!(tx, conn => sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(conn).await)?)
}

pub async fn find_upload_by_batch(tx: &mut Tx, project: ProjectId, batch: &str) -> Result<Option<Upload>> {
    let sql = format!("SELECT {UPLOAD} FROM upload WHERE project_id = $1 AND batch = $2");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(project).bind(batch);
    Ok(on!(tx, conn => query.fetch_optional(conn).await)?)
}

pub async fn list_uploads_of_run(tx: &mut Tx, run: RunId) -> Result<Vec<Upload>> {
    let sql = format!("SELECT {UPLOAD} FROM upload WHERE run_id = $1 ORDER BY id");
    Ok(on!(tx, conn => sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(run).fetch_all(conn).await)?)
}

/// Counts the files of all uploads of a run, and those of them that were refused.
pub async fn count_files(tx: &mut Tx, run: RunId) -> Result<(i64, i64)> {
    let sql = "SELECT COUNT(*), COUNT(CASE WHEN f.outcome = 'refused' THEN 1 END) \
               FROM upload u JOIN upload_file f ON f.upload_id = u.id WHERE u.run_id = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(run).fetch_one(conn).await)?)
}

/// Lists uploads that wait to be imported, oldest first.
pub async fn list_waiting(tx: &mut Tx, limit: usize) -> Result<Vec<UploadId>> {
    let sql = "SELECT id FROM upload WHERE stage = 'importing' ORDER BY id LIMIT $1";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(limit as i64).fetch_all(conn).await)?)
}

/// Lists uploads that still wait for files and were last heard of before `before`.
pub async fn list_silent(tx: &mut Tx, before: Millis) -> Result<Vec<UploadId>> {
    let sql = "SELECT id FROM upload WHERE stage = 'receiving' AND touched_at < $1 ORDER BY id LIMIT 100";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(before).fetch_all(conn).await)?)
}

/// What a new upload is inserted with.
pub struct NewUpload<'a> {
    pub batch: &'a str,
    pub run: RunId,
    pub format: Option<&'static str>,
    pub session_id: Option<&'a str>,
}

pub async fn insert_upload(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    project: ProjectId,
    upload: &NewUpload<'_>,
) -> Result<UploadId> {
    let sql = "INSERT INTO upload (id, project_id, batch, run_id, format, session_id, stage, is_complete, \
               revision, person_id, key_handle, created_at, touched_at, is_cut_off, has_suite_failures, failures) \
               VALUES ($1, $2, $3, $4, $5, $6, 'receiving', FALSE, 0, $7, $8, $9, $10, FALSE, FALSE, 0)";
    let id = UploadId::next(tx).await?;
    let query = sqlx::query(sql).bind(id).bind(project).bind(upload.batch).bind(upload.run).bind(upload.format);
    let query = query.bind(upload.session_id).bind(caller.person);
    let query = query.bind(caller.key().map(|key| key.handle.to_string())).bind(now).bind(now);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(id)
}

/// Writes what an announcement or arriving bytes change.
pub async fn update_progress(tx: &mut Tx, now: Millis, upload: &Upload, stage: UploadStage) -> Result<()> {
    let sql = "UPDATE upload SET stage = $1, is_complete = $2, revision = $3, session_id = $4, touched_at = $5 \
               WHERE id = $6";
    let query = sqlx::query(sql).bind(stage_name(stage)).bind(upload.is_complete).bind(upload.revision);
    let query = query.bind(&upload.session_id).bind(now).bind(upload.id);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

/// Notes that rows of the upload may exist from now on, and which run they belong to.
pub async fn update_began(tx: &mut Tx, now: Millis, upload: UploadId, run: RunId, session: Option<&str>) -> Result<()> {
    let sql = "UPDATE upload SET began_at = $1, run_id = $2, session_id = $3 WHERE id = $4";
    let query = sqlx::query(sql).bind(now).bind(run).bind(session).bind(upload);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn update_failures(tx: &mut Tx, upload: UploadId, failures: i64) -> Result<()> {
    let sql = "UPDATE upload SET failures = $1 WHERE id = $2";
    on!(tx, conn => sqlx::query(sql).bind(failures).bind(upload).execute(conn).await)?;
    Ok(())
}

/// What an import says of its upload.
#[derive(Debug, Clone, Default)]
pub struct Contribution {
    pub started_at: Option<Millis>,
    pub ended_at: Option<Millis>,
    pub duration_ms: Option<f64>,
    pub is_cut_off: bool,
    pub has_suite_failures: bool,
}

/// Ends an import, unless the files changed since `upload` was loaded. Says whether it did.
pub async fn update_imported(
    tx: &mut Tx,
    now: Millis,
    upload: &Upload,
    stage: UploadStage,
    said: &Contribution,
) -> Result<bool> {
    let sql = "UPDATE upload SET stage = $1, imported_at = $2, started_at = $3, ended_at = $4, duration_ms = $5, \
               is_cut_off = $6, has_suite_failures = $7, failures = 0 WHERE id = $8 AND revision = $9";
    let query = sqlx::query(sql).bind(stage_name(stage)).bind(now).bind(said.started_at).bind(said.ended_at);
    let query = query.bind(said.duration_ms).bind(said.is_cut_off).bind(said.has_suite_failures);
    let query = query.bind(upload.id).bind(upload.revision);
    Ok(on!(tx, conn => query.execute(conn).await)?.rows_affected() == 1)
}

/// Sums up what the uploads of a run say.
pub async fn find_ending(tx: &mut Tx, run: RunId) -> Result<Ending> {
    let sql = "SELECT MIN(started_at), MAX(ended_at), CAST(SUM(duration_ms) AS DOUBLE PRECISION), \
               COUNT(CASE WHEN is_cut_off THEN 1 END), COUNT(CASE WHEN has_suite_failures THEN 1 END), \
               COUNT(CASE WHEN stage <> 'refused' THEN 1 END) \
               FROM upload WHERE run_id = $1";
    let row: (Option<Millis>, Option<Millis>, Option<f64>, i64, i64, i64) =
        on!(tx, conn => sqlx::query_as(sql).bind(run).fetch_one(conn).await)?;
    Ok(Ending {
        started_at: row.0,
        ended_at: row.1,
        duration_ms: row.2.map(|duration| duration.round() as i64),
        is_cut_off: row.3 > 0,
        has_suite_failures: row.4 > 0,
        is_refused: row.5 == 0,
    })
}

/// Counts the other uploads of a run: those with rows, and those whose import is still to come.
pub async fn count_company(tx: &mut Tx, run: RunId, upload: UploadId) -> Result<(i64, i64)> {
    let sql = "SELECT COUNT(began_at), COUNT(CASE WHEN stage IN ('receiving', 'importing') THEN 1 END) \
               FROM upload WHERE run_id = $1 AND id <> $2";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(run).bind(upload).fetch_one(conn).await)?)
}

/// Lists the files of an upload. The bytes of each are those that lie in its place now.
pub async fn list_files(tx: &mut Tx, upload: UploadId) -> Result<Vec<UploadFile>> {
    let sql = "SELECT u.seq, u.path, u.file_id, COALESCE(f.blob, u.blob) AS blob, \
               CASE WHEN f.blob IS NULL THEN u.bytes ELSE f.bytes END AS bytes, u.outcome, u.format, u.results, \
               u.problem, u.repairs FROM upload_file u LEFT JOIN file f ON f.id = u.file_id \
               WHERE u.upload_id = $1 ORDER BY u.seq";
    let rows: Vec<FileRow> = on!(tx, conn => sqlx::query_as(sql).bind(upload).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(UploadFile::from).collect())
}

/// Whether the file in that place belongs to the upload already.
pub async fn find_announced(tx: &mut Tx, upload: UploadId, file: FileId) -> Result<Option<i64>> {
    let sql = "SELECT seq FROM upload_file WHERE file_id = $1 AND upload_id = $2";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(file).bind(upload).fetch_optional(conn).await)?)
}

/// Counts the files of an upload whose bytes have not come.
pub async fn count_missing(tx: &mut Tx, upload: UploadId) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM upload_file u JOIN file f ON f.id = u.file_id \
               WHERE u.upload_id = $1 AND u.blob IS NULL AND f.blob IS NULL";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(upload).fetch_one(conn).await)?)
}

/// Adds a file to an upload, or replaces the one of the same path.
pub async fn insert_upload_file(tx: &mut Tx, upload: UploadId, file: &UploadFile) -> Result<()> {
    let sql = "INSERT INTO upload_file (upload_id, seq, path, file_id, blob, bytes, outcome, results, problem) \
               SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5, $6, 0, $7 FROM upload_file WHERE upload_id = $8 \
               ON CONFLICT (upload_id, path) DO UPDATE SET file_id = excluded.file_id, blob = excluded.blob, \
               bytes = excluded.bytes, outcome = excluded.outcome, results = 0, format = NULL, \
               problem = excluded.problem, repairs = NULL";
    let query = sqlx::query(sql).bind(upload).bind(&file.path).bind(file.file_id).bind(&file.blob).bind(file.bytes);
    let query = query.bind(outcome_name(file.outcome)).bind(json(file.problem.as_ref())?).bind(upload);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

/// Adds files to an upload, with their own `seq`; none of the same path or `seq` may be there.
pub async fn insert_upload_files(tx: &mut Tx, upload: UploadId, files: &[UploadFile]) -> Result<()> {
    let columns = "upload_id, seq, path, file_id, blob, bytes, outcome, format, results, problem, repairs";
    for files in files.chunks(CHUNK) {
        let mut query = sqlx::query(insert("upload_file", columns, files.len())).persistent(files.len() == CHUNK);
        for file in files {
            query = query.bind(upload).bind(file.seq).bind(&file.path).bind(file.file_id).bind(&file.blob);
            query = query.bind(file.bytes).bind(outcome_name(file.outcome)).bind(&file.format).bind(file.results);
            query = query.bind(json(file.problem.as_ref())?);
            query = query.bind(json(Some(&file.repairs).filter(|it| !it.is_empty()))?);
        }
        on!(tx, conn => query.execute(conn).await)?;
    }
    Ok(())
}

/// Writes what became of the files of an upload: all of them, which is less work than one after the other.
pub async fn replace_upload_files(tx: &mut Tx, upload: UploadId, files: &[UploadFile]) -> Result<()> {
    let sql = "DELETE FROM upload_file WHERE upload_id = $1";
    on!(tx, conn => sqlx::query(sql).bind(upload).execute(conn).await)?;
    insert_upload_files(tx, upload, files).await
}

fn json<T: serde::Serialize>(value: Option<&T>) -> Result<Option<String>> {
    Ok(value.map(serde_json::to_string).transpose().context("writing JSON")?)
}
