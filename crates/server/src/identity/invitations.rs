//! Invitations: a link that lets one person in, once.

use sha2::{Digest as _, Sha256};

use super::{Membership, Person, Role, Team, add_person, audit_in, find_team, find_team_of, join, store};
use crate::blobs::hex;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{InvitationId, OrganizationId, PersonId, TeamId};
use crate::random::Random;
use crate::time::{DAY, Millis};

/// How long a link opens the door.
const VALID_FOR: i64 = 7 * DAY;

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Invitation {
    pub id: InvitationId,
    pub organization_id: OrganizationId,
    pub team_id: TeamId,
    pub email: String,
    pub role: String,
    pub invited_by: PersonId,
    pub created_at: Millis,
    pub expires_at: Millis,
    pub used_at: Option<Millis>,
}

/// What an invited person says of themselves.
pub struct Invited<'a> {
    pub name: &'a str,
    pub password_hash: &'a str,
}

/// Invites somebody into a team. Returns the secret part of the link, which is shown once.
pub async fn invite(
    tx: &mut Tx,
    now: Millis,
    random: &Random,
    caller: &Caller,
    organization: &Membership,
    invitee: (&str, Role, TeamId),
) -> Result<String> {
    let (email, role, team) = invitee;
    let email = super::checked_email(email)?;
    if role > organization.role {
        return Err(Error::forbidden("role_too_high", "nobody can give a higher role than their own"));
    }
    let team = find_team_of(tx, organization, team).await?;
    if let Some(person) = store::find_person_by_email(tx, &email).await?
        && super::role_in(tx, person.id, organization.organization).await?.is_some()
    {
        return Err(Error::conflict("is_member", "somebody with this e-mail address is a member already"));
    }
    let token = random.base62(43);
    let invitation = Invitation {
        id: InvitationId::next(tx).await?,
        organization_id: team.organization_id,
        team_id: team.id,
        email,
        role: role.name().to_owned(),
        invited_by: caller.person,
        created_at: now,
        expires_at: now.plus(VALID_FOR),
        used_at: None,
    };
    store::insert_invitation(tx, &invitation, &token_hash(&token)).await?;
    let actor = caller.into();
    audit_in(tx, now, &actor, team.organization_id, "invitation.create", &invitation.id, &invitation.email).await?;
    Ok(token)
}

/// Finds the invitation behind a link, if it still opens the door.
pub async fn find_invitation(tx: &mut Tx, now: Millis, token: &str) -> Result<Invitation> {
    let found = store::find_invitation(tx, &token_hash(token)).await?;
    let live = found.filter(|it| it.used_at.is_none() && now < it.expires_at);
    live.ok_or_else(|| Error::Gone {
        code: "invitation_ended",
        message: "this invitation was used, withdrawn or has expired; ask for a new one".to_owned(),
    })
}

/// Lets the invited person in: makes them and puts them where they were invited to.
pub async fn accept(tx: &mut Tx, now: Millis, token: &str, invited: Invited<'_>) -> Result<Person> {
    let invitation = find_invitation(tx, now, token).await?;
    let team = find_team(tx, invitation.team_id).await?.ok_or(Error::NotFound("team"))?;
    let person = person_for(tx, now, &invitation, invited).await?;
    join_as_invited(tx, now, &person, &team, &invitation).await?;
    let actor = super::Actor { person: Some(person.id), ..Default::default() };
    audit_in(tx, now, &actor, team.organization_id, "invitation.accept", &invitation.id, &person.email).await?;
    Ok(person)
}

/// Makes the invited person, or lets somebody in again who belongs nowhere since they were removed. Whoever belongs to
/// another organization is not given another password by this one.
async fn person_for(tx: &mut Tx, now: Millis, invitation: &Invitation, invited: Invited<'_>) -> Result<Person> {
    if let Some(mut person) = store::find_person_by_email(tx, &invitation.email).await?
        && super::list_memberships(tx, person.id).await?.is_empty()
    {
        person.name = super::checked_name("name", invited.name)?;
        person.disabled_at = None;
        store::update_name(tx, person.id, &person.name).await?;
        super::reset_password(tx, person.id, invited.password_hash).await?;
        super::set_disabled(tx, person.id, None).await?;
        return Ok(person);
    }
    add_person(tx, now, &invitation.email, invited.name, invited.password_hash).await
}

async fn join_as_invited(
    tx: &mut Tx,
    now: Millis,
    person: &Person,
    team: &Team,
    invitation: &Invitation,
) -> Result<()> {
    join(tx, now, person.id, team, invitation.role.parse()?).await?;
    store::update_invitation_used(tx, invitation.id, now).await
}

/// Lists the invitations of an organization that still open the door, the newest first.
pub async fn list_invitations(tx: &mut Tx, now: Millis, organization: OrganizationId) -> Result<Vec<Invitation>> {
    store::list_open_invitations(tx, organization, now).await
}

/// Takes an invitation back.
pub async fn withdraw(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    organization: OrganizationId,
    id: InvitationId,
) -> Result<()> {
    if store::delete_invitation(tx, organization, id).await? == 0 {
        return Err(Error::NotFound("invitation"));
    }
    audit_in(tx, now, &caller.into(), organization, "invitation.withdraw", &id, "").await
}

fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}
