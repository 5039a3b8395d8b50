//! Keys of an older system, brought along by an admin so that pipelines run unchanged. They have the shape of a UUID,
//! verify through the index like all others, and end within a year.

use testward_wire::inventory::ImportKeys;
use testward_wire::keytext::{HANDLE_LEN, ImportedText, Kind};

use super::checks::{checked_projects, checked_scopes};
use super::inventory::actor;
use super::{ApiKey, Change, Custody, expires_at, policy, store};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::{Caller, Handle};
use crate::identity::{self, Membership, service};
use crate::ids::{KeyId, PersonId};
use crate::time::{DAY, Millis};

/// Nobody knows who has seen an old key, so it must be replaced before long.
const MAX_LIFETIME: i64 = 366 * DAY;
const MAX_KEYS: usize = 1_000;

/// Brings keys along for a member of the organization, or for one of its service accounts. All of them, or none.
pub async fn import(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    caller: &Caller,
    organization: &Membership,
    wanted: &ImportKeys,
) -> Result<(Change, Vec<ApiKey>)> {
    caller.require_confirmed(now)?;
    let owner = PersonId(wanted.owner);
    let is_member = identity::role_in(tx, owner, organization.organization).await?.is_some();
    if !is_member {
        return Err(Error::invalid("owner", "must be a member or a service account of the organization"));
    }
    let kind = if service::is_account(tx, owner).await? { Kind::Service } else { Kind::Personal };
    if wanted.keys.is_empty() || wanted.keys.len() > MAX_KEYS {
        return Err(Error::invalid("keys", format!("must be 1 to {MAX_KEYS}")));
    }
    let (mut change, mut keys) = (Change::default(), Vec::new());
    for (i, text) in wanted.keys.iter().enumerate() {
        let key = compose(tx, app, now, (owner, kind), wanted, text).await.map_err(|error| at_line(error, i))?;
        policy::find_for(tx, owner).await?.check_new(key.judged())?;
        if store::is_mac_taken(tx, &key.secret).await? {
            let message = format!("names on line {} a key that is here already", i + 1);
            return Err(Error::invalid("keys", message));
        }
        store::insert(tx, &key).await?;
        identity::audit_as(tx, now, &actor(caller), "key.import", &key.handle, &key.name).await?;
        change += Change::of(&key);
        keys.push(key);
    }
    Ok((change, keys))
}

/// Says which of the keys is wrong, by its number: the key itself is a secret.
fn at_line(error: Error, i: usize) -> Error {
    match error {
        Error::Invalid(problems) if problems.iter().all(|it| it.field == "keys") => {
            Error::invalid("keys", format!("must be UUIDs; the one on line {} is none", i + 1))
        }
        error => error,
    }
}

async fn compose(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    (owner, kind): (PersonId, Kind),
    wanted: &ImportKeys,
    text: &str,
) -> Result<ApiKey> {
    let text = ImportedText::parse(text.trim()).ok_or_else(|| Error::invalid("keys", "must be UUIDs"))?;
    Ok(ApiKey {
        handle: Handle::new(&app.random.base62(HANDLE_LEN)).expect("base62 of the right length"),
        kind,
        imported_at: Some(now),
        owner,
        name: identity::checked_name("name", &wanted.name)?,
        description: None,
        scopes: checked_scopes(kind, wanted.scopes.as_deref())?,
        projects: checked_projects(wanted.projects.as_deref())?,
        custody: Custody::Once,
        copy_until: None,
        networks: crate::net::Networks::default(),
        rate_per_minute: None,
        created_at: now,
        expires_at: Some(end(now, wanted.expires.as_deref().unwrap_or("90d"))?),
        disabled_at: None,
        revoked_at: None,
        version: 1,
        copies: 0,
        last_use: None,
        rotations: Vec::new(),
        secret: app.vault.secret(text.expose()),
        id: KeyId::next(tx).await?,
    })
}

fn end(now: Millis, text: &str) -> Result<Millis> {
    match expires_at(now, text)? {
        Some(at) if at.since(now) <= MAX_LIFETIME => Ok(at),
        _ => Err(Error::invalid("expires", "must be within a year: imported keys are to be replaced")),
    }
}
