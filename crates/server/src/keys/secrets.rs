//! Pepper and key-encryption key get successors beside a running server. Each step leaves a state that the next start
//! goes on from: a new version is a file before a row names it, and an old one goes when no row needs it any more.

use std::collections::BTreeMap;
use std::fmt;

use super::secret_files::SecretKind;
use super::{Change, commit, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::identity::{self, Actor};

/// Data keys wrapped anew in one transaction.
const BATCH: i64 = 200;
/// Keys given a MAC of the new pepper in one transaction.
pub(super) const MAX_RENEWALS: usize = 2_000;

/// How far a secret has come.
#[derive(Debug, Clone)]
pub struct SecretStatus {
    pub kind: SecretKind,
    /// Versions that are there, the newest last, with what depends on each.
    pub versions: BTreeMap<u8, i64>,
    /// Versions that rows name and that are not there, with what has thereby become useless.
    pub missing: BTreeMap<u8, i64>,
}

impl SecretStatus {
    pub fn current(&self) -> u8 {
        self.versions.last_key_value().map_or(0, |(version, _)| *version)
    }

    /// What of the status needs the older versions.
    pub fn remaining(&self) -> i64 {
        self.versions.iter().filter(|(version, _)| **version != self.current()).map(|(_, n)| n).sum()
    }
}

/// Writes one line for each version.
impl fmt::Display for SecretStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind.name();
        for (version, n) in &self.versions {
            let unit = self.kind.unit();
            if *version == self.current() {
                writeln!(f, "{name}: version {version} is current, {n} {unit}")?;
            } else if *n == 0 {
                writeln!(f, "{name}: nothing needs version {version} any more; retire it")?;
            } else {
                writeln!(f, "{name}: {n} {unit} still need version {version}")?;
            }
        }
        Ok(())
    }
}

/// Makes a successor, which everything new is made with from now on.
///
/// Data keys are wrapped anew at once. The MAC of a key can be made anew only when somebody shows the key; until then,
/// the old pepper is needed.
pub async fn rotate(app: &App, kind: SecretKind) -> Result<SecretStatus> {
    if app.vault.versions(kind).len() > 1 {
        let message = format!("the {} was rotated before; retire its old version first", kind.name());
        return Err(Error::conflict("already_rotating", message));
    }
    let mut tx = app.db.write().await?;
    let version = app.vault.add(kind, &app.random)?;
    let detail = format!("version {version}");
    identity::audit_as(&mut tx, app.clock.now(), &Actor::default(), "secret.rotate", &kind.name(), &detail).await?;
    tx.commit().await?;
    rewrap(app).await?;
    status(app, kind).await
}

/// Wraps all data keys with the newest key-encryption key. Begun again, it goes on where it was cut off.
pub async fn rewrap(app: &App) -> Result<()> {
    loop {
        let current = app.vault.kek();
        let mut tx = app.db.write().await?;
        let batch = store::list_data_keys_before(&mut tx, i64::from(current), BATCH).await?;
        if batch.is_empty() {
            return Ok(());
        }
        let mut is_stuck = true;
        for (owner, version, sealed) in batch {
            // One whose key is lost cannot be mended here; the others can.
            let Ok((version, sealed)) = app.vault.rewrap(&app.random, owner, version, &sealed) else { continue };
            store::update_data_key(&mut tx, owner, version, &sealed).await?;
            is_stuck = false;
        }
        tx.commit().await?;
        if is_stuck {
            return Err(Error::Internal(anyhow::anyhow!("data keys do not open: their key-encryption key is missing")));
        }
    }
}

/// Tells which versions there are, and what needs them.
pub async fn status(app: &App, kind: SecretKind) -> Result<SecretStatus> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let counts = match kind {
        SecretKind::Pepper => store::count_live_by_pepper(&mut tx, now).await?,
        SecretKind::Kek => store::count_data_keys_by_kek(&mut tx).await?,
    };
    let mut versions: BTreeMap<u8, i64> = app.vault.versions(kind).into_iter().map(|version| (version, 0)).collect();
    let mut missing = BTreeMap::new();
    for (version, n) in counts {
        let version = u8::try_from(version).unwrap_or(u8::MAX);
        match versions.get_mut(&version) {
            Some(count) => *count = n,
            None => drop(missing.insert(version, n)),
        }
    }
    Ok(SecretStatus { kind, versions, missing })
}

/// Destroys the versions before the newest one. What needs them is useless then, so that must be wanted.
pub async fn retire(app: &App, kind: SecretKind, loses: Loses) -> Result<SecretStatus> {
    super::flush_uses(app).await?;
    rewrap(app).await?;
    let before = status(app, kind).await?;
    let (remaining, name) = (before.remaining(), kind.name());
    if remaining > 0 && loses == Loses::Nothing {
        let what = match kind {
            SecretKind::Pepper => "live API keys were not used since and would become useless",
            SecretKind::Kek => "people could not copy their keys any more",
        };
        return Err(Error::conflict(
            "still_needed",
            format!("{remaining} {what}; wait, or retire the {name} by force"),
        ));
    }
    let mut tx = app.db.write().await?;
    app.vault.retire(kind)?;
    let detail = format!("version {} is left", before.current());
    identity::audit_as(&mut tx, app.clock.now(), &Actor::default(), "secret.retire", &name, &detail).await?;
    tx.commit().await?;
    status(app, kind).await
}

/// What a retirement may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loses {
    Nothing,
    WhatIsLeft,
}

/// Writes down the MACs that were made anew since the last time, when keys were shown.
pub(super) async fn renew(app: &App) -> Result<()> {
    let renewals = app.keys.renewals.take(MAX_RENEWALS);
    if renewals.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.write().await?;
    let mut change = Change::default();
    for (id, (old, new)) in renewals {
        // Rotated meanwhile, it has a MAC of the new pepper already.
        if store::update_mac(&mut tx, id, old, new).await?
            && let Some(key) = store::find(&mut tx, id).await?
        {
            change += Change::of(&key);
        }
    }
    commit(app, tx, change).await
}
