//! The audit log as `/api/v1/audit` shows and exports it.

use serde::{Deserialize, Serialize};

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditRow {
    /// Counts the rows of the server, without gaps; those of other organizations are left out of lists.
    pub seq: i64,
    pub at: String,
    /// Absent for the operator at the server's console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<AuditPerson>,
    /// Handle of the key that was used to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Such as `key.create`.
    pub action: String,
    pub subject: String,
    pub detail: String,
    /// The row in words.
    pub sentence: String,
    /// Numbers of the organizations whose admins may read it, separated by blanks; part of what is hashed.
    pub organizations: String,
    /// Hash of the row before, whoever's it is.
    pub previous_hash: String,
    /// SHA-256 over the fields and `previous_hash`.
    pub hash: String,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditPerson {
    pub id: i64,
    pub name: String,
    pub email: String,
}
