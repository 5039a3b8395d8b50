//! What an identity provider changes of people: no caller asks for it, so whoever calls these decides and audits.

use super::{Person, checked_email, checked_name, find, find_by_email, join, list_teams, store};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{OrganizationId, PersonId};
use crate::rights::Role;
use crate::time::Millis;

/// Puts a person into the team that the set-up made, as a member of the organization.
pub async fn join_first_team(tx: &mut Tx, now: Millis, organization: OrganizationId, person: PersonId) -> Result<()> {
    let home = list_teams(tx, organization).await?.into_iter().min_by_key(|team| team.id);
    join(tx, now, person, &home.ok_or(Error::NotFound("team"))?, Role::Member).await
}

/// Ends all sessions of a person.
pub async fn end_all(tx: &mut Tx, person: PersonId) -> Result<()> {
    store::delete_sessions_of(tx, person).await
}

/// Changes what a person is called and under which address they are known.
pub async fn describe(tx: &mut Tx, person: PersonId, name: &str, email: &str) -> Result<Person> {
    let (name, email) = (checked_name("name", name)?, checked_email(email)?);
    if find_by_email(tx, &email).await?.is_some_and(|it| it.id != person) {
        return Err(Error::conflict("email_taken", "somebody with this e-mail address is here already"));
    }
    store::update_name(tx, person, &name).await?;
    store::update_email(tx, person, &email).await?;
    find(tx, person).await
}
