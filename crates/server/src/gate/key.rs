//! A key as the index keeps it and a request carries it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;
use testward_wire::keytext::{HANDLE_LEN, Kind};

use super::Scopes;
use crate::ids::{KeyId, PersonId, ProjectId};
use crate::net::Networks;
use crate::rate::{Rate, Spent};
use crate::time::Millis;

/// What is known of a key without asking the database. One record in the index, shared with every request that shows
/// the key; a change puts another record in its place.
///
/// There are as many as there are keys, so what few keys have stands in [`Rare`].
#[derive(Debug)]
pub struct KeyFacts {
    pub id: KeyId,
    pub handle: Handle,
    pub kind: Kind,
    pub name: Box<str>,
    pub owner: PersonId,
    pub scopes: Scopes,
    /// Projects the key is bound to; absent means all of its owner's.
    pub projects: Option<Box<[ProjectId]>>,
    pub created_at: Millis,
    pub expires_at: Option<Millis>,
    pub secret: Secret,
    /// Counts the changes of the key's row.
    pub version: i64,
    pub rare: Option<Box<Rare>>,
}

/// What few keys have.
#[derive(Debug, Default)]
pub struct Rare {
    pub disabled_at: Option<Millis>,
    pub revoked_at: Option<Millis>,
    /// Networks the key may be used from; none means any.
    pub networks: Networks,
    pub rate: Option<Rate>,
    /// What was replaced by rotations, the latest first.
    pub formers: Box<[Former]>,
}

/// A secret from before a rotation.
#[derive(Debug)]
pub struct Former {
    pub secret: Secret,
    pub rotated_at: Millis,
    /// Until then it opens what the key opens.
    pub accepted_until: Millis,
}

impl Rare {
    /// Returns nothing when a key has none of this.
    pub fn boxed(self) -> Option<Box<Self>> {
        let is_free = self.networks.is_empty() && self.rate.is_none();
        let is_plain = is_free && self.disabled_at.is_none() && self.revoked_at.is_none() && self.formers.is_empty();
        (!is_plain).then(|| Box::new(self))
    }
}

impl KeyFacts {
    /// Whether the key has ended for good.
    pub fn is_revoked(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.revoked_at.is_some())
    }

    /// Returns what was replaced by rotations, the latest first.
    pub fn formers(&self) -> &[Former] {
        self.rare.as_ref().map_or(&[], |rare| &rare.formers)
    }

    pub fn rate(&self) -> Option<&Rate> {
        self.rare.as_ref()?.rate.as_ref()
    }
}

/// HMAC-SHA-256 of a key's text, and the version of the pepper that it was made with.
#[derive(Clone, Copy)]
pub struct Secret {
    pub mac: [u8; 32],
    pub pepper: u8,
}

impl Secret {
    /// Whether both were made of the same key; takes the same time either way.
    pub fn is(&self, other: &Self) -> bool {
        self.pepper == other.pepper && bool::from(self.mac.ct_eq(&other.mac))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret(pepper {})", self.pepper)
    }
}

/// A live key that a request has shown.
#[derive(Debug, Clone)]
pub struct ShownKey {
    pub facts: Arc<KeyFacts>,
    /// Whether it was shown with the secret from before the last rotation.
    pub is_former: bool,
    /// Where the key stands with its own limit, if it has one.
    pub spent: Option<Spent>,
}

impl Deref for ShownKey {
    type Target = KeyFacts;

    fn deref(&self) -> &KeyFacts {
        &self.facts
    }
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

    pub const fn bytes(self) -> [u8; HANDLE_LEN] {
        self.0
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
