//! `/api/v1/executions`: runs, as the official clients know them.

use axum::extract::State;
use serde::Deserialize;

use super::page::{Page, Window};
use super::people::Reach;
use super::resource::ExecutionResource;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{ProjectId, RunId};
use crate::projects;
use crate::projects::Project;
use crate::results::{self, Run, RunFilter};
use crate::web::extract::{Json, Path, Query};

/// The most runs a search looks through, the newest first.
const MAX_SEARCHED: usize = 1000;
/// The most runs read at once.
const CHUNK: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Which {
    project_id: ProjectId,
    order: Option<i64>,
    page: Option<i64>,
    size: Option<i64>,
}

/// Lists the newest runs of a project, or shows the one with a number.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Page<ExecutionResource>>> {
    let mut tx = app.db.read().await?;
    let project = projects::open(&mut tx, &caller, which.project_id).await?;
    let runs = match which.order {
        Some(number) => vec![results::find_run(&mut tx, &project, number).await?],
        None => newest(&mut tx, &project, MAX_SEARCHED).await?,
    };
    let runs = runs.into_iter().map(|run| ExecutionResource::new(&app, &project, run)).collect();
    Ok(Json(Page::cut(runs, Window::new(which.page, which.size, true))))
}

pub async fn read(State(app): State<App>, caller: Caller, Path(id): Path<RunId>) -> Result<Json<ExecutionResource>> {
    let mut tx = app.db.read().await?;
    let (project, number) = results::locate(&mut tx, id).await?;
    // A project that is not for these eyes must not show that it has the run.
    let project = projects::open(&mut tx, &caller, project).await.map_err(|error| match error {
        Error::NotFound(_) => Error::NotFound("run"),
        error => error,
    })?;
    let run = results::find_run(&mut tx, &project, number).await?;
    Ok(Json(ExecutionResource::new(&app, &project, run)))
}

/// What a search already says about the runs it wants, so that not all of them are read.
#[derive(Default)]
pub struct Hint {
    pub project: Option<i64>,
    pub number: Option<i64>,
    pub id: Option<i64>,
}

/// Returns the runs a search can find, with more of them than it wants.
pub async fn candidates(app: &App, tx: &mut Tx, reach: Reach, hint: &Hint) -> Result<Vec<ExecutionResource>> {
    let mut hint = Hint { ..*hint };
    if let Some(id) = hint.id {
        let Some((project, number)) = found(results::locate(tx, RunId(id)).await)? else { return Ok(Vec::new()) };
        hint.project = hint.project.or(Some(project.0));
        hint.number = Some(number);
    }
    let mut projects = reach.projects;
    projects.retain(|(project, _)| hint.project.is_none_or(|id| project.id.0 == id));
    let each = (MAX_SEARCHED / projects.len().max(1)).max(1);
    let mut executions = Vec::new();
    for (project, resource) in projects {
        let runs = match hint.number {
            Some(number) => found(results::find_run(tx, &project, number).await)?.into_iter().collect(),
            None => newest(tx, &project, each).await?,
        };
        let show = |run| ExecutionResource::new(app, &project, run).within(resource.clone());
        executions.extend(runs.into_iter().map(show));
    }
    Ok(executions)
}

fn found<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(it) => Ok(Some(it)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn newest(tx: &mut Tx, project: &Project, n: usize) -> Result<Vec<Run>> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    while all.len() < n {
        let limit = CHUNK.min(n - all.len());
        let (runs, next) = results::list_runs(tx, project, &RunFilter::default(), cursor.as_deref(), limit).await?;
        all.extend(runs);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(all)
}
