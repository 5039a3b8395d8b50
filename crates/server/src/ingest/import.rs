//! The importer: reads complete uploads, one at a time, oldest first.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use testward_reports::Format;
use testward_wire::results::{FileOutcome, Problem, UploadStage};
use tokio::sync::mpsc::{self, Receiver};

use super::files::{BlobFiles, StoredBytes};
use super::reading::{FileRead, ReadUpload, read_upload};
use super::store::{Contribution, Upload, UploadFile};
use super::{batch, peek, store};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::UploadId;
use crate::results::record::{self, Chunk, Writer};
use crate::results::{self, Run};

/// How often to look for what has been silent too long.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Chunks that may wait for the database.
const CHUNKS_AHEAD: usize = 4;
/// Rows of a transaction. Fewer hold the one writer for a shorter time; more write the pages of indexes less often.
const ROWS_AT_ONCE: usize = 10_000;
/// Imports of one upload that may break down before it is given up.
const MAX_FAILURES: i64 = 5;
/// Uploads looked up at once.
const WAITING_AT_ONCE: usize = 100;

/// Imports uploads for as long as the server runs.
pub async fn work(app: App) {
    loop {
        if let Err(error) = Box::pin(app.panics.catch(import_waiting(&app))).await.flatten() {
            tracing::error!("looking for uploads failed: {error:?}");
        }
        // Running out of time is the other reason to look again.
        let _ = tokio::time::timeout(LOOK_EVERY, app.uploads_waiting.notified()).await;
    }
}

/// Closes what has been silent too long, imports everything that waits, and returns.
pub async fn import_waiting(app: &App) -> Result<()> {
    let _importing = app.importing.lock().await;
    close_silent(app).await?;
    let mut failed = HashSet::new();
    loop {
        let mut tx = app.db.read().await?;
        let waiting = store::list_waiting(&mut tx, WAITING_AT_ONCE + failed.len()).await?;
        drop(tx);
        let mut is_idle = true;
        for id in waiting {
            if failed.contains(&id) {
                continue;
            }
            is_idle = false;
            if let Err(error) = Box::pin(app.panics.catch(import(app, id))).await.flatten() {
                tracing::error!(upload = id.0, "an import failed: {error:?}");
                failed.insert(id);
                note_failure(app, id).await?;
            }
            app.uploads_imported.notify_waiters();
        }
        if is_idle {
            return Ok(());
        }
    }
}

async fn close_silent(app: &App) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    results::close_silent(&mut tx, now).await?;
    batch::close_silent(&mut tx, now).await?;
    tx.commit().await
}

/// Counts a break-down; the upload is tried again later, and given up after some.
async fn note_failure(app: &App, id: UploadId) -> Result<()> {
    let mut tx = app.db.write().await?;
    let Some(upload) = store::find_upload_by_id(&mut tx, id).await? else { return Ok(()) };
    let failures = upload.failures + 1;
    store::update_failures(&mut tx, id, failures).await?;
    tx.commit().await?;
    if failures < MAX_FAILURES {
        return Ok(());
    }
    discard(app, id).await?;
    give_up(app, &upload).await
}

async fn give_up(app: &App, upload: &Upload) -> Result<()> {
    let mut tx = app.db.write().await?;
    let mut files = store::list_files(&mut tx, upload.id).await?;
    for file in &mut files {
        file.outcome = FileOutcome::Refused;
        file.problem = Some(problem("internal error importing this file; it is stored, see the server's log"));
    }
    store::replace_upload_files(&mut tx, upload.id, &files).await?;
    let mut run = record::load_run(&mut tx, upload.run_id).await?;
    end(&mut tx, app, upload, &mut run, UploadStage::Refused, &Contribution::default()).await?;
    tx.commit().await
}

/// Imports one upload, whatever is left of an earlier try.
async fn import(app: &App, id: UploadId) -> Result<()> {
    let mut with_variants = HashSet::new();
    loop {
        let Some(mut job) = Job::load(app, id).await? else { return Ok(()) };
        job.begin(app).await?;
        let read = job.read(app, with_variants.clone()).await?;
        if read.with_variants.is_empty() {
            if job.finish(app, read).await? {
                return Ok(());
            }
        } else {
            with_variants.extend(read.with_variants);
        }
    }
}

/// Removes the rows of an upload, a few at a time.
async fn discard(app: &App, id: UploadId) -> Result<()> {
    loop {
        let mut tx = app.db.write().await?;
        let is_all = record::discard_some(&mut tx, id).await?;
        tx.commit_step().await?;
        if is_all {
            return Ok(());
        }
    }
}

/// One import under way.
struct Job {
    upload: Upload,
    run: Run,
    files: Vec<UploadFile>,
    stored: Arc<BlobFiles>,
    /// For each stored file, which of `files` it is.
    places: Vec<usize>,
    has_company: bool,
}

impl Job {
    async fn load(app: &App, id: UploadId) -> Result<Option<Self>> {
        let mut tx = app.db.read().await?;
        let Some(upload) = store::find_upload_by_id(&mut tx, id).await? else { return Ok(None) };
        if upload.stage() != UploadStage::Importing {
            return Ok(None);
        }
        let run = record::load_run(&mut tx, upload.run_id).await?;
        let files = store::list_files(&mut tx, id).await?;
        let mut stored = BlobFiles { blobs: app.blobs.clone(), files: Vec::new() };
        let mut places = Vec::new();
        for (place, file) in files.iter().enumerate() {
            if let Some(blob) = &file.blob {
                stored.files.push(StoredBytes { path: file.path.clone(), blob: blob.clone(), bytes: file.bytes });
                places.push(place);
            }
        }
        Ok(Some(Self { upload, run, files, stored: Arc::new(stored), places, has_company: false }))
    }

    /// Settles which run the rows go to, and clears the place.
    async fn begin(&mut self, app: &App) -> Result<()> {
        if self.upload.session_id.is_none() {
            let stored = self.stored.clone();
            let session = tokio::task::spawn_blocking(move || peek::session(&*stored)).await;
            self.upload.session_id = session.context("looking for the session")?;
        }
        if self.upload.began_at.is_some() {
            discard(app, self.upload.id).await?;
        }
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        self.run = record::load_run(&mut tx, self.upload.run_id).await?;
        let left = self.join_session(&mut tx).await?;
        store::update_began(&mut tx, now, self.upload.id, self.run.id, self.upload.session_id.as_deref()).await?;
        if let Some(left) = left {
            record::replace_run(&mut tx, &left, self.run.id).await?;
        }
        record::begin(&mut tx, now, &mut self.run).await?;
        let (with_rows, _) = store::count_company(&mut tx, self.run.id, self.upload.id).await?;
        self.has_company = with_rows > 0;
        tx.commit_step().await
    }

    /// Moves the upload to the run of the session that its files name. Returns the run it left, if nothing is left there.
    async fn join_session(&mut self, tx: &mut Tx) -> Result<Option<Run>> {
        let Some(session) = self.upload.session_id.clone() else { return Ok(None) };
        if self.run.session_id.is_some() {
            return Ok(None);
        }
        let Some(other) = record::find_session_run(tx, &self.run, &session).await? else {
            self.run.session_id = Some(session);
            return Ok(None);
        };
        let left = std::mem::replace(&mut self.run, other);
        Ok(Some(left))
    }

    /// Reads on a thread of its own and writes what it hands out.
    async fn read(&self, app: &App, with_variants: HashSet<usize>) -> Result<ReadUpload> {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let stored = self.stored.clone();
        let hint = self.upload.format.as_deref().and_then(Format::named);
        let reading = tokio::task::spawn_blocking(move || read_upload(&stored, hint, &with_variants, &sender));
        self.write(app, chunks).await?;
        Ok(reading.await.context("reading an upload")?)
    }

    async fn write(&self, app: &App, mut chunks: Receiver<Chunk>) -> Result<()> {
        let mut writer = Writer::new(&self.run, self.upload.id, self.has_company);
        while let Some(mut chunk) = chunks.recv().await {
            let mut tx = app.db.write().await?;
            let mut n = 0;
            loop {
                writer.write(&mut tx, &chunk).await?;
                n += chunk.results.len();
                if n >= ROWS_AT_ONCE {
                    break;
                }
                match chunks.recv().await {
                    Some(next) => chunk = next,
                    None => break,
                }
            }
            tx.commit_step().await?;
        }
        Ok(())
    }

    /// Makes the outcome known, all at once. Says whether the files are still those that were read.
    async fn finish(mut self, app: &App, read: ReadUpload) -> Result<bool> {
        let mut tx = app.db.write().await?;
        let stage = self.note_outcomes(&read.files);
        store::replace_upload_files(&mut tx, self.upload.id, &self.files).await?;
        let writer = Writer::new(&self.run, self.upload.id, self.has_company);
        writer.write_files(&mut tx, &read.stored).await?;
        self.run = record::load_run(&mut tx, self.run.id).await?;
        record::add_facts(&mut tx, app.clock.now(), &mut self.run, &read.facts).await?;
        if !end(&mut tx, app, &self.upload, &mut self.run, stage, &read.said).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Puts what reading said into the files, and judges the upload.
    fn note_outcomes(&mut self, read: &[FileRead]) -> UploadStage {
        for file in &mut self.files {
            if file.blob.is_none() && file.file_id.is_some() {
                file.outcome = FileOutcome::Refused;
                file.problem = Some(problem("the bytes never arrived"));
            }
        }
        for (place, read) in self.places.iter().zip(read) {
            let file = &mut self.files[*place];
            file.outcome = read.outcome;
            file.format = read.format.map(|format| format.name().to_owned());
            file.results = read.results;
            file.problem.clone_from(&read.problem);
            file.repairs.clone_from(&read.repairs);
        }
        let n_read = self.files.iter().filter(|file| file.outcome == FileOutcome::Read).count();
        match self.files.iter().any(|file| file.problem.is_some() && file.outcome != FileOutcome::Kept) {
            _ if n_read == 0 => UploadStage::Refused,
            true => UploadStage::PartlyRefused,
            false => UploadStage::Done,
        }
    }
}

/// Ends an upload, and its run unless another upload of it is still to come. Says whether the files stayed the same.
async fn end(
    tx: &mut Tx,
    app: &App,
    upload: &Upload,
    run: &mut Run,
    stage: UploadStage,
    said: &Contribution,
) -> Result<bool> {
    let now = app.clock.now();
    if !store::update_imported(tx, now, upload, stage, said).await? {
        return Ok(false);
    }
    if stage != UploadStage::Refused {
        record::discard_live(tx, run.id).await?;
    }
    let (_, n_open) = store::count_company(tx, run.id, upload.id).await?;
    let ending = store::find_ending(tx, run.id).await?;
    record::finish(tx, now, run, &ending, n_open > 0).await?;
    Ok(true)
}

fn problem(message: &str) -> Problem {
    Problem { line: None, column: None, message: message.to_owned() }
}

/// Waits until an upload was imported, at most `limit`.
pub(super) async fn wait(app: &App, id: UploadId, limit: Duration) -> Result<()> {
    let finished = async {
        loop {
            let notified = app.uploads_imported.notified();
            let mut notified = std::pin::pin!(notified);
            // Enrolled before looking, so that an end between looking and waiting is not missed.
            notified.as_mut().enable();
            let mut tx = app.db.read().await?;
            let upload = store::find_upload_by_id(&mut tx, id).await?;
            drop(tx);
            if upload.is_none_or(|upload| upload.is_finished()) {
                return Ok::<_, Error>(());
            }
            notified.await;
        }
    };
    tokio::time::timeout(limit, finished).await.unwrap_or(Ok(()))
}
