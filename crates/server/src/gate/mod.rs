//! Who may pass: what a route asks for, and who is asking.

mod key;

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use testward_wire::keys::Scope;

pub use key::{Former, Handle, KeyFacts, Rare, Secret, ShownKey};

use crate::error::{Error, Result};
use crate::ids::{OrganizationId, PersonId, ProjectId};
use crate::rights::{Rights, Role};
use crate::time::{MINUTE, Millis};

pub use crate::rights::Scopes;

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
    /// A signed-in person or a key, with a right to the scope in some organization. What of it they may touch is
    /// checked where it is loaded.
    Scope(Scope),
    /// A signed-in person who is at least this in some organization.
    Role(Role),
}

/// Whoever passed the gate.
#[derive(Debug, Clone)]
pub struct Caller {
    pub person: PersonId,
    pub via: Via,
    pub ip: IpAddr,
    /// What the caller may do where, as it was at admission.
    pub rights: Rights,
    /// The scope that the route asks for: whatever is loaded must lie where the caller has it.
    pub asked: Option<Scope>,
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
    /// Somebody who proved who they are. What they may do is looked up at admission.
    pub fn new(person: PersonId, via: Via, ip: IpAddr) -> Self {
        Self { person, via, ip, rights: Rights::default(), asked: None }
    }

    /// Returns the key the caller used, when it was one.
    pub fn key(&self) -> Option<&ShownKey> {
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

    /// Whether the caller may use `scope` in some organization: their key has it, their role includes it, and the
    /// organization's policy allows it.
    pub fn has(&self, scope: Scope) -> bool {
        self.rights.allow(scope)
    }

    /// Refuses whoever lacks `scope` everywhere.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.has(scope) { Ok(()) } else { Err(self.lacks(scope)) }
    }

    /// Refuses whoever is less than `role` everywhere.
    pub fn require_role(&self, role: Role) -> Result<()> {
        if self.rights.highest_role() >= Some(role) { Ok(()) } else { Err(not_an_admin()) }
    }

    /// Refuses whoever lacks, in `organization`, what the route asks for.
    pub fn require_in(&self, organization: OrganizationId) -> Result<()> {
        match self.asked {
            Some(scope) if !self.rights.allow_in(organization, scope) => Err(self.lacks(scope)),
            _ => Ok(()),
        }
    }

    /// Returns the caller as one who asks for `scope`, for routes that learn only later what is asked for.
    pub fn asking(&self, scope: Scope) -> Result<Self> {
        self.require(scope)?;
        Ok(Self { asked: Some(scope), ..self.clone() })
    }

    fn lacks(&self, scope: Scope) -> Error {
        let Some(key) = self.key() else { return not_an_admin() };
        let name = scope.name();
        let why = if key.scopes.has(scope) {
            format!("may not use its scope {name}: its owner's role or the organization's policy does not allow it")
        } else {
            format!("lacks the scope {name}")
        };
        Error::forbidden("insufficient_scope", format!("the API key {} ({}) {why}", key.handle, key.name))
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

fn not_an_admin() -> Error {
    Error::forbidden("not_an_admin", "only owners and admins of the organization can do this")
}

/// What is said to a key at a door for people.
pub fn keys_refused() -> Error {
    Error::forbidden("session_required", "an API key cannot do this; sign in and do it as a person")
}

/// Admission puts the caller into the request; a route for anybody has none.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Error::unauthenticated("not_signed_in", "sign in first"))
    }
}
