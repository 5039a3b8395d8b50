//! What was taken away from keys and people, in a file beside the database that no backup holds. Restoring an old backup
//! replays it, so that what was revoked, disabled or rotated since stays so.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{Change, store};
use crate::db::Tx;
use crate::error::Result;
use crate::ids::PersonId;
use crate::time::Millis;

pub const FILE: &str = "revocations.log";

/// The file, open for appending.
#[derive(Debug, Clone)]
pub struct Revocations(Arc<Mutex<File>>);

/// A line of the file: how a key or a person stands after a change. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    Key {
        handle: String,
        /// Version of the row: a restored row of the same version, or a newer one, knows this already.
        version: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revoked_at: Option<Millis>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        disabled_at: Option<Millis>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rotated_at: Option<Millis>,
    },
    Person {
        person: PersonId,
        disabled_at: Option<Millis>,
    },
}

/// What a replay changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    pub revoked: u64,
    /// Switched off: they were disabled, or rotated so that their old secret must not come back.
    pub disabled: u64,
    pub people: u64,
}

impl Revocations {
    pub fn open(data: &Path) -> Result<Self> {
        let path = data.join(FILE);
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).with_context(|| format!("opening {}", path.display()))?;
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    /// Writes down what a change takes away, and waits until it is on the disk. This comes before the commit: a line too
    /// many is a key that a restore ends in vain; a line too few would be one that it brings back.
    pub(super) async fn note(&self, change: &Change) -> Result<()> {
        let lines = lines(change)?;
        if lines.is_empty() {
            return Ok(());
        }
        let file = self.0.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(lines.as_bytes())?;
            file.sync_data()
        });
        Ok(written.await.context("noting revocations")?.context("noting revocations")?)
    }
}

fn lines(change: &Change) -> Result<String> {
    // A new key has nothing taken away from it.
    let keys = change.keys.iter().filter(|facts| facts.version > 1).map(|facts| Line::Key {
        handle: facts.handle.to_string(),
        version: facts.version,
        revoked_at: facts.rare.as_ref().and_then(|rare| rare.revoked_at),
        disabled_at: facts.rare.as_ref().and_then(|rare| rare.disabled_at),
        rotated_at: facts.formers().first().map(|former| former.rotated_at),
    });
    let owners =
        change.owners.iter().map(|(person, owner)| Line::Person { person: *person, disabled_at: owner.disabled_at });
    let mut text = String::new();
    for line in keys.chain(owners) {
        text.push_str(&serde_json::to_string(&line).context("noting a revocation")?);
        text.push('\n');
    }
    Ok(text)
}

/// Takes away again, from a restored database, what `file` says was taken away.
pub async fn replay(tx: &mut Tx, file: &PathBuf, backed_up_at: Millis) -> Result<Replayed> {
    let (keys, people) = read(file)?;
    let mut replayed = Replayed::default();
    for (handle, line) in keys {
        let Line::Key { version, revoked_at, disabled_at, rotated_at, .. } = line else { continue };
        if let Some(at) = revoked_at {
            replayed.revoked += store::replay_revoked(tx, &handle, version, at).await?;
            continue;
        }
        let disabled_at = disabled_at.or(rotated_at.filter(|at| *at >= backed_up_at));
        if let Some(at) = disabled_at {
            replayed.disabled += store::replay_disabled(tx, &handle, version, at).await?;
        }
    }
    for (person, disabled_at) in people {
        if let Some(at) = disabled_at {
            replayed.people += store::replay_person(tx, person, at).await?;
        }
    }
    Ok(replayed)
}

type Last = (HashMap<String, Line>, HashMap<PersonId, Option<Millis>>);

/// Reads the newest line of each key and person. The last line may be cut short by a power cut; then its change was
/// never answered.
fn read(file: &PathBuf) -> Result<Last> {
    let (mut keys, mut people) = Last::default();
    let input = File::open(file).with_context(|| format!("opening {}", file.display()))?;
    for text in BufReader::new(input).lines() {
        let text = text.with_context(|| format!("reading {}", file.display()))?;
        match serde_json::from_str(&text) {
            Ok(Line::Person { person, disabled_at }) => drop(people.insert(person, disabled_at)),
            Ok(line) => {
                if let Line::Key { handle, .. } = &line {
                    keys.insert(handle.clone(), line);
                }
            }
            Err(error) => tracing::warn!("a line of {} is unreadable and was passed over: {error}", file.display()),
        }
    }
    Ok((keys, people))
}
