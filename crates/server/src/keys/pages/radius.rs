//! What ending a key would stop: asked before it is done.

use super::usage::{Share, shares};
use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::KeyId;
use crate::keys::{self, Usage};
use crate::time::{DAY, Millis};
use crate::web::layout::When;

/// A machine that has been silent for longer has probably forgotten the key.
const RECENT: i64 = 30 * DAY;
/// Rows of each list: the question must fit into a dialog.
const SHOWN: usize = 5;

pub struct Radius {
    pub calls_week: i64,
    pub n_machines: usize,
    pub machines: Vec<Seen>,
    pub n_more: usize,
    pub routes: Vec<Share>,
    pub clients: Vec<Share>,
    /// Agents that work with the key, in a sentence each.
    pub agents: Vec<String>,
}

/// A machine that used the key.
pub struct Seen {
    pub ip: String,
    pub last: When,
}

/// Finds out who would notice.
pub async fn radius(tx: &mut Tx, now: Millis, caller: &Caller, id: KeyId) -> Result<Radius> {
    let usage = keys::usage(tx, caller, id, now.plus(-RECENT)).await?;
    let machines = keys::list_machines(tx, caller, id).await?;
    let recent: Vec<_> = machines.iter().filter(|machine| now.since(machine.last_used_at) < RECENT).collect();
    let week = now.plus(-7 * DAY);
    Ok(Radius {
        calls_week: usage.hours.iter().filter(|(hour, _)| *hour >= week).map(|(_, calls)| calls).sum(),
        n_machines: recent.len(),
        machines: recent
            .iter()
            .take(SHOWN)
            .map(|machine| Seen { ip: machine.ip.clone(), last: When::new(machine.last_used_at, now) })
            .collect(),
        n_more: recent.len().saturating_sub(SHOWN),
        routes: shares(&usage.routes).into_iter().take(SHOWN).collect(),
        clients: shares(&usage.clients).into_iter().take(SHOWN).collect(),
        agents: agents(&usage),
    })
}

/// Agents ask for jobs without end, so each of their keys has called the route that hands jobs out.
fn agents(usage: &Usage) -> Vec<String> {
    let asks_for_jobs = |route: &str| route.contains("/agent") || route.contains("get-job");
    let calls: i64 = usage.routes.iter().filter(|(route, _)| asks_for_jobs(route)).map(|(_, calls)| calls).sum();
    let sentence =
        "An agent takes its jobs with this key. It stops taking them, and jobs that wait for it stay waiting.";
    (calls > 0).then(|| sentence.to_owned()).into_iter().collect()
}
