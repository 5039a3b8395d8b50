//! Changes of what the index knows: made durable first, in force before they are answered.

use super::policy::Policy;
use super::{ApiKey, index};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::{Handle, KeyFacts};
use crate::identity;
use crate::ids::{OrganizationId, PersonId};

/// A change of what the index knows, not yet in force.
#[must_use = "a change is in force only after `keys::commit`"]
#[derive(Default)]
pub struct Change {
    pub(super) keys: Vec<KeyFacts>,
    pub(super) owners: Vec<(PersonId, index::Owner)>,
    pub(super) policies: Vec<(OrganizationId, Policy)>,
    pub(super) forgotten: Vec<Handle>,
}

impl Change {
    pub(super) fn of(key: &ApiKey) -> Self {
        Self { keys: vec![key.facts()], ..Self::default() }
    }
}

/// Makes a change durable and then puts it in force: when this returns, every check sees it.
///
/// It runs to its end even when the client hangs up meanwhile; a committed row without its entry would be a deleted
/// key that still opens doors.
pub async fn commit(app: &App, tx: Tx, change: Change) -> Result<()> {
    let app = app.clone();
    #[expect(clippy::disallowed_methods, reason = "must not be cancelled with the request")]
    let task = tokio::spawn(async move {
        app.revocations.note(&change).await?;
        tx.commit().await?;
        for (id, owner) in change.owners {
            app.keys.set_owner(id, owner);
        }
        for (organization, policy) in change.policies {
            app.keys.set_policy(organization, policy);
        }
        for facts in change.keys {
            app.keys.set(facts);
        }
        app.keys.forget(&change.forgotten);
        Ok(())
    });
    task.await.map_err(anyhow::Error::from)?
}

/// Tells the index of a person who is new, was disabled or enabled, or belongs elsewhere or as something else now.
pub async fn owner_changed(tx: &mut Tx, person: PersonId) -> Result<Change> {
    let identity::Person { email, disabled_at, .. } = identity::find(tx, person).await?;
    let memberships = identity::list_memberships(tx, person).await?;
    let roles = memberships.into_iter().map(|it| (it.organization, it.role)).collect();
    Ok(Change { owners: vec![(person, index::Owner { email, disabled_at, roles })], ..Change::default() })
}

impl std::ops::AddAssign for Change {
    fn add_assign(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.owners.extend(other.owners);
        self.policies.extend(other.policies);
        self.forgotten.extend(other.forgotten);
    }
}
