//! Teams of an organization, and who is in them. Members see the projects of their teams only.

use super::{Membership, Person, Team, audit, checked_name, find, role_in, store};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{OrganizationId, PersonId, TeamId};
use crate::time::Millis;

/// Lists the teams of an organization, by name.
pub async fn list_teams(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<Team>> {
    store::list_teams(tx, organization).await
}

/// Lists the teams of an organization that a person is in.
pub async fn list_teams_of(tx: &mut Tx, organization: OrganizationId, person: PersonId) -> Result<Vec<TeamId>> {
    store::list_teams_of(tx, organization, person).await
}

pub async fn find_team(tx: &mut Tx, id: TeamId) -> Result<Option<Team>> {
    store::find_team(tx, id).await
}

/// Finds a team of the organization. Another's is not found.
pub async fn find_team_of(tx: &mut Tx, organization: &Membership, id: TeamId) -> Result<Team> {
    let team = find_team(tx, id).await?.filter(|team| team.organization_id == organization.organization);
    team.ok_or(Error::NotFound("team"))
}

/// Returns the team that the set-up made, where people go who are invited without a team.
pub async fn find_first_team(tx: &mut Tx) -> Result<Option<Team>> {
    store::find_first_team(tx).await
}

/// Lists who is in a team, by name.
pub async fn list_team_members(tx: &mut Tx, team: TeamId) -> Result<Vec<Person>> {
    store::list_team_members(tx, team).await
}

/// Makes a team in an organization that the caller administers.
pub async fn create_team(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    organization: &Membership,
    name: &str,
) -> Result<Team> {
    let name = free_name(tx, organization, name, None).await?;
    let team = Team { id: TeamId::next(tx).await?, organization_id: organization.organization, name };
    store::insert_team(tx, &team, now).await?;
    audit(tx, now, caller, "team.create", &team.id, &team.name).await?;
    Ok(team)
}

pub async fn rename_team(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    organization: &Membership,
    id: TeamId,
    name: &str,
) -> Result<()> {
    let team = find_team_of(tx, organization, id).await?;
    let name = free_name(tx, organization, name, Some(id)).await?;
    store::update_team_name(tx, team.id, &name).await?;
    audit(tx, now, caller, "team.rename", &team.id, &name).await
}

/// Returns the name if no other team has it: people choose teams by name.
async fn free_name(tx: &mut Tx, organization: &Membership, name: &str, own: Option<TeamId>) -> Result<String> {
    let name = checked_name("name", name)?;
    let teams = list_teams(tx, organization.organization).await?;
    let is_taken = teams.iter().any(|team| Some(team.id) != own && team.name.to_lowercase() == name.to_lowercase());
    if is_taken {
        return Err(Error::conflict("team_taken", "there is a team with this name already"));
    }
    Ok(name)
}

/// Puts a member of the organization into a team, or leaves them there.
pub async fn add_to_team(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    organization: &Membership,
    (team, person): (TeamId, PersonId),
) -> Result<()> {
    let team = find_team_of(tx, organization, team).await?;
    role_in(tx, person, organization.organization).await?.ok_or(Error::NotFound("person"))?;
    let person = find(tx, person).await?;
    store::upsert_team_member(tx, team.id, person.id, now).await?;
    audit(tx, now, caller, "team.join", &team.id, &person.email).await
}

/// Takes somebody out of a team. They stay in the organization.
pub async fn remove_from_team(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    organization: &Membership,
    (team, person): (TeamId, PersonId),
) -> Result<()> {
    let team = find_team_of(tx, organization, team).await?;
    if store::delete_team_member(tx, team.id, person).await? == 0 {
        return Err(Error::NotFound("person"));
    }
    let person = find(tx, person).await?;
    audit(tx, now, caller, "team.leave", &team.id, &person.email).await
}
