//! One run: what failed first, then everything else; its suites; the files it was read from.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use serde::Deserialize;
use testward_wire::results::Status;

use super::files::{self, FileRow};
use super::format::{bar, by_status, duration, mark, pass_rate, plain, stage};
use super::parts::whole;
use super::runs::short;
use super::suites::{self, SuiteHead, SuiteRow};
use super::{Pair, chrome, open};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::{ProjectId, SuiteId, TeamId};
use crate::ingest::FileCounts;
use crate::projects::Project;
use crate::results::http::read_statuses;
use crate::results::{self, CaseResult, Detail, ResultFilter, Run, RunStage, Suite, status_name};
use crate::time::Millis;
use crate::web::extract::{Path, Query};
use crate::web::layout::{Bar, Chrome, Crumb, Mark, Paging, Tab, When, href, render};
use crate::{identity, ingest, leaks};

const PAGE_SIZE: usize = 100;
/// Suites or files on one page.
const LIST_SIZE: usize = 200;
/// Failures shown with their stacks above all else.
const SHOWN_FAILURES: usize = 20;
/// Facts of the surroundings that are shown.
const SHOWN_FACTS: usize = 12;
/// Failures up to which their stacks stand open.
const FEW_FAILURES: i64 = 3;

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
    has_few_failures: bool,
    has_more_failures: bool,
    failures_href: String,
    results: Vec<ResultRow>,
    pages: Paging,
    suites: Vec<SuiteRow>,
    suite: Option<SuiteHead>,
    files: Vec<FileRow>,
    n_repairs: usize,
    n_files: i64,
    n_refused: i64,
    n_leaks: i64,
    files_href: String,
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
    environment: Vec<Pair>,
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
    suite: String,
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
        "suites" => page.add_suites(&results::list_suites(&mut tx, &run).await?, &shown),
        "files" => {
            let receipts = ingest::list_receipts(&mut tx, &app.base_url, &project, &run).await?;
            let stored = results::list_attachments(&mut tx, &run).await?;
            page.add_files(files::rows(&receipts, &stored, &project), &shown);
        }
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
        "results" => "results",
        _ => default_tab(run),
    };
    let by = identity::find(tx, run.person_id).await?.name;
    let came = ingest::count_files(tx, run).await?;
    let n_leaks = leaks::count_in_run(tx, run.id).await?;
    let n_failures = run.counts.failed + run.counts.error + run.counts.incomplete;
    Ok(RunPage {
        page: chrome(tx, caller, project, vec![Crumb::new(format!("#{}", run.number), path.clone())]).await?,
        run: head(run, by, app.clock.now()),
        tabs: tabs(run, &came, &path, tab),
        tab,
        legend: legend(run, &path, &shown.status),
        filter: FilterBar {
            is_set: shown.is_filtered(),
            q: shown.q.clone(),
            status_value: shown.status.clone(),
            suite: shown.suite_text(),
        },
        failures: Vec::new(),
        n_failures,
        has_few_failures: n_failures <= FEW_FAILURES,
        has_more_failures: n_failures > SHOWN_FAILURES as i64,
        failures_href: href(&path, &[("status", "FAILED,ERROR,INCOMPLETE")]),
        results: Vec::new(),
        pages: Paging { newer: None, older: None },
        suites: Vec::new(),
        suite: None,
        files: Vec::new(),
        n_repairs: 0,
        n_files: came.files,
        n_refused: came.refused,
        n_leaks,
        files_href: href(&path, &[("tab", "files")]),
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
        environment: environment(run),
        tags: run.tags.clone(),
    }
}

fn environment(run: &Run) -> Vec<Pair> {
    let facts = run.environment.iter().take(SHOWN_FACTS);
    facts.map(|(name, value)| Pair { name: name.clone(), value: value.clone() }).collect()
}

fn stage_note(run: &Run) -> Option<String> {
    let counts = &run.counts;
    let note = if run.stage == RunStage::Closed {
        "Nothing was heard of this run for ten minutes, so it was closed. What came before is counted."
    } else if run.has_ended() && run.status == Status::Failed && counts.failed + counts.error + counts.incomplete == 0 {
        "No test failed, but something around the tests did, such as a set-up: the Suites tab marks where."
    } else {
        return None;
    };
    Some(note.to_owned())
}

/// Returns what is shown first: the results, or why there are none.
fn default_tab(run: &Run) -> &'static str {
    if run.stage == RunStage::Refused { "files" } else { "results" }
}

fn tabs(run: &Run, came: &FileCounts, path: &str, current: &str) -> Vec<Tab> {
    let tabs = [
        ("results", "Results", Some(run.counts.total)),
        ("suites", "Suites", None),
        ("files", "Files", Some(came.files)),
    ];
    let tab = |(value, label, n): (&str, &str, Option<i64>)| Tab {
        label: label.to_owned(),
        href: if value == default_tab(run) { path.to_owned() } else { href(path, &[("tab", value)]) },
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

    fn suite_text(&self) -> String {
        self.suite.map(|id| id.to_string()).unwrap_or_default()
    }
}

impl RunPage {
    fn add_suites(&mut self, list: &[Suite], shown: &Shown) {
        (self.suites, self.pages) = one_page(suites::rows(list, &self.all_href), &self.all_href, shown);
    }

    fn add_files(&mut self, rows: Vec<FileRow>, shown: &Shown) {
        self.n_repairs = rows.iter().map(|file| file.repairs.len()).sum();
        (self.files, self.pages) = one_page(rows, &self.all_href, shown);
    }

    async fn add_results(&mut self, tx: &mut Tx, project: &Project, run: &Run, shown: &Shown) -> Result<()> {
        let path = run.path(project);
        let text = Some(shown.q.trim().to_owned()).filter(|text| !text.is_empty());
        let mut filter = ResultFilter { statuses: read_statuses(Some(&shown.status))?, text, suite: shown.suite };
        let after = Some(shown.after.as_str()).filter(|it| !it.is_empty());
        if !shown.is_filtered() && after.is_none() {
            let failures = results::list_failures(tx, run, SHOWN_FAILURES).await?;
            self.failures = failures.into_iter().map(|(result, detail)| failure(&result, &detail, &path)).collect();
            // What failed stands above already; in the order of statuses the others follow it.
            filter.statuses = vec![Status::NotRun, Status::Passed, Status::Running, Status::Skipped];
        }
        if let Some(id) = shown.suite {
            self.suite = Some(suites::head(tx, run, id).await?);
        }
        let (found, next) = results::list_results(tx, run, &filter, after, PAGE_SIZE).await?;
        self.results = found.into_iter().map(|result| result_row(result, &path)).collect();
        let suite = shown.suite_text();
        let to = |after: &str| {
            href(&path, &[("status", &shown.status), ("q", &shown.q), ("suite", &suite), ("after", after)])
        };
        self.pages = Paging { newer: after.map(|_| to("")), older: next.as_deref().map(to) };
        Ok(())
    }
}

fn result_href(path: &str, result: &CaseResult) -> String {
    format!("{path}/results/{}", result.id)
}

/// Returns the class, unless it only repeats the name, as in reports of Katalon Studio.
fn class_name(result: &CaseResult) -> String {
    result.class_name.as_deref().filter(|class| *class != result.name).map(plain).unwrap_or_default()
}

fn failure(result: &CaseResult, detail: &Detail, path: &str) -> FailureRow {
    let first = detail.failures.first();
    FailureRow {
        href: result_href(path, result),
        name: plain(&result.name),
        suite: class_name(result),
        status: mark(result.status),
        message: plain(result.message.as_deref().unwrap_or_default()),
        stack: first.map(|failure| whole(&failure.stack)).filter(|stack| !stack.is_empty()),
        duration: result.duration_ms.map(duration),
    }
}

fn result_row(result: CaseResult, path: &str) -> ResultRow {
    ResultRow {
        href: result_href(path, &result),
        suite: class_name(&result),
        status: mark(result.status),
        is_flaky: result.is_flaky,
        attempts: result.attempt,
        message: result.message.as_deref().map(plain),
        duration: result.duration_ms.map(duration),
        name: plain(&result.name),
    }
}

/// Returns the page that the address asks for, of a list that is not long enough to be kept in pieces.
fn one_page<T>(rows: Vec<T>, path: &str, shown: &Shown) -> (Vec<T>, Paging) {
    let from = shown.after.parse().unwrap_or(0).min(rows.len());
    let to = |at: usize| href(path, &[("tab", &shown.tab), ("after", &at.to_string())]);
    let pages = Paging {
        newer: (from > 0).then(|| to(from.saturating_sub(LIST_SIZE))),
        older: (rows.len() - from > LIST_SIZE).then(|| to(from + LIST_SIZE)),
    };
    (rows.into_iter().skip(from).take(LIST_SIZE).collect(), pages)
}
