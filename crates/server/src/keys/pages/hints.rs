//! What is odd about a key, told to its owner: reasons to end it, or to make a smaller one.

use testward_wire::keys::{KeyStatus, Scope};

use crate::keys::{ApiKey, FormerUse, UNUSED_AFTER};
use crate::time::{DAY, Millis};
use crate::web::layout::href;

/// A younger key may simply not have done yet what it is for.
const SETTLED_AFTER: i64 = 14 * DAY;

/// Something to look at, with what to do about it.
pub struct Hint {
    pub label: &'static str,
    pub advice: String,
    /// Where to do it, and what the link says.
    pub link: Option<(String, &'static str)>,
}

/// What is known of a key's use.
#[derive(Default)]
pub struct Seen {
    /// Scopes that routes have asked of it.
    pub scopes: Vec<Scope>,
    /// Who sent a secret from before a rotation.
    pub formers: Vec<FormerUse>,
}

/// Returns what is odd about a live key.
pub fn hints(key: &ApiKey, seen: &Seen, now: Millis) -> Vec<Hint> {
    if matches!(key.status(now), KeyStatus::Expired | KeyStatus::Revoked) {
        return Vec::new();
    }
    let found = [old_secret(key, &seen.formers, now), unused(key, now), endless(key), too_wide(key, &seen.scopes, now)];
    found.into_iter().flatten().collect()
}

fn old_secret(key: &ApiKey, formers: &[FormerUse], now: Millis) -> Option<Hint> {
    key.open_rotation(now)?;
    let last = formers.iter().max_by_key(|used| used.used_at)?;
    let n = formers.len();
    let machines = if n == 1 { "One machine still sends".to_owned() } else { format!("{n} machines still send") };
    Some(Hint {
        label: "Old secret in use",
        advice: format!("{machines} the secret from before the rotation, {} last.", last.ip),
        link: None,
    })
}

fn unused(key: &ApiKey, now: Millis) -> Option<Hint> {
    let days = |since: Millis| now.since(since) / DAY;
    let (label, advice) = match &key.last_use {
        Some(used) if now.since(used.at) >= UNUSED_AFTER => {
            ("Unused", format!("Nobody has used it for {} days. Delete it if nobody needs it.", days(used.at)))
        }
        None if now.since(key.created_at) >= SETTLED_AFTER => (
            "Never used",
            format!("It was made {} days ago and never used. Delete it if nobody needs it.", days(key.created_at)),
        ),
        _ => return None,
    };
    Some(Hint { label, advice, link: Some((format!("/user/apikey/{}/delete", key.id), "Delete")) })
}

fn endless(key: &ApiKey) -> Option<Hint> {
    let advice =
        "It never expires, so a copy that was lost years ago still opens everything it may. Make one that ends.";
    key.expires_at.is_none().then(|| Hint {
        label: "No expiry",
        advice: advice.to_owned(),
        link: Some((like(key, &key.scopes.list()), "Make one that ends")),
    })
}

fn too_wide(key: &ApiKey, used: &[Scope], now: Millis) -> Option<Hint> {
    if used.is_empty() || now.since(key.created_at) < SETTLED_AFTER {
        return None;
    }
    let may = key.scopes.expanded().list();
    // Looking at projects is part of whatever is done in them.
    let needed: Vec<_> =
        Scope::ALL.into_iter().filter(|scope| used.contains(scope) || *scope == Scope::ProjectsRead).collect();
    let is_idle = |scope: &Scope| *scope != Scope::Everything && !needed.contains(scope);
    if !may.iter().any(is_idle) {
        return None;
    }
    let names: Vec<_> = used.iter().map(|scope| scope.name()).collect();
    Some(Hint {
        label: "Over-scoped",
        advice: format!("It may do more than it does: only {} was ever asked of it.", names.join(", ")),
        link: Some((like(key, &needed), "Make one that may do only this")),
    })
}

/// Returns the address that proposes a key like this one, with other scopes.
fn like(key: &ApiKey, scopes: &[Scope]) -> String {
    let scopes: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    let projects = key.projects.as_deref().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>();
    href("/user/apikey/new", &[("name", &key.name), ("scopes", &scopes.join(",")), ("projects", &projects.join(","))])
}
