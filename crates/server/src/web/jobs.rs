//! Every kind of job, with what is done for it.

use crate::app::App;
use crate::error::Result;
use crate::notices;
use crate::work::{self, Handlers};

/// Returns what to do for each kind of job.
pub fn handlers() -> Handlers {
    Handlers::default().on::<notices::SendMail>().on::<notices::DeliverWebhook>()
}

/// Runs every job that is due, and returns how many attempts that were.
pub async fn run_due(app: &App) -> Result<usize> {
    work::run_due(app, &handlers()).await
}
