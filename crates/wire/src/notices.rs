//! Notices as `/api/v1/notices` shows them.

use serde::{Deserialize, Serialize};

/// Something that a person was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NoticeView {
    pub id: i64,
    pub at: String,
    /// Such as `key_expires`.
    pub kind: String,
    pub title: String,
    pub text: String,
    /// Where to go from here.
    pub url: String,
    /// What it is about, such as the handle of a key.
    pub subject: String,
    pub read_at: Option<String>,
}
