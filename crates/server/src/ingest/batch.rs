//! Batches: which files belong together, and when all of them are there.

use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::{RunId, UploadId};
use crate::projects::Project;
use crate::time::Millis;

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
    unimplemented!()
}
