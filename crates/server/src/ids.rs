//! Numbers for what clients name. They stay small, because people type them and JavaScript reads them as doubles.

use crate::db::{Tx, on};
use crate::error::Result;

/// Makes a type of its own for one kind of id, so that a project's number cannot be taken for a run's.
macro_rules! id_types {
    ($($(#[$doc:meta])* $name:ident = $sequence:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, sqlx::Type, schemars::JsonSchema)]
            #[sqlx(transparent)]
            #[serde(transparent)]
            #[schemars(inline)]
            pub struct $name(pub i64);

            impl $name {
                /// Takes the next free id.
                pub async fn next(tx: &mut Tx) -> Result<Self> {
                    take(tx, $sequence, 1).await.map(Self)
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    self.0.fmt(f)
                }
            }
        )+
    };
}

id_types! {
    PersonId = "person";
    OrganizationId = "organization";
    TeamId = "team";
    ProjectId = "project";
    InvitationId = "invitation";
    KeyId = "api_key";
    /// Somebody whose identity tokens are exchanged for keys.
    IssuerId = "trusted_issuer";
    /// What an issuer's tokens must say to get a key.
    RuleId = "trusted_rule";
    /// An upload: the files of one batch.
    UploadId = "upload";
    /// One stored file that a client asked an address for.
    FileId = "file";
    RunId = "run";
    SuiteId = "suite";
    CaseId = "test_case";
    ResultId = "result";
    NoticeId = "notice";
    WebhookId = "webhook";
    /// A secret that was found where it does not belong.
    LeakId = "leak";
    /// A stored file that belongs to a result or a run.
    AttachmentId = "attachment";
}

/// Takes `n` ids of a sequence and returns the first of them.
///
/// A counter in a table rather than the database's own: it reads the same on every database, and a rolled back
/// transaction gives its ids back.
pub async fn take(tx: &mut Tx, sequence: &'static str, n: i64) -> Result<i64> {
    let sql = "INSERT INTO id_sequence (name, next) VALUES ($1, 1 + $2) \
               ON CONFLICT (name) DO UPDATE SET next = id_sequence.next + $3 RETURNING next - $4";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(sequence).bind(n).bind(n).bind(n).fetch_one(conn).await)?)
}
