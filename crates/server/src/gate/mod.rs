//! Who may pass: what a route asks for, and who is asking.

mod key;

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use testward_wire::keys::Scope;

pub use key::{Handle, KeyFacts, Rare, Secret, ShownKey};

use crate::error::{Error, Result};
use crate::ids::{PersonId, ProjectId};
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
    Key(ShownKey),
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
