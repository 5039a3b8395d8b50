//! Sign in, sign out, and give one's password again before a secret is shown.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::second::lead_on;
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::{CONFIRMED_FOR, Caller};
use crate::identity;
use crate::identity::http::{Place, check_password};
use crate::identity::pages::own_path;
use crate::signin::{self, factor};
use crate::time::MINUTE;
use crate::web::admit::refuse_forgery;
use crate::web::cookies;
use crate::web::extract::{Form, Query};
use crate::web::layout::{Chrome, render};
use crate::web::pages::sentence;

#[derive(Template)]
#[template(path = "signin.html")]
struct SignInPage {
    page: Chrome,
    email: String,
    next: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    page: Chrome,
    email: String,
    next: String,
    minutes: i64,
    has_factor: bool,
    error: Option<String>,
}

#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct SignInForm {
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct ConfirmForm {
    #[serde(default)]
    password: String,
    /// Of the second factor, in place of the password.
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// Shows the sign-in form, or the way to set the server up when nobody is here yet.
pub async fn show(State(app): State<App>, Query(query): Query<Next>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    if identity::is_empty(&mut tx).await? {
        return Ok(Redirect::to("/setup").into_response());
    }
    sign_in_page(String::new(), query.next, None)
}

fn sign_in_page(email: String, next: String, error: Option<String>) -> Result<Response> {
    let page = Chrome::plain();
    Ok(render(&SignInPage { page, email, next, error })?.into_response())
}

pub async fn sign_in(
    State(app): State<App>,
    from: Place,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Result<Response> {
    refuse_forgery(&app, &headers)?;
    match signin::begin(&app, &from, &form.email, &form.password).await {
        Ok(begun) => lead_on(&app, begun, own_path(&form.next)).await,
        Err(error @ (Error::Unauthenticated { .. } | Error::TooMany(_))) => {
            let status = error.status();
            let page = sign_in_page(form.email, form.next, Some(sentence(&error.message())))?;
            Ok((status, page).into_response())
        }
        Err(error) => Err(error),
    }
}

pub async fn sign_out(State(app): State<App>, caller: Caller) -> Result<Response> {
    let mut tx = app.db.write().await?;
    identity::end(&mut tx, app.clock.now(), &caller).await?;
    tx.commit().await?;
    let cookie = (header::SET_COOKIE, cookies::end_session(&app));
    Ok((AppendHeaders([cookie]), Redirect::to("/signin")).into_response())
}

pub async fn ask(State(app): State<App>, caller: Caller, Query(query): Query<Next>) -> Result<Response> {
    confirm_page(&app, &caller, query.next, None).await
}

async fn confirm_page(app: &App, caller: &Caller, next: String, error: Option<String>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let person = identity::find(&mut tx, caller.person).await?;
    let page = Chrome::plain();
    let next = own_path(&next).to_owned();
    let has_factor = factor::is_enrolled(&mut tx, caller.person).await?;
    let minutes = CONFIRMED_FOR / MINUTE;
    Ok(render(&ConfirmPage { page, email: person.email, next, minutes, has_factor, error })?.into_response())
}

pub async fn confirm(State(app): State<App>, caller: Caller, Form(form): Form<ConfirmForm>) -> Result<Response> {
    let checked = if form.code.trim().is_empty() {
        check_password(&app, &caller, &form.password).await
    } else {
        signin::check_code(&app, &caller, &form.code).await
    };
    match checked {
        Ok(()) => {}
        Err(error @ (Error::Unauthenticated { .. } | Error::TooMany(_))) => {
            let page = confirm_page(&app, &caller, form.next, Some(sentence(&error.message()))).await?;
            return Ok((StatusCode::FORBIDDEN, page).into_response());
        }
        Err(error) => return Err(error),
    }
    let mut tx = app.db.write().await?;
    identity::confirm(&mut tx, app.clock.now(), &caller).await?;
    tx.commit().await?;
    Ok(Redirect::to(own_path(&form.next)).into_response())
}
