//! The web form for uploads.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use testward_reports::Format;
use testward_wire::results::{Receipt, UploadStage};

use super::files::located;
use super::format::size;
use super::{ProjectHead, chrome, open};
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity::pages::problems_of;
use crate::ids::{ProjectId, TeamId};
use crate::ingest::{self, MAX_FILE_BYTES};
use crate::projects::Project;
use crate::results::run_path;
use crate::web::extract::Path;
use crate::web::layout::{Choice, Chrome, Crumb, href, render, upload_command};

#[derive(Template)]
#[template(path = "upload.html")]
struct UploadPage {
    page: Chrome,
    project: ProjectHead,
    problems: Vec<String>,
    formats: Vec<Choice>,
    limit: String,
    command: String,
}

pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((team, project)): Path<(TeamId, ProjectId)>,
) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let project = open(&mut tx, &caller, team, project).await?;
    drop(tx);
    upload_page(&app, &caller, &project, Vec::new()).await
}

async fn upload_page(app: &App, caller: &Caller, project: &Project, problems: Vec<String>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let formats = Format::ALL.into_iter().map(|format| Choice::new(format.name(), format.label()));
    let formats = [Choice::new("auto", "Recognise by content")].into_iter().chain(formats);
    let head = ProjectHead::new(project);
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let page = UploadPage {
        page: chrome(&mut tx, caller, project, vec![Crumb::new("Upload", head.upload_href.clone())]).await?,
        project: head,
        problems,
        formats: formats.collect(),
        limit: size(MAX_FILE_BYTES as i64),
        command: upload_command(app, project.id),
    };
    Ok((status, render(&page)?).into_response())
}

pub async fn upload(
    State(app): State<App>,
    caller: Caller,
    Path((team, project)): Path<(TeamId, ProjectId)>,
    form: ingest::Form,
) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let project = open(&mut tx, &caller, team, project).await?;
    drop(tx);
    match take(&app, &caller, &project, form).await {
        Ok(receipt) if receipt.stage == UploadStage::Refused => {
            upload_page(&app, &caller, &project, refusals(&receipt)).await
        }
        Ok(receipt) => Ok(Redirect::to(&after(&project, &receipt)).into_response()),
        Err(error) => upload_page(&app, &caller, &project, problems_of(error)?).await,
    }
}

/// Where somebody goes who has uploaded: to the run, or to its files where one of them needs a look. A path, because
/// the browser may know the server under another name than we do.
fn after(project: &Project, receipt: &Receipt) -> String {
    let Some(run) = &receipt.run else { return project.path() };
    let tab = if receipt.stage == UploadStage::PartlyRefused { "files" } else { "" };
    href(&run_path(project, run.number), &[("tab", tab)])
}

async fn take(app: &App, caller: &Caller, project: &Project, form: ingest::Form) -> Result<Receipt> {
    let id = ingest::take_multipart(app, caller, project, form).await?;
    let mut tx = app.db.read().await?;
    ingest::find_receipt(&mut tx, &app.base_url, project, id).await
}

/// Says of each refused file why.
fn refusals(receipt: &Receipt) -> Vec<String> {
    let refused = receipt.files.iter().filter_map(|file| Some(located(&file.path, file.problem.as_ref()?)));
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() { vec!["None of the files is a test report.".to_owned()] } else { refused }
}
