//! Keys that builds get for the identity token of their CI: shown once, dead within minutes, bound to what a rule says.

use testward_wire::keytext::{HANDLE_LEN, Kind, SECRET_LEN, compose};

use super::{ApiKey, Change, Custody, store, vault};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::{Handle, Scopes};
use crate::identity::{self, Actor};
use crate::ids::{KeyId, PersonId, ProjectId};
use crate::time::Millis;

/// What the key may do, for whom, and until when.
pub struct Exchanged {
    pub owner: PersonId,
    pub name: String,
    pub scopes: Scopes,
    pub projects: Option<Vec<ProjectId>>,
    pub expires_at: Millis,
}

/// Makes a key of kind `x`. No sealed copy is kept: it is shown once.
pub async fn issue_exchanged(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    actor: &Actor,
    new: Exchanged,
) -> Result<(Change, ApiKey, String)> {
    let handle = app.random.base62(HANDLE_LEN);
    let text = compose(Kind::Exchanged, &handle, &app.random.base62(SECRET_LEN));
    let key = ApiKey {
        id: KeyId::next(tx).await?,
        kind: Kind::Exchanged,
        handle: Handle::new(&handle).expect("base62 of the right length"),
        owner: new.owner,
        name: identity::checked_name("name", &new.name)?,
        description: None,
        scopes: new.scopes,
        projects: new.projects,
        custody: Custody::Once,
        created_at: now,
        expires_at: Some(new.expires_at),
        disabled_at: None,
        revoked_at: None,
        version: 1,
        copies: 0,
        last_use: None,
        mac: app.vault.mac(&text),
    };
    store::insert(tx, &key, vault::VERSION).await?;
    identity::audit_as(tx, now, actor, "key.exchange", &key.handle, &key.name).await?;
    Ok((Change { entries: vec![key.entry()], ..Change::default() }, key, text))
}
