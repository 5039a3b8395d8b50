//! Projects: where results live. Whoever may not see a project is told it does not exist.

pub mod http;
pub mod pages;
mod store;

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::{self, Role};
use crate::ids::{OrganizationId, ProjectId, TeamId};
use crate::time::Millis;

pub use store::list_all as list_for_operator;

/// A project somebody may see.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Project {
    pub id: ProjectId,
    pub name: String,
    pub team_id: TeamId,
    pub team_name: String,
    pub organization_id: OrganizationId,
    pub organization_name: String,
    pub created_at: Millis,
}

impl Project {
    /// Returns the path of its list of runs, which is its home.
    pub fn path(&self) -> String {
        format!("/team/{}/project/{}/executions", self.team_id, self.id)
    }

    /// Returns the path of its settings.
    pub fn settings_path(&self) -> String {
        format!("/team/{}/project/{}/settings", self.team_id, self.id)
    }
}

/// Loads a project, if the caller may see it. No other function hands one to a handler.
///
/// Members of its team may, and owners and admins of its organization; a key further only where it is bound to.
pub async fn open(tx: &mut Tx, caller: &Caller, id: ProjectId) -> Result<Project> {
    if !caller.reaches(id) {
        return Err(Error::NotFound("project"));
    }
    let project = store::find(tx, caller.person, id).await?.ok_or(Error::NotFound("project"))?;
    caller.require_in(project.organization_id)?;
    Ok(project)
}

/// Lists what the caller may see, by name.
pub async fn list(tx: &mut Tx, caller: &Caller) -> Result<Vec<Project>> {
    let mut projects = store::list(tx, caller.person).await?;
    projects.retain(|project| caller.reaches(project.id) && caller.require_in(project.organization_id).is_ok());
    projects.sort_by_cached_key(|project| project.name.to_lowercase());
    Ok(projects)
}

/// Lists the ids of what the caller may see.
pub async fn list_ids(tx: &mut Tx, caller: &Caller) -> Result<Vec<ProjectId>> {
    Ok(list(tx, caller).await?.into_iter().map(|project| project.id).collect())
}

/// Makes a project in a team of an organization that the caller administers.
pub async fn create(tx: &mut Tx, now: Millis, caller: &Caller, team: TeamId, name: &str) -> Result<ProjectId> {
    let name = identity::checked_name("name", name)?;
    let team = identity::find_team(tx, team).await?.ok_or(Error::NotFound("team"))?;
    let role = identity::role_in(tx, caller.person, team.organization_id).await?.ok_or(Error::NotFound("team"))?;
    if role < Role::Admin {
        return Err(Error::forbidden("not_an_admin", "only owners and admins of the organization make projects"));
    }
    let id = add(tx, now, team.id, &name).await?;
    identity::audit_in(tx, now, &caller.into(), team.organization_id, "project.create", &id, &name).await?;
    Ok(id)
}

/// Refuses whoever does not administer the project's organization.
pub async fn require_admin(tx: &mut Tx, caller: &Caller, project: &Project) -> Result<()> {
    match identity::role_in(tx, caller.person, project.organization_id).await? {
        Some(role) if role >= Role::Admin => Ok(()),
        _ => Err(Error::forbidden("not_an_admin", "only owners and admins of the organization change projects")),
    }
}

/// Gives a project a name and a team of its organization.
pub async fn change(tx: &mut Tx, now: Millis, caller: &Caller, id: ProjectId, name: &str, team: TeamId) -> Result<()> {
    let project = open(tx, caller, id).await?;
    require_admin(tx, caller, &project).await?;
    let name = identity::checked_name("name", name)?;
    let team = identity::find_team(tx, team).await?.filter(|team| team.organization_id == project.organization_id);
    let team = team.ok_or_else(|| Error::invalid("team", "must be one of the organization's teams"))?;
    store::update(tx, id, team.id, &name).await?;
    identity::audit(tx, now, caller, "project.change", &id, &format!("{name}, team {}", team.name)).await
}

/// Hides a project and all that is in it, and refuses uploads. Nothing is deleted.
pub async fn archive(tx: &mut Tx, now: Millis, caller: &Caller, id: ProjectId) -> Result<()> {
    let project = open(tx, caller, id).await?;
    require_admin(tx, caller, &project).await?;
    store::update_archived(tx, id, Some(now)).await?;
    identity::audit(tx, now, caller, "project.archive", &id, &project.name).await
}

/// Brings an archived project back.
pub async fn restore(tx: &mut Tx, now: Millis, caller: &Caller, id: ProjectId) -> Result<()> {
    let archived = list_archived(tx, caller).await?.into_iter().find(|(project, _)| project.id == id);
    let (project, _) = archived.ok_or(Error::NotFound("project"))?;
    require_admin(tx, caller, &project).await?;
    store::update_archived(tx, id, None).await?;
    identity::audit(tx, now, caller, "project.restore", &id, &project.name).await
}

/// Lists what is archived and the caller may see, with when it was, by name.
pub async fn list_archived(tx: &mut Tx, caller: &Caller) -> Result<Vec<(Project, Millis)>> {
    let mut archived = store::list_archived(tx, caller.person).await?;
    archived.retain(|(project, _)| caller.reaches(project.id));
    archived.sort_by_cached_key(|(project, _)| project.name.to_lowercase());
    Ok(archived)
}

/// Makes a project without asking who wants it: for the set-up.
pub async fn add(tx: &mut Tx, now: Millis, team: TeamId, name: &str) -> Result<ProjectId> {
    let id = ProjectId::next(tx).await?;
    store::insert(tx, id, team, name, now).await?;
    Ok(id)
}
