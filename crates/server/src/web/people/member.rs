//! One member of the organization: role, teams, and leaving. For owners and admins.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::members_crumb;
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity::pages::{problems_of, roles};
use crate::identity::{self, Member, Membership, Role};
use crate::ids::{PersonId, TeamId};
use crate::keys;
use crate::web::extract::{Form, Path};
use crate::web::layout::{Choice, Chrome, Crumb, When, initials, render};

#[derive(Template)]
#[template(path = "member.html")]
struct MemberPage {
    page: Chrome,
    problems: Vec<String>,
    id: PersonId,
    name: String,
    email: String,
    initials: String,
    role: &'static str,
    joined: When,
    is_self: bool,
    is_disabled: bool,
    /// Nobody changes those above them.
    is_changeable: bool,
    sees_all: bool,
    roles: Vec<Choice>,
    teams: Vec<Choice>,
    n_keys: i64,
}

#[derive(Template)]
#[template(path = "member_remove.html")]
struct RemovePage {
    page: Chrome,
    id: PersonId,
    name: String,
    email: String,
    organization: String,
    n_keys: i64,
    is_disabled: bool,
}

#[derive(Deserialize)]
pub struct RoleForm {
    role: String,
}

pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>) -> Result<Response> {
    member_page(&app, &caller, id, Vec::new()).await
}

async fn member_page(app: &App, caller: &Caller, id: PersonId, problems: Vec<String>) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    let Member { person, role } = identity::find_member(&mut tx, &organization, id).await?;
    let crumbs = vec![members_crumb(), Crumb::new(person.name.clone(), format!("/members/{id}"))];
    let page = MemberPage {
        page: Chrome::of(&mut tx, caller, crumbs).await?,
        problems,
        id,
        initials: initials(&person.name),
        joined: When::new(person.created_at, now),
        is_self: caller.person == id,
        is_disabled: person.disabled_at.is_some(),
        is_changeable: role <= organization.role,
        sees_all: role >= Role::Admin,
        roles: roles(organization.role, role),
        teams: teams(&mut tx, &organization, id).await?,
        n_keys: keys::count_live(&mut tx, now, id).await?,
        role: role.name(),
        name: person.name,
        email: person.email,
    };
    Ok(render(&page)?.into_response())
}

/// Returns the teams of the organization, with a mark at those the person is in.
async fn teams(tx: &mut Tx, organization: &Membership, person: PersonId) -> Result<Vec<Choice>> {
    let own = identity::list_teams_of(tx, organization.organization, person).await?;
    let teams = identity::list_teams(tx, organization.organization).await?;
    let choice = |team: identity::Team| Choice::new(team.id.to_string(), team.name).selected(own.contains(&team.id));
    Ok(teams.into_iter().map(choice).collect())
}

fn to_member(id: PersonId) -> Redirect {
    Redirect::to(&format!("/members/{id}"))
}

/// Leads back to the person, or shows there why nothing was done.
async fn told(app: &App, caller: &Caller, id: PersonId, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(to_member(id).into_response()),
        Err(error) => member_page(app, caller, id, problems_of(error)?).await,
    }
}

pub async fn change_role(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PersonId>,
    Form(form): Form<RoleForm>,
) -> Result<Response> {
    let role = form.role.parse()?;
    let done = carry_out(&app, &caller, id, Order::Role(role)).await;
    told(&app, &caller, id, done).await
}

pub async fn change_teams(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PersonId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let chosen = pairs.iter().filter(|(name, _)| name == "teams").filter_map(|(_, id)| id.parse().ok().map(TeamId));
    let done = put_into(&app, &caller, id, &chosen.collect::<Vec<_>>()).await;
    told(&app, &caller, id, done).await
}

async fn put_into(app: &App, caller: &Caller, id: PersonId, chosen: &[TeamId]) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    identity::find_member(&mut tx, &organization, id).await?;
    let own = identity::list_teams_of(&mut tx, organization.organization, id).await?;
    for &team in chosen.iter().filter(|team| !own.contains(team)) {
        identity::add_to_team(&mut tx, now, caller, &organization, (team, id)).await?;
    }
    for &team in own.iter().filter(|team| !chosen.contains(team)) {
        identity::remove_from_team(&mut tx, now, caller, &organization, (team, id)).await?;
    }
    tx.commit().await
}

pub async fn disable(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>) -> Result<Response> {
    let done = carry_out(&app, &caller, id, Order::Disable).await;
    told(&app, &caller, id, done).await
}

pub async fn enable(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>) -> Result<Response> {
    let done = carry_out(&app, &caller, id, Order::Enable).await;
    told(&app, &caller, id, done).await
}

pub async fn ask_remove(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>) -> Result<Html<String>> {
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    let Member { person, .. } = identity::find_member(&mut tx, &organization, id).await?;
    let crumbs = vec![members_crumb(), Crumb::new(person.name.clone(), format!("/members/{id}"))];
    let page = RemovePage {
        page: Chrome::of(&mut tx, &caller, crumbs).await?,
        id,
        n_keys: keys::count_live(&mut tx, app.clock.now(), id).await?,
        is_disabled: person.disabled_at.is_some(),
        organization: organization.name,
        name: person.name,
        email: person.email,
    };
    render(&page)
}

pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>) -> Result<Response> {
    match carry_out(&app, &caller, id, Order::Remove).await {
        Ok(()) => Ok(Redirect::to("/members").into_response()),
        Err(error) => member_page(&app, &caller, id, problems_of(error)?).await,
    }
}

/// What an admin does to a member as a whole. The index of keys learns of it before it is answered.
#[derive(Clone, Copy)]
enum Order {
    Role(Role),
    Disable,
    Enable,
    Remove,
}

async fn carry_out(app: &App, caller: &Caller, id: PersonId, order: Order) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    match order {
        Order::Role(role) => identity::change_role(&mut tx, now, caller, &organization, id, role).await?,
        Order::Disable => identity::disable(&mut tx, now, caller, &organization, id).await?,
        Order::Enable => identity::enable(&mut tx, now, caller, &organization, id).await?,
        Order::Remove => identity::remove(&mut tx, now, caller, &organization, id).await?,
    }
    let change = keys::owner_changed(&mut tx, id).await?;
    keys::commit(app, tx, change).await
}
