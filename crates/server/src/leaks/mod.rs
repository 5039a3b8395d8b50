//! Secrets where they do not belong: found in what is uploaded and covered before it is stored, or reported by whoever
//! found one in public. A key of ours that leaked is disabled at once.

pub mod http;
pub mod pages;
mod rules;
mod scan;
mod store;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use testward_wire::keytext::KeyText;

pub use scan::{Finding, Scan};
pub use store::Leak;

use crate::app::App;
use crate::blobs::Received;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{LeakId, OrganizationId, PersonId, ProjectId, RunId};
use crate::keys;
use crate::notices::{self, Kind, News};

/// Who uploads, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Uploader {
    pub person: PersonId,
    pub project: ProjectId,
}

/// Bytes that were received, with their secrets covered, and what those were.
#[derive(Debug)]
pub struct Covered {
    pub received: Received,
    findings: Vec<Finding>,
}

/// Receives an upload without the secrets in it; the name of the bytes is that of what is kept. What was found is in
/// force after [`record`].
pub async fn receive<E>(app: &App, stream: impl Stream<Item = Result<Bytes, E>>, limit: u64) -> Result<Covered>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let scan = Arc::new(Mutex::new(Scan::default()));
    let received = app.blobs.receive(covered(scan.clone(), stream), limit).await?;
    let findings = std::mem::take(&mut *scan.lock().unwrap_or_else(PoisonError::into_inner)).into_findings();
    Ok(Covered { received, findings })
}

/// Passes a stream on with its secrets covered.
fn covered<E>(
    scan: Arc<Mutex<Scan>>,
    stream: impl Stream<Item = Result<Bytes, E>>,
) -> impl Stream<Item = Result<Bytes, E>> {
    let pieces = stream.map(|piece| piece.map(Some)).chain(stream::once(async { Ok(None) }));
    pieces.map(move |piece| {
        let mut scan = scan.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match piece? {
            Some(bytes) => scan.push(&bytes).into(),
            None => scan.finish().into(),
        })
    })
}

/// Writes down what was found, disables keys of ours, and tells who uploads and whose they are.
pub async fn record(app: &App, from: Uploader, covered: &Covered) -> Result<()> {
    let (blob, findings) = (covered.received.hash.as_str(), covered.findings.as_slice());
    if findings.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let mut change = keys::Change::default();
    let mut tx = app.db.write().await?;
    let Some(organization) = store::find_organization(&mut tx, from.project).await? else { return Ok(()) };
    let mut news = 0;
    for finding in findings {
        let own = finding.own_key.as_ref().and_then(|key| verified(app, key.expose()));
        let leak = Leak {
            id: LeakId::next(&mut tx).await?,
            organization_id: organization,
            at: now,
            source: "upload".to_owned(),
            rule: finding.rule.to_owned(),
            project_id: Some(from.project),
            person_id: Some(from.person),
            blob: Some(blob.to_owned()),
            byte_offset: Some(finding.offset as i64),
            key_handle: own.as_ref().map(|(_, handle)| handle.clone()),
        };
        news += store::insert(&mut tx, &leak).await?;
        if let Some((id, _)) = own {
            change += keys::disable_leaked(&mut tx, now, id, "it stood in an uploaded report").await?;
        }
    }
    if news > 0 {
        notices::tell(&mut tx, now, from.person, &uploaded(blob, findings)).await?;
    }
    keys::commit(app, tx, change).await
}

fn uploaded(blob: &str, findings: &[Finding]) -> News {
    let mut rules: Vec<_> = findings.iter().map(|it| it.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    let body = format!(
        "A file that you uploaded held {} ({}). It was covered with stars before the file was stored, but it also stands \
         in the report on the machine that sent it, and perhaps in that build's log. Replace the secret where it was \
         issued, and keep the tests from printing it.",
        if findings.len() == 1 { "a secret".to_owned() } else { format!("{} secrets", findings.len()) },
        rules.join(", "),
    );
    News {
        kind: Kind::SecretUploaded,
        title: "A report that you uploaded held a secret".to_owned(),
        body,
        href: "/projects".to_owned(),
        subject: blob[..16].to_owned(),
    }
}

/// Returns number and handle of a key of this server, whatever it may do.
fn verified(app: &App, text: &str) -> Option<(crate::ids::KeyId, String)> {
    let facts = app.keys.find_proven(&app.vault, KeyText::parse(text).ok()?)?;
    Some((facts.id, facts.handle.to_string()))
}

/// Takes notice of a text that somebody found in public. Nothing tells them whether it was a key of this server.
pub async fn report(app: &App, text: &str) -> Result<()> {
    let now = app.clock.now();
    let Some((id, handle)) = verified(app, text) else { return Ok(()) };
    let mut tx = app.db.write().await?;
    let owner = keys::find_owner(&mut tx, id).await?;
    for membership in crate::identity::list_memberships(&mut tx, owner).await? {
        let leak = Leak {
            id: LeakId::next(&mut tx).await?,
            organization_id: membership.organization,
            at: now,
            source: "reported".to_owned(),
            rule: rules::OWN.to_owned(),
            project_id: None,
            person_id: Some(owner),
            blob: None,
            byte_offset: None,
            key_handle: Some(handle.clone()),
        };
        store::insert(&mut tx, &leak).await?;
    }
    let change = keys::disable_leaked(&mut tx, now, id, "somebody found it in public and reported it").await?;
    keys::commit(app, tx, change).await
}

/// Lists what was found in an organization, newest first.
pub async fn list(
    tx: &mut Tx,
    organization: OrganizationId,
    before: Option<LeakId>,
    limit: i64,
) -> Result<(Vec<store::Shown>, Option<LeakId>)> {
    let mut leaks = store::list(tx, organization, before, limit + 1).await?;
    let has_more = leaks.len() as i64 > limit;
    leaks.truncate(limit as usize);
    let next = leaks.last().filter(|_| has_more).map(|it| it.leak.id);
    Ok((leaks, next))
}

/// Counts the secrets that were covered in the files of a run.
pub async fn count_in_run(tx: &mut Tx, run: RunId) -> Result<i64> {
    store::count_in_run(tx, run).await
}
