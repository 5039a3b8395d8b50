//! Rotate: the form, the new secret, and the end of the old one.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use testward_wire::keys::RotateKey;

use super::create::confirm_first;
use super::row::RotationRow;
use super::{chrome, keys_crumb};
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::pages::problems_of;
use crate::ids::KeyId;
use crate::keys::{self, Rotated};
use crate::web::extract::{Form, Path};
use crate::web::layout::{Choice, Chrome, When, render};

const OVERLAPS: [(&str, &str); 6] = [
    ("0", "Refuse it at once"),
    ("1h", "1 hour"),
    ("1d", "1 day"),
    ("7d", "7 days"),
    ("14d", "14 days"),
    ("30d", "30 days"),
];
const DEFAULT_OVERLAP: &str = "7d";

#[derive(Template)]
#[template(path = "key_rotate.html")]
struct RotatePage {
    page: Chrome,
    id: KeyId,
    name: String,
    handle: String,
    overlaps: Vec<Choice>,
    /// An overlap that is still open, and would be closed.
    open: Option<RotationRow>,
    problems: Vec<String>,
}

#[derive(Template)]
#[template(path = "key_rotated.html")]
struct RotatedPage {
    page: Chrome,
    id: KeyId,
    name: String,
    handle: String,
    key: String,
    /// Until when the old secret is accepted, unless it is refused already.
    overlap: Option<When>,
}

#[derive(Deserialize)]
pub struct RotateForm {
    #[serde(default)]
    overlap: String,
}

pub async fn ask(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Response> {
    if caller.require_confirmed(app.clock.now()).is_err() {
        return Ok(confirm_first(&format!("/user/apikey/{id}/rotate")));
    }
    form_page(&app, &caller, id, DEFAULT_OVERLAP, Vec::new()).await
}

async fn form_page(app: &App, caller: &Caller, id: KeyId, overlap: &str, problems: Vec<String>) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let key = keys::find(&mut tx, caller, id).await?;
    let uses = keys::list_former_uses(&mut tx, caller, id).await?;
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let page = RotatePage {
        page: chrome(&mut tx, caller, keys_crumb()).await?,
        id,
        handle: key.handle.to_string(),
        overlaps: OVERLAPS.map(|(value, label)| Choice::new(value, label).selected(value == overlap)).into(),
        open: key.open_rotation(now).map(|rotation| RotationRow::new(rotation, &uses, now)),
        name: key.name,
        problems,
    };
    Ok((status, render(&page)?).into_response())
}

pub async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<KeyId>,
    Form(form): Form<RotateForm>,
) -> Result<Response> {
    match make(&app, &caller, id, &form).await {
        Ok(rotated) => rotated_page(&app, &caller, rotated).await,
        Err(Error::Forbidden { code: "confirm_password", .. }) => {
            Ok(confirm_first(&format!("/user/apikey/{id}/rotate")))
        }
        Err(error @ (Error::Invalid(_) | Error::Conflict { .. })) => {
            form_page(&app, &caller, id, &form.overlap, problems_of(error)?).await
        }
        Err(error) => Err(error),
    }
}

async fn make(app: &App, caller: &Caller, id: KeyId, form: &RotateForm) -> Result<(keys::ApiKey, String)> {
    let wanted = RotateKey { overlap: Some(form.overlap.clone()) };
    let mut tx = app.db.write().await?;
    let Rotated { change, key, text } =
        keys::rotate(&mut tx, app, app.clock.now(), caller, id, (&wanted, None)).await?;
    keys::commit(app, tx, change).await?;
    Ok((key, text))
}

async fn rotated_page(app: &App, caller: &Caller, (key, text): (keys::ApiKey, String)) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let page = RotatedPage {
        page: chrome(&mut tx, caller, keys_crumb()).await?,
        id: key.id,
        handle: key.handle.to_string(),
        overlap: key.open_rotation(now).map(|rotation| When::new(rotation.overlap_until, now)),
        name: key.name,
        key: text,
    };
    Ok(render(&page)?.into_response())
}

pub async fn close(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let change = keys::close_overlap(&mut tx, app.clock.now(), &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(Redirect::to("/user/apikey"))
}
