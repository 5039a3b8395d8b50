//! Places for files: a client asks for addresses, puts bytes there, and names them afterwards.

use bytes::Bytes;
use futures_util::Stream;
use sha2::{Digest as _, Sha256};

use super::{MAX_FILE_BYTES, batch, store};
use crate::app::App;
use crate::blobs::hex;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{self, FileId};
use crate::leaks::{self, Uploader};
use crate::projects::Project;
use crate::random::Random;
use crate::time::Millis;

/// The most places given out at once.
const MAX_SLOTS: usize = 10_000;

/// A place for one file.
#[derive(Debug, Clone)]
pub struct Slot {
    pub id: FileId,
    /// Opaque; names the file when it is announced.
    pub path: String,
    /// Lets whoever holds it put the bytes. Part of the upload address; stored only as its hash.
    pub token: String,
}

/// Makes `n` places for files of `project`; at most 10 000 at once.
pub async fn new_slots(
    tx: &mut Tx,
    now: Millis,
    random: &Random,
    caller: &Caller,
    project: &Project,
    n: usize,
) -> Result<Vec<Slot>> {
    if n == 0 || n > MAX_SLOTS {
        return Err(Error::invalid("numberUrl", format!("must be between 1 and {MAX_SLOTS}")));
    }
    let first = ids::take(tx, "file", n as i64).await?;
    let mut slots = Vec::with_capacity(n);
    for id in (first..).take(n).map(FileId) {
        let slot = Slot { id, path: format!("files/{}/{}", project.id, random.base62(32)), token: random.base62(43) };
        store::insert_file(tx, now, caller, project.id, id, &slot.path, &hash(&slot.token)).await?;
        slots.push(slot);
    }
    Ok(slots)
}

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}

/// Stores the bytes of the place that `token` opens, instead of what was there, and rings when an upload waited for
/// them. When this returns they are on the disk.
pub async fn receive<E>(app: &App, token: &str, stream: impl Stream<Item = Result<Bytes, E>>) -> Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let token_hash = hash(token);
    let mut tx = app.db.read().await?;
    let file = store::find_file_by_token(&mut tx, &token_hash).await?.ok_or(Error::NotFound("upload address"))?;
    drop(tx);
    let from = Uploader { person: file.person_id, project: file.project_id };
    let covered = leaks::receive(app, stream, MAX_FILE_BYTES).await?;
    let stored = &covered.received;
    app.blobs.keep([stored]).await?;
    leaks::record(app, from, &covered).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    store::update_file(&mut tx, now, file.id, &stored.hash, stored.bytes).await?;
    batch::bytes_came(&mut tx, now, file.id, &stored.hash).await?;
    tx.commit().await?;
    app.uploads_waiting.notify_one();
    Ok(())
}
