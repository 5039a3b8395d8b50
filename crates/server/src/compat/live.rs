//! Results told one by one while a run is in progress.

use axum::extract::State;
use serde::Deserialize;

use super::body::{Body, flag};
use super::resource::ExecutionResource;
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::ProjectId;
use crate::projects;
use crate::results::{self, LiveUpdate, status_from_name};
use crate::web::extract::{Json, Query};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    project_id: ProjectId,
}

/// One message. Absent and `null` mean the same.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestRunResult {
    name: Option<String>,
    status: Option<String>,
    session_id: Option<String>,
    test_suite_id: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    end: bool,
}

pub async fn update_result(
    State(app): State<App>,
    caller: Caller,
    Query(target): Query<Target>,
    Body(message): Body<TestRunResult>,
) -> Result<Json<ExecutionResource>> {
    let update = message.into_update()?;
    let mut tx = app.db.write().await?;
    let project = projects::open(&mut tx, &caller, target.project_id).await?;
    let run = results::live_update(&mut tx, app.clock.now(), &caller, &project, update).await?;
    tx.commit().await?;
    Ok(Json(ExecutionResource::new(&app, &project, run)))
}

impl TestRunResult {
    fn into_update(self) -> Result<LiveUpdate> {
        let status = self.status.filter(|it| !it.is_empty());
        let read = |name: String| status_from_name(&name).ok_or_else(|| Error::invalid("status", "is no status"));
        Ok(LiveUpdate {
            session_id: self.session_id.unwrap_or_default(),
            suite: self.test_suite_id.unwrap_or_default(),
            name: self.name.filter(|it| !it.is_empty()),
            status: status.map(read).transpose()?,
            is_end: self.end,
        })
    }
}
