//! Members of an organization: what they may do, and how they leave.

use super::{Member, Membership, Role, audit, find, list_memberships, role_in, set_disabled, store};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{OrganizationId, PersonId};
use crate::time::Millis;

/// Lists the members of an organization, by name.
pub async fn list_members(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<Member>> {
    store::list_members(tx, organization).await
}

/// Finds a member of the organization. Another's is not found.
pub async fn find_member(tx: &mut Tx, organization: &Membership, id: PersonId) -> Result<Member> {
    let role = role_in(tx, id, organization.organization).await?.ok_or(Error::NotFound("person"))?;
    Ok(Member { person: find(tx, id).await?, role })
}

/// Gives a member another role.
pub async fn change_role(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    organization: &Membership,
    id: PersonId,
    role: Role,
) -> Result<()> {
    let member = changeable(tx, organization, id).await?;
    if role > organization.role {
        return Err(Error::conflict("role_too_high", "nobody can give a higher role than their own"));
    }
    if role < Role::Owner {
        require_other_owner(tx, organization, &member).await?;
    }
    store::upsert_organization_member(tx, organization.organization, id, role, now).await?;
    audit(tx, now, caller, "member.role", &id, role.name()).await
}

/// Switches a member off: their sessions end and their keys are refused, until [`enable`].
pub async fn disable(tx: &mut Tx, now: Millis, caller: &Caller, organization: &Membership, id: PersonId) -> Result<()> {
    let member = changeable(tx, organization, id).await?;
    require_not_self(caller, id)?;
    require_other_owner(tx, organization, &member).await?;
    require_nowhere_else(tx, organization, id).await?;
    set_disabled(tx, id, member.person.disabled_at.or(Some(now))).await?;
    audit(tx, now, caller, "person.disable", &id, &member.person.email).await
}

/// Switches a member on again.
pub async fn enable(tx: &mut Tx, now: Millis, caller: &Caller, organization: &Membership, id: PersonId) -> Result<()> {
    let member = changeable(tx, organization, id).await?;
    require_nowhere_else(tx, organization, id).await?;
    set_disabled(tx, id, None).await?;
    audit(tx, now, caller, "person.enable", &id, &member.person.email).await
}

/// Takes a member out of the organization and all of its teams. Whoever belongs to no other is disabled as well, so that
/// their keys are refused at once; a new invitation lets them in again.
pub async fn remove(tx: &mut Tx, now: Millis, caller: &Caller, organization: &Membership, id: PersonId) -> Result<()> {
    let member = changeable(tx, organization, id).await?;
    require_not_self(caller, id)?;
    require_other_owner(tx, organization, &member).await?;
    store::delete_organization_member(tx, organization.organization, id).await?;
    if list_memberships(tx, id).await?.is_empty() {
        set_disabled(tx, id, member.person.disabled_at.or(Some(now))).await?;
    }
    audit(tx, now, caller, "member.remove", &id, &member.person.email).await
}

/// Finds a member whom the caller may change: nobody changes those above them.
async fn changeable(tx: &mut Tx, organization: &Membership, id: PersonId) -> Result<Member> {
    let member = find_member(tx, organization, id).await?;
    if member.role > organization.role {
        return Err(Error::conflict("role_too_low", "only an owner can change an owner"));
    }
    Ok(member)
}

fn require_not_self(caller: &Caller, id: PersonId) -> Result<()> {
    if caller.person == id {
        return Err(Error::conflict("own_account", "ask another owner or admin to do this to your own account"));
    }
    Ok(())
}

/// An organization without an owner could never get one again.
async fn require_other_owner(tx: &mut Tx, organization: &Membership, member: &Member) -> Result<()> {
    let members = list_members(tx, organization.organization).await?;
    let is_other =
        |it: &Member| it.role == Role::Owner && it.person.disabled_at.is_none() && it.person.id != member.person.id;
    if member.role == Role::Owner && !members.iter().any(is_other) {
        return Err(Error::conflict("last_owner", "make somebody else an owner first; an organization needs one"));
    }
    Ok(())
}

/// An account is switched on and off by those alone who answer for all of it.
async fn require_nowhere_else(tx: &mut Tx, organization: &Membership, id: PersonId) -> Result<()> {
    let memberships = list_memberships(tx, id).await?;
    if memberships.iter().any(|it| it.organization != organization.organization) {
        let message = "they belong to another organization too; remove them from yours instead";
        return Err(Error::conflict("belongs_elsewhere", message));
    }
    Ok(())
}
