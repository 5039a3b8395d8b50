//! All keys of an organization, for its admins: found by many conditions, ended many at once, never shown.

pub mod http;
pub mod offboard;
pub mod pages;
mod store;

use std::collections::HashSet;
use std::net::IpAddr;

use testward_wire::inventory::{BulkOrder, BulkPreview, BulkReceipt, KeyFilter};

use super::{ApiKey, Change};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::{self, Actor, Person};
use crate::ids::{KeyId, OrganizationId, PersonId, ProjectId};
use crate::time::{DAY, Millis};

/// More keys at once are rather several orders.
const MAX_IDS: usize = 10_000;

/// A key with whose it is.
#[derive(Debug, Clone)]
pub struct Found {
    pub key: ApiKey,
    pub owner: Person,
}

/// Which keys, understood.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub text: Option<String>,
    pub owner: Option<String>,
    pub project: Option<ProjectId>,
    pub state: State,
    pub created_after: Option<Millis>,
    pub created_before: Option<Millis>,
    /// Last used before this, or never.
    pub unused_since: Option<Millis>,
    pub seen_from: Option<IpAddr>,
    /// These only.
    pub ids: Option<Vec<KeyId>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Live,
    Disabled,
    Expired,
    Revoked,
    All,
}

/// What becomes of keys in bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Disable,
    Revoke,
}

impl Action {
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "disable" => Ok(Self::Disable),
            "revoke" => Ok(Self::Revoke),
            _ => Err(Error::invalid("action", "must be disable or revoke")),
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Revoke => "revoke",
        }
    }

    const fn audited(self) -> &'static str {
        match self {
            Self::Disable => "key.disable",
            Self::Revoke => "key.revoke",
        }
    }

    /// Whether there is something left to do to the key.
    const fn is_for(self, key: &ApiKey) -> bool {
        match self {
            Self::Disable => key.revoked_at.is_none() && key.disabled_at.is_none(),
            Self::Revoke => key.revoked_at.is_none(),
        }
    }
}

impl Wanted {
    /// Understands what a client asks for.
    pub fn read(now: Millis, filter: &KeyFilter) -> Result<Self> {
        let given =
            |text: &Option<String>| text.as_deref().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned);
        let seen_from = given(&filter.seen_from).map(|text| {
            text.parse::<IpAddr>().map_err(|_| Error::invalid("seen_from", "must be an address like 192.0.2.7"))
        });
        Ok(Self {
            text: given(&filter.q),
            owner: given(&filter.owner),
            project: filter.project.map(ProjectId),
            state: match filter.status.as_deref() {
                None | Some("" | "live") => State::Live,
                Some("disabled") => State::Disabled,
                Some("expired") => State::Expired,
                Some("revoked") => State::Revoked,
                Some("all") => State::All,
                Some(_) => return Err(Error::invalid("status", "must be live, disabled, expired, revoked or all")),
            },
            created_after: instant("created_after", given(&filter.created_after))?,
            created_before: instant("created_before", given(&filter.created_before))?,
            unused_since: match filter.unused_days {
                None => None,
                Some(days @ 0..=36_600) => Some(now.plus(-days * DAY)),
                Some(_) => return Err(Error::invalid("unused_days", "must be 0 to 36600")),
            },
            seen_from: seen_from.transpose()?.map(|ip| ip.to_canonical()),
            ids: None,
        })
    }

    fn of_order(now: Millis, order: &BulkOrder) -> Result<Self> {
        match &order.ids {
            None => Self::read(now, &order.filter),
            Some(ids) if ids.len() > MAX_IDS => Err(Error::invalid("ids", format!("must be at most {MAX_IDS}"))),
            Some(ids) => {
                let ids = Some(ids.iter().copied().map(KeyId).collect());
                Ok(Self { state: State::All, ids, ..Self::default() })
            }
        }
    }
}

fn instant(field: &str, text: Option<String>) -> Result<Option<Millis>> {
    let Some(text) = text else { return Ok(None) };
    let read = Millis::parse_rfc3339(&text).or_else(|| Millis::parse_rfc3339(&format!("{text}T00:00:00Z")));
    read.map(Some).ok_or_else(|| Error::invalid(field, "must be a date like 2026-11-23 or an RFC 3339 instant"))
}

/// Returns who acts, for what is written down.
pub(super) fn actor(caller: &Caller) -> Actor {
    let key = caller.key().map(|key| key.handle.to_string());
    Actor { person: Some(caller.person), key, ip: Some(caller.ip.to_string()) }
}

/// Lists one page, the newest first, and where the next one begins.
pub async fn list(
    tx: &mut Tx,
    now: Millis,
    organization: OrganizationId,
    wanted: &Wanted,
    after: Option<KeyId>,
    limit: i64,
) -> Result<(Vec<Found>, Option<KeyId>)> {
    let mut found = store::list(tx, now, organization, wanted, after, limit + 1).await?;
    let has_more = found.len() as i64 > limit;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| has_more).map(|it| it.key.id);
    Ok((found, next))
}

/// Says how many keys an order is about.
pub async fn preview(tx: &mut Tx, now: Millis, organization: OrganizationId, order: &BulkOrder) -> Result<BulkPreview> {
    let keys = meant(tx, now, organization, order).await?;
    let last_used = keys.iter().filter_map(|key| key.last_use.as_ref()).map(|used| used.at).max();
    Ok(BulkPreview {
        keys: keys.len() as i64,
        owners: count_owners(&keys),
        last_used_at: last_used.map(Millis::rfc3339),
    })
}

async fn meant(tx: &mut Tx, now: Millis, organization: OrganizationId, order: &BulkOrder) -> Result<Vec<ApiKey>> {
    let action = Action::from_name(&order.action)?;
    let wanted = Wanted::of_order(now, order)?;
    let found = store::list(tx, now, organization, &wanted, None, i64::MAX).await?;
    Ok(found.into_iter().map(|it| it.key).filter(|key| action.is_for(key)).collect())
}

fn count_owners(keys: &[ApiKey]) -> i64 {
    keys.iter().map(|key| key.owner).collect::<HashSet<_>>().len() as i64
}

/// Does the same to all keys that an order is about, in one transaction.
pub async fn carry_out(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    organization: OrganizationId,
    order: &BulkOrder,
) -> Result<(Change, BulkReceipt)> {
    let action = Action::from_name(&order.action)?;
    let keys = meant(tx, now, organization, order).await?;
    if let Some(expected) = order.expected.filter(|expected| *expected != keys.len() as i64) {
        let message = format!("it is about {} keys now and not {expected}; look again", keys.len());
        return Err(Error::conflict("selection_changed", message));
    }
    let receipt = BulkReceipt {
        action: action.name().to_owned(),
        at: now.rfc3339(),
        keys: keys.len() as i64,
        owners: count_owners(&keys),
        handles: keys.iter().map(|key| key.handle.to_string()).collect(),
    };
    let change = apply(tx, now, &actor(caller), action, keys).await?;
    let detail = format!("{} keys of {} owners: {}", receipt.keys, receipt.owners, action.name());
    identity::audit(tx, now, caller, "key.bulk", &organization, &detail).await?;
    Ok((change, receipt))
}

async fn apply(tx: &mut Tx, now: Millis, actor: &Actor, action: Action, keys: Vec<ApiKey>) -> Result<Change> {
    let mut change = Change::default();
    for mut key in keys {
        match action {
            Action::Disable => key.disabled_at = Some(now),
            Action::Revoke => {
                key.revoked_at = Some(now);
                super::store::delete_all_copies(tx, key.id).await?;
            }
        }
        key.version += 1;
        super::store::update(tx, &key).await?;
        identity::audit_as(tx, now, actor, action.audited(), &key.handle, &key.name).await?;
        change += Change::of(&key);
    }
    Ok(change)
}

/// Ends every key of a person or a service account.
pub(super) async fn end_all_of(tx: &mut Tx, now: Millis, actor: &Actor, owner: PersonId) -> Result<Change> {
    let keys = store::list_of(tx, owner).await?;
    let keys = keys.into_iter().filter(|key| Action::Revoke.is_for(key)).collect();
    apply(tx, now, actor, Action::Revoke, keys).await
}
