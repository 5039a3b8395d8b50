//! What an organization demands of signing in.

use super::{factor, store};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity;
use crate::ids::{OrganizationId, PersonId};
use crate::time::Millis;

/// What is demanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    pub second_factor_required: bool,
}

pub async fn find_policy(tx: &mut Tx, organization: OrganizationId) -> Result<Policy> {
    Ok(store::find_policy(tx, organization).await?.unwrap_or_default())
}

/// Returns what all organizations of a person demand together.
pub async fn strictest(tx: &mut Tx, person: PersonId) -> Result<Policy> {
    let mut strictest = Policy::default();
    for membership in identity::list_memberships(tx, person).await? {
        let policy = find_policy(tx, membership.organization).await?;
        strictest.second_factor_required |= policy.second_factor_required;
    }
    Ok(strictest)
}

/// Demands a second factor of all members, or no more. Whoever has none sets one up when signing in next: their
/// sessions end.
pub async fn require_second_factor(tx: &mut Tx, now: Millis, caller: &Caller, at: Option<Millis>) -> Result<()> {
    caller.require_confirmed(now)?;
    let organization = identity::administered(tx, caller).await?.organization;
    if at.is_some() && !factor::is_enrolled(tx, caller.person).await? {
        return Err(Error::conflict(
            "no_second_factor",
            "set up your own second factor first, or you lock yourself out",
        ));
    }
    store::upsert_second_factor_required(tx, organization, at).await?;
    if at.is_some() {
        for member in identity::list_members(tx, organization).await? {
            if !factor::is_enrolled(tx, member.person.id).await? {
                identity::end_all(tx, member.person.id).await?;
            }
        }
    }
    let action = if at.is_some() { "second_factor.require" } else { "second_factor.leave_open" };
    identity::audit(tx, now, caller, action, &organization, "").await
}
