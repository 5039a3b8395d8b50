//! What an organization allows its keys, as `/api/v1/organizations/{id}/key-policy` shows and takes it.

use serde::{Deserialize, Serialize};

use crate::keys::Scope;

/// The rules of an organization for its keys.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPolicy {
    /// How many days a key may live from its creation; absent: as many as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lifetime_days: Option<i64>,
    /// Whether a key may live without an end. With `max_lifetime_days` none does.
    pub allows_never: bool,
    /// `recall`: owners decide for how long their keys can be copied again; `once`: keys are shown once only. Owners of the
    /// organization decide for `once`, and there is no way back.
    pub custody: String,
    /// What keys may be used for; without `everything` no new key follows its owner in everything.
    pub scopes: Vec<Scope>,
    /// Networks that keys may be used from, such as `10.0.0.0/8`; empty: from anywhere.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Whether people may have keys of their own; service accounts may always.
    pub allows_personal: bool,
}

/// Answers a read of the policy.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPolicyView {
    #[serde(flatten)]
    pub policy: KeyPolicy,
    /// Grows with each change; the `ETag` without its quotes.
    pub version: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<String>,
}

/// Whom a policy breaks, counted over the live keys of the organization's people and service accounts.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyEffect {
    /// Keys that would open nothing in the organization any more.
    pub ends: i64,
    /// How many people and service accounts own them.
    pub owners: i64,
    /// When one of them was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    /// Keys that go on, and end sooner.
    pub shortened: i64,
    /// Keys that go on, and may do less.
    pub narrowed: i64,
    /// Keys that were last used from outside the allowed networks.
    pub outside: i64,
    /// Keys whose copies would be destroyed.
    pub uncopied: i64,
    /// Those that would end, the last used first; at most 50.
    pub keys: Vec<AffectedKey>,
}

/// A key that a policy ends.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffectedKey {
    pub id: i64,
    pub handle: String,
    pub name: String,
    pub owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

/// Answers a change of the policy: what is in force since when, and what it did.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReceipt {
    #[serde(flatten)]
    pub view: KeyPolicyView,
    pub effect: PolicyEffect,
}
