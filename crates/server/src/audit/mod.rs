//! The audit log: who did what, when and from where. Rows are written in the transaction of the change they tell of, and
//! chained: each holds the hash of its own fields and of the row before it.
//!
//! The hash of the newest row is sealed outside the database with a key from the folder of the secrets. Whoever has the
//! database alone can change rows and compute all hashes anew, but cannot seal what comes of it.

mod chain;
mod seal;
mod store;
mod verify;

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::{Caller, Via};
use crate::ids::{self, OrganizationId, PersonId};
use crate::time::Millis;

pub use chain::BEGINNING;
pub use seal::Seal;
pub use verify::{Broken, Report, verify};

/// Who did something. The operator at the console is nobody the server knows.
#[derive(Debug, Clone, Default)]
pub struct Actor {
    pub person: Option<PersonId>,
    pub key: Option<String>,
    pub ip: Option<String>,
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        let key = match &caller.via {
            Via::Key(key) => Some(key.handle.to_string()),
            Via::Session(_) => None,
        };
        Self { person: Some(caller.person), key, ip: Some(caller.ip.to_string()) }
    }
}

/// A row of the log.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub seq: i64,
    pub at: Millis,
    pub person_id: Option<PersonId>,
    pub key_handle: Option<String>,
    pub ip: Option<String>,
    pub action: String,
    pub subject: String,
    pub detail: String,
    /// Numbers of the organizations whose admins may read it, separated by blanks.
    pub organizations: String,
    pub hash: String,
}

/// A row with what is needed to show and to check it alone.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Shown {
    #[sqlx(flatten)]
    pub row: Row,
    /// Of who did it, as they are called now.
    pub person_name: Option<String>,
    pub person_email: Option<String>,
    /// Hash of the row before, which may be another organization's.
    pub previous_hash: Option<String>,
}

/// Which rows to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Part of the name or e-mail address of who did it.
    pub who: String,
    /// How the action begins: `key.` for all that concerns keys.
    pub action: String,
    /// Part of what it was done to, or of its detail.
    pub subject: String,
    /// Handle of a key: used to do it, or what it was done to.
    pub key: String,
    /// How the address begins.
    pub ip: String,
    pub from: Option<Millis>,
    /// The first instant not wanted any more.
    pub until: Option<Millis>,
    /// Rows before this one.
    pub before: Option<i64>,
    pub limit: i64,
}

/// What a row tells.
pub struct Entry<'a> {
    pub actor: &'a Actor,
    pub action: &'static str,
    pub subject: String,
    pub detail: &'a str,
    /// Whose admins may read it.
    pub organizations: Vec<OrganizationId>,
}

/// Writes a row, in the transaction of the change it tells of.
pub async fn append(tx: &mut Tx, now: Millis, entry: Entry<'_>) -> Result<()> {
    let seq = ids::take(tx, "audit", 1).await?;
    let previous = store::find_hash(tx, seq - 1).await?;
    let organizations: Vec<_> = entry.organizations.iter().map(ToString::to_string).collect();
    let mut row = Row {
        seq,
        at: now,
        person_id: entry.actor.person,
        key_handle: entry.actor.key.clone(),
        ip: entry.actor.ip.clone(),
        action: entry.action.to_owned(),
        subject: entry.subject,
        detail: entry.detail.to_owned(),
        organizations: organizations.join(" "),
        hash: String::new(),
    };
    row.hash = chain::hash(previous.as_deref().unwrap_or(BEGINNING), &row);
    store::insert(tx, &row).await?;
    for organization in entry.organizations {
        store::insert_organization(tx, organization, seq).await?;
    }
    Ok(())
}

/// Lists rows that an organization's admins may read, and says where the next page begins.
pub async fn list(tx: &mut Tx, organization: OrganizationId, filter: &Filter) -> Result<(Vec<Shown>, Option<i64>)> {
    let mut rows = store::list(tx, organization, filter).await?;
    let has_more = rows.len() as i64 > filter.limit;
    rows.truncate(filter.limit as usize);
    let next = rows.last().filter(|_| has_more).map(|it| it.row.seq);
    Ok((rows, next))
}

/// Seals the hash of the newest row, if there is a newer one than last time.
///
/// The row sealed last must still be there: in a running server nothing else writes rows.
pub async fn seal(app: &App) -> Result<()> {
    let mut tx = app.db.read().await?;
    let Some((seq, hash)) = store::find_head(&mut tx).await? else { return Ok(()) };
    if let Some(sealed) = app.audit_seal.head() {
        if sealed.seq == seq && sealed.hash == hash {
            return Ok(());
        }
        if store::find_hash(&mut tx, sealed.seq).await?.as_ref() != Some(&sealed.hash) {
            tracing::error!("the audit log was altered from outside at or before row {}", sealed.seq);
            return Ok(());
        }
    }
    drop(tx);
    app.audit_seal.set(app.clock.now(), seq, hash).await
}

/// Writes the newest sealed hash to the server's log, where a change of the database does not reach it.
pub fn log_head(app: &App) {
    if let Some(head) = app.audit_seal.head() {
        tracing::info!("the audit log stands at row {} with hash {}", head.seq, head.hash);
    }
}
