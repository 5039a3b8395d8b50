//! A key as pages show it.

use testward_wire::keys::KeyStatus;

use crate::ids::KeyId;
use crate::keys::{ApiKey, Custody, FormerUse, Rotation};
use crate::time::Millis;
use crate::web::layout::{Mark, When};
use crate::web::pages::client_name;

pub struct KeyRow {
    pub id: KeyId,
    pub name: String,
    pub handle: String,
    pub description: Option<String>,
    pub scopes: Vec<&'static str>,
    pub projects: String,
    pub created: When,
    pub expires: Option<When>,
    pub last_used: Option<LastUse>,
    pub status: Mark,
    pub custody: &'static str,
    pub is_copyable: bool,
    pub is_live: bool,
    pub is_disabled: bool,
    pub copies: i64,
    pub networks: Vec<String>,
    pub rate: Option<u32>,
    /// A rotation whose old secret is still accepted; who sends it is known on the usage page.
    pub rotation: Option<RotationRow>,
}

/// A rotation whose overlap is open.
pub struct RotationRow {
    pub at: When,
    pub until: When,
    pub is_adopted: bool,
    /// Who sent the old secret since.
    pub uses: Vec<LastUse>,
}

impl RotationRow {
    pub fn new(rotation: &Rotation, uses: &[FormerUse], now: Millis) -> Self {
        let old_use = |used: &FormerUse| LastUse {
            at: When::new(used.used_at, now),
            ip: used.ip.clone(),
            client: client_name(&used.user_agent),
        };
        Self {
            at: When::new(rotation.rotated_at, now),
            until: When::new(rotation.overlap_until, now),
            is_adopted: rotation.adopted_at.is_some(),
            uses: uses.iter().map(old_use).collect(),
        }
    }
}

pub struct LastUse {
    pub at: When,
    pub ip: String,
    pub client: String,
}

impl KeyRow {
    pub fn new(key: ApiKey, now: Millis) -> Self {
        let status = key.status(now);
        let is_live = !matches!(status, KeyStatus::Expired | KeyStatus::Revoked);
        Self {
            id: key.id,
            handle: key.handle.to_string(),
            scopes: key.scopes.list().into_iter().map(testward_wire::keys::Scope::name).collect(),
            projects: projects(key.projects.as_ref().map(Vec::len)),
            created: When::new(key.created_at, now),
            expires: key.expires_at.map(|at| When::new(at, now)),
            last_used: last_use(&key, now),
            status: mark(status),
            custody: match key.custody {
                Custody::Recall => "Copy any time",
                Custody::Window { .. } if key.is_copyable(now) => "Copy for a while",
                Custody::Window { .. } | Custody::Once => "Shown once",
            },
            is_copyable: key.is_copyable(now) && is_live,
            is_live,
            is_disabled: key.disabled_at.is_some(),
            copies: key.copies,
            networks: key.networks.list(),
            rate: key.rate_per_minute,
            rotation: key.open_rotation(now).map(|rotation| RotationRow::new(rotation, &[], now)),
            name: key.name,
            description: key.description,
        }
    }
}

pub fn last_use(key: &ApiKey, now: Millis) -> Option<LastUse> {
    let used = key.last_use.as_ref()?;
    Some(LastUse { at: When::new(used.at, now), ip: used.ip.clone(), client: client_name(&used.agent) })
}

fn projects(bound: Option<usize>) -> String {
    match bound {
        None => "All projects".to_owned(),
        Some(1) => "1 project".to_owned(),
        Some(n) => format!("{n} projects"),
    }
}

const fn mark(status: KeyStatus) -> Mark {
    match status {
        KeyStatus::Active => Mark { key: "active", label: "Active" },
        KeyStatus::ExpiringSoon => Mark { key: "expiring_soon", label: "Expiring soon" },
        KeyStatus::Expired => Mark { key: "expired", label: "Expired" },
        KeyStatus::Disabled => Mark { key: "disabled", label: "Disabled" },
        KeyStatus::Revoked => Mark { key: "revoked", label: "Revoked" },
    }
}
