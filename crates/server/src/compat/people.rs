//! Who is asking, and what they can reach: projects, their teams and organizations.

use axum::extract::State;
use serde::Deserialize;
use testward_wire::keys::Scope;

use super::page::{Page, Window};
use super::resource::{OrganizationResource, ProjectResource, TeamResource, UserResource};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::ProjectId;
use crate::projects::Project;
use crate::web::extract::{Json, Path, Query};
use crate::{identity, projects};

/// Everything a caller can reach. A key that is bound to projects does not learn what else its owner has.
#[derive(Default)]
pub struct Reach {
    pub projects: Vec<(Project, ProjectResource)>,
    pub teams: Vec<TeamResource>,
    pub organizations: Vec<OrganizationResource>,
}

impl Reach {
    pub async fn load(tx: &mut Tx, caller: &Caller) -> Result<Self> {
        let projects = projects::list(tx, caller).await?;
        let is_bound = caller.key().is_some_and(|key| key.projects.is_some());
        let mut memberships = identity::list_memberships(tx, caller.person).await?;
        memberships.retain(|it| caller.require_in(it.organization).is_ok());
        memberships.retain(|it| !is_bound || projects.iter().any(|project| project.organization_id == it.organization));
        let organizations: Vec<_> = memberships.iter().map(OrganizationResource::new).collect();
        let mut reach = Self { projects: Vec::new(), teams: Vec::new(), organizations };
        for project in projects {
            reach.add(project);
        }
        Ok(reach)
    }

    fn add(&mut self, project: Project) {
        let Some(team) = self.team_of(&project) else { return };
        if self.teams.iter().all(|it| it.id != team.id) {
            self.teams.push(team.clone());
        }
        let resource = ProjectResource::new(&project, team);
        self.projects.push((project, resource));
    }

    fn team_of(&self, project: &Project) -> Option<TeamResource> {
        let organization = self.organizations.iter().find(|it| it.id == project.organization_id.0)?;
        Some(TeamResource::of(project, organization.clone()))
    }

    pub fn into_projects(self) -> Vec<ProjectResource> {
        self.projects.into_iter().map(|(_, resource)| resource).collect()
    }
}

pub async fn me(State(app): State<App>, caller: Caller) -> Result<Json<UserResource>> {
    let mut tx = app.db.read().await?;
    let person = identity::find(&mut tx, caller.person).await?;
    // Without the right to see projects the lists are there, and empty.
    let reach = match caller.asking(Scope::ProjectsRead) {
        Ok(caller) => Reach::load(&mut tx, &caller).await?,
        Err(_) => Reach::default(),
    };
    let (teams, organizations) = (reach.teams.clone(), reach.organizations.clone());
    Ok(Json(UserResource::new(&person, reach.into_projects(), teams, organizations)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Which {
    team_id: Option<i64>,
    page: Option<i64>,
    size: Option<i64>,
}

/// Lists projects by name. Other orders are not offered; `sort` is passed over.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Page<ProjectResource>>> {
    let mut projects = reached(&app, &caller).await?;
    projects.retain(|project| which.team_id.is_none_or(|team| project.team_id == team));
    Ok(Json(Page::cut(projects, Window::new(which.page, which.size, true))))
}

/// Shows the first project, in the array that the clients expect.
pub async fn first(State(app): State<App>, caller: Caller) -> Result<Json<Vec<ProjectResource>>> {
    let mut projects = reached(&app, &caller).await?;
    projects.truncate(1);
    Ok(Json(projects))
}

pub async fn read(State(app): State<App>, caller: Caller, Path(id): Path<ProjectId>) -> Result<Json<ProjectResource>> {
    let projects = reached(&app, &caller).await?;
    projects.into_iter().find(|project| project.id == id.0).map(Json).ok_or(Error::NotFound("project"))
}

async fn reached(app: &App, caller: &Caller) -> Result<Vec<ProjectResource>> {
    let mut tx = app.db.read().await?;
    Ok(Reach::load(&mut tx, caller).await?.into_projects())
}
