//! Our own upload: one form with text fields first and files after them, streamed to the disk as they come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use testward_reports::Format;
use testward_wire::results::Problem;

use super::batch::{Announced, NewBatch, StoredFile, record_stored};
use super::{MAX_FILE_BYTES, import, paths};
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::UploadId;
use crate::leaks::{self, Covered, Uploader};
use crate::projects::Project;

/// How long an upload waits for its import before it is answered.
const WAIT: Duration = Duration::from_secs(30);
/// Bytes of a text field.
const MAX_TEXT: usize = 8 * 1024;
/// Files of one form.
const MAX_FILES: usize = 20_000;
const MAX_TAGS: usize = 50;
/// Parts of a form whose fields may have any name.
const MAX_PARTS: usize = 100;

/// Bytes that may have come without a whole head, or a piece of a file, among them: the rest of what is no form.
const MAX_UNREAD: usize = 1 << 20;

/// The bytes of one part.
trait Pieces: Stream<Item = Result<Bytes, MultipartError>> + Send + Unpin {}

impl<T: Stream<Item = Result<Bytes, MultipartError>> + Send + Unpin> Pieces for T {}

/// A form that is read as it comes.
///
/// The reader of forms gathers everything up to the end of a part's head, and looks through all of it again at each new
/// piece; so what it may gather is bounded here.
pub struct Form {
    parts: Multipart,
    unread: Arc<AtomicUsize>,
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let unread = Arc::<AtomicUsize>::default();
        let counted = unread.clone();
        let mut request = request.map(|body| Body::from_stream(bounded(body, counted)));
        // Files are streamed to the disk, with a limit of their own.
        DefaultBodyLimit::disable().apply(&mut request);
        let parts = Multipart::from_request(request, state).await;
        let parts = parts.map_err(|error| Error::bad_request("bad_multipart", error.body_text()))?;
        Ok(Self { parts, unread })
    }
}

/// Passes pieces on until too much was passed on and none of it could be used.
fn bounded(body: Body, unread: Arc<AtomicUsize>) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    body.into_data_stream().map(move |piece| {
        let piece = piece?;
        let before = unread.fetch_add(piece.len(), Ordering::Relaxed);
        if before > MAX_UNREAD { Err(axum::Error::new("the head of a part is too long")) } else { Ok(piece) }
    })
}

impl Form {
    async fn next(&mut self) -> Result<Option<Field<'_>>> {
        let field = self.parts.next_field().await.map_err(|error| bad_multipart(&error))?;
        self.unread.store(0, Ordering::Relaxed);
        Ok(field)
    }
}

/// Takes in a form of text fields followed by files, stores them and waits up to 30 seconds for their import.
pub async fn take_multipart(app: &App, caller: &Caller, project: &Project, mut form: Form) -> Result<UploadId> {
    let mut batch = NewBatch::default();
    let mut files = Vec::new();
    let unread = form.unread.clone();
    while let Some(field) = form.next().await? {
        match field.file_name().map(str::to_owned) {
            Some(name) => files.push(receive_file(app, &name, pieces(field, &unread)).await?),
            None if files.is_empty() => {
                let name = field.name().unwrap_or_default().to_owned();
                take_text(&mut batch, &name, pieces(field, &unread)).await?;
            }
            None => return Err(Error::bad_request("bad_multipart", "text fields come before the files")),
        }
        if files.len() > MAX_FILES {
            return Err(Error::TooLarge { message: format!("an upload has at most {MAX_FILES} files") });
        }
    }
    // A browser sends an empty file field when none was chosen.
    files.retain(|(file, _)| !(file.path.is_empty() && file.bytes == 0));
    if files.is_empty() {
        return Err(Error::bad_request("no_files", "the form has no file: send at least one part with a file name"));
    }
    if batch.batch.is_empty() {
        batch.batch = app.random.base62(22);
    }
    let files = keep(app, Uploader { person: caller.person, project: project.id }, files).await?;
    let mut tx = app.db.write().await?;
    let id = record_stored(&mut tx, app.clock.now(), caller, project, batch, files, true).await?.upload;
    tx.commit().await?;
    app.uploads_waiting.notify_one();
    import::wait(app, id, WAIT).await?;
    Ok(id)
}

/// What a form of one batch says and brings, in whatever order. Nothing of it lasts yet.
#[derive(Default)]
pub struct Parts {
    pub fields: Vec<(String, String)>,
    files: Vec<(StoredFile, Option<Covered>)>,
}

/// Reads a form whose fields, of any name, may come after its files.
pub async fn take_parts(app: &App, mut form: Form) -> Result<Parts> {
    let mut parts = Parts::default();
    let unread = form.unread.clone();
    while let Some(field) = form.next().await? {
        match (field.name().unwrap_or_default().to_owned(), field.file_name().map(str::to_owned)) {
            (_, Some(name)) => parts.files.push(receive_file(app, &name, pieces(field, &unread)).await?),
            (name, None) => {
                let text = read_text(&name, pieces(field, &unread)).await?;
                parts.fields.push((name, text));
            }
        }
        if parts.fields.len() + parts.files.len() > MAX_PARTS {
            return Err(Error::TooLarge { message: format!("this form has at most {MAX_PARTS} parts") });
        }
    }
    Ok(parts)
}

/// Records the files of a form as part of a batch, below `folder`; with `is_end` the batch is complete.
pub async fn add_parts(
    app: &App,
    caller: &Caller,
    project: &Project,
    batch: NewBatch,
    parts: Parts,
    folder: &str,
    is_end: bool,
) -> Result<Announced> {
    let mut files = keep(app, Uploader { person: caller.person, project: project.id }, parts.files).await?;
    for file in &mut files {
        file.path = paths::announced(folder, &file.path);
    }
    let mut tx = app.db.write().await?;
    let announced = record_stored(&mut tx, app.clock.now(), caller, project, batch, files, is_end).await?;
    tx.commit().await?;
    app.uploads_waiting.notify_one();
    Ok(announced)
}

/// Puts received files on the disk for good.
async fn keep(app: &App, from: Uploader, files: Vec<(StoredFile, Option<Covered>)>) -> Result<Vec<StoredFile>> {
    let covered = || files.iter().filter_map(|(_, covered)| covered.as_ref());
    app.blobs.keep(covered().map(|it| &it.received)).await?;
    for covered in covered() {
        leaks::record(app, from, covered).await?;
    }
    Ok(files.into_iter().map(|(file, _)| file).collect())
}

fn bad_multipart(error: &MultipartError) -> Error {
    Error::bad_request("bad_multipart", format!("the form cannot be read: {}", error.body_text()))
}

/// Hands out the bytes of a part, each piece of which gives the form room for more.
fn pieces<'a>(field: Field<'a>, unread: &'a AtomicUsize) -> impl Pieces + 'a {
    field.inspect(|_| unread.store(0, Ordering::Relaxed))
}

/// Receives a file, unless it is refused at the door for its name.
async fn receive_file(app: &App, name: &str, field: impl Pieces) -> Result<(StoredFile, Option<Covered>)> {
    match paths::checked(name) {
        Ok(path) => {
            let covered = leaks::receive(app, field, MAX_FILE_BYTES).await?;
            let received = &covered.received;
            let (blob, bytes) = (Some(received.hash.clone()), received.bytes);
            Ok((StoredFile { path, blob, bytes, problem: None }, Some(covered)))
        }
        Err(message) => {
            let bytes = skip(field).await?;
            let problem = Problem { line: None, column: None, message: message.to_owned() };
            Ok((StoredFile { path: paths::shown(name), blob: None, bytes, problem: Some(problem) }, None))
        }
    }
}

async fn skip(mut field: impl Pieces) -> Result<i64> {
    let mut bytes = 0;
    while let Some(chunk) = field.try_next().await.map_err(|error| bad_multipart(&error))? {
        bytes += chunk.len() as i64;
    }
    Ok(bytes)
}

async fn take_text(batch: &mut NewBatch, name: &str, field: impl Pieces) -> Result<()> {
    let text = read_text(name, field).await?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(());
    }
    let value = Some(text.to_owned());
    match name {
        "batch" => text.clone_into(&mut batch.batch),
        "type" if text == "auto" => {}
        "type" => batch.format = Some(Format::named(text).ok_or_else(unknown_type)?),
        "build_label" => batch.build_label = value,
        "build_url" => batch.build_url = value,
        "branch" => batch.branch = value,
        "commit" => batch.commit = value,
        "run_name" => batch.run_name = value,
        "session" => batch.session_id = value,
        "tag" if batch.tags.len() >= MAX_TAGS => {
            return Err(Error::invalid("tag", format!("may be given at most {MAX_TAGS} times")));
        }
        "tag" => batch.tags.push(text.to_owned()),
        _ => return Err(Error::invalid(name, "is no field of an upload")),
    }
    Ok(())
}

fn unknown_type() -> Error {
    let known = Format::ALL.map(Format::name).join(", ");
    Error::invalid("type", format!("must be auto, {known}"))
}

async fn read_text(name: &str, mut field: impl Pieces) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.try_next().await.map_err(|error| bad_multipart(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_TEXT {
            return Err(Error::invalid(name, format!("must have at most {MAX_TEXT} bytes")));
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::invalid(name, "must be UTF-8"))
}
