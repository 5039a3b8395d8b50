//! All projects with their last runs, and making a new one.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::format::{bar, mark, pass_rate};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity;
use crate::identity::pages::problems_of;
use crate::ids::{ProjectId, TeamId};
use crate::projects::{self, Project};
use crate::results::{self, Run};
use crate::time::Millis;
use crate::web::extract::{Form, Query};
use crate::web::layout::{Bar, Choice, Chrome, Crumb, Mark, Spark, SparkBar, When, render, upload_command};

/// Runs shown as a line of bars.
const SPARK_RUNS: usize = 20;

#[derive(Template)]
#[template(path = "projects.html")]
struct ProjectsPage {
    page: Chrome,
    organization: String,
    projects: Vec<ProjectRow>,
    start: Option<Start>,
    has_archived: bool,
}

struct ProjectRow {
    name: String,
    team: String,
    href: String,
    last: Option<LastRun>,
    spark: Option<Spark>,
    pass_rate: Option<String>,
}

struct LastRun {
    status: Mark,
    number: i64,
    name: String,
    href: String,
    at: When,
    bar: Bar,
}

/// How to send the first results.
struct Start {
    command: String,
    keys_href: &'static str,
    upload_href: String,
}

#[derive(Template)]
#[template(path = "project_new.html")]
struct NewPage {
    page: Chrome,
    problems: Vec<String>,
    name: String,
    teams: Vec<Choice>,
}

#[derive(Deserialize)]
pub struct NewForm {
    name: String,
    team: i64,
}

pub async fn show(State(app): State<App>, caller: Caller) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let mine = projects::list(&mut tx, &caller).await?;
    let mut rows = Vec::new();
    for project in &mine {
        let runs = results::latest_runs(&mut tx, project.id, SPARK_RUNS).await?;
        rows.push(row(project, &runs, now));
    }
    let organizations = identity::list_memberships(&mut tx, caller.person).await?;
    let names: Vec<_> = organizations.into_iter().map(|it| it.name).collect();
    let page = Chrome::of(&mut tx, &caller, Vec::new()).await?;
    let page = ProjectsPage {
        has_archived: page.is_admin && !projects::list_archived(&mut tx, &caller).await?.is_empty(),
        page,
        organization: names.join(", "),
        start: start(&app, &mine, &rows),
        projects: rows,
    };
    render(&page)
}

fn start(app: &App, projects: &[Project], rows: &[ProjectRow]) -> Option<Start> {
    let is_new = rows.iter().all(|row| row.last.is_none());
    let first = projects.first().filter(|_| is_new)?;
    let upload_href = format!("/team/{}/project/{}/upload", first.team_id, first.id);
    Some(Start { command: upload_command(app, first.id), keys_href: "/user/apikey/new", upload_href })
}

fn row(project: &Project, runs: &[Run], now: Millis) -> ProjectRow {
    let last = runs.first();
    ProjectRow {
        name: project.name.clone(),
        team: project.team_name.clone(),
        href: project.path(),
        last: last.map(|run| LastRun {
            status: mark(run.status),
            number: run.number,
            name: run.name.clone(),
            href: run.path(project),
            at: When::new(run.started_at.unwrap_or(run.created_at), now),
            bar: bar(&run.counts),
        }),
        spark: (runs.len() > 1).then(|| spark(runs)),
        pass_rate: last.and_then(|run| pass_rate(&run.counts)),
    }
}

/// Draws the share of passed results of each run, oldest first.
fn spark(runs: &[Run]) -> Spark {
    let bars = runs.iter().rev().enumerate().map(|(i, run)| {
        let ran = run.counts.total - run.counts.skipped - run.counts.not_run;
        let rate = if ran == 0 { 0.0 } else { run.counts.passed as f64 / ran as f64 };
        let height = 2.0 + rate * 22.0;
        SparkBar { key: mark(run.status).key, x: i as f64 * 5.0, y: 24.0 - height, height }
    });
    let n_failed = runs.iter().filter(|run| run.status == testward_wire::results::Status::Failed).count();
    Spark {
        label: format!("Pass rate of the last {} runs, {n_failed} of them failed", runs.len()),
        bars: bars.collect(),
    }
}

/// Which team the address proposes.
#[derive(Deserialize)]
pub struct Proposed {
    team: Option<i64>,
}

pub async fn ask(State(app): State<App>, caller: Caller, Query(proposed): Query<Proposed>) -> Result<Response> {
    let form = NewForm { name: String::new(), team: proposed.team.unwrap_or_default() };
    new_page(&app, &caller, form, Vec::new()).await
}

async fn new_page(app: &App, caller: &Caller, form: NewForm, problems: Vec<String>) -> Result<Response> {
    let NewForm { name, team } = form;
    let mut tx = app.db.read().await?;
    let teams = teams(&mut tx, caller, team).await?;
    let page = Chrome::of(&mut tx, caller, vec![Crumb::new("New project", "/projects/new")]).await?;
    Ok(render(&NewPage { page, problems, name, teams })?.into_response())
}

async fn teams(tx: &mut Tx, caller: &Caller, chosen: i64) -> Result<Vec<Choice>> {
    let organization = identity::administered(tx, caller).await?;
    let teams = identity::list_teams(tx, organization.organization).await?;
    let choice = |team: identity::Team| Choice::new(team.id.to_string(), team.name).selected(team.id.0 == chosen);
    Ok(teams.into_iter().map(choice).collect())
}

pub async fn create(State(app): State<App>, caller: Caller, Form(form): Form<NewForm>) -> Result<Response> {
    match make(&app, &caller, &form).await {
        Ok(project) => Ok(Redirect::to(&project.path()).into_response()),
        Err(error @ Error::Invalid(_)) => new_page(&app, &caller, form, problems_of(error)?).await,
        Err(error) => Err(error),
    }
}

async fn make(app: &App, caller: &Caller, form: &NewForm) -> Result<Project> {
    let mut tx = app.db.write().await?;
    let id: ProjectId = projects::create(&mut tx, app.clock.now(), caller, TeamId(form.team), &form.name).await?;
    let project = projects::open(&mut tx, caller, id).await?;
    tx.commit().await?;
    Ok(project)
}
