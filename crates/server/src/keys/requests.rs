//! A repeated creation is the same creation: a client that lost the answer asks again with its `Idempotency-Key`.

use sha2::{Digest as _, Sha256};
use testward_wire::keys::NewKey;

use super::{ApiKey, Token, custody, store};
use crate::app::App;
use crate::blobs::hex;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::time::{DAY, Millis};

/// How long a creation is remembered.
pub(super) const REMEMBERED_FOR: i64 = DAY;

/// A creation with the token that names it.
pub struct Request {
    token_hash: String,
    /// Of what was asked for: the same token with another wish is a mistake.
    wish_hash: String,
}

impl Request {
    /// Names a creation; nothing, when the client did not.
    pub fn read(token: Option<&str>, path: &str, new: &NewKey) -> Result<Option<Self>> {
        let Some(token) = token else { return Ok(None) };
        let token = Token::parse(token)?;
        let wish = serde_json::to_string(new).map_err(anyhow::Error::from)?;
        Ok(Some(Self { token_hash: token.hash(), wish_hash: hex(&Sha256::digest(format!("{path} {wish}"))) }))
    }

    /// Returns the key that this request made before, with its text if it can still be shown.
    pub async fn find(&self, tx: &mut Tx, app: &App, now: Millis, caller: &Caller) -> Result<Option<(ApiKey, String)>> {
        let since = now.plus(-REMEMBERED_FOR);
        let Some((id, wish)) = store::find_request(tx, caller.person, &self.token_hash, since).await? else {
            return Ok(None);
        };
        if wish != self.wish_hash {
            let message = "this Idempotency-Key was used for another request; take a new one";
            return Err(Error::conflict("idempotency_key_reused", message));
        }
        let key = store::find(tx, id).await?.ok_or(Error::NotFound("API key"))?;
        if let Some(text) = custody::open_copy(tx, app, now, &key).await? {
            return Ok(Some((key, text)));
        }
        let made = format!("this request made the key {} (id {}) before, and it was shown once", key.handle, key.id);
        Err(Error::conflict("already_created", format!("{made}; delete it and ask again with another token")))
    }

    /// Remembers what this request made.
    pub async fn remember(&self, tx: &mut Tx, now: Millis, caller: &Caller, key: &ApiKey) -> Result<()> {
        store::insert_request(tx, caller.person, (&self.token_hash, &self.wish_hash), key.id, now).await
    }
}
