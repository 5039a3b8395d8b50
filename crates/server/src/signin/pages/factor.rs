//! One's own second factor, beneath the Account tab.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::second::CodesPage;
use super::{Qr, grouped};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::pages::problems_of;
use crate::signin::{self, factor};
use crate::web::extract::Form;
use crate::web::layout::{Chrome, Crumb, href, render};

const HERE: &str = "/user/account/second-factor";

#[derive(Template)]
#[template(path = "second_factor.html")]
struct FactorPage {
    page: Chrome,
    problems: Vec<String>,
    is_enrolled: bool,
    is_required: bool,
    codes_left: i64,
    /// What to scan, while one is being set up.
    setup: Option<(Qr, String)>,
}

#[derive(Deserialize)]
pub struct CodeForm {
    code: String,
}

async fn chrome(tx: &mut Tx, caller: &Caller) -> Result<Chrome> {
    let account = Crumb::new("Account", "/user/account");
    let crumbs = vec![Crumb::new("User Settings", "/user/settings"), account, Crumb::new("Second factor", HERE)];
    Chrome::of(tx, caller, crumbs).await
}

pub async fn show(State(app): State<App>, caller: Caller) -> Result<Response> {
    factor_page(&app, &caller, false, Vec::new()).await
}

async fn factor_page(app: &App, caller: &Caller, sets_up: bool, problems: Vec<String>) -> Result<Response> {
    let mut tx = app.db.write().await?;
    let setup = if sets_up {
        let setup = factor::set_up(&mut tx, app, app.clock.now(), caller.person).await?;
        Some((Qr::new(&setup.uri)?, grouped(&setup.secret)))
    } else {
        None
    };
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let page = FactorPage {
        page: chrome(&mut tx, caller).await?,
        problems,
        is_enrolled: factor::is_enrolled(&mut tx, caller.person).await?,
        is_required: signin::strictest(&mut tx, caller.person).await?.second_factor_required,
        codes_left: factor::count_recovery_codes(&mut tx, caller.person).await?,
        setup,
    };
    tx.commit().await?;
    Ok((status, render(&page)?).into_response())
}

/// Whoever borrows an unlocked browser must not bind the account to their own telephone.
fn confirm_first(app: &App, caller: &Caller) -> Option<Response> {
    let is_stale = caller.require_confirmed(app.clock.now()).is_err();
    is_stale.then(|| Redirect::to(&href("/confirm", &[("next", HERE)])).into_response())
}

pub async fn set_up(State(app): State<App>, caller: Caller) -> Result<Response> {
    match confirm_first(&app, &caller) {
        Some(response) => Ok(response),
        None => factor_page(&app, &caller, true, Vec::new()).await,
    }
}

pub async fn confirm(State(app): State<App>, caller: Caller, Form(form): Form<CodeForm>) -> Result<Response> {
    if let Some(response) = confirm_first(&app, &caller) {
        return Ok(response);
    }
    let mut tx = app.db.write().await?;
    match factor::confirm(&mut tx, &app, app.clock.now(), &caller, &form.code).await {
        Ok(codes) => codes_page(tx, &caller, codes).await,
        Err(error @ Error::Invalid(_)) => {
            drop(tx);
            factor_page(&app, &caller, true, problems_of(error)?).await
        }
        Err(error) => Err(error),
    }
}

async fn codes_page(mut tx: Tx, caller: &Caller, codes: Vec<String>) -> Result<Response> {
    let page = CodesPage { page: chrome(&mut tx, caller).await?, codes, next: HERE.to_owned() };
    tx.commit().await?;
    Ok(render(&page)?.into_response())
}

pub async fn renew_codes(State(app): State<App>, caller: Caller) -> Result<Response> {
    if let Some(response) = confirm_first(&app, &caller) {
        return Ok(response);
    }
    let mut tx = app.db.write().await?;
    let codes = factor::renew_recovery_codes(&mut tx, &app, app.clock.now(), caller.person).await?;
    codes_page(tx, &caller, codes).await
}

pub async fn remove(State(app): State<App>, caller: Caller) -> Result<Response> {
    if let Some(response) = confirm_first(&app, &caller) {
        return Ok(response);
    }
    let mut tx = app.db.write().await?;
    match factor::remove(&mut tx, app.clock.now(), &caller).await {
        Ok(()) => {
            tx.commit().await?;
            Ok(Redirect::to(HERE).into_response())
        }
        Err(error) => {
            drop(tx);
            factor_page(&app, &caller, false, problems_of(error)?).await
        }
    }
}
