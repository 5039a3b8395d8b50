//! Who may pass: what a route asks for, and who is asking.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use testward_wire::keys::Scope;
use testward_wire::keytext::HANDLE_LEN;

use crate::error::{Error, Result};
use crate::ids::{KeyId, PersonId, ProjectId};
use crate::time::{MINUTE, Millis};

/// What a route asks of whoever calls it. The route table cannot be written without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// A signed-in person. Keys are refused: a key cannot make, copy or change keys, nor click through pages.
    Session,
    /// Any live key, whatever it may do.
    Key,
    /// A signed-in person or any live key.
    Known,
    /// A signed-in person, or a key that has the scope. What of it they may touch is checked where it is loaded.
    Scope(Scope),
}

/// Whoever passed the gate.
#[derive(Debug, Clone)]
pub struct Caller {
    pub person: PersonId,
    pub via: Via,
    pub ip: IpAddr,
}

/// How the caller proved who they are.
#[derive(Debug, Clone)]
pub enum Via {
    Session(SessionFacts),
    Key(Arc<KeyFacts>),
}

#[derive(Debug, Clone)]
pub struct SessionFacts {
    /// SHA-256 of the session's token, as the table has it.
    pub token_hash: String,
    /// When the password was last given.
    pub confirmed_at: Millis,
    /// When the session of a program ends at the latest.
    pub ends_at: Option<Millis>,
}

/// What a live key says of itself. Kept in the index of keys, shared with the request.
#[derive(Debug)]
pub struct KeyFacts {
    pub id: KeyId,
    pub handle: Handle,
    pub name: Box<str>,
    pub owner: PersonId,
    pub scopes: Scopes,
    /// Projects the key is bound to; absent means all of its owner's.
    pub projects: Option<Box<[ProjectId]>>,
    pub expires_at: Option<Millis>,
}

/// The public part of a key, which names it without its secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle([u8; HANDLE_LEN]);

impl Handle {
    /// Returns the handle written as `text`; eight base62 digits.
    pub fn new(text: &str) -> Option<Self> {
        let bytes: [u8; HANDLE_LEN] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphanumeric).then_some(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a handle is ASCII")
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How long a password counts as just given.
pub const CONFIRMED_FOR: i64 = 30 * MINUTE;

impl Caller {
    /// Returns the key the caller used, when it was one.
    pub fn key(&self) -> Option<&KeyFacts> {
        match &self.via {
            Via::Key(key) => Some(key),
            Via::Session(_) => None,
        }
    }

    /// Returns the session the caller is signed in with, or why there is none.
    pub fn session(&self) -> Result<&SessionFacts> {
        match &self.via {
            Via::Session(session) => Ok(session),
            Via::Key(_) => Err(keys_refused()),
        }
    }

    /// Whether the caller may use `scope`. A person may use all of them.
    pub fn has(&self, scope: Scope) -> bool {
        self.key().is_none_or(|key| key.scopes.has(scope))
    }

    /// Refuses a key that lacks `scope`.
    pub fn require(&self, scope: Scope) -> Result<()> {
        match self.key() {
            Some(key) if !key.scopes.has(scope) => Err(Error::forbidden(
                "insufficient_scope",
                format!("the API key {} ({}) lacks the scope {}", key.handle, key.name, scope.name()),
            )),
            _ => Ok(()),
        }
    }

    /// Whether the caller's key, if it is one, reaches into `project`.
    pub fn reaches(&self, project: ProjectId) -> bool {
        self.key().and_then(|key| key.projects.as_ref()).is_none_or(|bound| bound.contains(&project))
    }

    /// Refuses unless the password was given a short while ago: what follows shows or makes a secret.
    pub fn require_confirmed(&self, now: Millis) -> Result<()> {
        if now.since(self.session()?.confirmed_at) <= CONFIRMED_FOR {
            return Ok(());
        }
        Err(Error::forbidden(
            "confirm_password",
            "confirm your password first; it was last given more than 30 minutes ago",
        ))
    }
}

/// What is said to a key at a door for people.
pub fn keys_refused() -> Error {
    Error::forbidden("session_required", "an API key cannot do this; sign in and do it as a person")
}

/// A set of scopes in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u16);

impl Scopes {
    pub const EVERYTHING: Self = Self(bit(Scope::Everything));

    /// Whether `scope` is in the set, or everything is.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (bit(scope) | bit(Scope::Everything)) != 0
    }

    /// Returns the scopes as people read them.
    pub fn list(self) -> Vec<Scope> {
        Scope::ALL.into_iter().filter(|scope| self.0 & bit(*scope) != 0).collect()
    }

    /// Returns the set as the table keeps it: names, separated by blanks.
    pub fn to_text(self) -> String {
        self.list().into_iter().map(Scope::name).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`to_text`](Self::to_text) wrote. A name this version does not know grants nothing.
    pub fn from_text(text: &str) -> Self {
        text.split(' ').filter_map(Scope::from_name).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | bit(scope)))
    }
}

const fn bit(scope: Scope) -> u16 {
    1 << scope as u16
}

/// Admission puts the caller into the request; a route for anybody has none.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Error::unauthenticated("not_signed_in", "sign in first"))
    }
}
