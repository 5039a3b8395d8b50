//! The importer: reads complete uploads, one at a time, oldest first.

use crate::app::App;
use crate::error::Result;

/// Imports uploads for as long as the server runs.
pub async fn work(app: App) {
    unimplemented!()
}

/// Closes what has been silent too long, imports everything that waits, and returns.
pub async fn import_waiting(app: &App) -> Result<()> {
    unimplemented!()
}
