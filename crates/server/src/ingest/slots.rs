//! Places for files: a client asks for addresses, puts bytes there, and names them afterwards.

use bytes::Bytes;
use futures_util::Stream;

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::FileId;
use crate::projects::Project;
use crate::random::Random;
use crate::time::Millis;

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
    unimplemented!()
}

/// Stores the bytes of the place that `token` opens, instead of what was there, and rings when an upload waited for
/// them. When this returns they are on the disk.
pub async fn receive<E>(app: &App, token: &str, stream: impl Stream<Item = Result<Bytes, E>>) -> Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
{
    unimplemented!()
}
