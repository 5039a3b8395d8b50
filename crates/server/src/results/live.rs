//! Results told one by one while a run is in progress. They are provisional: the report that follows replaces them.

use testward_wire::results::Status;

use super::Run;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::projects::Project;
use crate::time::Millis;

/// One message of a run in progress.
#[derive(Debug, Clone, Default)]
pub struct LiveUpdate {
    pub session_id: String,
    /// Suite the test belongs to; may be empty.
    pub suite: String,
    /// Absent: only says that the run is alive.
    pub name: Option<String>,
    /// Absent: the test has begun.
    pub status: Option<Status>,
    /// The run ends with this message.
    pub is_end: bool,
}

/// Takes one message in, making the session's run when it is the first.
///
/// Once a report of the session was imported, messages change nothing: the report is the better witness.
pub async fn live_update(tx: &mut Tx, now: Millis, caller: &Caller, project: &Project, update: LiveUpdate) -> Result<Run> {
    unimplemented!()
}

/// Closes runs in progress that have been silent for [`SILENCE`](super::SILENCE).
pub async fn close_silent(tx: &mut Tx, now: Millis) -> Result<()> {
    unimplemented!()
}
