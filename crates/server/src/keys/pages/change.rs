//! What one does to a key: copy, edit, disable, enable, delete, look at its use.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use testward_wire::keys::KeyPatch;

use super::create::confirm_first;
use super::radius::{Radius, radius};
use super::row::{LastUse, last_use};
use super::{chrome, keys_crumb};
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::pages::problems_of;
use crate::ids::KeyId;
use crate::keys;
use crate::web::extract::{Form, Path};
use crate::web::layout::{Chrome, render};

#[derive(Template)]
#[template(path = "key_delete.html")]
struct DeletePage {
    page: Chrome,
    id: KeyId,
    name: String,
    handle: String,
    last_used: Option<LastUse>,
    is_disabled: bool,
    radius: Radius,
}

#[derive(Template)]
#[template(path = "key_edit.html")]
struct EditPage {
    page: Chrome,
    id: KeyId,
    handle: String,
    name: String,
    description: String,
    networks: String,
    rate_per_minute: String,
    problems: Vec<String>,
}

#[derive(Template)]
#[template(path = "key_reveal.html")]
struct RevealPage {
    page: Chrome,
    name: String,
    handle: String,
    key: String,
}

#[derive(Deserialize)]
pub struct EditForm {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    networks: String,
    #[serde(default)]
    rate_per_minute: String,
}

fn to_list() -> Redirect {
    Redirect::to("/user/apikey")
}

pub async fn ask_delete(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let key = keys::find(&mut tx, &caller, id).await?;
    let page = DeletePage {
        page: chrome(&mut tx, &caller, keys_crumb()).await?,
        id,
        handle: key.handle.to_string(),
        last_used: last_use(&key, now),
        radius: radius(&mut tx, now, &caller, id).await?,
        is_disabled: key.disabled_at.is_some(),
        name: key.name,
    };
    render(&page)
}

pub async fn delete(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let change = keys::revoke(&mut tx, app.clock.now(), &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(to_list())
}

pub async fn disable(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let change = keys::disable(&mut tx, app.clock.now(), &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(to_list())
}

pub async fn enable(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let change = keys::enable(&mut tx, app.clock.now(), &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(to_list())
}

/// Shows a key to its owner again, where JavaScript cannot put it on the clipboard.
pub async fn reveal(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Response> {
    let now = app.clock.now();
    if caller.require_confirmed(now).is_err() {
        return Ok(confirm_first("/user/apikey"));
    }
    let mut tx = app.db.write().await?;
    let text = keys::reveal(&mut tx, &app, now, &caller, id).await?;
    let key = keys::find(&mut tx, &caller, id).await?;
    let page = chrome(&mut tx, &caller, keys_crumb()).await?;
    tx.commit().await?;
    Ok(render(&RevealPage { page, name: key.name, handle: key.handle.to_string(), key: text })?.into_response())
}

pub async fn ask_edit(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let key = keys::find(&mut tx, &caller, id).await?;
    drop(tx);
    let form = EditForm {
        name: key.name,
        description: key.description.unwrap_or_default(),
        networks: key.networks.list().join("\n"),
        rate_per_minute: key.rate_per_minute.map(|it| it.to_string()).unwrap_or_default(),
    };
    edit_page(&app, &caller, id, form, Vec::new()).await
}

async fn edit_page(app: &App, caller: &Caller, id: KeyId, form: EditForm, problems: Vec<String>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let handle = keys::find(&mut tx, caller, id).await?.handle.to_string();
    let page = chrome(&mut tx, caller, keys_crumb()).await?;
    let EditForm { name, description, networks, rate_per_minute } = form;
    Ok(render(&EditPage { page, id, handle, name, description, networks, rate_per_minute, problems })?.into_response())
}

pub async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<KeyId>,
    Form(form): Form<EditForm>,
) -> Result<Response> {
    match change(&app, &caller, id, &form).await {
        Ok(()) => Ok(to_list().into_response()),
        Err(error @ Error::Invalid(_)) => edit_page(&app, &caller, id, form, problems_of(error)?).await,
        Err(error) => Err(error),
    }
}

async fn change(app: &App, caller: &Caller, id: KeyId, form: &EditForm) -> Result<()> {
    let networks = form.networks.split([' ', ',', '\r', '\n']).filter(|it| !it.is_empty()).map(str::to_owned);
    let per_minute = match form.rate_per_minute.trim() {
        "" => 0,
        text => text.parse().map_err(|_| Error::invalid("rate_per_minute", "must be a number, or empty"))?,
    };
    let patch = KeyPatch {
        name: Some(form.name.clone()),
        description: Some(form.description.clone()),
        networks: Some(networks.collect()),
        rate_per_minute: Some(per_minute),
    };
    let mut tx = app.db.write().await?;
    let change = keys::edit(&mut tx, app.clock.now(), caller, id, &patch).await?;
    keys::commit(app, tx, change).await
}
