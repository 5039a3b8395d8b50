//! Keys of service accounts: made by the people who look after them, or by the account's own key that may manage keys.

pub mod http;
pub mod pages;

use testward_wire::keys::{NewKey, Scope};
use testward_wire::keytext::Kind;

use super::{ApiKey, Change, DEFAULT_EXPIRES, Filter, Life, expires_at, inventory, issue, limits, store};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::{Caller, KeyFacts};
use crate::identity::{self, Actor, service};
use crate::ids::{KeyId, PersonId, ProjectId};
use crate::net::Networks;
use crate::projects;
use crate::rights::Scopes;
use crate::time::Millis;

/// Keys of one account that a page shows.
const SHOWN: i64 = 200;

/// Makes a key for an account that the caller looks after.
pub async fn create(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    caller: &Caller,
    account: PersonId,
    new: &NewKey,
) -> Result<(Change, ApiKey, String)> {
    caller.require_confirmed(now)?;
    require_live(&service::find_account(tx, caller, account).await?)?;
    require_projects_of(tx, account, new.projects.as_deref()).await?;
    let actor = Actor { person: Some(caller.person), key: None, ip: Some(caller.ip.to_string()) };
    issue(tx, app, now, &actor, (account, Kind::Service), new).await
}

fn require_live(account: &service::ServiceAccount) -> Result<()> {
    match account.person.disabled_at {
        None => Ok(()),
        Some(_) => Err(Error::Gone { code: "account_deleted", message: "this service account was deleted".to_owned() }),
    }
}

async fn require_projects_of(tx: &mut Tx, account: PersonId, wanted: Option<&[i64]>) -> Result<()> {
    let visible = projects::list_ids_of(tx, account).await?;
    match wanted.unwrap_or_default().iter().find(|id| !visible.contains(&ProjectId(**id))) {
        Some(id) => Err(Error::invalid("projects", format!("names project {id}, which the account cannot see"))),
        None => Ok(()),
    }
}

/// Lists the keys of an account that the caller looks after, the newest first.
pub async fn list(tx: &mut Tx, now: Millis, caller: &Caller, account: PersonId) -> Result<Vec<ApiKey>> {
    service::find_account(tx, caller, account).await?;
    let filter = Filter { life: Life::All, limit: SHOWN, ..Filter::default() };
    Ok(store::list(tx, now, account, &filter).await?.0)
}

/// Deletes an account: ends all of its keys and switches it off.
pub async fn delete(tx: &mut Tx, now: Millis, caller: &Caller, account: PersonId) -> Result<Change> {
    service::disable_account(tx, now, caller, account).await?;
    let mut change = inventory::end_all_of(tx, now, &inventory::actor(caller), account).await?;
    change += super::owner_changed(tx, account).await?;
    Ok(change)
}

/// Makes a key for the account whose key the caller presents: what that one may not, the new one may not either.
pub async fn create_child(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    caller: &Caller,
    wanted: &NewKey,
) -> Result<(Change, ApiKey, String)> {
    let parent = own_key(caller)?;
    let new = Bounds::of(parent).bounded(now, wanted)?;
    require_projects_of(tx, parent.owner, new.projects.as_deref()).await?;
    issue(tx, app, now, &inventory::actor(caller), (parent.owner, Kind::Service), &new).await
}

/// Lists the keys of the account whose key the caller presents.
pub async fn list_own(tx: &mut Tx, now: Millis, caller: &Caller) -> Result<Vec<ApiKey>> {
    let filter = Filter { life: Life::All, limit: SHOWN, ..Filter::default() };
    Ok(store::list(tx, now, own_key(caller)?.owner, &filter).await?.0)
}

/// Ends a key of the account whose key the caller presents.
pub async fn revoke_own(tx: &mut Tx, now: Millis, caller: &Caller, id: KeyId) -> Result<Change> {
    let owner = own_key(caller)?.owner;
    let key = store::find(tx, id).await?.filter(|key| key.owner == owner).ok_or(Error::NotFound("API key"))?;
    super::end(tx, now, caller, key).await
}

fn own_key(caller: &Caller) -> Result<&KeyFacts> {
    let key = caller.key().filter(|key| key.kind == Kind::Service);
    key.map(|key| &*key.facts).ok_or_else(|| {
        Error::forbidden("insufficient_scope", "only a service account's key can manage the account's keys")
    })
}

/// What a key may do, and thus the most that a key may do which it makes.
#[derive(Debug, Clone)]
struct Bounds {
    scopes: Scopes,
    projects: Option<Vec<i64>>,
    expires_at: Option<Millis>,
    networks: Networks,
    per_minute: Option<u32>,
}

impl Bounds {
    fn of(key: &KeyFacts) -> Self {
        Self {
            scopes: key.scopes,
            projects: key.projects.as_ref().map(|ids| ids.iter().map(|id| id.0).collect()),
            expires_at: key.expires_at,
            networks: key.rare.as_ref().map(|rare| rare.networks.clone()).unwrap_or_default(),
            per_minute: key.rate().map(crate::rate::Rate::per_minute),
        }
    }

    /// Returns what is asked for, if it lies within the bounds; what is not asked for is as the bounds are.
    fn bounded(&self, now: Millis, wanted: &NewKey) -> Result<NewKey> {
        Ok(NewKey {
            name: wanted.name.clone(),
            description: wanted.description.clone(),
            expires: Some(self.end(now, wanted.expires.as_deref())?),
            scopes: Some(self.scopes(wanted.scopes.as_deref())?),
            projects: self.projects(wanted.projects.as_deref())?,
            custody: None,
            networks: Some(self.networks(wanted.networks.as_deref())?),
            rate_per_minute: self.rate(wanted.rate_per_minute)?,
        })
    }

    fn scopes(&self, wanted: Option<&[Scope]>) -> Result<Vec<Scope>> {
        let Some(wanted) = wanted else {
            return Ok(self.scopes.list().into_iter().filter(|scope| *scope != Scope::KeysManage).collect());
        };
        match wanted.iter().find(|scope| !Scopes::of(&[**scope]).is_within(self.scopes)) {
            Some(scope) => Err(beyond("scopes", &format!("have {}", scope.name()))),
            None => Ok(wanted.to_vec()),
        }
    }

    fn projects(&self, wanted: Option<&[i64]>) -> Result<Option<Vec<i64>>> {
        match (&self.projects, wanted) {
            (None, wanted) => Ok(wanted.map(<[_]>::to_vec)),
            (Some(own), None) => Ok(Some(own.clone())),
            (Some(own), Some(wanted)) => match wanted.iter().find(|id| !own.contains(id)) {
                Some(id) => Err(beyond("projects", &format!("reach project {id}"))),
                None => Ok(Some(wanted.to_vec())),
            },
        }
    }

    fn end(&self, now: Millis, wanted: Option<&str>) -> Result<String> {
        let at = match wanted {
            Some(text) => expires_at(now, text)?,
            None => [expires_at(now, DEFAULT_EXPIRES)?, self.expires_at].into_iter().flatten().min(),
        };
        match (at, self.expires_at) {
            (None, None) => Ok("never".to_owned()),
            (Some(at), own) if own.is_none_or(|own| at <= own) => Ok(at.rfc3339()),
            _ => Err(beyond("expires", "live longer")),
        }
    }

    fn networks(&self, wanted: Option<&[String]>) -> Result<Vec<String>> {
        let Some(wanted) = wanted else { return Ok(self.networks.list()) };
        let wanted = limits::checked_networks(wanted)?;
        if wanted.is_within(&self.networks) { Ok(wanted.list()) } else { Err(beyond("networks", "be used elsewhere")) }
    }

    fn rate(&self, wanted: Option<u32>) -> Result<Option<u32>> {
        match (self.per_minute, wanted) {
            (own, None) => Ok(own),
            (None, wanted) => Ok(wanted),
            (Some(own), Some(wanted)) if (1..=own).contains(&wanted) => Ok(Some(wanted)),
            _ => Err(beyond("rate_per_minute", "be used more often")),
        }
    }
}

fn beyond(field: &str, what: &str) -> Error {
    Error::invalid(field, format!("must stay within the key that makes it, which may not {what}"))
}

/// Names the organization's people who may look after accounts, for a form.
pub async fn list_candidates(tx: &mut Tx, account: &service::ServiceAccount) -> Result<Vec<identity::Person>> {
    let members = identity::list_members(tx, account.organization).await?;
    let is_steward = |person: &identity::Person| account.stewards.iter().any(|it| it.id == person.id);
    Ok(members.into_iter().map(|it| it.person).filter(|it| it.disabled_at.is_none() && !is_steward(it)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY;
    use proptest::prelude::*;

    const NOW: Millis = Millis(1_795_424_400_000);
    const NETWORKS: [&str; 5] = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "2001:db8::/32", "2001:db8:1::/48"];

    fn any_scopes() -> impl Strategy<Value = Vec<Scope>> {
        proptest::collection::vec(proptest::sample::select(Scope::ALL.to_vec()), 1..6)
    }

    fn any_projects() -> impl Strategy<Value = Option<Vec<i64>>> {
        proptest::option::of(proptest::collection::vec(1..5i64, 1..4))
    }

    fn any_networks() -> impl Strategy<Value = Vec<&'static str>> {
        proptest::collection::vec(proptest::sample::select(NETWORKS.to_vec()), 0..3)
    }

    fn any_parent() -> impl Strategy<Value = Bounds> {
        let end = proptest::option::of(1..400i64);
        (any_scopes(), any_projects(), end, any_networks(), proptest::option::of(1..100u32)).prop_map(
            |(scopes, projects, days, networks, per_minute)| Bounds {
                scopes: scopes.into_iter().collect(),
                projects,
                expires_at: days.map(|days| NOW.plus(days * DAY)),
                networks: Networks::parse(networks).expect("networks"),
                per_minute,
            },
        )
    }

    fn any_wish() -> impl Strategy<Value = NewKey> {
        let end =
            proptest::option::of(prop_oneof![Just("never".to_owned()), (1..400i64).prop_map(|it| format!("{it}d"))]);
        let networks = proptest::option::of(any_networks());
        let rate = proptest::option::of(0..100u32);
        (proptest::option::of(any_scopes()), any_projects(), end, networks, rate).prop_map(
            |(scopes, projects, expires, networks, rate_per_minute)| NewKey {
                name: "child".to_owned(),
                scopes,
                projects,
                expires,
                networks: networks.map(|it| it.into_iter().map(str::to_owned).collect()),
                rate_per_minute,
                ..NewKey::default()
            },
        )
    }

    proptest! {
        #[test]
        fn a_key_makes_none_that_may_do_what_it_may_not(parent in any_parent(), wanted in any_wish()) {
            let Ok(child) = parent.bounded(NOW, &wanted) else { return Ok(()) };
            for scope in Scope::ALL {
                let has = child.scopes.iter().flatten().copied().collect::<Scopes>().has(scope);
                prop_assert!(!has || parent.scopes.has(scope), "{scope:?}");
            }
            if let Some(own) = &parent.projects {
                prop_assert!(child.projects.is_some_and(|it| it.iter().all(|id| own.contains(id))));
            }
            let end = expires_at(NOW, child.expires.as_deref().expect("always said")).expect("an end");
            prop_assert!(parent.expires_at.is_none_or(|own| end.is_some_and(|end| end <= own)));
            let networks = child.networks.expect("always said");
            let networks = Networks::parse(networks.iter().map(String::as_str)).expect("networks");
            for ip in ["10.1.2.3", "10.9.9.9", "192.0.2.7", "2001:db8:1::1", "2001:db8:9::1", "203.0.113.1"] {
                let ip = ip.parse().expect("an address");
                let allows = |it: &Networks| it.is_empty() || it.contains(ip);
                prop_assert!(!allows(&networks) || allows(&parent.networks));
            }
            if let Some(own) = parent.per_minute {
                prop_assert!(child.rate_per_minute.is_some_and(|it| (1..=own).contains(&it)));
            }
        }

        #[test]
        fn a_key_can_make_one_like_itself(parent in any_parent()) {
            let wanted = NewKey { name: "child".to_owned(), scopes: Some(parent.scopes.list()), ..NewKey::default() };
            prop_assert!(parent.bounded(NOW, &wanted).is_ok());
        }
    }
}
