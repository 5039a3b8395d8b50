//! Service accounts, as `/api/v1/service-accounts` shows and takes them.

use serde::{Deserialize, Serialize};

/// A machine identity of an organization.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccountView {
    pub id: i64,
    pub organization: i64,
    pub name: String,
    pub description: String,
    /// `member` or `admin`.
    pub role: String,
    pub created_at: String,
    /// Set once the account was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    /// The people who look after it; at least one.
    pub stewards: Vec<PersonView>,
}

/// Somebody, or an account, as lists name them.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    pub id: i64,
    pub name: String,
    pub email: String,
}

/// Asks for a service account.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewServiceAccount {
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// `member` (default) or `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The first that you administer, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<i64>,
    /// The organization's first team, unless given; with it come the projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<i64>,
    /// People of the organization; you, unless given.
    #[serde(default)]
    pub stewards: Vec<i64>,
}

/// Changes what people call an account. An absent field stays as it is.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccountPatch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
