//! The runs of a project, newest first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Redirect};
use serde::Deserialize;
use testward_wire::results::Status;

use super::format::{bar, duration, mark, stage};
use super::{ProjectHead, chrome, open};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity;
use crate::ids::{PersonId, ProjectId, TeamId};
use crate::projects::Project;
use crate::results::{self, Run, RunFilter, status_from_name, status_name};
use crate::time::{DAY, Millis};
use crate::web::extract::{Path, Query};
use crate::web::layout::{Bar, Choice, Chrome, Mark, Paging, When, href, render, upload_command};

const PAGE_SIZE: usize = 30;
/// How far back to look: value, words, milliseconds.
const TIMES: [(&str, &str, i64); 4] = [
    ("1d", "Last 24 hours", DAY),
    ("7d", "Last 7 days", 7 * DAY),
    ("30d", "Last 30 days", 30 * DAY),
    ("90d", "Last 90 days", 90 * DAY),
];
/// Digits of a commit that people recognise.
const SHORT_COMMIT: usize = 8;

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    page: Chrome,
    project: ProjectHead,
    runs: Vec<RunRow>,
    filter: FilterBar,
    pages: Paging,
    has_any: bool,
    command: String,
}

struct FilterBar {
    statuses: Vec<Choice>,
    people: Vec<Choice>,
    times: Vec<Choice>,
    branch: String,
    tag: String,
    key: String,
    q: String,
    is_set: bool,
    /// One of those is set that are folded away.
    is_wide: bool,
}

struct RunRow {
    number: i64,
    name: String,
    href: String,
    status: Mark,
    stage: Option<Mark>,
    bar: Bar,
    branch: Option<String>,
    commit: Option<String>,
    by: String,
    key: Option<String>,
    started: When,
    duration: Option<String>,
}

/// What the address says.
#[derive(Default, Deserialize)]
pub struct Shown {
    #[serde(default)]
    status: String,
    #[serde(default)]
    branch: String,
    /// Number of whoever uploaded; text, because a form sends it empty.
    #[serde(default)]
    person: String,
    /// Handle of a key.
    #[serde(default)]
    key: String,
    #[serde(default)]
    tag: String,
    /// One of [`TIMES`].
    #[serde(default)]
    time: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
}

pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((team, project)): Path<(TeamId, ProjectId)>,
    Query(shown): Query<Shown>,
) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let project = open(&mut tx, &caller, team, project).await?;
    let after = Some(shown.after.as_str()).filter(|it| !it.is_empty());
    let (runs, next) = results::list_runs(&mut tx, &project, &shown.filter(now), after, PAGE_SIZE).await?;
    let has_any = !runs.is_empty() || results::count_runs(&mut tx, &project).await? > 0;
    let names = names(&mut tx, &runs).await?;
    let people = people(&mut tx, &project, &shown.person).await?;
    let page = RunsPage {
        page: chrome(&mut tx, &caller, &project, Vec::new()).await?,
        pages: shown.pages(&project, next.as_deref()),
        runs: runs.into_iter().map(|run| row(run, &project, &names, now)).collect(),
        filter: shown.bar(people),
        command: upload_command(&app, project.id),
        project: ProjectHead::new(&project),
        has_any,
    };
    render(&page)
}

/// Leads to the runs from an address that an official client printed.
pub async fn to_runs(Path((team, project)): Path<(TeamId, ProjectId)>) -> Redirect {
    Redirect::to(&format!("/team/{team}/project/{project}/executions"))
}

/// The same for a job: plans and jobs have no pages of their own yet.
pub async fn to_runs_from_job(Path((team, project, _, _)): Path<(TeamId, ProjectId, i64, i64)>) -> Redirect {
    Redirect::to(&format!("/team/{team}/project/{project}/executions"))
}

/// Returns what the people are called who uploaded the runs.
async fn names(tx: &mut Tx, runs: &[Run]) -> Result<HashMap<PersonId, String>> {
    let mut names = HashMap::new();
    for run in runs {
        if let Entry::Vacant(unknown) = names.entry(run.person_id) {
            unknown.insert(identity::find(tx, run.person_id).await?.name);
        }
    }
    Ok(names)
}

/// Returns whoever may be chosen to filter by.
async fn people(tx: &mut Tx, project: &Project, chosen: &str) -> Result<Vec<Choice>> {
    let mut people = Vec::new();
    for id in results::list_uploaders(tx, project).await? {
        let value = id.to_string();
        let is_chosen = value == chosen;
        people.push(Choice::new(value, identity::find(tx, id).await?.name).selected(is_chosen));
    }
    people.sort_by_cached_key(|choice| choice.label.to_lowercase());
    Ok(people)
}

fn row(run: Run, project: &Project, names: &HashMap<PersonId, String>, now: Millis) -> RunRow {
    RunRow {
        number: run.number,
        href: run.path(project),
        status: mark(run.status),
        stage: stage(&run),
        bar: bar(&run.counts),
        commit: run.commit.as_deref().map(short),
        by: names.get(&run.person_id).cloned().unwrap_or_default(),
        key: run.key_handle,
        started: When::new(run.started_at.unwrap_or(run.created_at), now),
        duration: run.duration_ms.map(|millis| duration(millis as f64)),
        branch: run.branch,
        name: run.name,
    }
}

pub fn short(commit: &str) -> String {
    commit.chars().take(SHORT_COMMIT).collect()
}

impl Shown {
    fn filter(&self, now: Millis) -> RunFilter {
        let set = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let reach = TIMES.iter().find(|(value, ..)| *value == self.time);
        RunFilter {
            status: status_from_name(&self.status),
            branch: set(&self.branch),
            person: self.person.parse().ok().map(PersonId),
            key: set(&self.key),
            tag: set(&self.tag),
            since: reach.map(|(.., millis)| now.plus(-millis)),
            until: None,
            text: set(&self.q),
        }
    }

    /// Returns what is set, as it stands in the address.
    fn query(&self) -> [(&'static str, &str); 7] {
        [
            ("q", &self.q),
            ("status", &self.status),
            ("branch", &self.branch),
            ("person", &self.person),
            ("key", &self.key),
            ("tag", &self.tag),
            ("time", &self.time),
        ]
    }

    fn pages(&self, project: &Project, next: Option<&str>) -> Paging {
        let to = |after: &str| {
            let query: Vec<_> = self.query().into_iter().chain([("after", after)]).collect();
            href(&project.path(), &query)
        };
        Paging { newer: (!self.after.is_empty()).then(|| to("")), older: next.map(to) }
    }

    fn bar(self, people: Vec<Choice>) -> FilterBar {
        let statuses = [Status::Passed, Status::Failed, Status::Incomplete, Status::Skipped, Status::Running];
        let statuses = statuses.map(|status| {
            Choice::new(status_name(status), mark(status).label).selected(self.status == status_name(status))
        });
        let times = TIMES.map(|(value, label, _)| Choice::new(value, label).selected(self.time == value));
        let first = |label: &str| std::iter::once(Choice::new("", label));
        FilterBar {
            is_wide: [&self.branch, &self.person, &self.key, &self.tag].iter().any(|value| !value.is_empty()),
            is_set: self.query().iter().any(|(_, value)| !value.is_empty()),
            statuses: first("Any status").chain(statuses).collect(),
            people: first("Anybody").chain(people).collect(),
            times: first("Any time").chain(times).collect(),
            branch: self.branch,
            tag: self.tag,
            key: self.key,
            q: self.q,
        }
    }
}
