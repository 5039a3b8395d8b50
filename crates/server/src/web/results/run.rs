//! One run: what failed first, then everything else; its suites; the files it was read from.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use serde::Deserialize;
use testward_wire::results::{FileOutcome, FileReceipt, Problem, Receipt, Status};

use super::format::{bar, by_status, duration, mark, pass_rate, plain, size, stage};
use super::runs::short;
use super::{chrome, open};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::{ProjectId, SuiteId, TeamId};
use crate::projects::Project;
use crate::results::http::read_statuses;
use crate::results::{self, Attachment, CaseResult, Detail, ResultFilter, Run, RunStage, Suite, status_name};
use crate::time::Millis;
use crate::web::extract::{Path, Query};
use crate::web::layout::{Bar, Chrome, Crumb, Mark, Paging, Tab, When, href, render};
use crate::{identity, ingest};

const PAGE_SIZE: usize = 100;
/// Failures shown with their stacks above all else.
const SHOWN_FAILURES: usize = 20;
/// Suites deeper than this are not indented further.
const MAX_DEPTH: u16 = 8;

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    page: Chrome,
    run: RunHead,
    tabs: Vec<Tab>,
    tab: &'static str,
    all_href: String,
    legend: Vec<LegendItem>,
    filter: FilterBar,
    failures: Vec<FailureRow>,
    n_failures: i64,
    has_more_failures: bool,
    failures_href: String,
    results: Vec<ResultRow>,
    pages: Paging,
    suites: Vec<SuiteRow>,
    files: Vec<FileRow>,
    n_repairs: usize,
}

struct RunHead {
    number: i64,
    name: String,
    status: Mark,
    stage: Option<Mark>,
    stage_note: Option<String>,
    is_live: bool,
    started: Option<When>,
    duration: Option<String>,
    bar: Bar,
    total: i64,
    pass_rate: Option<String>,
    branch: Option<String>,
    commit: Option<String>,
    build_label: Option<String>,
    build_url: Option<String>,
    by: String,
    key: Option<String>,
    session: Option<String>,
    tags: Vec<String>,
}

struct LegendItem {
    mark: Mark,
    count: i64,
    href: String,
    is_current: bool,
}

struct FilterBar {
    is_set: bool,
    q: String,
    status_value: String,
}

struct FailureRow {
    href: String,
    name: String,
    suite: String,
    status: Mark,
    message: String,
    stack: Option<String>,
    duration: Option<String>,
}

struct ResultRow {
    href: String,
    name: String,
    suite: String,
    status: Mark,
    is_flaky: bool,
    attempts: i64,
    message: Option<String>,
    duration: Option<String>,
}

struct SuiteRow {
    href: String,
    name: String,
    status: Mark,
    depth: u16,
    bar: Bar,
    total: i64,
    duration: Option<String>,
}

struct FileRow {
    path: String,
    size: String,
    href: Option<String>,
    outcome: Mark,
    format: Option<String>,
    results: i64,
    problem: Option<String>,
    repairs: Vec<String>,
}

/// What the address says.
#[derive(Default, Deserialize)]
pub struct Shown {
    #[serde(default)]
    tab: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    q: String,
    suite: Option<SuiteId>,
    #[serde(default)]
    after: String,
}

pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((team, project, number)): Path<(TeamId, ProjectId, i64)>,
    Query(shown): Query<Shown>,
) -> Result<Html<String>> {
    let mut tx = app.db.read().await?;
    let project = open(&mut tx, &caller, team, project).await?;
    let run = results::find_run(&mut tx, &project, number).await?;
    let mut page = frame(&mut tx, &app, &caller, &project, &run, &shown).await?;
    match page.tab {
        "suites" => page.suites = suites(&results::list_suites(&mut tx, &run).await?, &run.path(&project)),
        "files" => page.add_files(
            &ingest::list_receipts(&mut tx, &app.base_url, &project, &run).await?,
            &results::list_attachments(&mut tx, &run).await?,
            &project,
        ),
        _ => page.add_results(&mut tx, &project, &run, &shown).await?,
    }
    render(&page)
}

async fn frame(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    project: &Project,
    run: &Run,
    shown: &Shown,
) -> Result<RunPage> {
    let path = run.path(project);
    let tab = match shown.tab.as_str() {
        "suites" => "suites",
        "files" => "files",
        _ => "results",
    };
    let by = identity::find(tx, run.person_id).await?.name;
    let n_failures = run.counts.failed + run.counts.error + run.counts.incomplete;
    Ok(RunPage {
        page: chrome(tx, caller, project, vec![Crumb::new(format!("#{}", run.number), path.clone())]).await?,
        run: head(run, by, app.clock.now()),
        tabs: tabs(run, &path, tab),
        tab,
        legend: legend(run, &path, &shown.status),
        filter: FilterBar { is_set: shown.is_filtered(), q: shown.q.clone(), status_value: shown.status.clone() },
        failures: Vec::new(),
        n_failures,
        has_more_failures: n_failures > SHOWN_FAILURES as i64,
        failures_href: href(&path, &[("status", "FAILED,ERROR,INCOMPLETE")]),
        results: Vec::new(),
        pages: Paging { newer: None, older: None },
        suites: Vec::new(),
        files: Vec::new(),
        n_repairs: 0,
        all_href: path,
    })
}

fn head(run: &Run, by: String, now: Millis) -> RunHead {
    RunHead {
        number: run.number,
        name: run.name.clone(),
        status: mark(run.status),
        stage: stage(run),
        stage_note: stage_note(run),
        is_live: !run.has_ended(),
        started: run.started_at.map(|at| When::new(at, now)),
        duration: run.duration_ms.map(|millis| duration(millis as f64)),
        bar: bar(&run.counts),
        total: run.counts.total,
        pass_rate: pass_rate(&run.counts),
        branch: run.branch.clone(),
        commit: run.commit.as_deref().map(short),
        build_label: run.build_label.clone(),
        build_url: run.build_url.clone().filter(|url| url.starts_with("https://") || url.starts_with("http://")),
        by,
        key: run.key_handle.clone(),
        session: run.session_id.clone(),
        tags: run.tags.clone(),
    }
}

fn stage_note(run: &Run) -> Option<String> {
    let note = "Nothing was heard of this run for ten minutes, so it was closed. What came before is counted.";
    (run.stage == RunStage::Closed).then(|| note.to_owned())
}

fn tabs(run: &Run, path: &str, current: &str) -> Vec<Tab> {
    let tabs = [("results", "Results", Some(run.counts.total)), ("suites", "Suites", None), ("files", "Files", None)];
    let tab = |(value, label, n): (&str, &str, Option<i64>)| Tab {
        label: label.to_owned(),
        href: if value == "results" { path.to_owned() } else { href(path, &[("tab", value)]) },
        n,
        is_current: value == current,
    };
    tabs.into_iter().map(tab).collect()
}

fn legend(run: &Run, path: &str, current: &str) -> Vec<LegendItem> {
    let present = by_status(&run.counts).into_iter().filter(|(_, count)| *count > 0);
    let item = |(status, count): (Status, i64)| LegendItem {
        mark: mark(status),
        count,
        href: href(path, &[("status", status_name(status))]),
        is_current: current == status_name(status),
    };
    present.map(item).collect()
}

impl Shown {
    fn is_filtered(&self) -> bool {
        !(self.status.is_empty() && self.q.is_empty() && self.suite.is_none())
    }
}

impl RunPage {
    async fn add_results(&mut self, tx: &mut Tx, project: &Project, run: &Run, shown: &Shown) -> Result<()> {
        let path = run.path(project);
        let text = Some(shown.q.trim().to_owned()).filter(|text| !text.is_empty());
        let filter = ResultFilter { statuses: read_statuses(Some(&shown.status))?, text, suite: shown.suite };
        let after = Some(shown.after.as_str()).filter(|it| !it.is_empty());
        let (found, next) = results::list_results(tx, run, &filter, after, PAGE_SIZE).await?;
        if !shown.is_filtered() && after.is_none() {
            let failures = results::list_failures(tx, run, SHOWN_FAILURES).await?;
            self.failures = failures.into_iter().map(|(result, detail)| failure(&result, &detail, &path)).collect();
        }
        self.results = found.into_iter().map(|result| result_row(result, &path)).collect();
        let suite = shown.suite.map(|id| id.to_string()).unwrap_or_default();
        let to = |after: &str| {
            href(&path, &[("status", &shown.status), ("q", &shown.q), ("suite", &suite), ("after", after)])
        };
        self.pages = Paging { newer: after.map(|_| to("")), older: next.as_deref().map(to) };
        Ok(())
    }

    fn add_files(&mut self, receipts: &[Receipt], kept: &[Attachment], project: &Project) {
        let files = receipts.iter().flat_map(|receipt| &receipt.files);
        self.files = files.map(|file| file_row(file, kept, project)).collect();
        self.n_repairs = self.files.iter().map(|file| file.repairs.len()).sum();
    }
}

fn result_href(path: &str, result: &CaseResult) -> String {
    format!("{path}/results/{}", result.id)
}

fn failure(result: &CaseResult, detail: &Detail, path: &str) -> FailureRow {
    let first = detail.failures.first();
    FailureRow {
        href: result_href(path, result),
        name: result.name.clone(),
        suite: result.class_name.clone().unwrap_or_default(),
        status: mark(result.status),
        message: plain(result.message.as_deref().unwrap_or_default()),
        stack: first.map(|failure| plain(&failure.stack.head)).filter(|stack| !stack.is_empty()),
        duration: result.duration_ms.map(duration),
    }
}

fn result_row(result: CaseResult, path: &str) -> ResultRow {
    ResultRow {
        href: result_href(path, &result),
        suite: result.class_name.unwrap_or_default(),
        status: mark(result.status),
        is_flaky: result.is_flaky,
        attempts: result.attempt,
        message: result.message.as_deref().map(plain),
        duration: result.duration_ms.map(duration),
        name: result.name,
    }
}

fn suites(suites: &[Suite], path: &str) -> Vec<SuiteRow> {
    let depth = |suite: &Suite| {
        let parent = |suite: &Suite| suites.iter().find(|it| Some(it.id) == suite.parent_id);
        let above = std::iter::successors(parent(suite), |it| parent(it));
        above.take(usize::from(MAX_DEPTH)).count() as u16
    };
    let row = |suite: &Suite| SuiteRow {
        href: href(path, &[("suite", &suite.id.to_string())]),
        name: suite.name.clone(),
        status: mark(suite_status(suite)),
        depth: depth(suite),
        bar: bar(&suite.counts),
        total: suite.counts.total,
        duration: suite.duration_ms.map(duration),
    };
    suites.iter().map(row).collect()
}

fn suite_status(suite: &Suite) -> Status {
    let counts = &suite.counts;
    match counts {
        _ if counts.failed + counts.error + counts.incomplete > 0 => Status::Failed,
        _ if counts.passed > 0 => Status::Passed,
        _ if counts.skipped > 0 => Status::Skipped,
        _ => Status::NotRun,
    }
}

fn file_row(file: &FileReceipt, kept: &[Attachment], project: &Project) -> FileRow {
    let stored = kept.iter().find(|attachment| attachment.name == file.path);
    FileRow {
        path: file.path.clone(),
        size: size(file.bytes),
        href: stored.map(|it| format!("/api/v1/projects/{}/attachments/{}", project.id, it.id)),
        outcome: outcome(file.outcome),
        format: file.format.clone(),
        results: file.results,
        problem: file.problem.as_ref().map(|problem| located(&file.path, problem)),
        repairs: file.repairs.iter().map(|repair| located(&file.path, repair)).collect(),
    }
}

const fn outcome(outcome: FileOutcome) -> Mark {
    match outcome {
        FileOutcome::Waiting => Mark { key: "running", label: "Waiting" },
        FileOutcome::Read => Mark { key: "passed", label: "Read" },
        FileOutcome::Kept => Mark { key: "not_run", label: "Kept" },
        FileOutcome::Refused => Mark { key: "failed", label: "Refused" },
    }
}

/// Writes a problem as compilers do: `path:line:column: problem`.
pub fn located(path: &str, problem: &Problem) -> String {
    let place = [problem.line, problem.column].into_iter().map_while(|it| it).map(|it| format!(":{it}"));
    format!("{path}{}: {}", place.collect::<String>(), problem.message)
}
