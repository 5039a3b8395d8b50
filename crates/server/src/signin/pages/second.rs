//! The second step of signing in: a code, or setting up the factor that an organization demands.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{Qr, grouped};
use crate::app::App;
use crate::error::{Error, Result};
use crate::identity::NewSession;
use crate::identity::http::Place;
use crate::identity::pages::{own_path, welcome_in};
use crate::signin::{self, Begun, factor};
use crate::web::admit::refuse_forgery;
use crate::web::cookies;
use crate::web::extract::Form;
use crate::web::layout::{Chrome, render};
use crate::web::pages::sentence;

#[derive(Template)]
#[template(path = "signin_second.html")]
struct SecondPage {
    page: Chrome,
    token: String,
    next: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "signin_enrol.html")]
struct EnrolPage {
    page: Chrome,
    token: String,
    next: String,
    qr: Qr,
    secret: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
pub struct CodesPage {
    pub page: Chrome,
    pub codes: Vec<String>,
    pub next: String,
}

#[derive(Deserialize)]
pub struct SecondForm {
    token: String,
    code: String,
    #[serde(default)]
    next: String,
}

/// Sends somebody on whose first factor was right: in, or to the second.
pub async fn lead_on(app: &App, begun: Begun, next: &str) -> Result<Response> {
    match begun {
        Begun::In(session) => Ok(welcome_in(app, &session, next)),
        Begun::Second(pending) if pending.must_enrol => enrol_page(app, pending.token, next.to_owned(), None).await,
        Begun::Second(pending) => second_page(pending.token, next.to_owned(), None),
    }
}

fn second_page(token: String, next: String, error: Option<String>) -> Result<Response> {
    let status = if error.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    Ok((status, render(&SecondPage { page: Chrome::plain(), token, next, error })?).into_response())
}

async fn enrol_page(app: &App, token: String, next: String, error: Option<String>) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let person = signin::find_pending(&mut tx, now, &token).await?;
    let setup = factor::set_up(&mut tx, app, now, person.id).await?;
    tx.commit().await?;
    let status = if error.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    let (qr, secret) = (Qr::new(&setup.uri)?, grouped(&setup.secret));
    let page = EnrolPage { page: Chrome::plain(), token, next, qr, secret, error };
    Ok((status, render(&page)?).into_response())
}

pub async fn second(
    State(app): State<App>,
    from: Place,
    headers: HeaderMap,
    Form(form): Form<SecondForm>,
) -> Result<Response> {
    refuse_forgery(&app, &headers)?;
    match signin::finish(&app, &from, &form.token, &form.code).await {
        Ok(session) => Ok(welcome_in(&app, &session, own_path(&form.next))),
        Err(error @ (Error::Unauthenticated { code: "wrong_code", .. } | Error::TooMany(_))) => {
            second_page(form.token, form.next, Some(sentence(&error.message())))
        }
        Err(Error::Unauthenticated { .. }) => Ok(Redirect::to("/signin").into_response()),
        Err(error) => Err(error),
    }
}

pub async fn enrol(
    State(app): State<App>,
    from: Place,
    headers: HeaderMap,
    Form(form): Form<SecondForm>,
) -> Result<Response> {
    refuse_forgery(&app, &headers)?;
    match signin::finish(&app, &from, &form.token, &form.code).await {
        Ok(session) => show_codes(&app, &session, own_path(&form.next)).await,
        Err(error @ (Error::Unauthenticated { code: "wrong_code", .. } | Error::TooMany(_))) => {
            enrol_page(&app, form.token, form.next, Some(sentence(&error.message()))).await
        }
        Err(Error::Unauthenticated { .. }) => Ok(Redirect::to("/signin").into_response()),
        Err(error) => Err(error),
    }
}

async fn show_codes(app: &App, session: &NewSession, next: &str) -> Result<Response> {
    let mut tx = app.db.write().await?;
    let codes = factor::renew_recovery_codes(&mut tx, app, app.clock.now(), session.person.id).await?;
    tx.commit().await?;
    let cookie = (header::SET_COOKIE, cookies::start_session(app, &session.token));
    let page = CodesPage { page: Chrome::plain(), codes, next: next.to_owned() };
    Ok((AppendHeaders([cookie]), render(&page)?).into_response())
}
