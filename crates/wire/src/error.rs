//! The one shape of every error answer of `/api`.

use serde::{Deserialize, Serialize};

/// The body of every answer of `/api` that is not a success.
///
/// `error` and `error_description` repeat `code` and `message` in OAuth's words (RFC 6749, 5.2), because the official
/// clients read those names and fail on an answer that is not a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorBody {
    /// Stable machine-readable code, such as `key_expired`.
    pub code: String,
    /// What went wrong and what to do about it, for a person.
    pub message: String,
    /// Same as `code`.
    pub error: String,
    /// Same as `message`.
    pub error_description: String,
    /// Names the request in the server's log.
    pub request_id: String,
    /// One entry for each field that must be mended, where the request had several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FieldProblem>,
}

/// One field of a request that cannot be accepted as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldProblem {
    /// Name of the field as the request spelled it.
    pub field: String,
    /// What it must be instead.
    pub message: String,
}
