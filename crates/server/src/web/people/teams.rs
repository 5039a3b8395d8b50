//! Teams: who is in them, and which projects are theirs. For owners and admins.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::teams_crumb;
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity::pages::problems_of;
use crate::identity::{self, Person};
use crate::ids::{PersonId, TeamId};
use crate::projects;
use crate::web::extract::{Form, Path};
use crate::web::layout::{AdminTab, Choice, Chrome, Crumb, initials, render};

#[derive(Template)]
#[template(path = "teams.html")]
struct TeamsPage {
    page: Chrome,
    tab: AdminTab,
    organization: String,
    problems: Vec<String>,
    name: String,
    teams: Vec<TeamRow>,
}

struct TeamRow {
    href: String,
    name: String,
    n_people: usize,
    projects: Vec<String>,
}

#[derive(Template)]
#[template(path = "team.html")]
struct TeamPage {
    page: Chrome,
    problems: Vec<String>,
    id: TeamId,
    name: String,
    people: Vec<PersonRow>,
    /// Members of the organization who are not in the team.
    others: Vec<Choice>,
    projects: Vec<ProjectRow>,
}

struct PersonRow {
    id: PersonId,
    name: String,
    email: String,
    initials: String,
    is_disabled: bool,
}

struct ProjectRow {
    name: String,
    href: String,
    settings_href: String,
}

#[derive(Deserialize)]
pub struct TeamForm {
    name: String,
}

#[derive(Deserialize)]
pub struct MemberForm {
    person: PersonId,
}

pub async fn list(State(app): State<App>, caller: Caller) -> Result<Response> {
    teams_page(&app, &caller, String::new(), Vec::new()).await
}

async fn teams_page(app: &App, caller: &Caller, name: String, problems: Vec<String>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    let all = projects::list(&mut tx, caller).await?;
    let mut teams = Vec::new();
    for team in identity::list_teams(&mut tx, organization.organization).await? {
        let own = all.iter().filter(|project| project.team_id == team.id);
        teams.push(TeamRow {
            href: format!("/teams/{}", team.id),
            n_people: identity::list_team_members(&mut tx, team.id).await?.len(),
            projects: own.map(|project| project.name.clone()).collect(),
            name: team.name,
        });
    }
    let page = Chrome::of(&mut tx, caller, vec![teams_crumb()]).await?;
    let page = TeamsPage { page, tab: AdminTab::Teams, organization: organization.name, problems, name, teams };
    Ok(render(&page)?.into_response())
}

pub async fn create(State(app): State<App>, caller: Caller, Form(form): Form<TeamForm>) -> Result<Response> {
    match make(&app, &caller, &form.name).await {
        Ok(id) => Ok(to_team(id).into_response()),
        Err(error) => teams_page(&app, &caller, form.name, problems_of(error)?).await,
    }
}

async fn make(app: &App, caller: &Caller, name: &str) -> Result<TeamId> {
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    let team = identity::create_team(&mut tx, app.clock.now(), caller, &organization, name).await?;
    tx.commit().await?;
    Ok(team.id)
}

fn to_team(id: TeamId) -> Redirect {
    Redirect::to(&format!("/teams/{id}"))
}

pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<TeamId>) -> Result<Response> {
    team_page(&app, &caller, id, Vec::new()).await
}

async fn team_page(app: &App, caller: &Caller, id: TeamId, problems: Vec<String>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    let team = identity::find_team_of(&mut tx, &organization, id).await?;
    let people = identity::list_team_members(&mut tx, id).await?;
    let members = identity::list_members(&mut tx, organization.organization).await?;
    let others = members.iter().filter(|member| !people.iter().any(|person| person.id == member.person.id));
    let others = others.map(|member| {
        Choice::new(member.person.id.to_string(), format!("{} ({})", member.person.name, member.person.email))
    });
    let own = projects::list(&mut tx, caller).await?.into_iter().filter(|project| project.team_id == id);
    let projects = own.map(|project| ProjectRow {
        href: project.path(),
        settings_href: project.settings_path(),
        name: project.name,
    });
    let crumbs = vec![teams_crumb(), Crumb::new(team.name.clone(), format!("/teams/{id}"))];
    let page = TeamPage {
        page: Chrome::of(&mut tx, caller, crumbs).await?,
        problems,
        id,
        name: team.name,
        others: others.collect(),
        people: people.into_iter().map(row).collect(),
        projects: projects.collect(),
    };
    Ok(render(&page)?.into_response())
}

fn row(person: Person) -> PersonRow {
    PersonRow {
        id: person.id,
        initials: initials(&person.name),
        name: person.name,
        email: person.email,
        is_disabled: person.disabled_at.is_some(),
    }
}

async fn told(app: &App, caller: &Caller, id: TeamId, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(to_team(id).into_response()),
        Err(error) => team_page(app, caller, id, problems_of(error)?).await,
    }
}

pub async fn rename(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TeamId>,
    Form(form): Form<TeamForm>,
) -> Result<Response> {
    let done = give_name(&app, &caller, id, &form.name).await;
    told(&app, &caller, id, done).await
}

async fn give_name(app: &App, caller: &Caller, id: TeamId, name: &str) -> Result<()> {
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    identity::rename_team(&mut tx, app.clock.now(), caller, &organization, id, name).await?;
    tx.commit().await
}

pub async fn add(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TeamId>,
    Form(form): Form<MemberForm>,
) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    identity::add_to_team(&mut tx, app.clock.now(), &caller, &organization, (id, form.person)).await?;
    tx.commit().await?;
    Ok(to_team(id))
}

pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path((id, person)): Path<(TeamId, PersonId)>,
) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    identity::remove_from_team(&mut tx, app.clock.now(), &caller, &organization, (id, person)).await?;
    tx.commit().await?;
    Ok(to_team(id))
}
