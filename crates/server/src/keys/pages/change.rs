//! What one does to a key: copy, edit, disable, enable, delete, look at its use.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use testward_wire::keys::KeyPatch;

use super::create::confirm_first;
use super::row::{KeyRow, LastUse, RotationRow, last_use};
use super::{chrome, keys_crumb};
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::pages::problems_of;
use crate::ids::KeyId;
use crate::keys;
use crate::time::{DAY, Millis};
use crate::web::extract::{Form, Path};
use crate::web::layout::{Chrome, When, render};

/// A machine that has been silent for longer has probably forgotten the key.
const RECENT: i64 = 30 * DAY;

#[derive(Template)]
#[template(path = "key_delete.html")]
struct DeletePage {
    page: Chrome,
    id: KeyId,
    name: String,
    handle: String,
    last_used: Option<LastUse>,
    machines: usize,
    is_disabled: bool,
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

#[derive(Template)]
#[template(path = "key_usage.html")]
struct UsagePage {
    page: Chrome,
    key: KeyRow,
    last_route: String,
    machines: usize,
    rotation: Option<RotationRow>,
    uses: Vec<Seen>,
}

/// A machine that used the key.
struct Seen {
    first: When,
    last: When,
    ip: String,
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

fn count_recent(machines: &[keys::Machine], now: Millis) -> usize {
    machines.iter().filter(|machine| now.since(machine.last_used_at) < RECENT).count()
}

pub async fn ask_delete(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let key = keys::find(&mut tx, &caller, id).await?;
    let machines = keys::list_machines(&mut tx, &caller, id).await?;
    let page = DeletePage {
        page: chrome(&mut tx, &caller, keys_crumb()).await?,
        id,
        handle: key.handle.to_string(),
        last_used: last_use(&key, now),
        machines: count_recent(&machines, now),
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

pub async fn usage(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let key = keys::find(&mut tx, &caller, id).await?;
    let machines = keys::list_machines(&mut tx, &caller, id).await?;
    let uses = keys::list_former_uses(&mut tx, &caller, id).await?;
    let rotation = key.open_rotation(now).map(|rotation| RotationRow::new(rotation, &uses, now));
    let seen = |machine: &keys::Machine| Seen {
        first: When::new(machine.first_used_at, now),
        last: When::new(machine.last_used_at, now),
        ip: machine.ip.clone(),
    };
    let page = UsagePage {
        page: chrome(&mut tx, &caller, keys_crumb()).await?,
        last_route: key.last_use.as_ref().map(|used| used.route.clone()).unwrap_or_default(),
        machines: count_recent(&machines, now),
        uses: machines.iter().map(seen).collect(),
        rotation,
        key: KeyRow::new(key, now),
    };
    render(&page)
}
