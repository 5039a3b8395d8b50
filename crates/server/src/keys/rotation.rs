//! Rotation: a key gets another secret and stays the same key. For an overlap both are accepted, so that no machine has
//! to change at the same instant as another.

use sha2::{Digest as _, Sha256};
use testward_wire::keys::RotateKey;
use testward_wire::keytext::{SECRET_LEN, compose};

use super::vault::DataKey;
use super::{ApiKey, Change, change, custody, expiry, find, find_live, store};
use crate::app::App;
use crate::blobs::hex;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::{Caller, Former, Secret};
use crate::identity::{self, Actor};
use crate::ids::KeyId;
use crate::time::{DAY, Millis};

/// What an overlap lasts when nobody says otherwise.
const DEFAULT_OVERLAP: &str = "7d";
const MAX_OVERLAP: i64 = 30 * DAY;
/// An overlap closes when the new secret is in use and the old one was silent for so long.
const SILENCE: i64 = DAY;
/// Former secrets whose holders are told what became of them.
pub(super) const MAX_FORMERS: usize = 20;
const MAX_TOKEN_LEN: usize = 200;

/// One rotation, with the secret that it replaced.
#[derive(Debug, Clone)]
pub struct Rotation {
    pub rotated_at: Millis,
    pub overlap_until: Millis,
    pub former_used_at: Option<Millis>,
    /// First use of the new secret.
    pub adopted_at: Option<Millis>,
    pub(super) seq: i64,
    pub(super) former: Secret,
    pub(super) token_hash: Option<String>,
    pub(super) answer: Option<String>,
}

/// Who still sends the secret from before the last rotation.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FormerUse {
    pub ip: String,
    pub user_agent: String,
    pub used_at: Millis,
}

/// A key with its new secret.
pub struct Rotated {
    pub change: Change,
    pub key: ApiKey,
    pub text: String,
}

impl Rotation {
    /// Whether the secret that it replaced is still accepted.
    pub fn is_open(&self, now: Millis) -> bool {
        now < self.overlap_until
    }

    pub(super) fn former(&self) -> Former {
        Former { secret: self.former, rotated_at: self.rotated_at, accepted_until: self.overlap_until }
    }
}

impl ApiKey {
    /// Returns the latest rotation while its overlap lasts.
    pub fn open_rotation(&self, now: Millis) -> Option<&Rotation> {
        self.rotations.first().filter(|rotation| rotation.is_open(now))
    }
}

/// Makes a repeated request the same request: a client that lost the answer asks again with it.
pub struct Token<'a>(&'a str);

impl<'a> Token<'a> {
    /// Reads the value of an `Idempotency-Key` header.
    pub fn parse(text: &'a str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_TOKEN_LEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "the header Idempotency-Key must hold 1 to 200 visible ASCII characters";
            return Err(Error::bad_request("invalid_idempotency_key", message));
        }
        Ok(Self(text))
    }

    fn hash(&self) -> String {
        hex(&Sha256::digest(self.0))
    }

    fn made(&self, rotation: &Rotation) -> bool {
        rotation.token_hash.as_ref() == Some(&self.hash())
    }
}

/// Gives a key of the caller's another secret. One that was still accepted from an earlier rotation is refused from now on.
pub async fn rotate(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    caller: &Caller,
    id: KeyId,
    (wanted, token): (&RotateKey, Option<Token<'_>>),
) -> Result<Rotated> {
    caller.require_confirmed(now)?;
    let key = find_live(tx, caller, id).await?;
    let repeated = token.as_ref().and_then(|token| key.open_rotation(now).filter(|it| token.made(it)));
    if let Some(rotation) = repeated {
        return match custody::open_copy(tx, app, now, &key).await? {
            Some(text) => Ok(Rotated { change: Change::default(), key, text }),
            None => Err(already_rotated(rotation, "the new key was shown once; rotate it again with another token")),
        };
    }
    replace(tx, app, now, caller, key, wanted, token.map(|token| (token, None))).await
}

/// Gives the key that the caller presents another secret. `text` is the presented key.
///
/// The answer may get lost, and then nobody has the new secret. So it is kept until the new secret is first used, sealed
/// with a key made of the old one and the token: whoever repeats the request with both gets it again.
pub async fn rotate_self(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    caller: &Caller,
    (text, wanted, token): (&str, &RotateKey, Token<'_>),
) -> Result<Rotated> {
    let shown = caller.key().ok_or_else(|| Error::bad_request("no_key", "this rotates the key it is called with"))?;
    let key = store::find(tx, shown.id).await?.ok_or(Error::NotFound("API key"))?;
    let is_former = !app.vault.secret_with(key.secret.pepper, text).is(&key.secret);
    match key.rotations.first() {
        Some(rotation) if is_former && token.made(rotation) => match &rotation.answer {
            Some(answer) => {
                let text = DataKey::of_rotation(text, token.0).open(key.id, key.owner, answer)?;
                Ok(Rotated { change: Change::default(), key, text })
            }
            None => Err(already_rotated(rotation, "the new key is in use and is not shown again")),
        },
        Some(rotation) if is_former => {
            Err(already_rotated(rotation, "repeat that request with its own token, or let the key's owner rotate it"))
        }
        Some(rotation) if token.made(rotation) => {
            let text = text.to_owned();
            Ok(Rotated { change: Change::default(), key, text })
        }
        Some(rotation) if rotation.is_open(now) => {
            let until = rotation.overlap_until.rfc3339();
            let message =
                format!("the key's last rotation ends at {until}; until then only its owner can rotate it again");
            Err(Error::conflict("overlap_open", message))
        }
        _ => replace(tx, app, now, caller, key, wanted, Some((token, Some(text)))).await,
    }
}

fn already_rotated(rotation: &Rotation, what_now: &str) -> Error {
    Error::conflict("already_rotated", format!("the key was rotated at {}; {what_now}", rotation.rotated_at.rfc3339()))
}

/// Puts a new secret in the place of the old. With `old`, the text of the key, the answer can be asked for again.
async fn replace(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    caller: &Caller,
    mut key: ApiKey,
    wanted: &RotateKey,
    asked: Option<(Token<'_>, Option<&str>)>,
) -> Result<Rotated> {
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::conflict("key_expired", "the key has expired, and rotation does not lengthen its life"));
    }
    let overlap = overlap(wanted.overlap.as_deref())?;
    let text = compose(key.kind, key.handle.as_str(), &app.random.base62(SECRET_LEN));
    let answer = match asked {
        Some((ref token, Some(old))) => {
            Some(DataKey::of_rotation(old, token.0).seal(&app.random, key.id, key.owner, &text)?)
        }
        _ => None,
    };
    let rotation = Rotation {
        seq: key.rotations.first().map_or(1, |rotation| rotation.seq + 1),
        rotated_at: now,
        overlap_until: now.plus(overlap),
        former_used_at: None,
        adopted_at: None,
        former: key.secret,
        token_hash: asked.map(|(token, _)| token.hash()),
        answer,
    };
    close(tx, now, &mut key).await?;
    store::insert_rotation(tx, key.id, &rotation).await?;
    key.rotations.insert(0, rotation);
    key.rotations.truncate(MAX_FORMERS);
    key.secret = app.vault.secret(&text);
    key.copy_until = key.custody.copy_until(now);
    store::update_secret(tx, &key).await?;
    custody::keep_copy(tx, app, &key, &text).await?;
    let change = change(tx, now, caller, key.clone(), "key.rotate").await?;
    key.version += 1;
    Ok(Rotated { change, key, text })
}

fn overlap(text: Option<&str>) -> Result<i64> {
    match expiry::duration(text.unwrap_or(DEFAULT_OVERLAP)) {
        Some(overlap @ 0..=MAX_OVERLAP) => Ok(overlap),
        _ => Err(Error::invalid("overlap", "must be between 0 and 30 days, such as 12h or 7d")),
    }
}

/// Ends the overlap that is open, if one is.
async fn close(tx: &mut Tx, now: Millis, key: &mut ApiKey) -> Result<()> {
    if let Some(rotation) = key.rotations.first_mut().filter(|rotation| rotation.is_open(now)) {
        rotation.overlap_until = now;
        rotation.answer = None;
        store::close_rotation(tx, key.id, now).await?;
    }
    Ok(())
}

/// Refuses the old secret from now on.
pub async fn close_overlap(tx: &mut Tx, now: Millis, caller: &Caller, id: KeyId) -> Result<Change> {
    let mut key = find_live(tx, caller, id).await?;
    if key.open_rotation(now).is_none() {
        return Ok(Change::default());
    }
    close(tx, now, &mut key).await?;
    change(tx, now, caller, key, "key.rotation.close").await
}

/// Closes the overlaps that nobody needs any more.
pub(super) async fn close_silent(tx: &mut Tx, now: Millis) -> Result<Change> {
    let mut changes = Change::default();
    for id in store::list_silent_rotations(tx, now, now.plus(-SILENCE)).await? {
        let Some(mut key) = store::find(tx, id).await? else { continue };
        close(tx, now, &mut key).await?;
        key.version += 1;
        store::update(tx, &key).await?;
        identity::audit_about(tx, now, &Actor::default(), key.owner, "key.rotation.close", &key.handle, &key.name)
            .await?;
        changes += Change::of(&key);
    }
    Ok(changes)
}

/// Lists who still sends the secret from before the last rotation, the latest first.
pub async fn list_former_uses(tx: &mut Tx, caller: &Caller, id: KeyId) -> Result<Vec<FormerUse>> {
    find(tx, caller, id).await?;
    store::list_former_uses(tx, id).await
}
