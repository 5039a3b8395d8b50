//! What the official clients are shown. The fields are those of their own definition and no others; what is absent is
//! left out.

use serde::Serialize;
use testward_wire::results::Status;

use crate::app::App;
use crate::identity::{Membership, Person, Role};
use crate::ingest::{Announced, Slot};
use crate::keys::ApiKey;
use crate::projects::Project;
use crate::results::{Run, RunStage, run_path};
use crate::time::Millis;

/// A place for a file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileResource {
    id: i64,
    path: String,
    upload_url: String,
}

impl FileResource {
    /// The address is whole and proves itself: clients put the bytes there without any header of ours.
    pub fn new(app: &App, slot: &Slot) -> Self {
        let upload_url = app.url(&format!("/storage/{}", slot.token));
        Self { id: slot.id.0, path: slot.path.clone(), upload_url }
    }
}

/// What became of an announcement of files.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadBatchResource {
    id: i64,
    done: bool,
    web_url: String,
}

impl UploadBatchResource {
    pub fn new(app: &App, project: &Project, announced: &Announced) -> Self {
        Self {
            id: announced.upload.0,
            done: announced.is_done,
            web_url: app.url(&run_path(project, announced.run_number)),
        }
    }
}

#[derive(Clone, Serialize)]
pub struct OrganizationResource {
    pub id: i64,
    pub name: String,
    role: &'static str,
}

impl OrganizationResource {
    pub fn new(membership: &Membership) -> Self {
        let role = role_name(membership.role);
        Self { id: membership.organization.0, name: membership.name.clone(), role }
    }
}

/// Roles are those in the organization: teams have none of their own.
const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "OWNER",
        Role::Admin => "ADMIN",
        Role::Member => "USER",
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TeamResource {
    pub id: i64,
    name: String,
    role: &'static str,
    organization: OrganizationResource,
    organization_id: i64,
}

impl TeamResource {
    pub fn of(project: &Project, organization: OrganizationResource) -> Self {
        Self {
            id: project.team_id.0,
            name: project.team_name.clone(),
            role: organization.role,
            organization_id: organization.id,
            organization,
        }
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectResource {
    pub id: i64,
    name: String,
    pub team_id: i64,
    team: TeamResource,
    timezone: &'static str,
    status: &'static str,
}

impl ProjectResource {
    pub fn new(project: &Project, team: TeamResource) -> Self {
        Self { id: project.id.0, name: project.name.clone(), team_id: team.id, team, timezone: "UTC", status: "ACTIVE" }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserResource {
    id: i64,
    email: String,
    first_name: String,
    last_name: String,
    full_name: String,
    projects: Vec<ProjectResource>,
    teams: Vec<TeamResource>,
    organizations: Vec<OrganizationResource>,
    created_at: String,
}

impl UserResource {
    pub fn new(
        person: &Person,
        projects: Vec<ProjectResource>,
        teams: Vec<TeamResource>,
        organizations: Vec<OrganizationResource>,
    ) -> Self {
        let (first, last) = person.name.split_once(' ').unwrap_or((&person.name, ""));
        Self {
            id: person.id.0,
            email: person.email.clone(),
            first_name: first.to_owned(),
            last_name: last.trim().to_owned(),
            full_name: person.name.clone(),
            projects,
            teams,
            organizations,
            created_at: person.created_at.iso_millis(),
        }
    }
}

/// A key of the caller, without its secret.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyResource {
    id: i64,
    name: String,
    handle: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl ApiKeyResource {
    pub fn new(key: &ApiKey) -> Self {
        Self {
            id: key.id.0,
            name: key.name.clone(),
            handle: key.handle.to_string(),
            created_at: key.created_at.iso_millis(),
            expires_at: key.expires_at.map(Millis::iso_millis),
        }
    }
}

/// A run.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionResource {
    id: i64,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    total_tests: i64,
    total_passed_tests: i64,
    total_failed_tests: i64,
    total_error_tests: i64,
    total_incomplete_tests: i64,
    total_skipped_tests: i64,
    project_id: i64,
    order: i64,
    execution_stage: &'static str,
    web_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<ProjectResource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_url: Option<String>,
}

impl ExecutionResource {
    pub fn new(app: &App, project: &Project, run: Run) -> Self {
        Self {
            id: run.id.0,
            status: run.status,
            start_time: run.started_at.map(Millis::iso_millis),
            end_time: run.ended_at.map(Millis::iso_millis),
            duration: run.duration_ms,
            total_tests: run.counts.total,
            total_passed_tests: run.counts.passed,
            total_failed_tests: run.counts.failed,
            total_error_tests: run.counts.error,
            total_incomplete_tests: run.counts.incomplete,
            total_skipped_tests: run.counts.skipped,
            project_id: run.project_id.0,
            order: run.number,
            execution_stage: stage_name(run.stage),
            web_url: app.url(&run.path(project)),
            project: None,
            session_id: run.session_id,
            build_label: run.build_label,
            build_url: run.build_url,
        }
    }

    /// Adds the project whole, as searches show it.
    #[must_use]
    pub fn within(mut self, project: ProjectResource) -> Self {
        self.project = Some(project);
        self
    }
}

const fn stage_name(stage: RunStage) -> &'static str {
    match stage {
        RunStage::Running => "RUNNING",
        RunStage::Importing => "IMPORTING",
        RunStage::Done | RunStage::Refused => "COMPLETED",
        RunStage::Closed => "TERMINATE",
    }
}
