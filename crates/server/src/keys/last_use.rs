//! When, from where and by what client a key was last used: gathered in memory, written down every few seconds, so
//! that no request waits for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::{alarm, secrets, store};
use crate::app::App;
use crate::error::Result;
use crate::gate::ShownKey;
use crate::ids::KeyId;
use crate::time::{Millis, SECOND};

/// Machines remembered between two writings. A key used from more has its last use, but not each machine, noted.
const MAX_REMEMBERED: usize = 50_000;
const MAX_AGENT_LEN: usize = 200;

/// Uses since they were last written down.
#[derive(Debug, Default)]
pub struct Uses(Mutex<HashMap<Used, Use>>);

/// A key used from a machine, with its present secret or the former one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Used {
    key: KeyId,
    ip: IpAddr,
    is_former: bool,
    /// Whether it is of interest which secret was used.
    is_rotated: bool,
}

/// One use of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub at: Millis,
    pub agent: String,
    /// The route's pattern, never the address: addresses may carry what is nobody's business.
    pub route: &'static str,
}

impl Uses {
    /// Notes a use. Within a second of the last one nothing changes: nobody needs it finer.
    pub fn note(&self, now: Millis, key: &ShownKey, ip: IpAddr, agent: &str, route: &'static str) {
        let used = Used { key: key.id, ip, is_former: key.is_former, is_rotated: !key.formers().is_empty() };
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = uses.len() >= MAX_REMEMBERED;
        match uses.get_mut(&used) {
            Some(known) if now.since(known.at) < SECOND => {}
            Some(known) => *known = new_use(now, agent, route),
            None if is_full => {}
            None => drop(uses.insert(used, new_use(now, agent, route))),
        }
    }

    fn take(&self) -> HashMap<Used, Use> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn new_use(now: Millis, agent: &str, route: &'static str) -> Use {
    Use { at: now, agent: agent.chars().take(MAX_AGENT_LEN).collect(), route }
}

/// Writes down the uses gathered so far, in one transaction, and the MACs that were made anew.
pub async fn flush(app: &App) -> Result<()> {
    secrets::renew(app).await?;
    alarm::tell_dead_uses(app).await?;
    let now = app.clock.now();
    let mut uses: Vec<_> = app.keys.uses.take().into_iter().collect();
    if uses.is_empty() {
        return Ok(());
    }
    uses.sort_by_key(|(_, used)| used.at);
    let mut tx = app.db.write().await?;
    for (Used { key, ip, is_former, is_rotated }, used) in &uses {
        store::update_last_use(&mut tx, *key, *ip, used).await?;
        if !store::has_machine(&mut tx, *key, &ip.to_string()).await? {
            alarm::tell_new_network(&mut tx, now, *key, *ip, &used.agent).await?;
        }
        store::upsert_machine(&mut tx, *key, *ip, used.at).await?;
        if *is_former {
            store::update_former_use(&mut tx, *key, *ip, used).await?;
        } else if *is_rotated {
            store::update_adopted(&mut tx, *key, used.at).await?;
        }
    }
    super::usage::flush(&mut tx, &app.keys.tallies).await?;
    tx.commit().await
}
