//! The Account tab of User Settings.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::problems_of;
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity;
use crate::identity::http::check_password;
use crate::web::extract::{Form, Path};
use crate::web::layout::{Chrome, Crumb, When, render};
use crate::web::pages::client_name;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    page: Chrome,
    tab: &'static str,
    problems: Vec<String>,
    name: String,
    email: String,
    sessions: Vec<Session>,
}

struct Session {
    id: String,
    client: String,
    ip: String,
    started: When,
    seen: When,
    is_current: bool,
}

#[derive(Deserialize)]
pub struct ProfileForm {
    name: String,
}

#[derive(Deserialize)]
pub struct PasswordForm {
    current: String,
    password: String,
}

pub async fn show(State(app): State<App>, caller: Caller) -> Result<Response> {
    account_page(&app, &caller, Vec::new()).await
}

async fn account_page(app: &App, caller: &Caller, problems: Vec<String>) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let person = identity::find(&mut tx, caller.person).await?;
    let current = &caller.session()?.token_hash;
    let sessions = identity::list_sessions(&mut tx, now, caller).await?.into_iter().map(|session| Session {
        client: client_name(&session.user_agent),
        ip: session.ip,
        started: When::new(session.created_at, now),
        seen: When::new(session.seen_at, now),
        is_current: session.token_hash == *current,
        // A hash names the session without opening it.
        id: session.token_hash,
    });
    let sessions = sessions.collect();
    let crumbs = vec![Crumb::new("User Settings", "/user/settings"), Crumb::new("Account", "/user/account")];
    let page = Chrome::of(&mut tx, caller, crumbs).await?;
    let page = AccountPage { page, tab: "account", problems, name: person.name, email: person.email, sessions };
    Ok(render(&page)?.into_response())
}

pub async fn rename(State(app): State<App>, caller: Caller, Form(form): Form<ProfileForm>) -> Result<Response> {
    let mut tx = app.db.write().await?;
    if let Err(error) = identity::rename(&mut tx, app.clock.now(), &caller, &form.name).await {
        drop(tx);
        return account_page(&app, &caller, problems_of(error)?).await;
    }
    tx.commit().await?;
    Ok(Redirect::to("/user/account").into_response())
}

pub async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Form(form): Form<PasswordForm>,
) -> Result<Response> {
    match replace_password(&app, &caller, &form).await {
        Ok(()) => Ok(Redirect::to("/user/account").into_response()),
        Err(Error::Unauthenticated { .. }) => {
            account_page(&app, &caller, vec!["The current password is another one.".to_owned()]).await
        }
        Err(error) => account_page(&app, &caller, problems_of(error)?).await,
    }
}

async fn replace_password(app: &App, caller: &Caller, form: &PasswordForm) -> Result<()> {
    check_password(app, caller, &form.current).await?;
    let hash = app.passwords.hash(&app.random, &form.password).await?;
    let mut tx = app.db.write().await?;
    identity::change_password(&mut tx, app.clock.now(), caller, &hash).await?;
    tx.commit().await
}

pub async fn end_session(State(app): State<App>, caller: Caller, Path(token_hash): Path<String>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    identity::end_one(&mut tx, app.clock.now(), &caller, &token_hash).await?;
    tx.commit().await?;
    Ok(Redirect::to("/user/account"))
}

pub async fn end_other_sessions(State(app): State<App>, caller: Caller) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    identity::end_others(&mut tx, app.clock.now(), &caller).await?;
    tx.commit().await?;
    Ok(Redirect::to("/user/account"))
}
