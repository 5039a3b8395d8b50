//! What an organization allows its keys: decided when a key is made, and again each time it is used. So a change of
//! policy is in force at once for keys that are there already.

pub mod http;
pub mod pages;
pub mod store;

use std::collections::HashSet;
use std::net::IpAddr;

use testward_wire::keys::{KeyStatus, Scope};
use testward_wire::keytext::Kind;
use testward_wire::policy::{AffectedKey, KeyPolicy, PolicyEffect};

use super::{ApiKey, Change, Custody, custody, limits};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity;
use crate::ids::{OrganizationId, PersonId};
use crate::net::Networks;
use crate::rights::Scopes;
use crate::time::{DAY, Millis};
use crate::web::versions::IfMatch;

/// The longest life that a policy can speak of.
const MAX_LIFETIME_DAYS: i64 = 3660;
/// Affected keys that a preview names.
const NAMED: usize = 50;

/// The rules of an organization for its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub max_lifetime_days: Option<i64>,
    pub allows_never: bool,
    pub scopes: Scopes,
    pub networks: Networks,
    pub allows_personal: bool,
    /// Whether keys are shown once only: the lock on custody, which is set for good.
    pub is_shown_once: bool,
    pub changed_at: Millis,
    pub version: i64,
}

/// What an organization has that never set a policy.
impl Default for Policy {
    fn default() -> Self {
        Self {
            max_lifetime_days: None,
            allows_never: true,
            scopes: Scopes::of(&Scope::ALL),
            networks: Networks::default(),
            allows_personal: true,
            is_shown_once: false,
            changed_at: Millis(0),
            version: 0,
        }
    }
}

/// Why a policy lets a key do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// The policy ended it then.
    Ended(Millis),
    /// The organization has no personal keys.
    Personal,
    /// It is used from elsewhere than the organization allows.
    Network,
}

/// What a policy needs to know of a key.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    pub kind: Kind,
    pub scopes: Scopes,
    pub created_at: Millis,
    pub expires_at: Option<Millis>,
}

impl Policy {
    /// Returns what is left of a key's scopes, each by name, or why nothing is.
    pub fn judge(&self, now: Millis, key: Judged) -> Result<Scopes, Forbidden> {
        if key.kind == Kind::Personal && !self.allows_personal {
            return Err(Forbidden::Personal);
        }
        match self.ends_at(key.created_at, key.expires_at) {
            Some(at) if at <= now => Err(Forbidden::Ended(at)),
            _ => Ok(key.scopes.expanded().and(self.scopes.expanded())),
        }
    }

    /// Does what [`judge`](Self::judge) does, for a use from `ip`.
    pub fn admit(&self, now: Millis, ip: IpAddr, key: Judged) -> Result<Scopes, Forbidden> {
        let scopes = self.judge(now, key)?;
        if self.networks.is_empty() || self.networks.contains(ip) { Ok(scopes) } else { Err(Forbidden::Network) }
    }

    /// Returns when a key ends under this policy.
    pub fn ends_at(&self, created_at: Millis, expires_at: Option<Millis>) -> Option<Millis> {
        let by_age = self.max_lifetime_days.map(|days| created_at.plus(days * DAY));
        let by_change = (expires_at.is_none() && !self.allows_never).then_some(self.changed_at);
        [expires_at, by_age, by_change].into_iter().flatten().min()
    }

    /// Whether a key may be made that never ends.
    pub const fn allows_endless(&self) -> bool {
        self.allows_never && self.max_lifetime_days.is_none()
    }

    /// Refuses to make a key that the policy would not let live.
    pub fn check_new(&self, key: Judged) -> Result<()> {
        if key.kind == Kind::Personal && !self.allows_personal {
            let message = "this organization allows keys of service accounts only; ask an admin for one";
            return Err(Error::forbidden("policy_forbids", message));
        }
        match (key.expires_at, self.max_lifetime_days) {
            (None, _) if !self.allows_endless() => {
                return Err(Error::invalid("expires", "must not be never: the organization's policy wants an end"));
            }
            (Some(at), Some(days)) if at > key.created_at.plus(days * DAY) => {
                let message = format!("must be within {days} days: the organization's policy allows no longer life");
                return Err(Error::invalid("expires", message));
            }
            _ => {}
        }
        let is_forbidden = |scope: &Scope| !self.scopes.expanded().holds(*scope);
        match key.scopes.list().into_iter().find(is_forbidden) {
            Some(scope) => {
                let message = format!("must be without {}: the organization's policy forbids it", scope.name());
                Err(Error::invalid("scopes", message))
            }
            None => Ok(()),
        }
    }

    /// Returns what holds for a new key where both policies hold. Networks are judged by each organization alone.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let days = self.max_lifetime_days.into_iter().chain(other.max_lifetime_days).min();
        Self {
            max_lifetime_days: days,
            allows_never: self.allows_never && other.allows_never,
            scopes: self.scopes.expanded().and(other.scopes.expanded()),
            networks: Networks::default(),
            allows_personal: self.allows_personal && other.allows_personal,
            is_shown_once: self.is_shown_once || other.is_shown_once,
            changed_at: self.changed_at.max(other.changed_at),
            version: self.version.max(other.version),
        }
    }

    pub fn to_wire(&self) -> KeyPolicy {
        KeyPolicy {
            max_lifetime_days: self.max_lifetime_days,
            allows_never: self.allows_never,
            custody: if self.is_shown_once { Custody::Once } else { Custody::Recall }.name().to_owned(),
            scopes: self.scopes.list(),
            networks: self.networks.list(),
            allows_personal: self.allows_personal,
        }
    }

    /// Reads what somebody asks for; `now` is when it comes into force.
    fn read(now: Millis, wanted: &KeyPolicy, version: i64) -> Result<Self> {
        if let Some(days) = wanted.max_lifetime_days
            && !(1..=MAX_LIFETIME_DAYS).contains(&days)
        {
            return Err(Error::invalid("max_lifetime_days", format!("must be 1 to {MAX_LIFETIME_DAYS}, or absent")));
        }
        if wanted.scopes.is_empty() {
            return Err(Error::invalid("scopes", "must name at least one thing that keys may be used for"));
        }
        Ok(Self {
            max_lifetime_days: wanted.max_lifetime_days,
            allows_never: wanted.allows_never,
            scopes: wanted.scopes.iter().copied().collect(),
            networks: limits::checked_networks(&wanted.networks)?,
            allows_personal: wanted.allows_personal,
            is_shown_once: match wanted.custody.as_str() {
                "recall" => false,
                "once" => true,
                _ => return Err(Error::invalid("custody", "must be recall or once")),
            },
            changed_at: now,
            version,
        })
    }
}

/// Returns the policy that holds in an organization.
pub async fn find(tx: &mut Tx, organization: OrganizationId) -> Result<Policy> {
    let policy = store::find(tx, organization).await?.unwrap_or_default();
    Ok(Policy { is_shown_once: custody::locked_at(tx, organization).await?.is_some(), ..policy })
}

/// Returns what holds for new keys of somebody: all policies of where they belong, together.
pub async fn find_for(tx: &mut Tx, owner: PersonId) -> Result<Policy> {
    let mut all = Policy::default();
    for membership in identity::list_memberships(tx, owner).await? {
        all = all.and(&find(tx, membership.organization).await?);
    }
    Ok(all)
}

/// Says whom a policy would break, were it in force.
pub async fn preview(
    tx: &mut Tx,
    now: Millis,
    organization: OrganizationId,
    wanted: &KeyPolicy,
) -> Result<PolicyEffect> {
    let old = find(tx, organization).await?;
    let new = Policy::read(now, wanted, old.version + 1)?;
    effect(tx, now, organization, &old, &new).await
}

async fn effect(
    tx: &mut Tx,
    now: Millis,
    organization: OrganizationId,
    old: &Policy,
    new: &Policy,
) -> Result<PolicyEffect> {
    let mut effect = PolicyEffect::default();
    let mut ended = Vec::new();
    for (key, owner) in store::list_live_keys(tx, now, organization).await? {
        let Ok(had) = old.judge(now, key.judged()) else { continue };
        match new.judge(now, key.judged()) {
            Err(_) => ended.push((key, owner)),
            Ok(has) => count_kept(&mut effect, (old, new), &key, has != had),
        }
    }
    ended.sort_by_key(|(key, _)| std::cmp::Reverse(last_used_at(key)));
    effect.ends = ended.len() as i64;
    effect.owners = ended.iter().map(|(key, _)| key.owner).collect::<HashSet<_>>().len() as i64;
    effect.last_used_at = ended.first().and_then(|(key, _)| last_used_at(key)).map(Millis::rfc3339);
    effect.keys = ended.into_iter().take(NAMED).map(|(key, owner)| affected(&key, owner)).collect();
    Ok(effect)
}

fn count_kept(effect: &mut PolicyEffect, (old, new): (&Policy, &Policy), key: &ApiKey, is_narrowed: bool) {
    let ends_at = |policy: &Policy| policy.ends_at(key.created_at, key.expires_at).map_or(i64::MAX, |at| at.0);
    let allows = |policy: &Policy, ip| policy.networks.is_empty() || policy.networks.contains(ip);
    let used_ip = key.last_use.as_ref().and_then(|used| used.ip.parse().ok());
    effect.shortened += i64::from(ends_at(new) < ends_at(old));
    effect.narrowed += i64::from(is_narrowed);
    effect.outside += i64::from(used_ip.is_some_and(|ip| allows(old, ip) && !allows(new, ip)));
    let is_copyable = key.custody != Custody::Once && !old.is_shown_once;
    effect.uncopied += i64::from(new.is_shown_once && is_copyable);
}

fn last_used_at(key: &ApiKey) -> Option<Millis> {
    key.last_use.as_ref().map(|used| used.at)
}

fn affected(key: &ApiKey, owner: String) -> AffectedKey {
    AffectedKey {
        id: key.id.0,
        handle: key.handle.to_string(),
        name: key.name.clone(),
        owner,
        last_used_at: last_used_at(key).map(Millis::rfc3339),
    }
}

/// Puts a policy in force, for all keys at once.
///
/// Showing keys once is for owners to decide, and there is no way back from it: see [`custody::lock`].
pub async fn set(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    organization: OrganizationId,
    wanted: &KeyPolicy,
    expected: &IfMatch,
) -> Result<(Change, Policy, PolicyEffect)> {
    let old = find(tx, organization).await?;
    expected.check(old.version)?;
    let new = Policy::read(now, wanted, old.version + 1)?;
    if old.is_shown_once && !new.is_shown_once {
        let message = "keys are shown once in this organization, and that cannot be taken back";
        return Err(Error::conflict("custody_locked", message));
    }
    let effect = effect(tx, now, organization, &old, &new).await?;
    store::upsert(tx, organization, &new).await?;
    if new.is_shown_once && !old.is_shown_once {
        custody::lock(tx, now, caller, organization).await?;
    }
    let detail = format!("{}; {} keys end, {} may do less", describe(&new), effect.ends, effect.narrowed);
    identity::audit_in(tx, now, &caller.into(), organization, "policy.change", &organization, &detail).await?;
    let change = Change { policies: vec![(organization, new.clone())], ..Change::default() };
    Ok((change, new, effect))
}

fn describe(policy: &Policy) -> String {
    let life =
        policy.max_lifetime_days.map_or_else(|| "any lifetime".to_owned(), |days| format!("at most {days} days"));
    let endless = if policy.allows_never { "" } else { ", none without an end" };
    let networks = if policy.networks.is_empty() { "anywhere".to_owned() } else { policy.networks.to_string() };
    let personal = if policy.allows_personal { "personal keys" } else { "no personal keys" };
    let once = if policy.is_shown_once { "; shown once" } else { "" };
    format!("{life}{endless}; {personal}{once}; from {networks}; scopes {}", policy.scopes.to_text())
}

impl ApiKey {
    /// Returns what a policy needs to know of the key.
    pub fn judged(&self) -> Judged {
        Judged { kind: self.kind, scopes: self.scopes, created_at: self.created_at, expires_at: self.expires_at }
    }

    /// Whether the key opens anything now, policies aside.
    pub fn is_live(&self, now: Millis) -> bool {
        matches!(self.status(now), KeyStatus::Active | KeyStatus::ExpiringSoon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_scopes() -> impl Strategy<Value = Scopes> {
        proptest::collection::vec(proptest::sample::select(Scope::ALL.to_vec()), 1..11).prop_map(Scopes::from_iter)
    }

    fn any_policy() -> impl Strategy<Value = Policy> {
        let days = proptest::option::of(1..1000i64);
        (days, any::<bool>(), any_scopes(), any::<bool>()).prop_map(|(days, never, scopes, personal)| Policy {
            max_lifetime_days: days,
            allows_never: never,
            scopes,
            allows_personal: personal,
            ..Policy::default()
        })
    }

    fn any_key() -> impl Strategy<Value = Judged> {
        let kind = prop_oneof![Just(Kind::Personal), Just(Kind::Service)];
        let expires = proptest::option::of(1..2000i64);
        (kind, any_scopes(), 0..2000i64, expires).prop_map(|(kind, scopes, created, life)| Judged {
            kind,
            scopes,
            created_at: Millis(created * DAY),
            expires_at: life.map(|days| Millis((created + days) * DAY)),
        })
    }

    proptest! {
        #[test]
        fn a_policy_never_gives_what_the_key_has_not(policy in any_policy(), key in any_key(), day in 0..4000i64) {
            let now = Millis(day * DAY);
            if let Ok(scopes) = policy.judge(now, key) {
                for scope in scopes.list() {
                    prop_assert!(key.scopes.has(scope) && policy.scopes.has(scope));
                }
                prop_assert!(key.expires_at.is_none_or(|at| now < at));
                prop_assert!(policy.max_lifetime_days.is_none_or(|days| now.since(key.created_at) < days * DAY));
                prop_assert!(key.kind != Kind::Personal || policy.allows_personal);
            }
        }

        #[test]
        fn two_policies_together_allow_no_more_than_each(
            one in any_policy(), other in any_policy(), key in any_key(), day in 0..4000i64,
        ) {
            let now = Millis(day * DAY);
            if let Ok(scopes) = one.clone().and(&other).judge(now, key) {
                for policy in [one, other] {
                    let alone = policy.judge(now, key);
                    prop_assert!(alone.is_ok_and(|alone| scopes.and(alone) == scopes));
                }
            }
        }

        #[test]
        fn what_may_be_made_lives_at_first(policy in any_policy(), key in any_key()) {
            if policy.check_new(key).is_ok() {
                prop_assert!(policy.judge(key.created_at, key).is_ok());
            }
        }
    }
}
