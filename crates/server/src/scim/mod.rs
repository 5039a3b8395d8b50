//! SCIM 2.0 (RFC 7643, RFC 7644): an identity provider makes people, changes them, and takes them away.
//!
//! Whoever is taken away is out at once: sessions end and keys are refused before the provider is answered.

pub mod http;
mod patch;
mod schema;
mod store;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::{self, Person};
use crate::ids::{OrganizationId, PersonId};
use crate::keys;
use crate::rights::Role;
use crate::time::Millis;

/// A person as the provider sees them.
#[derive(Debug, Clone)]
pub struct User {
    pub person: Person,
    pub external_id: Option<String>,
    /// Whether they can sign in here.
    pub is_active: bool,
    pub created_at: Millis,
    pub updated_at: Millis,
}

/// What the provider says of somebody.
#[derive(Debug, Clone)]
pub struct Description {
    pub email: String,
    pub name: String,
    pub external_id: Option<String>,
    pub is_active: bool,
}

/// Which users to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    All,
    Email(String),
    ExternalId(String),
}

/// Returns the organization whose people the caller provisions.
async fn organization(tx: &mut Tx, caller: &Caller) -> Result<OrganizationId> {
    Ok(identity::administered(tx, caller).await?.organization)
}

/// Lists users by id.
pub async fn list(tx: &mut Tx, caller: &Caller, filter: &Filter) -> Result<Vec<User>> {
    let organization = organization(tx, caller).await?;
    let users = store::list(tx, organization).await?;
    let is_wanted = |user: &User| match filter {
        Filter::All => true,
        Filter::Email(email) => user.person.email.eq_ignore_ascii_case(email),
        Filter::ExternalId(id) => user.external_id.as_ref() == Some(id),
    };
    Ok(users.into_iter().filter(is_wanted).collect())
}

pub async fn find(tx: &mut Tx, caller: &Caller, id: PersonId) -> Result<User> {
    let organization = organization(tx, caller).await?;
    let users = store::list(tx, organization).await?;
    users.into_iter().find(|it| it.person.id == id).ok_or(Error::NotFound("user"))
}

/// Makes a person, or takes one back who was taken away before.
pub async fn create(app: &App, caller: &Caller, new: &Description) -> Result<User> {
    let now = app.clock.now();
    // Nobody knows this password: people come through the provider, or have it reset.
    let unknown = app.passwords.hash(&app.random, &app.random.base62(43)).await?;
    let mut tx = app.db.write().await?;
    let organization = organization(&mut tx, caller).await?;
    let person = match identity::find_by_email(&mut tx, &new.email).await? {
        Some(person) if is_here(&mut tx, organization, person.id).await? => {
            return Err(Error::conflict("uniqueness", "somebody with this userName is here already"));
        }
        Some(person) => person,
        None => identity::add_person(&mut tx, now, &new.email, &new.name, &unknown).await?,
    };
    store::upsert(&mut tx, organization, person.id, new.external_id.as_deref(), now).await?;
    set_active(&mut tx, now, organization, &person, true).await?;
    if !new.is_active {
        set_active(&mut tx, now, organization, &person, false).await?;
    }
    identity::audit(&mut tx, now, caller, "scim.create", &person.id, &person.email).await?;
    settle(app, tx, caller, person.id).await
}

async fn is_here(tx: &mut Tx, organization: OrganizationId, person: PersonId) -> Result<bool> {
    Ok(store::list(tx, organization).await?.iter().any(|user| user.person.id == person))
}

/// Commits, tells the index of keys, and reads what has become of the user.
async fn settle(app: &App, mut tx: Tx, caller: &Caller, person: PersonId) -> Result<User> {
    let change = keys::owner_changed(&mut tx, person).await?;
    keys::commit(app, tx, change).await?;
    let mut tx = app.db.read().await?;
    find(&mut tx, caller, person).await
}

/// Replaces what the provider says of a user.
pub async fn replace(app: &App, caller: &Caller, id: PersonId, new: &Description) -> Result<User> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let user = find(&mut tx, caller, id).await?;
    let organization = organization(&mut tx, caller).await?;
    if (&user.person.email, &user.person.name) != (&new.email, &new.name) {
        require_ours(&mut tx, organization, id).await?;
        identity::describe(&mut tx, id, &new.name, &new.email).await?;
    }
    store::upsert(&mut tx, organization, id, new.external_id.as_deref(), now).await?;
    if user.is_active != new.is_active {
        set_active(&mut tx, now, organization, &user.person, new.is_active).await?;
    }
    let detail = if new.is_active { "" } else { "inactive" };
    identity::audit(&mut tx, now, caller, "scim.replace", &id, detail).await?;
    settle(app, tx, caller, id).await
}

/// Takes a user away.
pub async fn delete(app: &App, caller: &Caller, id: PersonId) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let user = find(&mut tx, caller, id).await?;
    let organization = organization(&mut tx, caller).await?;
    set_active(&mut tx, now, organization, &user.person, false).await?;
    identity::leave(&mut tx, id, organization).await?;
    store::upsert(&mut tx, organization, id, None, now).await?;
    store::update_deleted(&mut tx, organization, id, now).await?;
    identity::audit(&mut tx, now, caller, "scim.delete", &id, &user.person.email).await?;
    let change = keys::owner_changed(&mut tx, id).await?;
    keys::commit(app, tx, change).await
}

/// Somebody of several organizations is changed by none of their providers.
async fn require_ours(tx: &mut Tx, organization: OrganizationId, person: PersonId) -> Result<()> {
    let memberships = identity::list_memberships(tx, person).await?;
    if memberships.iter().all(|it| it.organization == organization) {
        return Ok(());
    }
    Err(Error::conflict("mutability", "this person belongs to another organization too; only they can change this"))
}

/// Lets somebody in, or shuts them out: of the organization, and of the server when they belong nowhere else.
async fn set_active(
    tx: &mut Tx,
    now: Millis,
    organization: OrganizationId,
    person: &Person,
    active: bool,
) -> Result<()> {
    let memberships = identity::list_memberships(tx, person.id).await?;
    let is_only_here = memberships.iter().all(|it| it.organization == organization);
    if active {
        if is_only_here && person.disabled_at.is_some() {
            identity::set_disabled(tx, person.id, None).await?;
        }
        return identity::join_first_team(tx, now, organization, person.id).await;
    }
    if memberships.iter().any(|it| it.organization == organization && it.role == Role::Owner) {
        return Err(Error::conflict("mutability", "owners are shut out by owners only, so that one is always left"));
    }
    if is_only_here {
        identity::set_disabled(tx, person.id, Some(now)).await
    } else {
        identity::leave(tx, person.id, organization).await
    }
}
