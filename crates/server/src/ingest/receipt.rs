//! Receipts: what became of an upload, file by file.

use testward_wire::results::{FileReceipt, Receipt};

use super::store::{self, Upload, UploadFile};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::UploadId;
use crate::projects::Project;
use crate::results::{Run, record};

/// Returns the receipt of an upload of `project`. `base_url` is where the server is reached.
pub async fn find_receipt(tx: &mut Tx, base_url: &str, project: &Project, id: UploadId) -> Result<Receipt> {
    let upload = store::find_upload(tx, project.id, id).await?.ok_or(Error::NotFound("upload"))?;
    let run = record::load_run(tx, upload.run_id).await?;
    write(tx, base_url, project, &run, upload).await
}

/// How many files a run was made of.
pub struct FileCounts {
    pub files: i64,
    pub refused: i64,
}

pub async fn count_files(tx: &mut Tx, run: &Run) -> Result<FileCounts> {
    let (files, refused) = store::count_files(tx, run.id).await?;
    Ok(FileCounts { files, refused })
}

/// Returns the receipts of all uploads that make up a run, oldest first.
pub async fn list_receipts(tx: &mut Tx, base_url: &str, project: &Project, run: &Run) -> Result<Vec<Receipt>> {
    let mut receipts = Vec::new();
    for upload in store::list_uploads_of_run(tx, run.id).await? {
        receipts.push(write(tx, base_url, project, run, upload).await?);
    }
    Ok(receipts)
}

async fn write(tx: &mut Tx, base_url: &str, project: &Project, run: &Run, upload: Upload) -> Result<Receipt> {
    let files = store::list_files(tx, upload.id).await?;
    Ok(Receipt {
        id: upload.id.0,
        stage: upload.stage(),
        batch: upload.batch,
        run: Some(run.view(base_url, project)),
        files: files.into_iter().map(view).collect(),
    })
}

fn view(file: UploadFile) -> FileReceipt {
    FileReceipt {
        path: file.path,
        bytes: file.bytes,
        outcome: file.outcome,
        format: file.format,
        results: file.results,
        problem: file.problem,
        repairs: file.repairs,
    }
}
