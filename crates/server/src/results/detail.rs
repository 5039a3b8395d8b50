//! The long part of a result: kept as one JSON text, read only where somebody looks at the result.

use serde::{Deserialize, Serialize};
use testward_wire::results::Status;

/// What a report says of one result beyond its line in a list. Absent parts take no room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Detail {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_reason: Option<String>,
    /// Attempts within the report before the deciding one, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier_attempts: Vec<AttemptDetail>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepDetail>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The start as the producer wrote it, when it named no zone: UTC milliseconds of the same wall clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_start_ms: Option<i64>,
    #[serde(skip_serializing_if = "TextPart::is_empty")]
    pub stdout: TextPart,
    #[serde(skip_serializing_if = "TextPart::is_empty")]
    pub stderr: TextPart,
}

/// Text, of which the middle was left out when it was too long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct TextPart {
    pub head: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tail: String,
    /// Bytes left out between `head` and `tail`.
    #[serde(skip_serializing_if = "is_zero")]
    pub omitted_bytes: u64,
}

/// One failure, error or failed assertion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct FailureDetail {
    /// Exception or assertion type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    pub message: String,
    #[serde(skip_serializing_if = "TextPart::is_empty")]
    pub stack: TextPart,
}

/// An attempt that did not decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AttemptDetail {
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureDetail>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepDetail>,
    #[serde(default, skip_serializing_if = "TextPart::is_empty")]
    pub stdout: TextPart,
    #[serde(default, skip_serializing_if = "TextPart::is_empty")]
    pub stderr: TextPart,
}

/// A keyword or step within a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StepDetail {
    /// Nesting, from 0.
    pub depth: u16,
    pub name: String,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl TextPart {
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }
}

impl Detail {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
