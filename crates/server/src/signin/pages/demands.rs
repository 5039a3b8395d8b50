//! What the organization demands of signing in, and who has a second factor. For owners and admins.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity;
use crate::identity::pages::problems_of;
use crate::ids::PersonId;
use crate::signin::{self, Policy, factor};
use crate::web::extract::{Form, Path};
use crate::web::layout::{AdminTab, Chrome, Crumb, href, render};

const HERE: &str = "/admin/sign-in";

#[derive(Template)]
#[template(path = "admin_signin.html")]
struct DemandsPage {
    page: Chrome,
    tab: AdminTab,
    organization: String,
    problems: Vec<String>,
    policy: Policy,
    people: Vec<PersonRow>,
}

struct PersonRow {
    id: PersonId,
    name: String,
    email: String,
    is_enrolled: bool,
}

#[derive(Deserialize)]
pub struct DemandsForm {
    #[serde(default)]
    second_factor: String,
}

pub async fn show(State(app): State<App>, caller: Caller) -> Result<Response> {
    demands_page(&app, &caller, Vec::new()).await
}

async fn demands_page(app: &App, caller: &Caller, problems: Vec<String>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    let mut people = Vec::new();
    for member in identity::list_members(&mut tx, organization.organization).await? {
        people.push(PersonRow {
            is_enrolled: factor::is_enrolled(&mut tx, member.person.id).await?,
            id: member.person.id,
            name: member.person.name,
            email: member.person.email,
        });
    }
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let page = DemandsPage {
        page: Chrome::of(&mut tx, caller, vec![Crumb::new("Sign-in", HERE)]).await?,
        tab: AdminTab::SignIn,
        policy: signin::find_policy(&mut tx, organization.organization).await?,
        organization: organization.name,
        problems,
        people,
    };
    Ok((status, render(&page)?).into_response())
}

/// Shows the page again with what is wrong, or leads to where the password is asked for.
async fn refused(app: &App, caller: &Caller, error: Error) -> Result<Response> {
    if matches!(error, Error::Forbidden { code: "confirm_password", .. }) {
        return Ok(Redirect::to(&href("/confirm", &[("next", HERE)])).into_response());
    }
    demands_page(app, caller, problems_of(error)?).await
}

pub async fn save(State(app): State<App>, caller: Caller, Form(form): Form<DemandsForm>) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let at = (form.second_factor == "required").then_some(now);
    if let Err(error) = signin::require_second_factor(&mut tx, now, &caller, at).await {
        drop(tx);
        return refused(&app, &caller, error).await;
    }
    tx.commit().await?;
    Ok(Redirect::to(HERE).into_response())
}

pub async fn reset(State(app): State<App>, caller: Caller, Path(person): Path<PersonId>) -> Result<Response> {
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    if let Err(error) = factor::reset(&mut tx, app.clock.now(), &caller, &organization, person).await {
        drop(tx);
        return refused(&app, &caller, error).await;
    }
    tx.commit().await?;
    Ok(Redirect::to(HERE).into_response())
}
