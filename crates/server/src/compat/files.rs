//! Addresses for files, and the bytes that are put there.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::resource::FileResource;
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::ProjectId;
use crate::web::extract::{Json, Path, Query};
use crate::{ingest, projects};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct One {
    project_id: ProjectId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Many {
    project_id: ProjectId,
    number_url: usize,
}

pub async fn upload_url(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<One>,
) -> Result<Json<FileResource>> {
    let mut files = new_files(&app, &caller, query.project_id, 1).await?;
    files.pop().map(Json).ok_or(Error::NotFound("file"))
}

/// Clients take the n-th address for their n-th file, so there are exactly as many as asked for.
pub async fn upload_urls(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<Many>,
) -> Result<Json<Vec<FileResource>>> {
    new_files(&app, &caller, query.project_id, query.number_url).await.map(Json)
}

async fn new_files(app: &App, caller: &Caller, project: ProjectId, n: usize) -> Result<Vec<FileResource>> {
    let mut tx = app.db.write().await?;
    let project = projects::open(&mut tx, caller, project).await?;
    let slots = ingest::new_slots(&mut tx, app.clock.now(), &app.random, caller, &project, n).await?;
    tx.commit().await?;
    Ok(slots.iter().map(|slot| FileResource::new(app, slot)).collect())
}

/// Takes bytes of any length; whoever has the address may put them, as often as they like.
///
/// The agent sends a file that is still growing: more bytes may follow than it announced, and on a connection that is
/// kept they would be read as the next request.
pub async fn store(State(app): State<App>, Path(token): Path<String>, body: Body) -> Result<impl IntoResponse> {
    ingest::receive(&app, &token, body.into_data_stream()).await?;
    Ok([(header::CONNECTION, "close")])
}
