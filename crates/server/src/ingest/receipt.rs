//! Receipts: what became of an upload, file by file.

use testward_wire::results::Receipt;

use crate::db::Tx;
use crate::error::Result;
use crate::ids::UploadId;
use crate::projects::Project;
use crate::results::Run;

/// Returns the receipt of an upload of `project`. `base_url` is where the server is reached.
pub async fn find_receipt(tx: &mut Tx, base_url: &str, project: &Project, id: UploadId) -> Result<Receipt> {
    unimplemented!()
}

/// Returns the receipts of all uploads that make up a run, oldest first.
pub async fn list_receipts(tx: &mut Tx, base_url: &str, project: &Project, run: &Run) -> Result<Vec<Receipt>> {
    unimplemented!()
}
