//! `/scim/v2`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::Value;

use super::schema::{self, Scim, told};
use super::{User, patch};
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::PersonId;
use crate::scim;
use crate::web::extract::{Path, Query};

/// Users in one answer.
pub const MAX_COUNT: usize = 200;

#[derive(Deserialize)]
pub struct ListQuery {
    filter: Option<String>,
    #[serde(rename = "startIndex")]
    start_index: Option<i64>,
    count: Option<i64>,
}

fn parsed(body: &str) -> Result<Value> {
    serde_json::from_str(body).map_err(|_| Error::bad_request("invalid_json", "the body must be JSON"))
}

fn ok(app: &App, user: &User) -> Scim {
    Scim(StatusCode::OK, schema::user(app, user))
}

pub async fn list(State(app): State<App>, caller: Caller, Query(query): Query<ListQuery>) -> Result<Scim> {
    told(list_page(&app, &caller, &query).await)
}

/// Pages by number, as the RFC wants it (3.4.2.4): the first is 1, and less means 1.
async fn list_page(app: &App, caller: &Caller, query: &ListQuery) -> Result<Scim> {
    let filter = schema::filter(query.filter.as_deref())?;
    let mut tx = app.db.read().await?;
    let users = scim::list(&mut tx, caller, &filter).await?;
    let start = usize::try_from(query.start_index.unwrap_or(1)).unwrap_or(1).max(1);
    let count = usize::try_from(query.count.unwrap_or(100)).unwrap_or(0).min(MAX_COUNT);
    let page = users.iter().skip(start - 1).take(count).map(|user| schema::user(app, user)).collect();
    Ok(Scim(StatusCode::OK, schema::list(page, users.len(), start)))
}

pub async fn read(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>) -> Result<Scim> {
    let mut tx = app.db.read().await?;
    told(scim::find(&mut tx, &caller, id).await.map(|user| ok(&app, &user)))
}

pub async fn create(State(app): State<App>, caller: Caller, body: String) -> Result<Scim> {
    told(make(&app, &caller, &body).await)
}

async fn make(app: &App, caller: &Caller, body: &str) -> Result<Scim> {
    let user = scim::create(app, caller, &schema::description(&parsed(body)?)?).await?;
    Ok(Scim(StatusCode::CREATED, schema::user(app, &user)))
}

pub async fn replace(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>, body: String) -> Result<Scim> {
    told(put(&app, &caller, id, &body).await)
}

async fn put(app: &App, caller: &Caller, id: PersonId, body: &str) -> Result<Scim> {
    let mut tx = app.db.read().await?;
    scim::find(&mut tx, caller, id).await?;
    drop(tx);
    let new = schema::description(&parsed(body)?)?;
    scim::replace(app, caller, id, &new).await.map(|user| ok(app, &user))
}

pub async fn patch(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>, body: String) -> Result<Scim> {
    told(change(&app, &caller, id, &body).await)
}

async fn change(app: &App, caller: &Caller, id: PersonId, body: &str) -> Result<Scim> {
    let mut tx = app.db.read().await?;
    let user = scim::find(&mut tx, caller, id).await?;
    drop(tx);
    let new = patch::apply(&user, &parsed(body)?)?;
    scim::replace(app, caller, id, &new).await.map(|user| ok(app, &user))
}

pub async fn delete(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>) -> Result<impl IntoResponse> {
    match scim::delete(&app, &caller, id).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(error) => Ok(told(Err(error))?.into_response()),
    }
}

pub async fn service_provider_config() -> Scim {
    Scim(StatusCode::OK, schema::service_provider_config())
}

pub async fn resource_types() -> Scim {
    Scim(StatusCode::OK, schema::resource_types())
}

pub async fn schemas() -> Scim {
    Scim(StatusCode::OK, schema::schemas())
}
