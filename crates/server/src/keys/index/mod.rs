//! All keys, in memory. This is what admission asks, and it is no cache: it is read whole at start, and afterwards each
//! change is applied here before it is answered. So a key whose deletion was answered opens nothing any more.

mod table;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use table::{Record, Table};
use testward_wire::keytext::{ImportedText, KeyText};

use super::alarm::DeadUses;
use super::last_use::Uses;
use super::policy::{self, Forbidden, Judged, Policy};
use super::renewals::Renewals;
use super::secret_files::SecretKind;
use super::store;
use super::usage::Tallies;
use super::vault::Vault;
use crate::db::Db;
use crate::error::{Error, Limit, Result};
use crate::gate::{Former, Handle, KeyFacts, Secret, ShownKey};
use crate::ids::{OrganizationId, PersonId};
use crate::rate::Spent;
use crate::rights::{Grant, Rights, Role, Scopes};
use crate::time::Millis;

/// Maps that the keys are spread over.
const MAPS: usize = 64;

/// What the table is made of here; its model has other locks.
mod sync {
    pub use std::sync::{Arc, RwLock};
}

/// Verifies keys, live and dead. The dead stay for as long as their rows do, so that their holders learn why.
pub struct Index {
    keys: Table<KeyFacts>,
    owners: RwLock<HashMap<PersonId, Arc<Owner>>>,
    /// Handles of keys of older systems by their MAC: their text names no handle.
    imported: RwLock<HashMap<[u8; 32], Handle>>,
    /// What organizations allow that set a policy.
    policies: RwLock<HashMap<OrganizationId, Arc<Policy>>>,
    /// Uses since they were last written down.
    pub uses: Uses,
    /// Dead keys that were sent since then.
    pub dead_uses: DeadUses,
    /// MACs of a new pepper since they were last written down.
    pub renewals: Renewals,
    /// Calls since they were last written down.
    pub tallies: Tallies,
}

/// What the index knows of whoever a key acts for.
#[derive(Debug, Clone)]
pub struct Owner {
    pub email: String,
    pub disabled_at: Option<Millis>,
    /// What the owner is in each organization they belong to.
    pub roles: Box<[(OrganizationId, Role)]>,
}

/// Why a key opens nothing. Only who has proved to hold the key is told more than [`Unknown`](Self::Unknown).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    Unknown,
    Expired(Millis),
    Disabled(Millis),
    Revoked(Millis),
    OwnerDisabled(Millis),
    /// The secret was replaced, and its overlap has ended.
    Rotated(Millis),
    WrongNetwork,
    /// The key's own limit is used up.
    TooOften(Spent),
}

impl Record for KeyFacts {
    fn version(&self) -> i64 {
        self.version
    }

    fn is_final(&self) -> bool {
        self.is_revoked()
    }

    /// A change of the key gives nothing of its limit back.
    fn succeed(&self, former: &Self) {
        if let (Some(rate), Some(former)) = (self.rate(), former.rate()) {
            rate.go_on(former);
        }
    }
}

impl Index {
    /// Reads all keys and their owners.
    pub async fn load(db: &Db) -> Result<Self> {
        let index = Self {
            keys: Table::new(MAPS),
            owners: RwLock::default(),
            imported: RwLock::default(),
            policies: RwLock::default(),
            uses: Uses::default(),
            dead_uses: DeadUses::default(),
            renewals: Renewals::default(),
            tallies: Tallies::default(),
        };
        let mut tx = db.read().await?;
        for (id, owner) in store::list_owners(&mut tx).await? {
            index.set_owner(id, owner);
        }
        for (organization, policy) in policy::store::list(&mut tx).await? {
            index.set_policy(organization, policy);
        }
        store::for_each_facts(&mut tx, |facts| index.set(facts)).await?;
        Ok(index)
    }

    /// Says whose key this is, if it opens anything now and for `ip`. Counts against the key's own limit.
    pub fn verify(&self, vault: &Vault, now: Millis, ip: IpAddr, key: KeyText<'_>) -> Result<ShownKey, Rejection> {
        let found = self.find(key);
        // A handle nobody has costs the same MAC as a wrong secret, so time tells nothing about handles.
        let pepper = found.as_ref().map_or(vault.pepper(), |facts| facts.secret.pepper);
        let shown = vault.secret_with(pepper, key.expose());
        let facts = found.ok_or(Rejection::Unknown)?;
        let former = if shown.is(&facts.secret) { None } else { Some(former(vault, &facts, shown, key)?) };
        let is_former = former.is_some();
        let admitted = self.admit(now, ip, facts.clone(), former)?;
        if !is_former && pepper != vault.pepper() {
            self.renewals.note(facts.id, facts.secret, || vault.secret(key.expose()));
        }
        Ok(admitted)
    }

    /// Says whose key of an older system this is. Known or not, it costs one MAC and one look-up for each pepper.
    pub fn verify_imported(
        &self,
        vault: &Vault,
        now: Millis,
        ip: IpAddr,
        key: &ImportedText,
    ) -> Result<ShownKey, Rejection> {
        let mut found = None;
        for pepper in vault.versions(SecretKind::Pepper) {
            let shown = vault.secret_with(pepper, key.expose());
            let handle = self.imported.read().unwrap_or_else(PoisonError::into_inner).get(&shown.mac).copied();
            let facts = handle.and_then(|handle| self.find_handle(handle));
            found = facts.filter(|facts| shown.is(&facts.secret)).or(found);
        }
        let facts = found.ok_or(Rejection::Unknown)?;
        let admitted = self.admit(now, ip, facts.clone(), None)?;
        if facts.secret.pepper != vault.pepper() {
            self.renewals.note(facts.id, facts.secret, || vault.secret(key.expose()));
        }
        Ok(admitted)
    }

    /// Lets a key in whose holder is proved, if nothing else speaks against it.
    fn admit(
        &self,
        now: Millis,
        ip: IpAddr,
        facts: Arc<KeyFacts>,
        former: Option<&Former>,
    ) -> Result<ShownKey, Rejection> {
        self.refuse_dead(&facts, now)?;
        if let Some(former) = former.filter(|former| former.accepted_until <= now) {
            return Err(Rejection::Rotated(former.rotated_at));
        }
        refuse_place(&facts, ip)?;
        let is_former = former.is_some();
        let spent = facts.rate().map(|rate| rate.spend(now)).transpose().map_err(Rejection::TooOften)?;
        Ok(ShownKey { facts, is_former, spent })
    }

    /// Returns the key that somebody holds, dead or alive, and from wherever: enough to end it, and for nothing else.
    pub fn find_held(&self, vault: &Vault, key: KeyText<'_>) -> Option<Arc<KeyFacts>> {
        let facts = self.find(key)?;
        let shown = vault.secret_with(facts.secret.pepper, key.expose());
        let is_holder = shown.is(&facts.secret) || former(vault, &facts, shown, key).is_ok();
        is_holder.then_some(facts)
    }

    /// Returns the key that somebody holds, whatever it may do: for what leaked.
    pub fn find_proven(&self, vault: &Vault, key: KeyText<'_>) -> Option<Arc<KeyFacts>> {
        let facts = self.find(key)?;
        let shown = vault.secret_with(facts.secret.pepper, key.expose());
        let is_holder = shown.is(&facts.secret) || former(vault, &facts, shown, key).is_ok();
        is_holder.then_some(facts)
    }

    fn refuse_dead(&self, facts: &KeyFacts, now: Millis) -> Result<(), Rejection> {
        let rare = facts.rare.as_deref();
        let owner_disabled_at = self.owner(facts.owner).and_then(|owner| owner.disabled_at);
        let expired_at = facts.expires_at.filter(|at| *at <= now);
        let rejection = rare
            .and_then(|rare| rare.revoked_at)
            .map(Rejection::Revoked)
            .or(owner_disabled_at.map(Rejection::OwnerDisabled))
            .or(rare.and_then(|rare| rare.disabled_at).map(Rejection::Disabled))
            .or(expired_at.map(Rejection::Expired));
        rejection.map_or(Ok(()), Err)
    }

    fn find(&self, key: KeyText<'_>) -> Option<Arc<KeyFacts>> {
        self.find_handle(Handle::new(key.handle())?)
    }

    fn find_handle(&self, handle: Handle) -> Option<Arc<KeyFacts>> {
        self.keys.find(handle.bytes())
    }

    /// Returns what is known of a key's owner.
    pub fn owner(&self, id: PersonId) -> Option<Arc<Owner>> {
        self.owners.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Returns what a person, or a key of theirs, may do and where; or why policies leave the key nothing.
    pub fn rights(
        &self,
        now: Millis,
        ip: IpAddr,
        person: PersonId,
        key: Option<&KeyFacts>,
    ) -> Result<Rights, Forbidden> {
        let Some(owner) = self.owner(person) else { return Ok(Rights::default()) };
        let mut forbidden = None;
        let grant = |&(organization, role): &(_, Role)| {
            let allowed = match key {
                None => Ok(Scopes::EVERYTHING.expanded()),
                Some(key) => self.policy(organization).admit(now, ip, Judged::from(key)),
            };
            match allowed {
                Ok(scopes) => Some(Grant { organization, role, scopes: scopes.and(role.scopes()) }),
                Err(why) => {
                    forbidden = Some(why);
                    None
                }
            }
        };
        let grants: Vec<_> = owner.roles.iter().filter_map(grant).collect();
        match forbidden {
            Some(why) if grants.is_empty() => Err(why),
            _ => Ok(grants.into_iter().collect()),
        }
    }

    /// Returns the policy of an organization.
    pub fn policy(&self, organization: OrganizationId) -> Arc<Policy> {
        let policies = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        policies.get(&organization).cloned().unwrap_or_default()
    }

    pub(super) fn set_policy(&self, organization: OrganizationId, policy: Policy) {
        self.policies.write().unwrap_or_else(PoisonError::into_inner).insert(organization, Arc::new(policy));
    }

    /// Puts a record in place, unless a newer one is there or the key has ended for good.
    pub(super) fn set(&self, facts: KeyFacts) {
        if facts.rare.as_ref().is_some_and(|rare| rare.is_imported) {
            let mut imported = self.imported.write().unwrap_or_else(PoisonError::into_inner);
            imported.insert(facts.secret.mac, facts.handle);
        }
        self.keys.set(facts.handle.bytes(), facts);
    }

    pub(super) fn set_owner(&self, id: PersonId, owner: Owner) {
        self.owners.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::new(owner));
    }

    /// Forgets keys whose rows are gone.
    pub(super) fn forget(&self, handles: &[Handle]) {
        for handle in handles {
            if let Some(facts) = self.find_handle(*handle) {
                self.imported.write().unwrap_or_else(PoisonError::into_inner).remove(&facts.secret.mac);
            }
            self.keys.remove(handle.bytes());
        }
    }
}

/// Finds which of its former secrets the key was shown with.
fn former<'a>(vault: &Vault, facts: &'a KeyFacts, shown: Secret, key: KeyText<'_>) -> Result<&'a Former, Rejection> {
    let mut shown = shown;
    let is_it = |former: &&Former| {
        if former.secret.pepper != shown.pepper {
            shown = vault.secret_with(former.secret.pepper, key.expose());
        }
        shown.is(&former.secret)
    };
    facts.formers().iter().find(is_it).ok_or(Rejection::Unknown)
}

fn refuse_place(facts: &KeyFacts, ip: IpAddr) -> Result<(), Rejection> {
    match &facts.rare {
        Some(rare) if !rare.networks.is_empty() && !rare.networks.contains(ip) => Err(Rejection::WrongNetwork),
        _ => Ok(()),
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        let (code, message) = match rejection {
            Rejection::WrongNetwork => {
                let message = "the API key may not be used from your address; its owner decides from where";
                return Self::forbidden("ip_not_allowed", message);
            }
            Rejection::TooOften(spent) => return Self::TooMany(Limit::Key(spent)),
            Rejection::Rotated(at) => {
                ("key_rotated", format!("the API key was replaced by another one at {}; use that", at.rfc3339()))
            }
            Rejection::Unknown => {
                ("invalid_api_key", "the API key is not valid here; check that it was copied whole".to_owned())
            }
            Rejection::Expired(at) => {
                ("key_expired", format!("the API key expired at {}; create a new one", at.rfc3339()))
            }
            Rejection::Disabled(at) => {
                ("key_disabled", format!("the API key was disabled at {}; its owner can enable it", at.rfc3339()))
            }
            Rejection::Revoked(at) => {
                ("key_revoked", format!("the API key was deleted at {}; create a new one", at.rfc3339()))
            }
            Rejection::OwnerDisabled(at) => {
                ("owner_disabled", format!("the API key's owner was disabled at {}", at.rfc3339()))
            }
        };
        Self::unauthenticated(code, message)
    }
}

impl From<&KeyFacts> for Judged {
    fn from(key: &KeyFacts) -> Self {
        Self { kind: key.kind, scopes: key.scopes, created_at: key.created_at, expires_at: key.expires_at }
    }
}

impl From<Forbidden> for Error {
    fn from(forbidden: Forbidden) -> Self {
        match forbidden {
            Forbidden::Ended(at) => {
                let message =
                    format!("the organization's policy ended the API key at {}; create a new one", at.rfc3339());
                Self::unauthenticated("key_expired", message)
            }
            Forbidden::Network => Rejection::WrongNetwork.into(),
            Forbidden::Personal => {
                let message = "the organization allows keys of service accounts only; ask an admin for one";
                Self::forbidden("policy_forbids", message)
            }
        }
    }
}
