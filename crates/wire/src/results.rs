//! Uploads, receipts and runs as `/api/v1/projects/{project}/uploads` and `…/runs` show them.

use serde::{Deserialize, Serialize};

/// How a test, suite or run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Passed,
    Failed,
    Error,
    Incomplete,
    Skipped,
    NotRun,
    Running,
}

/// How far the server is with an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UploadStage {
    /// More files may come.
    Receiving,
    /// Everything is on disk; rows are being written.
    Importing,
    /// Every file was read.
    Done,
    /// Some files were read, at least one was refused.
    PartlyRefused,
    /// Nothing could be read.
    Refused,
}

/// Number of results by outcome; the deciding attempt of each test counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counts {
    pub total: i64,
    pub passed: i64,
    pub failed: i64,
    pub error: i64,
    pub incomplete: i64,
    pub skipped: i64,
    pub not_run: i64,
    /// Passed after a failed attempt.
    pub flaky: i64,
}

/// A run in a list or a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunView {
    pub id: i64,
    pub project: i64,
    /// Counts the project's runs from 1.
    pub number: i64,
    pub name: String,
    /// Address of its page.
    pub url: String,
    pub status: Status,
    pub counts: Counts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_url: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// Says what became of an upload. Every 2xx that carries one means: these bytes are on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Receipt {
    pub id: i64,
    /// The client's own name for the upload; sending it again changes nothing.
    pub batch: String,
    pub stage: UploadStage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunView>,
    pub files: Vec<FileReceipt>,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileReceipt {
    /// Path within the upload.
    pub path: String,
    pub bytes: i64,
    pub outcome: FileOutcome,
    /// Format it was recognised as, such as `junit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Results read from it.
    pub results: i64,
    /// Why it was refused, or not read to its end; of a kept file, why it is no report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// What was wrong with it and mended while reading.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Problem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileOutcome {
    /// Stored, not looked at yet.
    Waiting,
    /// A report; its results count.
    Read,
    /// Not a report; kept with the run as a file.
    Kept,
    /// A report that cannot be read; kept for download.
    Refused,
}

/// A place in a file and what is the matter there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// Counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Counted from 1, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    pub message: String,
}

/// A result in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResultView {
    pub id: i64,
    /// The test it is a result of, across runs.
    pub case_id: i64,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    pub status: Status,
    /// Passed after a failed attempt.
    pub flaky: bool,
    /// Counts the attempts at the test in its run from 1.
    pub attempt: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// RFC 3339, UTC; absent when the report names no zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// First line of what went wrong, or why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
