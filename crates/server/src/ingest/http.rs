//! JSON endpoints of uploads.

use axum::extract::State;
use testward_wire::results::{Receipt, UploadStage};

use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{ProjectId, UploadId};
use crate::web::extract::{Json, Path};
use crate::{ingest, projects};

/// Takes an upload in. A 200 says that its bytes are on the disk and, unless it is still importing, counted.
pub async fn upload(
    State(app): State<App>,
    caller: Caller,
    Path(project): Path<ProjectId>,
    form: ingest::Form,
) -> Result<Json<Receipt>> {
    let mut tx = app.db.read().await?;
    let project = projects::open(&mut tx, &caller, project).await?;
    drop(tx);
    let id = ingest::take_multipart(&app, &caller, &project, form).await?;
    let mut tx = app.db.read().await?;
    let receipt = ingest::find_receipt(&mut tx, &app.base_url, &project, id).await?;
    if receipt.stage == UploadStage::Refused {
        return Err(Error::ReportRefused(Box::new(receipt)));
    }
    Ok(Json(receipt))
}

pub async fn read(
    State(app): State<App>,
    caller: Caller,
    Path((project, upload)): Path<(ProjectId, UploadId)>,
) -> Result<Json<Receipt>> {
    let mut tx = app.db.read().await?;
    let project = projects::open(&mut tx, &caller, project).await?;
    Ok(Json(ingest::find_receipt(&mut tx, &app.base_url, &project, upload).await?))
}
