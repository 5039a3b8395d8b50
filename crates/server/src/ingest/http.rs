//! JSON endpoints of uploads.

use axum::extract::Multipart;

use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::UploadId;
use crate::projects::Project;

/// Takes in a form of text fields followed by files, stores them and waits up to 30 seconds for their import.
pub async fn take_multipart(app: &App, caller: &Caller, project: &Project, form: Multipart) -> Result<UploadId> {
    unimplemented!()
}
