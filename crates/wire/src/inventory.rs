//! All keys of an organization, as `/api/v1/organizations/{id}/keys` shows and ends them.

use serde::{Deserialize, Serialize};

use crate::keys::KeyView;
use crate::service::PersonView;

/// A key with whose it is; never its secret.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryKey {
    #[serde(flatten)]
    pub key: KeyView,
    pub owner: PersonView,
    /// `personal`, `service`, `exchanged` or `job`.
    pub kind: String,
}

/// Which keys. Every condition that is given must hold.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFilter {
    /// Part of a key's name, or its handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Part of the owner's name or e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Keys that reach this project: bound to it, or to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<i64>,
    /// `live` (default), `disabled`, `expired`, `revoked` or `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// RFC 3339 instant or date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_before: Option<String>,
    /// Not used for so many days, or never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused_days: Option<i64>,
    /// Ever used from this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_from: Option<String>,
}

/// What shall become of many keys at once.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkOrder {
    /// `disable` or `revoke`.
    pub action: String,
    /// These keys; or, without them, all that the filter finds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<i64>>,
    #[serde(default)]
    pub filter: KeyFilter,
    /// How many keys it was about when it was looked at; if it is another number now, nothing is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<i64>,
}

/// How many keys an order is about.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkPreview {
    pub keys: i64,
    pub owners: i64,
    /// When one of them was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

/// What was done, to which keys.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkReceipt {
    pub action: String,
    pub at: String,
    pub keys: i64,
    pub owners: i64,
    pub handles: Vec<String>,
}

/// Brings keys of an older system along.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportKeys {
    /// The keys, UUIDs: secrets.
    pub keys: Vec<String>,
    pub name: String,
    /// Number of a member or service account of the organization.
    pub owner: i64,
    /// `30d` or an instant, within a year; absent means 90 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<crate::keys::Scope>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<i64>>,
}

/// What a person has who leaves, and what becomes of it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offboarding {
    pub person: PersonView,
    /// Set when it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Whether they belong elsewhere too: then they lose this organization only.
    pub stays_elsewhere: bool,
    /// Keys that end.
    pub keys: Vec<KeyView>,
    /// Service accounts that they look after alone: you will.
    pub accounts: Vec<String>,
}
