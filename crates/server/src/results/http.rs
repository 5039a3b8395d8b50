//! `/api/v1/projects/{project}/runs`, their results and files.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use testward_wire::keys::Page;
use testward_wire::results::{ResultView, RunView, Status};
use tokio_util::io::ReaderStream;

use super::{Attachment, CaseResult, Detail, HistoryEntry, ResultFilter, RunFilter, status_from_name};
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{AttachmentId, PersonId, ProjectId, ResultId};
use crate::time::Millis;
use crate::web::extract::{Json, Path, Query};
use crate::{projects, results};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;
/// What may stand bare in a `filename*` (RFC 5987).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunsQuery {
    pub status: Option<String>,
    pub branch: Option<String>,
    /// Number of whoever uploaded it.
    pub person: Option<PersonId>,
    /// Handle of the key it was uploaded with.
    pub key: Option<String>,
    pub tag: Option<String>,
    /// RFC 3339; uploaded then or later.
    pub since: Option<String>,
    /// RFC 3339; uploaded before.
    pub until: Option<String>,
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<usize>,
}

#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultsQuery {
    /// One or several, separated by commas.
    pub status: Option<String>,
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<usize>,
}

/// Returns the statuses that a query names, separated by commas.
pub fn read_statuses(text: Option<&str>) -> Result<Vec<Status>> {
    let words = text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let read = |word| status_from_name(word).ok_or_else(|| Error::invalid("status", "must be a status such as FAILED"));
    words.map(read).collect()
}

fn read_instant(field: &str, text: Option<&str>) -> Result<Option<Millis>> {
    let read =
        |text| Millis::parse_rfc3339(text).ok_or_else(|| Error::invalid(field, "must be like 2027-01-31T00:00:00Z"));
    text.map(read).transpose()
}

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(project): Path<ProjectId>,
    Query(query): Query<RunsQuery>,
) -> Result<Json<Page<RunView>>> {
    let filter = RunFilter {
        status: read_statuses(query.status.as_deref())?.first().copied(),
        branch: query.branch.filter(|branch| !branch.is_empty()),
        person: query.person,
        key: query.key.filter(|key| !key.is_empty()),
        tag: query.tag.filter(|tag| !tag.is_empty()),
        since: read_instant("since", query.since.as_deref())?,
        until: read_instant("until", query.until.as_deref())?,
        text: query.q,
    };
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let mut tx = app.db.read().await?;
    let project = projects::open(&mut tx, &caller, project).await?;
    let (runs, next) = results::list_runs(&mut tx, &project, &filter, query.cursor.as_deref(), limit).await?;
    let items = runs.iter().map(|run| run.view(&app.base_url, &project)).collect();
    Ok(Json(Page { items, next }))
}

pub async fn read(
    State(app): State<App>,
    caller: Caller,
    Path((project, number)): Path<(ProjectId, i64)>,
) -> Result<Json<RunView>> {
    let mut tx = app.db.read().await?;
    let project = projects::open(&mut tx, &caller, project).await?;
    let run = results::find_run(&mut tx, &project, number).await?;
    Ok(Json(run.view(&app.base_url, &project)))
}

pub async fn list_results(
    State(app): State<App>,
    caller: Caller,
    Path((project, number)): Path<(ProjectId, i64)>,
    Query(query): Query<ResultsQuery>,
) -> Result<Json<Page<ResultView>>> {
    let filter = ResultFilter { statuses: read_statuses(query.status.as_deref())?, text: query.q, suite: None };
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let mut tx = app.db.read().await?;
    let project = projects::open(&mut tx, &caller, project).await?;
    let run = results::find_run(&mut tx, &project, number).await?;
    let (found, next) = results::list_results(&mut tx, &run, &filter, query.cursor.as_deref(), limit).await?;
    Ok(Json(Page { items: found.into_iter().map(view).collect(), next }))
}

fn view(result: CaseResult) -> ResultView {
    ResultView {
        id: result.id.0,
        case_id: result.case_id.0,
        name: result.name,
        class_name: result.class_name,
        status: result.status,
        flaky: result.is_flaky,
        attempt: result.attempt,
        duration_ms: result.duration_ms,
        started_at: result.started_at.map(Millis::rfc3339),
        message: result.message,
    }
}

/// Everything about one result.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct WholeResult {
    #[serde(flatten)]
    result: ResultView,
    #[serde(skip_serializing_if = "Option::is_none")]
    suite: Option<String>,
    detail: Detail,
    attachments: Vec<AttachmentView>,
    other_attempts: Vec<ResultView>,
    history: Vec<PastResult>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct AttachmentView {
    id: AttachmentId,
    name: String,
    bytes: i64,
    mime: String,
    url: String,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct PastResult {
    run: i64,
    result: ResultId,
    status: Status,
    flaky: bool,
}

pub async fn read_result(
    State(app): State<App>,
    caller: Caller,
    Path((project, number, id)): Path<(ProjectId, i64, ResultId)>,
) -> Result<Json<WholeResult>> {
    let mut tx = app.db.read().await?;
    let project = projects::open(&mut tx, &caller, project).await?;
    let page = results::find_result(&mut tx, &project, number, id).await?;
    let attachment = |it: Attachment| AttachmentView {
        url: app.url(&format!("/api/v1/projects/{}/attachments/{}", project.id, it.id)),
        id: it.id,
        name: it.name,
        bytes: it.bytes,
        mime: it.mime,
    };
    let past = |it: HistoryEntry| PastResult {
        run: it.run_number,
        result: it.result_id,
        status: it.status,
        flaky: it.is_flaky,
    };
    Ok(Json(WholeResult {
        result: view(page.result),
        suite: page.suite.map(|suite| suite.name),
        detail: page.detail,
        attachments: page.attachments.into_iter().map(attachment).collect(),
        other_attempts: page.other_attempts.into_iter().map(view).collect(),
        history: page.history.into_iter().map(past).collect(),
    }))
}

/// Hands out a stored file. Only what cannot run anything is shown in the browser; the rest is downloaded.
pub async fn download(
    State(app): State<App>,
    caller: Caller,
    Path((project, id)): Path<(ProjectId, AttachmentId)>,
) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let project = projects::open(&mut tx, &caller, project).await?;
    let attachment = results::find_attachment(&mut tx, &project, id).await?;
    drop(tx);
    let file = tokio::fs::File::from_std(app.blobs.read(&attachment.blob)?);
    let mut response = Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, attachment.bytes.into());
    headers.insert(header::CONTENT_TYPE, content_type(&attachment));
    headers.insert(header::CONTENT_DISPOSITION, disposition(&attachment));
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    Ok(response)
}

const SANDBOX: HeaderValue =
    HeaderValue::from_static("sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'");

/// SVG is left out: it may hold scripts.
fn is_harmless(mime: &str) -> bool {
    let is_raster =
        matches!(mime, "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/bmp" | "image/avif");
    is_raster || mime.starts_with("video/") || mime == "text/plain"
}

fn content_type(attachment: &Attachment) -> HeaderValue {
    let mime = attachment.mime.as_str();
    let mime = if mime == "text/plain" { "text/plain; charset=utf-8" } else { mime };
    HeaderValue::try_from(mime).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

fn disposition(attachment: &Attachment) -> HeaderValue {
    let kind = if is_harmless(&attachment.mime) { "inline" } else { "attachment" };
    let name = attachment.name.rsplit('/').next().unwrap_or_default();
    let text = format!("{kind}; filename*=UTF-8''{}", utf8_percent_encode(name, PLAIN));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("attachment"))
}
