//! The Suites tab of a run, and what a suite says of itself where its results are listed.

use std::collections::HashMap;

use testward_wire::results::Status;

use super::format::{bar, duration, mark, plain};
use super::parts::{Failure, Output, failure, output};
use crate::db::Tx;
use crate::error::Result;
use crate::ids::SuiteId;
use crate::results::{self, Run, Suite};
use crate::web::layout::{Bar, Mark, href};

/// Suites deeper than this are not indented further.
const MAX_DEPTH: u16 = 8;

pub struct SuiteRow {
    pub href: String,
    pub name: String,
    pub status: Mark,
    pub depth: u16,
    pub bar: Bar,
    pub total: i64,
    pub duration: Option<String>,
    pub has_detail: bool,
}

/// What a suite says of itself: what went wrong outside any test, and its output.
pub struct SuiteHead {
    pub name: String,
    pub failures: Vec<Failure>,
    pub stdout: Option<Output>,
    pub stderr: Option<Output>,
}

pub async fn head(tx: &mut Tx, run: &Run, id: SuiteId) -> Result<SuiteHead> {
    let suite = results::find_suite(tx, run, id).await?;
    let detail = results::find_suite_detail(tx, run, id).await?;
    Ok(SuiteHead {
        name: plain(&suite.name),
        failures: detail.failures.iter().map(failure).collect(),
        stdout: output(&detail.stdout),
        stderr: output(&detail.stderr),
    })
}

/// Draws the tree of suites as indented rows, in the order of the reports.
pub fn rows(suites: &[Suite], path: &str) -> Vec<SuiteRow> {
    let parents: HashMap<SuiteId, SuiteId> = suites.iter().filter_map(|it| Some((it.id, it.parent_id?))).collect();
    let depth = |suite: &Suite| {
        let above = std::iter::successors(suite.parent_id, |id| parents.get(id).copied());
        above.take(usize::from(MAX_DEPTH)).count() as u16
    };
    suites.iter().map(|suite| row(suite, depth(suite), path)).collect()
}

fn row(suite: &Suite, depth: u16, path: &str) -> SuiteRow {
    SuiteRow {
        href: href(path, &[("suite", &suite.id.to_string())]),
        name: plain(&suite.name),
        status: mark(status(suite)),
        depth,
        bar: bar(&suite.counts),
        total: suite.counts.total,
        duration: suite.duration_ms.map(duration),
        has_detail: suite.has_detail,
    }
}

fn status(suite: &Suite) -> Status {
    let counts = &suite.counts;
    match counts {
        _ if counts.failed + counts.error + counts.incomplete > 0 => Status::Failed,
        _ if counts.passed > 0 => Status::Passed,
        _ if counts.skipped > 0 => Status::Skipped,
        _ => Status::NotRun,
    }
}
