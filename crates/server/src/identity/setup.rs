//! The first person, organization and team of an empty server.

use super::{Actor, Person, Role, Team, add_person, audit_in, checked_name, join, store};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{OrganizationId, PersonId, TeamId};
use crate::time::Millis;

/// What the first person says of themselves and of what they begin.
pub struct FirstSteps<'a> {
    pub name: &'a str,
    pub email: &'a str,
    pub password_hash: &'a str,
    pub organization: &'a str,
    pub team: &'a str,
}

/// Whether nobody is here yet.
pub async fn is_empty(tx: &mut Tx) -> Result<bool> {
    Ok(store::count_people(tx).await? == 0)
}

/// Makes the first person the owner of a new organization with one team. Happens once.
pub async fn set_up(tx: &mut Tx, now: Millis, steps: FirstSteps<'_>) -> Result<(Person, Team)> {
    if !is_empty(tx).await? {
        return Err(Error::Gone {
            code: "already_set_up",
            message: "this server is set up; sign in instead".to_owned(),
        });
    }
    let person = add_person(tx, now, steps.email, steps.name, steps.password_hash).await?;
    let team = add_organization(tx, now, steps.organization, steps.team, person.id).await?;
    Ok((person, team))
}

/// Makes an organization with one team, owned by a person.
pub async fn add_organization(tx: &mut Tx, now: Millis, name: &str, team: &str, owner: PersonId) -> Result<Team> {
    let name = checked_name("organization", name)?;
    let team_name = checked_name("team", team)?;
    let organization_id = OrganizationId::next(tx).await?;
    store::insert_organization(tx, organization_id, &name, now).await?;
    let team = Team { id: TeamId::next(tx).await?, organization_id, name: team_name };
    store::insert_team(tx, &team, now).await?;
    join(tx, now, owner, &team, Role::Owner).await?;
    let actor = Actor { person: Some(owner), ..Default::default() };
    audit_in(tx, now, &actor, organization_id, "organization.create", &organization_id, &name).await?;
    Ok(team)
}
