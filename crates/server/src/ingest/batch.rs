//! Batches: which files belong together, and when all of them are there.

use std::collections::{HashMap, HashSet};

use testward_wire::results::{FileOutcome, UploadStage};

use super::paths;
use super::store::{self, File, NewUpload, Upload, UploadFile};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{FileId, RunId, UploadId};
use crate::projects::Project;
use crate::results::record::{self, RunFacts};
use crate::results::{Run, RunStage, SILENCE};
use crate::time::Millis;

/// Characters of a batch's name.
const MAX_BATCH: usize = 500;

/// What is known of a batch when files of it are announced. The first to say something wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewBatch {
    /// The client's own name for it; opaque, at most 500 characters.
    pub batch: String,
    /// The format the client believes it sends; the content decides.
    pub format: Option<testward_reports::Format>,
    pub session_id: Option<String>,
    pub run_name: Option<String>,
    pub branch: Option<String>,
    pub commit: Option<String>,
    pub build_label: Option<String>,
    pub build_url: Option<String>,
    pub tags: Vec<String>,
}

/// A file that was put into a [`Slot`](super::Slot) or soon will be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnnouncedFile {
    /// Folder on the client's machine; may be absolute, of any operating system, or empty.
    pub folder: String,
    pub name: String,
    /// The slot's path.
    pub uploaded_path: String,
    /// The last file of the batch.
    pub is_end: bool,
}

/// What became of an announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    pub upload: UploadId,
    pub run: RunId,
    pub run_number: i64,
    /// The batch was imported already.
    pub is_done: bool,
}

/// Records that files belong to a batch, making the batch and its run when it is new.
///
/// Idempotent for the same batch, path and slot. Bytes may come later. After the commit the caller rings
/// `app.uploads_waiting`.
pub async fn announce(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    project: &Project,
    batch: NewBatch,
    files: Vec<AnnouncedFile>,
) -> Result<Announced> {
    let places = find_places(tx, project, &files).await?;
    let (mut upload, run) = open(tx, now, caller, project, batch).await?;
    let mut has_news = false;
    for (file, place) in files.iter().zip(places) {
        has_news |= add_announced(tx, &upload, file, &place).await?;
        upload.is_complete |= file.is_end;
    }
    let is_done = proceed(tx, now, &mut upload, has_news).await?;
    Ok(Announced { upload: upload.id, run: run.id, run_number: run.number, is_done })
}

/// Finds the slots that files were put into, refusing all when one is not ours.
async fn find_places(tx: &mut Tx, project: &Project, files: &[AnnouncedFile]) -> Result<Vec<File>> {
    let mut places = Vec::with_capacity(files.len());
    for file in files {
        let path = file.uploaded_path.trim();
        if path.is_empty() {
            return Err(Error::bad_request(
                "blank_uploaded_path",
                "uploadedPath is empty: ask for an upload address first",
            ));
        }
        let place = store::find_file_by_path(tx, project.id, path).await?;
        places.push(place.ok_or_else(|| {
            Error::bad_request(
                "unknown_uploaded_path",
                "uploadedPath is none that this server gave out for the project",
            )
        })?);
    }
    Ok(places)
}

/// Finds or makes the upload of a batch, with its run.
pub async fn open(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    project: &Project,
    batch: NewBatch,
) -> Result<(Upload, Run)> {
    if batch.batch.trim().is_empty() || batch.batch.chars().count() > MAX_BATCH {
        return Err(Error::invalid("batch", format!("must have 1 to {MAX_BATCH} characters")));
    }
    let said = NewBatch { batch: String::new(), ..batch };
    let name = batch.batch;
    let facts = RunFacts {
        session_id: said.session_id.filter(|session| !session.trim().is_empty()),
        name: said.run_name.filter(|name| !name.trim().is_empty()),
        branch: said.branch,
        commit: said.commit,
        build_label: said.build_label,
        build_url: said.build_url,
        tags: said.tags,
        environment: Vec::new(),
    };
    if let Some(upload) = store::find_upload_by_batch(tx, project.id, &name).await? {
        let mut run = record::load_run(tx, upload.run_id).await?;
        record::add_facts(tx, now, &mut run, &RunFacts { session_id: None, ..facts }).await?;
        return Ok((upload, run));
    }
    let run = record::open_run(tx, now, caller, project, RunStage::Importing, &facts).await?;
    let new = NewUpload {
        batch: &name,
        run: run.id,
        format: said.format.map(testward_reports::Format::name),
        session_id: facts.session_id.as_deref(),
    };
    let id = store::insert_upload(tx, now, caller, project.id, &new).await?;
    let upload = store::find_upload(tx, project.id, id).await?.ok_or(Error::NotFound("upload"))?;
    Ok((upload, run))
}

/// Adds a file that lies, or will lie, in `place`. Says whether it is news.
async fn add_announced(tx: &mut Tx, upload: &Upload, file: &AnnouncedFile, place: &File) -> Result<bool> {
    if store::find_announced(tx, upload.id, place.id).await?.is_some() {
        return Ok(false);
    }
    let path = paths::announced(&file.folder, &file.name);
    let new = UploadFile { file_id: Some(place.id), ..waiting(path, None, place.bytes) };
    store::insert_upload_file(tx, upload.id, &new).await?;
    Ok(true)
}

/// A file as it is before anybody looked into it.
fn waiting(path: String, blob: Option<String>, bytes: i64) -> UploadFile {
    UploadFile {
        seq: 0,
        path,
        file_id: None,
        blob,
        bytes,
        outcome: FileOutcome::Waiting,
        format: None,
        results: 0,
        problem: None,
        repairs: Vec::new(),
    }
}

/// A file whose bytes are stored, or which was refused at the door.
#[derive(Debug, Clone)]
pub struct StoredFile {
    pub path: String,
    pub blob: Option<String>,
    pub bytes: i64,
    pub problem: Option<testward_wire::results::Problem>,
}

/// Records files of a batch whose bytes are there. The same files again change nothing.
pub async fn record_stored(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    project: &Project,
    batch: NewBatch,
    files: Vec<StoredFile>,
    is_end: bool,
) -> Result<Announced> {
    let (mut upload, run) = open(tx, now, caller, project, batch).await?;
    let known = store::list_files(tx, upload.id).await?;
    let mut seq = known.iter().map(|file| file.seq).max().unwrap_or(0);
    let known: HashMap<_, _> = known.into_iter().map(|file| (file.path, file.blob)).collect();
    let mut new = Vec::new();
    let mut has_news = false;
    for file in last_of_each_path(files) {
        let known = known.get(&file.path);
        if known == Some(&file.blob) {
            continue;
        }
        has_news = true;
        let outcome = if file.problem.is_some() { FileOutcome::Refused } else { FileOutcome::Waiting };
        let mut file = UploadFile { outcome, problem: file.problem, ..waiting(file.path, file.blob, file.bytes) };
        if known.is_some() {
            store::insert_upload_file(tx, upload.id, &file).await?;
        } else {
            seq += 1;
            file.seq = seq;
            new.push(file);
        }
    }
    store::insert_upload_files(tx, upload.id, &new).await?;
    upload.is_complete |= is_end;
    let is_done = proceed(tx, now, &mut upload, has_news).await?;
    Ok(Announced { upload: upload.id, run: run.id, run_number: run.number, is_done })
}

/// Keeps the order of the files, and of those with the same path the last.
fn last_of_each_path(files: Vec<StoredFile>) -> Vec<StoredFile> {
    let mut seen = HashSet::new();
    let mut files: Vec<_> = files.into_iter().rev().filter(|file| seen.insert(file.path.clone())).collect();
    files.reverse();
    files
}

/// Lets the importer have an upload that is complete, once again when there is news. Says whether it is finished.
async fn proceed(tx: &mut Tx, now: Millis, upload: &mut Upload, has_news: bool) -> Result<bool> {
    if upload.is_finished() && !has_news {
        return Ok(true);
    }
    upload.revision += i64::from(has_news);
    let is_ready = upload.is_complete && store::count_missing(tx, upload.id).await? == 0;
    let stage = if is_ready { UploadStage::Importing } else { UploadStage::Receiving };
    store::update_progress(tx, now, upload, stage).await?;
    Ok(false)
}

/// Takes notice of bytes that came into a slot.
///
/// An import under way begins again with them. A finished one does so only when it had gone on without any: clients
/// put the same file again and again after one answer was lost.
pub(super) async fn bytes_came(tx: &mut Tx, now: Millis, file: FileId, blob: &str) -> Result<()> {
    for (id, imported) in store::list_uploads_of_file(tx, file).await? {
        let Some(mut upload) = store::find_upload_by_id(tx, id).await? else { continue };
        let is_news = match imported {
            Some(imported) => !upload.is_finished() && imported != blob,
            None => true,
        };
        if is_news {
            proceed(tx, now, &mut upload, true).await?;
        }
    }
    Ok(())
}

/// Gives up waiting for uploads that have been silent: what came of them is imported.
pub(super) async fn close_silent(tx: &mut Tx, now: Millis) -> Result<()> {
    for id in store::list_silent(tx, now.plus(-SILENCE)).await? {
        if let Some(mut upload) = store::find_upload_by_id(tx, id).await? {
            upload.is_complete = true;
            store::update_progress(tx, now, &upload, UploadStage::Importing).await?;
        }
    }
    Ok(())
}
