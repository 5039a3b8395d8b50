//! People: who they are, what they belong to, how they sign in, and what they did.

pub mod http;
pub mod pages;
pub mod service;
mod invitations;
mod members;
mod passwords;
mod provisioned;
mod sessions;
mod setup;
mod store;
mod teams;

use std::fmt::Display;

pub use crate::rights::Role;
pub use invitations::{Invitation, Invited, accept, find_invitation, invite, list_invitations, withdraw};
pub use members::{change_role, disable, enable, find_member, list_members, remove};
pub use passwords::{MIN_PASSWORD_LEN, Passwords};
pub use provisioned::{describe, end_all, join_first_team};
pub use sessions::{
    ACTIVE_FOR, NewSession, PROGRAM_ACTIVE_FOR, Session, authenticate, change_password, confirm, end, end_one,
    end_others, find_caller, forget_ended, list as list_sessions, start, start_for_program,
};
pub use setup::{FirstSteps, add_organization, is_empty, set_up};
pub use teams::{
    add_to_team, create_team, find_first_team, find_team, find_team_of, list_team_members, list_teams, list_teams_of,
    remove_from_team, rename_team,
};

pub use crate::audit::Actor;
use crate::audit::{Entry, append as append_audit};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{OrganizationId, PersonId, TeamId};
use crate::time::Millis;

/// Somebody who can sign in.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Person {
    pub id: PersonId,
    pub email: String,
    pub name: String,
    pub created_at: Millis,
    pub disabled_at: Option<Millis>,
}

/// An organization a person belongs to, with what they may do there.
#[derive(Debug, Clone)]
pub struct Membership {
    pub organization: OrganizationId,
    pub name: String,
    pub role: Role,
}

/// A group of people within an organization, and the home of projects.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Team {
    pub id: TeamId,
    pub organization_id: OrganizationId,
    pub name: String,
}

/// A person in the list of an organization's members.
#[derive(Debug, Clone)]
pub struct Member {
    pub person: Person,
    pub role: Role,
}

pub async fn find(tx: &mut Tx, id: PersonId) -> Result<Person> {
    store::find_person(tx, id).await?.ok_or(Error::NotFound("person"))
}

pub async fn find_by_email(tx: &mut Tx, email: &str) -> Result<Option<Person>> {
    store::find_person_by_email(tx, email.trim()).await
}

pub async fn list_people(tx: &mut Tx) -> Result<Vec<Person>> {
    store::list_people(tx).await
}

/// Makes a person. The password arrives hashed: hashing takes long, and a transaction must not wait for it.
pub async fn add_person(tx: &mut Tx, now: Millis, email: &str, name: &str, password_hash: &str) -> Result<Person> {
    let email = checked_email(email)?;
    let name = checked_name("name", name)?;
    if store::find_person_by_email(tx, &email).await?.is_some() {
        return Err(Error::conflict("email_taken", "somebody with this e-mail address is here already"));
    }
    let person = Person { id: PersonId::next(tx).await?, email, name, created_at: now, disabled_at: None };
    store::insert_person(tx, &person, password_hash).await?;
    Ok(person)
}

/// Lists the organizations of a person, by name.
pub async fn list_memberships(tx: &mut Tx, person: PersonId) -> Result<Vec<Membership>> {
    store::list_memberships(tx, person).await
}

/// Returns what a person may do in an organization; nothing, if they do not belong to it.
pub async fn role_in(tx: &mut Tx, person: PersonId, organization: OrganizationId) -> Result<Option<Role>> {
    let memberships = store::list_memberships(tx, person).await?;
    Ok(memberships.into_iter().find(|it| it.organization == organization).map(|it| it.role))
}

/// Returns the first organization that the caller administers, or refuses. A key administers where it has the scope
/// that the route asks for.
pub async fn administered(tx: &mut Tx, caller: &Caller) -> Result<Membership> {
    let memberships = store::list_memberships(tx, caller.person).await?;
    let mut administered = memberships.into_iter().filter(|it| it.role >= Role::Admin);
    administered.find(|it| caller.require_in(it.organization).is_ok()).ok_or_else(not_an_admin)
}

/// Returns the organization, if the caller administers it. Who does not belong to it is told it does not exist.
pub async fn administer(tx: &mut Tx, caller: &Caller, organization: OrganizationId) -> Result<Membership> {
    let memberships = store::list_memberships(tx, caller.person).await?;
    let membership = memberships.into_iter().find(|it| it.organization == organization);
    let membership = membership.ok_or(Error::NotFound("organization"))?;
    if membership.role < Role::Admin {
        return Err(not_an_admin());
    }
    caller.require_in(organization)?;
    Ok(membership)
}

fn not_an_admin() -> Error {
    Error::forbidden("not_an_admin", "only owners and admins of the organization can do this")
}

/// Lists every organization of the server.
pub async fn list_organizations(tx: &mut Tx) -> Result<Vec<OrganizationId>> {
    store::list_organizations(tx).await
}

/// Signs everybody out.
pub async fn end_all_sessions(tx: &mut Tx) -> Result<()> {
    store::delete_all_sessions(tx).await
}

/// Puts a person into an organization and one of its teams. Who is there already keeps the higher role.
pub async fn join(tx: &mut Tx, now: Millis, person: PersonId, team: &Team, role: Role) -> Result<()> {
    let present = role_in(tx, person, team.organization_id).await?;
    let role = present.map_or(role, |present| present.max(role));
    store::upsert_organization_member(tx, team.organization_id, person, role, now).await?;
    store::upsert_team_member(tx, team.id, person, now).await
}

/// Takes a person out of an organization and its teams.
pub async fn leave(tx: &mut Tx, person: PersonId, organization: OrganizationId) -> Result<()> {
    store::delete_organization_member(tx, organization, person).await
}

/// Changes what the caller is called.
pub async fn rename(tx: &mut Tx, now: Millis, caller: &Caller, name: &str) -> Result<()> {
    let name = checked_name("name", name)?;
    store::update_name(tx, caller.person, &name).await?;
    audit(tx, now, caller, "person.rename", &caller.person, &name).await
}

/// Switches a person off or on again. Whoever is off can neither sign in nor use a key.
pub async fn set_disabled(tx: &mut Tx, person: PersonId, disabled_at: Option<Millis>) -> Result<()> {
    store::update_disabled(tx, person, disabled_at).await?;
    if disabled_at.is_some() {
        store::delete_sessions_of(tx, person).await?;
    }
    Ok(())
}

/// Gives a person another password and ends all their sessions.
pub async fn reset_password(tx: &mut Tx, person: PersonId, password_hash: &str) -> Result<()> {
    store::update_password(tx, person, password_hash).await?;
    store::delete_sessions_of(tx, person).await
}

/// Writes down what the caller did, in the transaction that does it. The admins of all their organizations may read it.
pub async fn audit(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    action: &'static str,
    subject: &impl Display,
    detail: &str,
) -> Result<()> {
    audit_as(tx, now, &caller.into(), action, subject, detail).await
}

/// Writes down what somebody did who is not (yet) a caller.
pub async fn audit_as(
    tx: &mut Tx,
    now: Millis,
    actor: &Actor,
    action: &'static str,
    subject: &impl Display,
    detail: &str,
) -> Result<()> {
    let organizations = match actor.person {
        Some(person) => organizations_of(tx, person).await?,
        None => Vec::new(),
    };
    append_audit(tx, now, Entry { actor, action, subject: subject.to_string(), detail, organizations }).await
}

/// Writes down what was done within one organization: nobody else's admins may read it.
pub async fn audit_in(
    tx: &mut Tx,
    now: Millis,
    actor: &Actor,
    organization: OrganizationId,
    action: &'static str,
    subject: &impl Display,
    detail: &str,
) -> Result<()> {
    let organizations = vec![organization];
    append_audit(tx, now, Entry { actor, action, subject: subject.to_string(), detail, organizations }).await
}

/// Writes down what was done to a person: the admins of that person's organizations may read it.
pub async fn audit_about(
    tx: &mut Tx,
    now: Millis,
    actor: &Actor,
    person: PersonId,
    action: &'static str,
    subject: &impl Display,
    detail: &str,
) -> Result<()> {
    let organizations = organizations_of(tx, person).await?;
    append_audit(tx, now, Entry { actor, action, subject: subject.to_string(), detail, organizations }).await
}

async fn organizations_of(tx: &mut Tx, person: PersonId) -> Result<Vec<OrganizationId>> {
    Ok(store::list_memberships(tx, person).await?.into_iter().map(|it| it.organization).collect())
}

/// Returns `text` without blanks around it, if it can name something.
pub fn checked_name(field: &str, text: &str) -> Result<String> {
    let name = text.trim();
    match name.chars().count() {
        0 => Err(Error::invalid(field, "must not be empty")),
        1..=120 if !name.chars().any(char::is_control) => Ok(name.to_owned()),
        1..=120 => Err(Error::invalid(field, "must not hold control characters")),
        _ => Err(Error::invalid(field, "must have at most 120 characters")),
    }
}

/// Returns `text` without blanks around it, if mail could reach it. Only sending a mail proves more (RFC 5321).
fn checked_email(text: &str) -> Result<String> {
    let email = text.trim();
    let is_plausible = email.len() <= 254
        && !email.chars().any(|it| it.is_control() || it.is_whitespace())
        && email.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if is_plausible { Ok(email.to_owned()) } else { Err(Error::invalid("email", "must be an e-mail address")) }
}
