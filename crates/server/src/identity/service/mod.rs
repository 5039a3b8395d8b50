//! Service accounts: machine identities of an organization. They cannot sign in, people look after them, and they
//! outlast whoever made them.

mod store;

use super::{Membership, Person, Role, audit, checked_name, find, join, list_teams, role_in};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{OrganizationId, PersonId, TeamId};
use crate::time::Millis;

const MAX_DESCRIPTION_LEN: usize = 1000;

/// A machine identity, with the people who look after it.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    pub person: Person,
    pub organization: OrganizationId,
    pub description: String,
    pub role: Role,
    pub stewards: Vec<Person>,
}

/// What a new account shall be.
pub struct NewAccount<'a> {
    pub name: &'a str,
    pub description: &'a str,
    pub role: Role,
    /// The organization's first team, unless given.
    pub team: Option<TeamId>,
    /// Whoever makes it, unless given.
    pub stewards: &'a [PersonId],
}

/// Makes an account in an organization that the caller administers.
pub async fn create(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    organization: &Membership,
    new: NewAccount<'_>,
) -> Result<PersonId> {
    if new.role > organization.role || new.role == Role::Owner {
        return Err(Error::forbidden("role_too_high", "a service account is a member, or an admin if you are one"));
    }
    let mut teams = list_teams(tx, organization.organization).await?.into_iter();
    let team = teams.find(|team| new.team.is_none_or(|wanted| team.id == wanted)).ok_or(Error::NotFound("team"))?;
    let id = PersonId::next(tx).await?;
    // RFC 2606: nobody receives mail there, so nobody can prove to be this.
    let email = format!("service-{id}@accounts.invalid");
    let name = checked_name("name", new.name)?;
    let description = checked_description(new.description)?;
    store::insert(tx, &Person { id, email, name: name.clone(), created_at: now, disabled_at: None }).await?;
    store::insert_account(tx, id, organization.organization, &description, caller.person).await?;
    join(tx, now, id, &team, new.role).await?;
    let makers = [caller.person];
    for steward in if new.stewards.is_empty() { &makers } else { new.stewards } {
        appoint(tx, now, organization.organization, id, *steward).await?;
    }
    audit(tx, now, caller, "service_account.create", &id, &name).await?;
    Ok(id)
}

fn checked_description(text: &str) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > MAX_DESCRIPTION_LEN {
        return Err(Error::invalid("description", format!("must have at most {MAX_DESCRIPTION_LEN} characters")));
    }
    Ok(text.to_owned())
}

async fn appoint(
    tx: &mut Tx,
    now: Millis,
    organization: OrganizationId,
    account: PersonId,
    steward: PersonId,
) -> Result<()> {
    let refused = || Error::invalid("stewards", format!("names {steward}, who is nobody of the organization"));
    let is_member = role_in(tx, steward, organization).await?.is_some();
    let is_fit = is_member && store::find_organization(tx, steward).await?.is_none();
    if !is_fit || find(tx, steward).await?.disabled_at.is_some() {
        return Err(refused());
    }
    store::insert_steward(tx, account, steward, now).await
}

/// Finds an account that the caller looks after, or whose organization they administer. Others are not found.
pub async fn find_account(tx: &mut Tx, caller: &Caller, id: PersonId) -> Result<ServiceAccount> {
    if !is_looked_after(tx, caller, id).await? {
        return Err(Error::NotFound("service account"));
    }
    load(tx, id).await
}

async fn load(tx: &mut Tx, id: PersonId) -> Result<ServiceAccount> {
    let (organization, description) = store::find_account(tx, id).await?.ok_or(Error::NotFound("service account"))?;
    Ok(ServiceAccount {
        person: find(tx, id).await?,
        organization,
        description,
        role: role_in(tx, id, organization).await?.unwrap_or(Role::Member),
        stewards: store::list_stewards(tx, id).await?,
    })
}

/// Lists the accounts that the caller looks after, and all of organizations that they administer, by name.
pub async fn list_accounts(tx: &mut Tx, caller: &Caller) -> Result<Vec<ServiceAccount>> {
    let mut accounts = Vec::new();
    for id in store::list_ids(tx, caller.person).await? {
        let account = load(tx, id).await?;
        if caller.require_in(account.organization).is_ok() {
            accounts.push(account);
        }
    }
    accounts.sort_by_cached_key(|account| account.person.name.to_lowercase());
    Ok(accounts)
}

/// Whether `id` is a service account and the caller its steward, or an admin of its organization. A key looks after
/// none, but for what the account's own key may do.
pub async fn is_looked_after(tx: &mut Tx, caller: &Caller, id: PersonId) -> Result<bool> {
    let Some(organization) = store::find_organization(tx, id).await? else { return Ok(false) };
    if caller.require_in(organization).is_err() {
        return Ok(false);
    }
    let role = role_in(tx, caller.person, organization).await?;
    Ok(match role {
        Some(Role::Admin | Role::Owner) => true,
        Some(Role::Member) => caller.key().is_none() && store::is_steward(tx, id, caller.person).await?,
        None => false,
    })
}

/// Renames or describes an account anew.
pub async fn change_account(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    id: PersonId,
    name: Option<&str>,
    description: Option<&str>,
) -> Result<()> {
    let account = find_account(tx, caller, id).await?;
    let name = checked_name("name", name.unwrap_or(&account.person.name))?;
    let description = checked_description(description.unwrap_or(&account.description))?;
    super::store::update_name(tx, id, &name).await?;
    store::update_description(tx, id, &description).await?;
    audit(tx, now, caller, "service_account.change", &id, &name).await
}

/// Lets another person of the organization look after an account.
pub async fn add_steward(tx: &mut Tx, now: Millis, caller: &Caller, id: PersonId, steward: PersonId) -> Result<()> {
    let account = find_account(tx, caller, id).await?;
    appoint(tx, now, account.organization, id, steward).await?;
    audit(tx, now, caller, "service_account.add_steward", &id, &steward.to_string()).await
}

/// Relieves a steward. The last one stays until there is another.
pub async fn remove_steward(tx: &mut Tx, now: Millis, caller: &Caller, id: PersonId, steward: PersonId) -> Result<()> {
    let account = find_account(tx, caller, id).await?;
    if !account.stewards.iter().any(|it| it.id == steward) {
        return Err(Error::NotFound("steward"));
    }
    if account.stewards.len() == 1 {
        return Err(Error::conflict("last_steward", "somebody must look after the account; add another steward first"));
    }
    store::delete_steward(tx, id, steward).await?;
    audit(tx, now, caller, "service_account.remove_steward", &id, &steward.to_string()).await
}

/// Takes a person away from all accounts they look after; where nobody else does, `heir` does from now on. Returns
/// how many accounts `heir` got.
pub async fn hand_over(tx: &mut Tx, now: Millis, person: PersonId, heir: Option<PersonId>) -> Result<usize> {
    let mut handed = 0;
    for account in store::list_looked_after(tx, person).await? {
        let others = store::list_stewards(tx, account).await?.iter().filter(|it| it.id != person).count();
        match heir {
            Some(heir) if others == 0 => {
                store::insert_steward(tx, account, heir, now).await?;
                handed += 1;
            }
            // Nobody to hand it to: better a steward who is off than none.
            None if others == 0 => continue,
            _ => {}
        }
        store::delete_steward(tx, account, person).await?;
    }
    Ok(handed)
}

/// Switches an account off for good: its keys are the caller's to end in the same transaction.
pub async fn disable_account(tx: &mut Tx, now: Millis, caller: &Caller, id: PersonId) -> Result<ServiceAccount> {
    let account = find_account(tx, caller, id).await?;
    super::set_disabled(tx, id, Some(account.person.disabled_at.unwrap_or(now))).await?;
    audit(tx, now, caller, "service_account.delete", &id, &account.person.name).await?;
    Ok(account)
}

/// Names the accounts that a person looks after alone.
pub async fn list_alone(tx: &mut Tx, person: PersonId) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for account in store::list_looked_after(tx, person).await? {
        if store::list_stewards(tx, account).await?.iter().all(|it| it.id == person) {
            names.push(find(tx, account).await?.name);
        }
    }
    Ok(names)
}

/// Whether somebody is a machine.
pub async fn is_account(tx: &mut Tx, id: PersonId) -> Result<bool> {
    Ok(store::find_organization(tx, id).await?.is_some())
}
