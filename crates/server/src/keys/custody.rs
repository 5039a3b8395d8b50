//! Custody: whether the owner can copy a key again, and the sealed copies that make it possible.

use super::{ApiKey, alarm, expiry, find, store, vault};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::{self, Role};
use crate::ids::{KeyId, OrganizationId, PersonId};
use crate::time::{HOUR, Millis};

/// A window longer than this is `recall`.
const MAX_WINDOW: i64 = 365 * 24;

/// Whether the owner can copy the key again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Custody {
    /// Any time, from a sealed copy.
    Recall,
    /// For so many hours after it was made or rotated.
    Window { hours: i64 },
    /// No: it was shown once.
    Once,
}

impl Custody {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::Window { .. } => "window",
            Self::Once => "once",
        }
    }

    pub const fn hours(self) -> Option<i64> {
        match self {
            Self::Window { hours } => Some(hours),
            Self::Recall | Self::Once => None,
        }
    }

    /// Returns the custody called `name` in a row.
    pub const fn of_row(name: &str, hours: Option<i64>) -> Self {
        match (name.as_bytes(), hours) {
            (b"recall", _) => Self::Recall,
            (b"window", Some(hours)) => Self::Window { hours },
            _ => Self::Once,
        }
    }

    /// Reads what people write: `recall`, `once`, or how long the key can be copied, such as `24h`.
    pub fn parse(text: &str) -> Result<Self> {
        let window = expiry::duration(text).map(|millis| millis / HOUR);
        match (text.trim(), window) {
            ("recall", _) => Ok(Self::Recall),
            ("once", _) => Ok(Self::Once),
            (_, Some(hours @ 1..=MAX_WINDOW)) => Ok(Self::Window { hours }),
            _ => Err(Error::invalid("custody", "must be recall, once, or a time of at most a year such as 24h or 7d")),
        }
    }

    /// Returns when the copy of a key that is made now has to be destroyed.
    pub fn copy_until(self, now: Millis) -> Option<Millis> {
        self.hours().map(|hours| now.plus(hours * HOUR))
    }
}

impl ApiKey {
    /// Whether its owner can copy it now, if no organization forbids it.
    pub fn is_copyable(&self, now: Millis) -> bool {
        let is_open = match self.custody {
            Custody::Recall => true,
            Custody::Window { .. } => self.copy_until.is_some_and(|at| now < at),
            Custody::Once => false,
        };
        is_open && self.revoked_at.is_none()
    }
}

/// Returns the custody of a new key: what is asked for, unless an organization of the owner's wants keys shown once.
pub(super) async fn of_new(tx: &mut Tx, owner: PersonId, wanted: Option<&str>) -> Result<Custody> {
    let wanted = wanted.map(Custody::parse).transpose()?;
    match (wanted, store::is_locked(tx, owner).await?) {
        (None | Some(Custody::Once), true) => Ok(Custody::Once),
        (Some(_), true) => {
            Err(Error::invalid("custody", "must be once: your organization decided that keys are shown once only"))
        }
        (wanted, false) => Ok(wanted.unwrap_or(Custody::Recall)),
    }
}

/// Keeps a sealed copy of the key, if its custody says so, in place of an earlier one.
pub(super) async fn keep_copy(tx: &mut Tx, app: &App, key: &ApiKey, text: &str) -> Result<()> {
    store::delete_sealed(tx, key.id).await?;
    if key.custody == Custody::Once {
        return Ok(());
    }
    let data_key = data_key_of(tx, app, key.owner).await?;
    store::insert_sealed(tx, key.id, &data_key.seal(&app.random, key.id, key.owner, text)?).await
}

/// Seals a secret of a person that is no API key, such as that of their authenticator.
pub async fn seal_secret(tx: &mut Tx, app: &App, owner: PersonId, what: &str, secret: &str) -> Result<String> {
    data_key_of(tx, app, owner).await?.seal_secret(&app.random, owner, what, secret)
}

/// Opens a secret that [`seal_secret`] sealed.
pub async fn open_secret(tx: &mut Tx, app: &App, owner: PersonId, what: &str, sealed: &str) -> Result<String> {
    data_key_of(tx, app, owner).await?.open_secret(owner, what, sealed)
}

async fn data_key_of(tx: &mut Tx, app: &App, owner: PersonId) -> Result<vault::DataKey> {
    if let Some((version, sealed)) = store::find_data_key(tx, owner).await? {
        return app.vault.open_data_key(owner, version, &sealed);
    }
    let (data_key, version, sealed) = app.vault.new_data_key(&app.random, owner)?;
    store::insert_data_key(tx, owner, version, &sealed).await?;
    Ok(data_key)
}

/// Shows the text of a key to its owner again.
pub async fn reveal(tx: &mut Tx, app: &App, now: Millis, caller: &Caller, id: KeyId) -> Result<String> {
    caller.require_confirmed(now)?;
    let key = find(tx, caller, id).await?;
    let text = open_copy(tx, app, now, &key).await?.ok_or_else(no_copy)?;
    store::update_copies(tx, id).await?;
    identity::audit(tx, now, caller, "key.copy", &key.handle, &key.name).await?;
    alarm::tell_change(tx, now, &key, &caller.into(), "key.copy").await?;
    Ok(text)
}

/// Opens the sealed copy of a key, if there is one and it may be opened.
pub(super) async fn open_copy(tx: &mut Tx, app: &App, now: Millis, key: &ApiKey) -> Result<Option<String>> {
    if !key.is_copyable(now) || store::is_locked(tx, key.owner).await? {
        return Ok(None);
    }
    let Some(sealed) = store::find_sealed(tx, key.id).await? else { return Ok(None) };
    let Some((version, data_key)) = store::find_data_key(tx, key.owner).await? else { return Ok(None) };
    let data_key = app.vault.open_data_key(key.owner, version, &data_key)?;
    data_key.open(key.id, key.owner, &sealed).map(Some)
}

fn no_copy() -> Error {
    let message = "this key cannot be copied again; rotate it, or create a new one";
    Error::Gone { code: "no_copy", message: message.to_owned() }
}

/// Decides for good that keys of the organization's members are shown once only, and destroys all sealed copies.
///
/// There is no way back: whoever takes the organization over later gains nothing that was not there.
pub async fn lock(tx: &mut Tx, now: Millis, caller: &Caller, organization: OrganizationId) -> Result<()> {
    caller.require_confirmed(now)?;
    match identity::role_in(tx, caller.person, organization).await? {
        Some(Role::Owner) => {}
        Some(_) => return Err(Error::forbidden("not_an_owner", "only owners of the organization can decide this")),
        None => return Err(Error::NotFound("organization")),
    }
    if store::insert_lock(tx, organization, now).await? {
        identity::audit_in(
            tx,
            now,
            &caller.into(),
            organization,
            "custody.lock",
            &organization,
            "keys are shown once only",
        )
        .await?;
    }
    store::delete_forbidden_copies(tx, now).await
}

/// Whether an organization's members are shown their keys once only.
pub async fn locked_at(tx: &mut Tx, organization: OrganizationId) -> Result<Option<Millis>> {
    store::find_lock(tx, organization).await
}

/// Destroys the copies whose window has closed, and those of people who came into a locked organization.
pub(super) async fn destroy_forbidden_copies(tx: &mut Tx, now: Millis) -> Result<()> {
    store::delete_forbidden_copies(tx, now).await
}
