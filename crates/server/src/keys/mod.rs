//! API keys: made by people, copied into clients, checked on each request, ended at once.
//!
//! Authentication asks the [`Index`] only. Every function here that changes a key returns a [`Change`]; only
//! [`commit`] turns it into rows and index entries, in that order, before the request is answered.

pub mod authorization;
pub mod guard;
pub mod http;
pub mod oauth;
pub mod pages;
pub mod policy;
mod checks;
mod alarm;
mod change;
mod custody;
mod expiry;
mod imported;
mod index;
pub mod inventory;
mod last_use;
mod limits;
mod renewals;
mod requests;
mod revocations;
mod rotation;
mod secret_files;
mod secrets;
pub mod service;
mod store;
mod store_usage;
mod usage;
mod vault;

use testward_wire::keys::{KeyPatch, KeyStatus, NewKey, Scope};
use testward_wire::keytext::{HANDLE_LEN, Kind, SECRET_LEN, compose};

pub use alarm::{DeadUses, disable_leaked, find_owner, tell_expiring};
pub use change::{Change, commit, owner_changed};
pub use custody::{Custody, lock as lock_custody, locked_at as custody_locked_at, open_secret, reveal, seal_secret};
pub use expiry::{DEFAULT_EXPIRES, expires_at};
pub use imported::import;
pub use index::{Index, Rejection};
pub use last_use::flush as flush_uses;
pub use revocations::{FILE as REVOCATIONS_FILE, Replayed, Revocations, replay as replay_revocations};
pub use rotation::{FormerUse, Rotated, Rotation, Token, close_overlap, list_former_uses, rotate, rotate_self};
pub use secret_files::{SecretKind, make_private_folder};
pub use secrets::{
    Loses, SecretStatus, retire as retire_secret, rewrap as rewrap_data_keys, rotate as rotate_secret,
    status as secret_status,
};
pub use store::{Cursor, Filter, Life, Sort, kind_name};
pub use usage::{Called, USAGE_KEPT_FOR, Usage, start_of, usage, used_scopes};
pub use vault::Vault;

use checks::{checked_description, checked_projects, checked_scopes, require_own_projects};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::{Caller, Handle, KeyFacts, Rare, Scopes, Secret};
use crate::identity::{self, Actor};
use crate::ids::{KeyId, PersonId, ProjectId};
use crate::net::Networks;
use crate::rate::Rate;
use crate::time::{DAY, Millis};

/// A dead key's row stays this long, so that whoever still sends the key is told why it opens nothing.
const KEPT_FOR: i64 = 400 * DAY;
/// Keys exchanged by builds come by the thousand, and nobody keeps one: their rows go sooner.
const EXCHANGED_KEPT_FOR: i64 = 7 * DAY;
/// From here on a key counts as expiring soon.
const SOON: i64 = 14 * DAY;
/// A key that nobody has used for this long is probably forgotten.
pub const UNUSED_AFTER: i64 = 90 * DAY;

/// A key as its row has it, without its secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    pub id: KeyId,
    pub handle: Handle,
    pub kind: Kind,
    /// When an admin brought it along from an older system; it is not of our form then.
    pub imported_at: Option<Millis>,
    pub owner: PersonId,
    pub name: String,
    pub description: Option<String>,
    pub scopes: Scopes,
    /// Projects the key is bound to; absent means all of its owner's.
    pub projects: Option<Vec<ProjectId>>,
    pub custody: Custody,
    /// When the copy that custody allows is destroyed.
    pub copy_until: Option<Millis>,
    /// Networks the key may be used from; none means any.
    pub networks: Networks,
    pub rate_per_minute: Option<u32>,
    pub created_at: Millis,
    pub expires_at: Option<Millis>,
    pub disabled_at: Option<Millis>,
    pub revoked_at: Option<Millis>,
    pub version: i64,
    pub copies: i64,
    pub last_use: Option<LastUse>,
    /// The latest first.
    pub rotations: Vec<Rotation>,
    secret: Secret,
}

/// The last request that a key opened.
#[derive(Debug, Clone)]
pub struct LastUse {
    pub at: Millis,
    pub ip: String,
    pub agent: String,
    pub route: String,
}

impl ApiKey {
    pub fn status(&self, now: Millis) -> KeyStatus {
        if self.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            KeyStatus::Expired
        } else if self.disabled_at.is_some() {
            KeyStatus::Disabled
        } else if self.expires_at.is_some_and(|at| at.since(now) <= SOON) {
            KeyStatus::ExpiringSoon
        } else {
            KeyStatus::Active
        }
    }

    fn facts(&self) -> KeyFacts {
        KeyFacts {
            id: self.id,
            handle: self.handle,
            kind: self.kind,
            name: self.name.as_str().into(),
            owner: self.owner,
            scopes: self.scopes,
            projects: self.projects.as_deref().map(Into::into),
            created_at: self.created_at,
            expires_at: self.expires_at,
            secret: self.secret,
            version: self.version,
            rare: Rare {
                is_imported: self.imported_at.is_some(),
                disabled_at: self.disabled_at,
                revoked_at: self.revoked_at,
                networks: self.networks.clone(),
                rate: self.rate_per_minute.map(Rate::new),
                formers: self.rotations.iter().map(Rotation::former).collect(),
            }
            .boxed(),
        }
    }
}

/// Makes a key for the caller. Returns its text, which only a sealed copy can show again.
pub async fn create(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    caller: &Caller,
    new: &NewKey,
) -> Result<(Change, ApiKey, String)> {
    caller.require_confirmed(now)?;
    if let Some(projects) = &new.projects {
        require_own_projects(tx, caller, projects).await?;
    }
    let actor = Actor { person: Some(caller.person), key: None, ip: Some(caller.ip.to_string()) };
    issue(tx, app, now, &actor, (caller.person, Kind::Personal), new).await
}

/// Makes a key for somebody, on the word of `actor`.
pub async fn issue(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    actor: &Actor,
    (owner, kind): (PersonId, Kind),
    new: &NewKey,
) -> Result<(Change, ApiKey, String)> {
    let (key, text) = compose_new(tx, app, now, (owner, kind), new).await?;
    policy::find_for(tx, owner).await?.check_new(key.judged())?;
    store::insert(tx, &key).await?;
    custody::keep_copy(tx, app, &key, &text).await?;
    identity::audit_about(tx, now, actor, owner, "key.create", &key.handle, &key.name).await?;
    alarm::tell_change(tx, now, &key, actor, "key.create").await?;
    Ok((Change::of(&key), key, text))
}

async fn compose_new(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    (owner, kind): (PersonId, Kind),
    new: &NewKey,
) -> Result<(ApiKey, String)> {
    // What machines get is shown once: nobody stands by to copy it again.
    let is_personal = kind == Kind::Personal;
    let custody = if is_personal { custody::of_new(tx, owner, new.custody.as_deref()).await? } else { Custody::Once };
    let handle = app.random.base62(HANDLE_LEN);
    let text = compose(kind, &handle, &app.random.base62(SECRET_LEN));
    let key = ApiKey {
        handle: Handle::new(&handle).expect("base62 of the right length"),
        kind,
        imported_at: None,
        owner,
        name: identity::checked_name("name", &new.name)?,
        description: checked_description(new.description.as_deref())?,
        scopes: checked_scopes(kind, new.scopes.as_deref())?,
        projects: checked_projects(new.projects.as_deref())?,
        custody,
        copy_until: custody.copy_until(now),
        networks: limits::checked_networks(new.networks.as_deref().unwrap_or_default())?,
        rate_per_minute: limits::checked_rate(new.rate_per_minute.unwrap_or_default())?,
        created_at: now,
        expires_at: expires_at(now, new.expires.as_deref().unwrap_or(DEFAULT_EXPIRES))?,
        disabled_at: None,
        revoked_at: None,
        version: 1,
        copies: 0,
        last_use: None,
        rotations: Vec::new(),
        secret: app.vault.secret(&text),
        id: KeyId::next(tx).await?,
    };
    Ok((key, text))
}

/// Lists keys of the caller, dead ones too if the filter says so.
pub async fn list(tx: &mut Tx, now: Millis, caller: &Caller, filter: &Filter) -> Result<(Vec<ApiKey>, Option<Cursor>)> {
    require_everything(caller)?;
    store::list(tx, now, caller.person, filter).await
}

/// Whether the caller ever made a key.
pub async fn has_any(tx: &mut Tx, caller: &Caller) -> Result<bool> {
    Ok(store::count(tx, caller.person).await? > 0)
}

/// Counts the keys of a person that have not ended, for whoever decides about the person.
pub async fn count_live(tx: &mut Tx, now: Millis, owner: PersonId) -> Result<i64> {
    store::count_live(tx, now, owner).await
}

/// A key may read about its owner's keys only when it may do everything its owner can.
fn require_everything(caller: &Caller) -> Result<()> {
    if caller.key().is_none() || caller.has(Scope::Everything) {
        return Ok(());
    }
    Err(Error::forbidden("insufficient_scope", "this needs a key that may do everything"))
}

/// Finds a key of the caller, or of a service account that they look after. Somebody else's is not found.
pub async fn find(tx: &mut Tx, caller: &Caller, id: KeyId) -> Result<ApiKey> {
    require_everything(caller)?;
    let key = store::find(tx, id).await?.ok_or(Error::NotFound("API key"))?;
    let is_own = key.owner == caller.person;
    if is_own || (caller.key().is_none() && identity::service::is_looked_after(tx, caller, key.owner).await?) {
        return Ok(key);
    }
    Err(Error::NotFound("API key"))
}

/// Counts the addresses a key was used from.
pub async fn list_machines(tx: &mut Tx, caller: &Caller, id: KeyId) -> Result<Vec<Machine>> {
    find(tx, caller, id).await?;
    store::list_machines(tx, id).await
}

/// An address a key was used from.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Machine {
    pub ip: String,
    pub first_used_at: Millis,
    pub last_used_at: Millis,
}

/// Renames or describes a key anew.
pub async fn edit(tx: &mut Tx, now: Millis, caller: &Caller, id: KeyId, patch: &KeyPatch) -> Result<Change> {
    let mut key = find_live(tx, caller, id).await?;
    if let Some(name) = &patch.name {
        key.name = identity::checked_name("name", name)?;
    }
    if let Some(description) = &patch.description {
        key.description = checked_description(Some(description))?;
    }
    if let Some(networks) = &patch.networks {
        key.networks = limits::checked_networks(networks)?;
    }
    if let Some(per_minute) = patch.rate_per_minute {
        key.rate_per_minute = limits::checked_rate(per_minute)?;
    }
    change(tx, now, caller, key, "key.edit").await
}

/// Switches a key off; [`enable`] switches it on again.
pub async fn disable(tx: &mut Tx, now: Millis, caller: &Caller, id: KeyId) -> Result<Change> {
    let mut key = find_live(tx, caller, id).await?;
    key.disabled_at = key.disabled_at.or(Some(now));
    change(tx, now, caller, key, "key.disable").await
}

pub async fn enable(tx: &mut Tx, now: Millis, caller: &Caller, id: KeyId) -> Result<Change> {
    let mut key = find_live(tx, caller, id).await?;
    key.disabled_at = None;
    change(tx, now, caller, key, "key.enable").await
}

/// Ends a key for good and destroys its sealed copy. Doing it again changes nothing.
pub async fn revoke(tx: &mut Tx, now: Millis, caller: &Caller, id: KeyId) -> Result<Change> {
    let key = find(tx, caller, id).await?;
    end(tx, now, caller, key).await
}

/// Ends the key that the caller presents. Any key may end itself.
pub async fn revoke_self(tx: &mut Tx, now: Millis, caller: &Caller) -> Result<Change> {
    let facts = caller.key().ok_or_else(|| Error::bad_request("no_key", "this ends the key it is called with"))?;
    let key = store::find(tx, facts.id).await?.ok_or(Error::NotFound("API key"))?;
    end(tx, now, caller, key).await
}

async fn end(tx: &mut Tx, now: Millis, caller: &Caller, mut key: ApiKey) -> Result<Change> {
    if key.revoked_at.is_some() {
        return Ok(Change::default());
    }
    key.revoked_at = Some(now);
    store::delete_all_copies(tx, key.id).await?;
    change(tx, now, caller, key, "key.revoke").await
}

/// Ends a key that somebody has shown to hold, on the word of `actor`.
pub async fn revoke_held(tx: &mut Tx, now: Millis, actor: &Actor, held: &KeyFacts) -> Result<Change> {
    let key = store::find(tx, held.id).await?.filter(|key| key.revoked_at.is_none());
    let Some(mut key) = key else { return Ok(Change::default()) };
    key.revoked_at = Some(now);
    key.version += 1;
    store::delete_all_copies(tx, key.id).await?;
    store::update(tx, &key).await?;
    identity::audit_about(tx, now, actor, key.owner, "key.revoke", &key.handle, &key.name).await?;
    alarm::tell_change(tx, now, &key, actor, "key.revoke").await?;
    Ok(Change::of(&key))
}

async fn find_live(tx: &mut Tx, caller: &Caller, id: KeyId) -> Result<ApiKey> {
    let key = find(tx, caller, id).await?;
    match key.revoked_at {
        None => Ok(key),
        Some(_) => {
            Err(Error::Gone { code: "key_revoked", message: "this key was deleted and cannot be changed".to_owned() })
        }
    }
}

async fn change(tx: &mut Tx, now: Millis, caller: &Caller, mut key: ApiKey, action: &'static str) -> Result<Change> {
    key.version += 1;
    store::update(tx, &key).await?;
    identity::audit(tx, now, caller, action, &key.handle, &key.name).await?;
    alarm::tell_change(tx, now, &key, &caller.into(), action).await?;
    Ok(Change::of(&key))
}

/// Does what is due: closes overlaps, destroys copies, and forgets keys that have been dead for so long that nobody
/// should still hold them.
pub async fn do_chores(tx: &mut Tx, now: Millis) -> Result<Change> {
    usage::forget_old(tx, now).await?;
    let mut change = rotation::close_silent(tx, now).await?;
    custody::destroy_forbidden_copies(tx, now).await?;
    store::delete_requests_before(tx, now.plus(-requests::REMEMBERED_FOR)).await?;
    change.forgotten = store::delete_dead_before(tx, now.plus(-KEPT_FOR), None).await?;
    let exchanged = store::delete_dead_before(tx, now.plus(-EXCHANGED_KEPT_FOR), Some(Kind::Exchanged)).await?;
    change.forgotten.extend(exchanged);
    Ok(change)
}
