//! Backup and restore. A backup is a folder: one consistent copy of the database, the stored files, and a line about
//! itself. The secrets stay out of it, and so does the log of revocations, which a restore replays.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::audit::{self, Actor};
use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::identity;
use crate::keys::{self, Replayed};
use crate::random::Random;
use crate::time::{Clock, Millis};

const DATABASE: &str = "testward.db";
const ABOUT: &str = "backup.json";

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct About {
    pub testward: String,
    pub at: Millis,
    pub files: u64,
}

/// Writes a backup of a data folder into a new folder. Works beside a running server: the database is copied as it stood
/// at one moment, and stored files never change.
pub async fn back_up(config: &Config, to: &Path, now: Millis) -> Result<About> {
    let database = config.data_dir.join(DATABASE);
    if !database.exists() {
        return Err(anyhow::anyhow!("there is no Testward in {}", config.data_dir.display()).into());
    }
    make_private(to).with_context(|| format!("making {}: give a folder that is not there yet", to.display()))?;
    let db = Db::open_to_read(&database);
    db.copy_to(&to.join(DATABASE)).await?;
    db.close().await;
    let (from, blobs) = (config.data_dir.join("blobs"), to.join("blobs"));
    let files = tokio::task::spawn_blocking(move || copy_blobs(&from, &blobs)).await.context("copying files")??;
    let about = About { testward: env!("CARGO_PKG_VERSION").to_owned(), at: now, files };
    write_synced(&to.join(ABOUT), &serde_json::to_vec(&about).context("describing the backup")?)?;
    Ok(about)
}

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    pub about: About,
    /// Where what was there before now lies.
    pub moved_to: Option<PathBuf>,
    /// Nothing, when there was no log of revocations.
    pub replayed: Option<Replayed>,
}

/// Puts a backup in the place of what is in a data folder, whose server must not run. `revocations` is the log of the
/// server that the backup was made of; unless given, the one in the data folder.
pub async fn restore(config: &Config, from: &Path, revocations: Option<PathBuf>, clock: Clock) -> Result<Restored> {
    let about = fs::read(from.join(ABOUT)).with_context(|| format!("{} is no whole backup", from.display()))?;
    let about: About = serde_json::from_slice(&about).context("reading what the backup says of itself")?;
    let data = &config.data_dir;
    let log = revocations.unwrap_or_else(|| data.join(keys::REVOCATIONS_FILE));
    let moved_to = move_aside(data, clock.now())?;
    fs::copy(from.join(DATABASE), data.join(DATABASE)).context("copying the database")?;
    fs::File::open(data.join(DATABASE))?.sync_all()?;
    copy_blobs(&from.join("blobs"), &data.join("blobs"))?;
    let db = Db::open(&data.join(DATABASE)).await?;
    let replayed = if log.exists() { Some(replay(&db, &log, about.at).await?) } else { None };
    db.close().await;
    let app = App::open(config, String::new(), clock, Random::System).await?;
    note(&app, &about).await?;
    app.db.close().await;
    Ok(Restored { about, moved_to, replayed })
}

/// Takes away again what was taken away since the backup, and ends all sessions: some had ended meanwhile.
async fn replay(db: &Db, log: &PathBuf, at: Millis) -> Result<Replayed> {
    let mut tx = db.write().await?;
    let replayed = keys::replay_revocations(&mut tx, log, at).await?;
    identity::end_all_sessions(&mut tx).await?;
    tx.commit().await?;
    Ok(replayed)
}

/// Writes the restore into the audit log, and seals the log as it is now.
async fn note(app: &App, about: &About) -> Result<()> {
    let mut tx = app.db.write().await?;
    let detail = format!("backup of {}", about.at.rfc3339());
    for organization in identity::list_organizations(&mut tx).await? {
        let actor = Actor::default();
        identity::audit_in(&mut tx, app.clock.now(), &actor, organization, "backup.restore", &organization, &detail)
            .await?;
    }
    tx.commit().await?;
    audit::seal(app).await
}

/// Moves the database away, with what belongs to it, rather than deleting it.
fn move_aside(data: &Path, now: Millis) -> Result<Option<PathBuf>> {
    fs::create_dir_all(data).with_context(|| format!("making {}", data.display()))?;
    if !data.join(DATABASE).exists() {
        return Ok(None);
    }
    let aside = data.join(format!("replaced-{}", now.0));
    make_private(&aside).with_context(|| format!("making {}", aside.display()))?;
    for name in [DATABASE, "testward.db-wal", "testward.db-shm", "audit-head"] {
        match fs::rename(data.join(name), aside.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(anyhow::Error::new(error).context(format!("moving {name} aside")).into());
            }
            _ => {}
        }
    }
    Ok(Some(aside))
}

/// Copies stored files that are not there yet; their name says what is in them.
fn copy_blobs(from: &Path, to: &Path) -> anyhow::Result<u64> {
    let mut files = 0;
    fs::create_dir_all(to)?;
    for folder in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let folder = folder?;
        // Uploads under way are no files yet.
        if folder.file_name().len() != 2 || !folder.file_type()?.is_dir() {
            continue;
        }
        let goal = to.join(folder.file_name());
        fs::create_dir_all(&goal)?;
        for file in fs::read_dir(folder.path())? {
            let file = file?;
            let copy = goal.join(file.file_name());
            if !copy.exists() {
                let half = copy.with_extension("half");
                fs::copy(file.path(), &half).with_context(|| format!("copying {}", file.path().display()))?;
                fs::File::open(&half)?.sync_all()?;
                fs::rename(&half, &copy)?;
            }
            files += 1;
        }
    }
    Ok(files)
}

fn make_private(folder: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    if folder.exists() {
        bail!("it exists already");
    }
    Ok(builder.create(folder)?)
}

fn write_synced(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(file, bytes).with_context(|| format!("writing {}", file.display()))?;
    Ok(fs::File::open(file)?.sync_all()?)
}
