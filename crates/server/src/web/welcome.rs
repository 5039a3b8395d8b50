//! First steps: setting up an empty server, and accepting an invitation. They make a person, what they belong to and
//! what the index of keys knows of them, so they stand above the domains.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::app::App;
use crate::config::FirstPerson;
use crate::error::{Error, Result};
use crate::identity::http::Place;
use crate::identity::pages::{problems_of, welcome_in};
use crate::identity::{self, FirstSteps, Invited};
use crate::keys;
use crate::projects;
use crate::signin::pages::second::lead_on;
use crate::signin::{self, Begun};
use crate::web::admit::refuse_forgery;
use crate::web::extract::{Form, Query};
use crate::web::layout::{Chrome, render};

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    page: Chrome,
    problems: Vec<String>,
    token: String,
    name: String,
    email: String,
    organization: String,
    team: String,
    project: String,
}

#[derive(Template)]
#[template(path = "invited.html")]
struct InvitedPage {
    page: Chrome,
    problems: Vec<String>,
    token: String,
    organization: String,
    invited_by: String,
    email: String,
    name: String,
}

#[derive(Deserialize)]
pub struct Token {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
pub struct SetupForm {
    token: String,
    name: String,
    email: String,
    password: String,
    organization: String,
    team: String,
    project: String,
}

#[derive(Deserialize)]
pub struct InvitedForm {
    token: String,
    name: String,
    password: String,
}

/// Shows the set-up form to whoever has the link from the server's console.
pub async fn show_setup(State(app): State<App>, Query(query): Query<Token>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    if !identity::is_empty(&mut tx).await? {
        return Ok(Redirect::to("/signin").into_response());
    }
    require_setup_token(&app, &query.token)?;
    let form = SetupForm {
        token: query.token,
        name: String::new(),
        email: String::new(),
        password: String::new(),
        organization: String::new(),
        team: "Default team".to_owned(),
        project: "My first project".to_owned(),
    };
    setup_page(form, Vec::new())
}

fn require_setup_token(app: &App, token: &str) -> Result<()> {
    let matches: bool = app.setup_token.as_bytes().ct_eq(token.as_bytes()).into();
    let message = "open the set-up link that the server printed when it started; a restart prints a new one";
    if matches { Ok(()) } else { Err(Error::forbidden("setup_link_needed", message)) }
}

fn setup_page(form: SetupForm, problems: Vec<String>) -> Result<Response> {
    let SetupForm { token, name, email, organization, team, project, .. } = form;
    let page = SetupPage { page: Chrome::plain(), problems, token, name, email, organization, team, project };
    Ok(render(&page)?.into_response())
}

pub async fn set_up(
    State(app): State<App>,
    from: Place,
    headers: HeaderMap,
    Form(form): Form<SetupForm>,
) -> Result<Response> {
    refuse_forgery(&app, &headers)?;
    require_setup_token(&app, &form.token)?;
    let first = FirstPerson {
        name: form.name.clone(),
        email: form.email.clone(),
        password: form.password.clone(),
        organization: form.organization.clone(),
        team: form.team.clone(),
        project: form.project.clone(),
    };
    if let Err(error) = make_first(&app, &first).await {
        return setup_page(form, problems_of(error)?);
    }
    let session = identity::http::sign_in_at(&app, &from, &form.email, &form.password).await?;
    Ok(welcome_in(&app, &session, "/user/apikey"))
}

/// Makes the first person with their organization, team and project.
pub async fn make_first(app: &App, first: &FirstPerson) -> Result<()> {
    let password_hash = app.passwords.hash(&app.random, &first.password).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let steps = FirstSteps {
        name: &first.name,
        email: &first.email,
        password_hash: &password_hash,
        organization: &first.organization,
        team: &first.team,
    };
    let (person, team) = identity::set_up(&mut tx, now, steps).await?;
    let project = identity::checked_name("project", &first.project)?;
    projects::add(&mut tx, now, team.id, &project).await?;
    let change = keys::owner_changed(&mut tx, person.id).await?;
    keys::commit(app, tx, change).await
}

pub async fn show_invitation(State(app): State<App>, Query(query): Query<Token>) -> Result<Response> {
    invited_page(&app, query.token, String::new(), Vec::new()).await
}

async fn invited_page(app: &App, token: String, name: String, problems: Vec<String>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let invitation = identity::find_invitation(&mut tx, app.clock.now(), &token).await?;
    let inviter = identity::find(&mut tx, invitation.invited_by).await?;
    let memberships = identity::list_memberships(&mut tx, inviter.id).await?;
    let organization = memberships.into_iter().find(|it| it.organization == invitation.organization_id);
    let page = InvitedPage {
        page: Chrome::plain(),
        problems,
        token,
        organization: organization.map(|it| it.name).unwrap_or_default(),
        invited_by: inviter.name,
        email: invitation.email,
        name,
    };
    Ok(render(&page)?.into_response())
}

pub async fn accept(
    State(app): State<App>,
    from: Place,
    headers: HeaderMap,
    Form(form): Form<InvitedForm>,
) -> Result<Response> {
    refuse_forgery(&app, &headers)?;
    match let_in(&app, &from, &form).await {
        Ok(begun) => lead_on(&app, begun, "/projects").await,
        Err(error) => {
            let problems = problems_of(error)?;
            invited_page(&app, form.token, form.name, problems).await
        }
    }
}

async fn let_in(app: &App, from: &Place, form: &InvitedForm) -> Result<Begun> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    // Looked at first: strangers must not keep the few places busy where passwords are hashed.
    identity::find_invitation(&mut tx, now, &form.token).await?;
    drop(tx);
    let password_hash = app.passwords.hash(&app.random, &form.password).await?;
    let mut tx = app.db.write().await?;
    let invited = Invited { name: &form.name, password_hash: &password_hash };
    let person = identity::accept(&mut tx, now, &form.token, invited).await?;
    let change = keys::owner_changed(&mut tx, person.id).await?;
    keys::commit(app, tx, change).await?;
    // Their organization may demand a second factor before the first session.
    signin::enter(app, from, person).await
}
