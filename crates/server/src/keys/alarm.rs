//! What owners are told of their keys: what was done to them, when they end, and what is odd about their use.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use testward_wire::keytext::KeyText;

use super::{ApiKey, Change, Rejection, store};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Handle;
use crate::identity::{self, Actor};
use crate::ids::{KeyId, PersonId};
use crate::net::network_of;
use crate::notices::{self, Kind, News};
use crate::time::{DAY, Millis};

/// Days before its end that a key's owner is told, the last first.
pub const THRESHOLDS: [i64; 5] = [1, 3, 7, 14, 30];
/// Keys told of in one transaction.
const AT_ONCE: i64 = 500;
/// Dead keys remembered between two writings.
const MAX_REMEMBERED: usize = 10_000;

/// Tells the owner what was done to a key, and from where.
pub(super) async fn tell_change(tx: &mut Tx, now: Millis, key: &ApiKey, actor: &Actor, action: &str) -> Result<()> {
    let (kind, did, advice) = match action {
        "key.create" => (Kind::KeyCreated, "was created", "If that was not you, delete it and change your password."),
        "key.copy" => (Kind::KeyCopied, "was copied", "If that was not you, rotate it and change your password."),
        "key.rotate" => (Kind::KeyRotated, "was rotated", "Replace it where it is used before the overlap ends."),
        "key.revoke" => (Kind::KeyRevoked, "was deleted", "Whatever still sends it is refused from now on."),
        "key.disable" => (Kind::KeyRevoked, "was disabled", "Whatever sends it is refused until it is enabled again."),
        _ => return Ok(()),
    };
    let place = actor.ip.as_ref().map_or_else(String::new, |ip| format!(" from {ip}"));
    let body = format!("{} {did}{place} on {}. {advice}", named(key), now.human());
    tell(tx, now, key, kind, format!("API key {} {did}", key.name), body).await
}

fn named(key: &ApiKey) -> String {
    format!("The API key {} ({})", key.name, key.handle)
}

fn news(key: &ApiKey, kind: Kind, title: String, body: String) -> News {
    let href = format!("/user/apikey/{}/usage", key.id);
    News { kind, title, body, href, subject: key.handle.to_string() }
}

async fn tell(tx: &mut Tx, now: Millis, key: &ApiKey, kind: Kind, title: String, body: String) -> Result<()> {
    notices::tell(tx, now, key.owner, &news(key, kind, title, body)).await
}

/// Tells owners of keys that end soon, once for each threshold. A run that was missed delays this and skips nobody.
pub async fn tell_expiring(app: &App) -> Result<()> {
    loop {
        let now = app.clock.now();
        let mut tx = app.db.read().await?;
        let keys = store::list_to_warn(&mut tx, now, AT_ONCE).await?;
        drop(tx);
        if keys.is_empty() {
            return Ok(());
        }
        let mut tx = app.db.write().await?;
        for key in keys {
            tell_expiry(&mut tx, now, &key).await?;
        }
        tx.commit().await?;
    }
}

async fn tell_expiry(tx: &mut Tx, now: Millis, key: &ApiKey) -> Result<()> {
    let Some(at) = key.expires_at else { return Ok(()) };
    let left = at.since(now);
    let Some(days) = THRESHOLDS.into_iter().find(|days| left <= days * DAY) else { return Ok(()) };
    if !store::insert_expiry_notice(tx, key.id, at, days).await? {
        return Ok(());
    }
    let whole = (left + DAY - 1) / DAY;
    let when = if whole == 1 { "within a day".to_owned() } else { format!("in {whole} days") };
    let body = format!(
        "{} expires at {}. Rotating does not lengthen its life: create a new one and put it where this one is used.",
        named(key),
        at.human()
    );
    tell(tx, now, key, Kind::KeyExpires, format!("API key {} expires {when}", key.name), body).await
}

/// Tells the owner of a key that it is used from a network it was never used from.
pub(super) async fn tell_new_network(tx: &mut Tx, now: Millis, id: KeyId, ip: IpAddr, agent: &str) -> Result<()> {
    let known = store::list_ips(tx, id).await?;
    let network = network_of(ip);
    let is_known = known.iter().filter_map(|ip| ip.parse().ok()).any(|ip: IpAddr| network_of(ip) == network);
    // The first place of all is where it was made for.
    if known.is_empty() || is_known {
        return Ok(());
    }
    let Some(key) = store::find(tx, id).await? else { return Ok(()) };
    let agent: String = agent.chars().filter(|it| !it.is_control()).take(80).collect();
    let body = format!(
        "{} was used from {ip} by {}, and never from that network before. If you do not know the machine, disable the key.",
        named(&key),
        if agent.is_empty() { "a client that gives no name" } else { &agent }
    );
    tell(tx, now, &key, Kind::KeyNewNetwork, format!("API key {} is used from a new network", key.name), body).await
}

/// Dead keys that their holders still send, since that was last written down.
#[derive(Debug, Default)]
pub struct DeadUses(Mutex<HashMap<Handle, (IpAddr, &'static str)>>);

impl DeadUses {
    /// Notes a key that was proved and refused. Whoever guesses is not noted.
    pub fn note(&self, key: &str, ip: IpAddr, rejection: &Rejection) {
        let why = match rejection {
            Rejection::Expired(_) => "has expired",
            Rejection::Revoked(_) => "was deleted",
            Rejection::Disabled(_) => "is disabled",
            Rejection::Rotated(_) => "was rotated, and its old secret is refused",
            _ => return,
        };
        let handle = KeyText::parse(key).ok().and_then(|key| Handle::new(key.handle()));
        let Some(handle) = handle else { return };
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < MAX_REMEMBERED {
            uses.insert(handle, (ip, why));
        }
    }
}

/// Tells owners which of their dead keys are still sent, once a day at most.
pub(super) async fn tell_dead_uses(app: &App) -> Result<()> {
    let uses = std::mem::take(&mut *app.keys.dead_uses.0.lock().unwrap_or_else(PoisonError::into_inner));
    if uses.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    for (handle, (ip, why)) in uses {
        let Some(key) = store::find_by_handle(&mut tx, handle).await? else { continue };
        let body =
            format!("{} {why}, and a machine at {ip} still sends it. Give that machine another key.", named(&key));
        let title = format!("Dead API key {} is still in use", key.name);
        notices::tell_daily(&mut tx, now, key.owner, &news(&key, Kind::DeadKeyUsed, title, body)).await?;
    }
    tx.commit().await
}

/// Returns who a key acts for.
pub async fn find_owner(tx: &mut Tx, id: KeyId) -> Result<PersonId> {
    Ok(store::find(tx, id).await?.ok_or(Error::NotFound("API key"))?.owner)
}

/// Switches a key off that leaked, and tells its owner `how`. One that is off already stays so.
pub async fn disable_leaked(tx: &mut Tx, now: Millis, id: KeyId, how: &str) -> Result<Change> {
    let Some(mut key) = store::find(tx, id).await? else { return Ok(Change::default()) };
    if key.revoked_at.is_some() || key.disabled_at.is_some() {
        return Ok(Change::default());
    }
    key.disabled_at = Some(now);
    key.version += 1;
    store::update(tx, &key).await?;
    identity::audit_about(tx, now, &Actor::default(), key.owner, "key.leak", &key.handle, &key.name).await?;
    let body = format!(
        "{} was disabled: {how}. Create a new key for the machines that used it, delete this one, and look at its usage \
         for calls that were not yours.",
        named(&key)
    );
    tell(tx, now, &key, Kind::KeyLeaked, format!("API key {} leaked and was disabled", key.name), body).await?;
    Ok(Change::of(&key))
}
