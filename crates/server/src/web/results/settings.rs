//! Settings of a project: name, team, archive. For owners and admins of its organization.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{ProjectHead, chrome, open};
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity;
use crate::identity::pages::problems_of;
use crate::ids::{ProjectId, TeamId};
use crate::projects;
use crate::web::extract::{Form, Path};
use crate::web::layout::{Choice, Chrome, Crumb, When, render};

#[derive(Template)]
#[template(path = "project_settings.html")]
struct SettingsPage {
    page: Chrome,
    project: ProjectHead,
    problems: Vec<String>,
    name: String,
    teams: Vec<Choice>,
    settings_href: String,
}

#[derive(Template)]
#[template(path = "projects_archived.html")]
struct ArchivedPage {
    page: Chrome,
    projects: Vec<Archived>,
}

struct Archived {
    id: ProjectId,
    name: String,
    team: String,
    at: When,
}

#[derive(Deserialize)]
pub struct SettingsForm {
    name: String,
    team: TeamId,
}

type At = Path<(TeamId, ProjectId)>;

pub async fn show(State(app): State<App>, caller: Caller, Path(at): At) -> Result<Response> {
    settings_page(&app, &caller, at, None, Vec::new()).await
}

async fn settings_page(
    app: &App,
    caller: &Caller,
    (team, id): (TeamId, ProjectId),
    typed: Option<SettingsForm>,
    problems: Vec<String>,
) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let project = open(&mut tx, caller, team, id).await?;
    projects::require_admin(&mut tx, caller, &project).await?;
    let form = typed.unwrap_or_else(|| SettingsForm { name: project.name.clone(), team: project.team_id });
    let teams = identity::list_teams(&mut tx, project.organization_id).await?;
    let teams = teams.into_iter().map(|it| Choice::new(it.id.to_string(), it.name).selected(it.id == form.team));
    let crumb = Crumb::new("Settings", project.settings_path());
    let page = SettingsPage {
        page: chrome(&mut tx, caller, &project, vec![crumb]).await?,
        settings_href: project.settings_path(),
        project: ProjectHead::new(&project),
        problems,
        name: form.name,
        teams: teams.collect(),
    };
    Ok(render(&page)?.into_response())
}

pub async fn save(
    State(app): State<App>,
    caller: Caller,
    Path(at): At,
    Form(form): Form<SettingsForm>,
) -> Result<Response> {
    match change(&app, &caller, at.1, &form).await {
        Ok(path) => Ok(Redirect::to(&path).into_response()),
        Err(error) => settings_page(&app, &caller, at, Some(form), problems_of(error)?).await,
    }
}

async fn change(app: &App, caller: &Caller, id: ProjectId, form: &SettingsForm) -> Result<String> {
    let mut tx = app.db.write().await?;
    projects::change(&mut tx, app.clock.now(), caller, id, &form.name, form.team).await?;
    let project = projects::open(&mut tx, caller, id).await?;
    tx.commit().await?;
    Ok(project.path())
}

pub async fn archive(State(app): State<App>, caller: Caller, Path((_, id)): At) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    projects::archive(&mut tx, app.clock.now(), &caller, id).await?;
    tx.commit().await?;
    Ok(Redirect::to("/projects"))
}

pub async fn archived(State(app): State<App>, caller: Caller) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let archived = projects::list_archived(&mut tx, &caller).await?.into_iter().map(|(project, at)| Archived {
        id: project.id,
        name: project.name,
        team: project.team_name,
        at: When::new(at, now),
    });
    let projects = archived.collect();
    let page = Chrome::of(&mut tx, &caller, vec![Crumb::new("Archived projects", "/projects/archived")]).await?;
    render(&ArchivedPage { page, projects })
}

pub async fn restore(State(app): State<App>, caller: Caller, Path(id): Path<ProjectId>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    projects::restore(&mut tx, app.clock.now(), &caller, id).await?;
    let project = projects::open(&mut tx, &caller, id).await?;
    tx.commit().await?;
    Ok(Redirect::to(&project.path()))
}
