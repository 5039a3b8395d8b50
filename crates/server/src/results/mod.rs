//! Runs and their results: what pages, endpoints and the official clients' API read, and the rules of a live run.
//!
//! Reports come in through `ingest`, which writes the rows with [`record`].

mod detail;
pub mod http;
mod live;
mod page;
pub mod record;
mod run;
mod store;

pub use detail::{AttemptDetail, Detail, FailureDetail, StepDetail, TextPart};
pub use live::{LiveUpdate, close_silent, live_update};
pub use page::{
    Attachment, CaseResult, HistoryEntry, ResultFilter, ResultPage, RunFilter, Suite, count_runs, find_attachment,
    find_result, find_run, find_suite, find_suite_detail, latest_runs, list_attachments, list_failures, list_results,
    list_runs, list_suites, list_uploaders, locate,
};
pub use run::{Run, RunStage, judge, run_path, status_from_name, status_name};

/// How long a run in progress, or an upload, may stay silent before it is closed.
pub const SILENCE: i64 = 10 * crate::time::MINUTE;
