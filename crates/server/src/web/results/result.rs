//! One result: what went wrong, how it went before, and everything the report says of it.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use testward_wire::results::Status;

use super::files::attachment_path;
use super::format::{duration, mark, plain, size};
use super::parts::{Failure, Output, failure, output, whole};
use super::{Pair, chrome, open};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::{ProjectId, ResultId, TeamId};
use crate::projects::Project;
use crate::results::{
    self, Attachment, AttemptDetail, CaseResult, Detail, ResultFilter, ResultPage, Run, StepDetail, run_path,
    status_name,
};
use crate::time::Millis;
use crate::web::extract::Path;
use crate::web::layout::{Chrome, Crumb, Mark, When, render};

const MAX_DEPTH: u16 = 8;

#[derive(Template)]
#[template(path = "result.html")]
struct Shown {
    page: Chrome,
    result: TestResult,
    failures: Vec<Failure>,
    attempts: Vec<Attempt>,
    steps: Vec<Step>,
    stdout: Option<Output>,
    stderr: Option<Output>,
    images: Vec<Linked>,
    files: Vec<Linked>,
    history: Vec<HistoryItem>,
    next_failure: Option<String>,
}

struct TestResult {
    name: String,
    suite: Option<String>,
    class_name: Option<String>,
    place: Option<String>,
    status: Mark,
    is_flaky: bool,
    duration: Option<String>,
    started: Option<When>,
    run_href: String,
    run_name: String,
    run_number: i64,
    skip_reason: Option<String>,
    description: Option<String>,
    parameters: Vec<Pair>,
    properties: Vec<Property>,
}

/// What else the report says: tags, labels, owners, links.
struct Property {
    name: String,
    value: String,
    is_link: bool,
}

struct Attempt {
    number: usize,
    status: Mark,
    duration: Option<String>,
    message: Option<String>,
    stack: Option<String>,
    steps: Vec<Step>,
    stdout: Option<Output>,
    stderr: Option<Output>,
}

struct Step {
    depth: u16,
    name: String,
    status: Mark,
    duration: Option<String>,
    message: Option<String>,
}

struct Linked {
    name: String,
    href: String,
    size: String,
}

struct HistoryItem {
    key: &'static str,
    href: String,
    label: String,
    is_current: bool,
}

pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((team, project, number, id)): Path<(TeamId, ProjectId, i64, ResultId)>,
) -> Result<Html<String>> {
    let mut tx = app.db.read().await?;
    let project = open(&mut tx, &caller, team, project).await?;
    let found = results::find_result(&mut tx, &project, number, id).await?;
    let next_failure = next_failure(&mut tx, &project, &found.run, &found.result).await?;
    let run_href = found.run.path(&project);
    let crumbs = vec![
        Crumb::new(format!("#{}", found.run.number), run_href.clone()),
        Crumb::new(plain(&found.result.name), format!("{run_href}/results/{id}")),
    ];
    let page = chrome(&mut tx, &caller, &project, crumbs).await?;
    render(&show_all(page, &project, found, next_failure, app.clock.now()))
}

/// Returns the address of the next result that fails the run.
async fn next_failure(tx: &mut Tx, project: &Project, run: &Run, after: &CaseResult) -> Result<Option<String>> {
    let statuses = vec![Status::Error, Status::Failed, Status::Incomplete];
    if !statuses.contains(&after.status) {
        return Ok(None);
    }
    let filter = ResultFilter { statuses, ..ResultFilter::default() };
    let cursor = format!("{}.{}", status_name(after.status), after.id);
    let (next, _) = results::list_results(tx, run, &filter, Some(&cursor), 1).await?;
    Ok(next.first().map(|next| format!("{}/results/{}", run.path(project), next.id)))
}

fn show_all(page: Chrome, project: &Project, found: ResultPage, next_failure: Option<String>, now: Millis) -> Shown {
    let attachment =
        |it: &Attachment| Linked { name: it.name.clone(), href: attachment_path(project, it.id), size: size(it.bytes) };
    let is_image = |it: &&Attachment| it.mime.starts_with("image/") && it.mime != "image/svg+xml";
    Shown {
        page,
        failures: found.detail.failures.iter().map(failure).collect(),
        attempts: attempts(&found),
        steps: found.detail.steps.iter().map(step).collect(),
        stdout: output(&found.detail.stdout),
        stderr: output(&found.detail.stderr),
        images: found.attachments.iter().filter(is_image).map(attachment).collect(),
        files: found.attachments.iter().filter(|it| !is_image(it)).map(attachment).collect(),
        history: history(project, &found),
        next_failure,
        result: facts(project, found, now),
    }
}

fn facts(project: &Project, found: ResultPage, now: Millis) -> TestResult {
    let ResultPage { run, suite, result, detail, .. } = found;
    TestResult {
        suite: suite.map(|suite| plain(&suite.name)),
        place: place(&detail),
        status: mark(result.status),
        is_flaky: result.is_flaky,
        duration: result.duration_ms.map(duration),
        started: result.started_at.map(|at| When::new(at, now)),
        run_href: run.path(project),
        run_name: run.name,
        run_number: run.number,
        skip_reason: detail.skip_reason.as_deref().map(plain),
        description: detail.description.as_deref().map(plain),
        parameters: detail.parameters.into_iter().map(|(name, value)| Pair { name, value }).collect(),
        properties: detail.properties.into_iter().map(property).collect(),
        name: plain(&result.name),
        class_name: result.class_name,
    }
}

fn property((name, value): (String, String)) -> Property {
    let is_web = value.starts_with("https://") || value.starts_with("http://");
    Property { name, is_link: is_web && !value.contains(char::is_whitespace), value: plain(&value) }
}

fn place(detail: &Detail) -> Option<String> {
    let file = detail.file.as_ref()?;
    Some(detail.line.map_or_else(|| file.clone(), |line| format!("{file}:{line}")))
}

/// Earlier attempts: those of the same report, and those of earlier uploads of the run.
fn attempts(found: &ResultPage) -> Vec<Attempt> {
    let earlier = found.other_attempts.iter().filter(|it| it.attempt < found.result.attempt);
    let earlier = earlier.map(|it| Attempt {
        number: 0,
        status: mark(it.status),
        duration: it.duration_ms.map(duration),
        message: it.message.as_deref().map(plain),
        stack: None,
        steps: Vec::new(),
        stdout: None,
        stderr: None,
    });
    let within = found.detail.earlier_attempts.iter().map(attempt);
    let numbered = earlier.chain(within).enumerate().map(|(i, attempt)| Attempt { number: i + 1, ..attempt });
    numbered.collect()
}

fn attempt(attempt: &AttemptDetail) -> Attempt {
    let first = attempt.failures.first();
    Attempt {
        number: 0,
        status: mark(attempt.status),
        duration: attempt.duration_ms.map(duration),
        message: first.map(|it| plain(&it.message)),
        stack: first.map(|it| whole(&it.stack)).filter(|stack| !stack.is_empty()),
        steps: attempt.steps.iter().map(step).collect(),
        stdout: output(&attempt.stdout),
        stderr: output(&attempt.stderr),
    }
}

fn step(step: &StepDetail) -> Step {
    Step {
        depth: step.depth.min(MAX_DEPTH),
        name: plain(&step.name),
        status: mark(step.status),
        duration: step.duration_ms.map(duration),
        message: step.message.as_deref().map(plain),
    }
}

/// The last results of the case, oldest first.
fn history(project: &Project, found: &ResultPage) -> Vec<HistoryItem> {
    let item = |it: &results::HistoryEntry| HistoryItem {
        key: if it.is_flaky { "flaky" } else { mark(it.status).key },
        href: format!("{}/results/{}", run_path(project, it.run_number), it.result_id),
        label: format!("#{} {}", it.run_number, mark(it.status).label.to_lowercase()),
        is_current: it.result_id == found.result.id,
    };
    found.history.iter().rev().map(item).collect()
}
