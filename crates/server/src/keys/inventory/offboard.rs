//! Off-boarding: what a person has who leaves, and its end in one transaction.

use testward_wire::inventory::Offboarding;

use super::{Action, apply, end_all_of, store};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::identity::{self, Actor, Person, Role, service};
use crate::ids::{OrganizationId, PersonId};
use crate::keys::http::view;
use crate::keys::service::http::person_view;
use crate::keys::{self, Change};
use crate::time::Millis;

/// Who sends somebody off, and from where.
pub struct Sender<'a> {
    pub actor: &'a Actor,
    pub organization: OrganizationId,
    pub role: Role,
}

/// Shows what would end.
pub async fn preview(tx: &mut Tx, now: Millis, sender: &Sender<'_>, person: PersonId) -> Result<Offboarding> {
    let leaver = leaver(tx, sender, person).await?;
    let keys = store::list_of(tx, person).await?;
    let elsewhere = elsewhere(tx, sender, person).await?;
    Ok(Offboarding {
        person: person_view(&leaver),
        at: None,
        stays_elsewhere: elsewhere,
        keys: keys.iter().filter(|key| Action::Revoke.is_for(key)).map(|key| view(key, now)).collect(),
        accounts: service::list_alone(tx, person).await?,
    })
}

/// Finds a member whom the sender may send off.
async fn leaver(tx: &mut Tx, sender: &Sender<'_>, person: PersonId) -> Result<Person> {
    let role = identity::role_in(tx, person, sender.organization).await?.ok_or(Error::NotFound("member"))?;
    if sender.actor.person == Some(person) {
        return Err(Error::conflict("own_account", "nobody can send themselves off; ask another admin"));
    }
    if role > sender.role {
        return Err(Error::forbidden("role_too_high", "only an owner can send an owner off"));
    }
    if service::is_account(tx, person).await? {
        return Err(Error::conflict("service_account", "this is a service account; delete it instead"));
    }
    identity::find(tx, person).await
}

async fn elsewhere(tx: &mut Tx, sender: &Sender<'_>, person: PersonId) -> Result<bool> {
    let memberships = identity::list_memberships(tx, person).await?;
    Ok(memberships.iter().any(|it| it.organization != sender.organization))
}

/// Ends everything: keys, sessions, and the person's way in. Who belongs to another organization too loses this one, and
/// with it every right that their keys have here.
pub async fn carry_out(
    tx: &mut Tx,
    now: Millis,
    sender: &Sender<'_>,
    person: PersonId,
) -> Result<(Change, Offboarding)> {
    let shown = preview(tx, now, sender, person).await?;
    let mut change = Change::default();
    if shown.stays_elsewhere {
        identity::leave(tx, person, sender.organization).await?;
    } else {
        change += end_all_of(tx, now, sender.actor, person).await?;
        identity::set_disabled(tx, person, Some(now)).await?;
    }
    service::hand_over(tx, now, person, sender.actor.person).await?;
    let keys = if shown.stays_elsewhere { 0 } else { shown.keys.len() };
    let detail = format!("{}: {keys} keys ended", shown.person.email);
    identity::audit_as(tx, now, sender.actor, "person.offboard", &person, &detail).await?;
    change += keys::owner_changed(tx, person).await?;
    Ok((change, Offboarding { at: Some(now.rfc3339()), ..shown }))
}

/// Ends everything of somebody on the operator's word, wherever they belong.
pub async fn by_operator(tx: &mut Tx, now: Millis, person: &Person) -> Result<(Change, usize)> {
    let actor = Actor::default();
    let keys: Vec<_> =
        store::list_of(tx, person.id).await?.into_iter().filter(|key| Action::Revoke.is_for(key)).collect();
    let n = keys.len();
    let mut change = apply(tx, now, &actor, Action::Revoke, keys).await?;
    identity::set_disabled(tx, person.id, Some(now)).await?;
    service::hand_over(tx, now, person.id, None).await?;
    identity::audit_as(tx, now, &actor, "person.offboard", &person.id, &format!("{}: {n} keys ended", person.email))
        .await?;
    change += keys::owner_changed(tx, person.id).await?;
    Ok((change, n))
}
