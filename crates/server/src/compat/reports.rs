//! Files that were put, or soon will be, are named here: which batch they belong to and which one is the last.

use axum::extract::{FromRequest as _, Request, State};
use serde::Deserialize;
use testward_reports::Format;

use super::body::{Body, OneFile, Tag, content_type, flag, tag_names};
use super::resource::UploadBatchResource;
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{ProjectId, RunId};
use crate::ingest::{AnnouncedFile, NewBatch};
use crate::web::extract::{Json, Query};
use crate::{ingest, projects, results};

/// A batch named in the address, its files in the body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    project_id: ProjectId,
    #[serde(default)]
    batch: String,
}

/// A file in a JSON body. Absent and `null` mean the same.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    folder_path: Option<String>,
    file_name: Option<String>,
    uploaded_path: Option<String>,
    session_id: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    end: bool,
}

/// What a body may say beyond the address.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Extras {
    upload_batch_file_resources: Option<Vec<FileEntry>>,
    tags: Option<Vec<Tag>>,
}

/// `testops-reports`: the client prints `webUrl` of an object.
pub async fn testops(
    State(app): State<App>,
    caller: Caller,
    Query(target): Query<Target>,
    Body(files): Body<Vec<FileEntry>>,
) -> Result<Json<UploadBatchResource>> {
    announce_many(&app, &caller, target, Format::Testops, files, Vec::new()).await.map(Json)
}

/// `katalon/test-reports/multiple`: the client reads an array.
pub async fn katalon_many(
    State(app): State<App>,
    caller: Caller,
    Query(target): Query<Target>,
    Body(files): Body<Vec<FileEntry>>,
) -> Result<Json<[UploadBatchResource; 1]>> {
    let batch = announce_many(&app, &caller, target, Format::Katalon, files, Vec::new()).await?;
    Ok(Json([batch]))
}

pub async fn katalon_many_with_tags(
    State(app): State<App>,
    caller: Caller,
    Query(target): Query<Target>,
    Body(extras): Body<Extras>,
) -> Result<Json<[UploadBatchResource; 1]>> {
    let tags = tag_names(extras.tags);
    let files = extras.upload_batch_file_resources.unwrap_or_default();
    announce_many(&app, &caller, target, Format::Katalon, files, tags).await.map(|batch| Json([batch]))
}

pub async fn junit(app: State<App>, caller: Caller, file: OneFile) -> Result<Json<[UploadBatchResource; 1]>> {
    announce_one(&app, &caller, file, Some(Format::Junit)).await
}

pub async fn katalon(app: State<App>, caller: Caller, file: OneFile) -> Result<Json<[UploadBatchResource; 1]>> {
    announce_one(&app, &caller, file, Some(Format::Katalon)).await
}

/// `katalon-test-reports`: as above or, from old Katalon Studios, a form that brings the bytes with it.
pub async fn katalon_with_bytes(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Json<[UploadBatchResource; 1]>> {
    if !content_type(&request).starts_with("multipart/form-data") {
        return katalon(State(app), caller, OneFile::from_request(request, &()).await?).await;
    }
    let mut file = OneFile::from_address(request.uri())?;
    let mut parts = ingest::take_parts(&app, ingest::Form::from_request(request, &()).await?).await?;
    for (name, value) in std::mem::take(&mut parts.fields) {
        file.put(&name, value);
    }
    let mut tx = app.db.read().await?;
    let project = projects::open(&mut tx, &caller, file.project()?).await?;
    drop(tx);
    let batch = batch_of(&mut file, Some(Format::Katalon));
    let AnnouncedFile { folder, is_end, .. } = file.announced();
    let announced = ingest::add_parts(&app, &caller, &project, batch, parts, &folder, is_end).await?;
    Ok(Json([UploadBatchResource::new(&app, &project, &announced)]))
}

/// Files of a run that was begun with a live update; its session is what joins them.
pub async fn testng(
    State(app): State<App>,
    caller: Caller,
    mut file: OneFile,
) -> Result<Json<[UploadBatchResource; 1]>> {
    if let Ok(run) = file.take("executionId").parse() {
        let session = session_of(&app, &caller, file.project()?, RunId(run)).await?;
        file.put("sessionId", session);
    }
    announce_one(&app, &caller, file, None).await
}

async fn session_of(app: &App, caller: &Caller, project: ProjectId, run: RunId) -> Result<String> {
    let mut tx = app.db.read().await?;
    let project = projects::open(&mut tx, caller, project).await?;
    let (owner, number) = results::locate(&mut tx, run).await?;
    if owner != project.id {
        return Err(Error::NotFound("run"));
    }
    Ok(results::find_run(&mut tx, &project, number).await?.session_id.unwrap_or_default())
}

/// Files of other makes, whose content says what they are.
pub async fn other(app: State<App>, caller: Caller, file: OneFile) -> Result<Json<[UploadBatchResource; 1]>> {
    announce_one(&app, &caller, file, None).await
}

async fn announce_many(
    app: &App,
    caller: &Caller,
    target: Target,
    format: Format,
    files: Vec<FileEntry>,
    tags: Vec<String>,
) -> Result<UploadBatchResource> {
    let session_id = files.iter().find_map(|file| file.session_id.clone()).filter(|it| !it.is_empty());
    let batch = NewBatch { batch: target.batch, format: Some(format), session_id, tags, ..NewBatch::default() };
    let files = files.into_iter().map(AnnouncedFile::from).collect();
    announce(app, caller, target.project_id, batch, files).await
}

async fn announce_one(
    app: &App,
    caller: &Caller,
    mut file: OneFile,
    format: Option<Format>,
) -> Result<Json<[UploadBatchResource; 1]>> {
    let project = file.project()?;
    let batch = batch_of(&mut file, format);
    announce(app, caller, project, batch, vec![file.announced()]).await.map(|batch| Json([batch]))
}

fn batch_of(file: &mut OneFile, format: Option<Format>) -> NewBatch {
    NewBatch {
        batch: file.take("batch"),
        format,
        session_id: Some(file.take("sessionId")).filter(|it| !it.is_empty()),
        tags: std::mem::take(&mut file.tags),
        ..NewBatch::default()
    }
}

async fn announce(
    app: &App,
    caller: &Caller,
    project: ProjectId,
    batch: NewBatch,
    files: Vec<AnnouncedFile>,
) -> Result<UploadBatchResource> {
    let mut tx = app.db.write().await?;
    let project = projects::open(&mut tx, caller, project).await?;
    let announced = ingest::announce(&mut tx, app.clock.now(), caller, &project, batch, files).await?;
    tx.commit().await?;
    app.uploads_waiting.notify_one();
    Ok(UploadBatchResource::new(app, &project, &announced))
}

impl From<FileEntry> for AnnouncedFile {
    fn from(file: FileEntry) -> Self {
        Self {
            folder: file.folder_path.unwrap_or_default(),
            name: file.file_name.unwrap_or_default(),
            uploaded_path: file.uploaded_path.unwrap_or_default(),
            is_end: file.end,
        }
    }
}
