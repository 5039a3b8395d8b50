//! How much a key is used, and for what: counted in memory, written down every few seconds together with the last use.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::Method;
use testward_wire::keys::Scope;

use super::{find, store_usage};
use crate::db::Tx;
use crate::error::Result;
use crate::gate::{Access, Caller};
use crate::ids::KeyId;
use crate::time::{DAY, HOUR, Millis};

/// How long counts are kept, and how far back usage can be looked at.
pub const USAGE_KEPT_FOR: i64 = 90 * DAY;
/// Combinations remembered between two writings. What is beyond has its last use noted, but is not counted.
const MAX_REMEMBERED: usize = 50_000;
/// Programs told apart for one key, machine and route between two writings.
const MAX_CLIENTS: usize = 8;
const MAX_CLIENT_LEN: usize = 60;

/// Calls since they were last written down.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<HashMap<Slot, Vec<Tally>>>);

/// What calls are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Slot {
    key: KeyId,
    ip: IpAddr,
    /// When the hour began.
    hour: Millis,
    route: Called,
}

/// A route, as far as usage tells routes apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Called {
    pub method: Method,
    /// The route's pattern, never the address.
    pub path: &'static str,
    /// What the route asked of the key.
    pub scope: Option<Scope>,
}

impl Called {
    pub fn new(method: &Method, path: &'static str, access: Access) -> Self {
        let scope = if let Access::Scope(scope) = access { Some(scope) } else { None };
        Self { method: method.clone(), path, scope }
    }
}

#[derive(Debug)]
struct Tally {
    client: Box<str>,
    calls: i64,
}

impl Tallies {
    /// Counts a call.
    pub fn note(&self, now: Millis, key: KeyId, ip: IpAddr, agent: &str, route: Called) {
        let slot = Slot { key, ip, hour: start_of(now, HOUR), route };
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tallies.len() >= MAX_REMEMBERED && !tallies.contains_key(&slot) {
            return;
        }
        let clients = tallies.entry(slot).or_default();
        let name = program(agent);
        let is_full = clients.len() >= MAX_CLIENTS;
        match clients.iter_mut().find(|it| *it.client == *name) {
            Some(known) => known.calls += 1,
            None if is_full => clients[MAX_CLIENTS - 1].calls += 1,
            None => clients.push(Tally { client: name.into(), calls: 1 }),
        }
    }

    fn take(&self) -> HashMap<Slot, Vec<Tally>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns when the hour or day began that `at` lies in, in UTC.
pub const fn start_of(at: Millis, length: i64) -> Millis {
    Millis(at.0 - at.0.rem_euclid(length))
}

/// Returns the first word of a `User-Agent`: program and version.
fn program(agent: &str) -> &str {
    let word = agent.split_ascii_whitespace().next().unwrap_or("unknown");
    word.char_indices().nth(MAX_CLIENT_LEN).map_or(word, |(at, _)| &word[..at])
}

/// What calls of a day are counted by, beside hours and routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Facet {
    Machine,
    Client,
    /// What the routes asked of the key.
    Scope,
}

impl Facet {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Client => "client",
            Self::Scope => "scope",
        }
    }
}

/// Writes down what was counted so far.
pub async fn flush(tx: &mut Tx, tallies: &Tallies) -> Result<()> {
    let mut hours: HashMap<(KeyId, Millis, String), i64> = HashMap::new();
    let mut days: HashMap<(KeyId, Millis, Facet, String), i64> = HashMap::new();
    for (slot, clients) in tallies.take() {
        let day = start_of(slot.hour, DAY);
        let all: i64 = clients.iter().map(|it| it.calls).sum();
        *hours.entry((slot.key, slot.hour, format!("{} {}", slot.route.method, slot.route.path))).or_default() += all;
        *days.entry((slot.key, day, Facet::Machine, slot.ip.to_string())).or_default() += all;
        if let Some(scope) = slot.route.scope {
            *days.entry((slot.key, day, Facet::Scope, scope.name().to_owned())).or_default() += all;
        }
        for Tally { client, calls } in clients {
            *days.entry((slot.key, day, Facet::Client, client.into())).or_default() += calls;
        }
    }
    for ((key, hour, route), calls) in hours {
        store_usage::add_hour(tx, key, hour, &route, calls).await?;
    }
    for ((key, day, facet, value), calls) in days {
        store_usage::add_day(tx, key, day, facet, &value, calls).await?;
    }
    Ok(())
}

/// Forgets counts that are too old to be looked at.
pub async fn forget_old(tx: &mut Tx, now: Millis) -> Result<()> {
    store_usage::delete_before(tx, now.plus(-USAGE_KEPT_FOR)).await
}

/// Calls of a key, from some instant on.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// By hour, oldest first; hours without calls are left out.
    pub hours: Vec<(Millis, i64)>,
    /// The most called first; so with the following.
    pub routes: Vec<(String, i64)>,
    pub machines: Vec<(String, i64)>,
    pub clients: Vec<(String, i64)>,
}

impl Usage {
    pub fn calls(&self) -> i64 {
        self.hours.iter().map(|(_, calls)| calls).sum()
    }
}

/// Returns how a key of the caller was used since some instant. Machines and clients are counted by whole days.
pub async fn usage(tx: &mut Tx, caller: &Caller, id: KeyId, since: Millis) -> Result<Usage> {
    find(tx, caller, id).await?;
    let since_day = start_of(since, DAY);
    Ok(Usage {
        hours: store_usage::list_hours(tx, id, since).await?,
        routes: store_usage::list_routes(tx, id, since).await?,
        machines: store_usage::list_facet(tx, id, Facet::Machine, since_day).await?,
        clients: store_usage::list_facet(tx, id, Facet::Client, since_day).await?,
    })
}

/// Returns for each of some keys the scopes that routes asked of it within the time that is kept.
pub async fn used_scopes(tx: &mut Tx, keys: &[KeyId]) -> Result<HashMap<KeyId, Vec<Scope>>> {
    let mut used: HashMap<KeyId, Vec<Scope>> = HashMap::new();
    for (key, name) in store_usage::list_scopes(tx, keys).await? {
        used.entry(key).or_default().extend(Scope::from_name(&name));
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_by_its_first_word() {
        assert_eq!(program("axios/1.10.0 (linux)"), "axios/1.10.0");
        assert_eq!(program(""), "unknown");
        assert_eq!(program(&"ä".repeat(200)).chars().count(), MAX_CLIENT_LEN);
    }

    #[test]
    fn hours_and_days_begin_in_utc() {
        let at = Millis(1_795_424_400_000 + 59 * 60_000); // 2026-11-23T09:59:00Z
        assert_eq!(start_of(at, HOUR).rfc3339(), "2026-11-23T09:00:00Z");
        assert_eq!(start_of(at, DAY).rfc3339(), "2026-11-23T00:00:00Z");
    }
}
