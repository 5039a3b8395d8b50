//! SQL of API keys.

mod alarm;
mod copies;
mod requests;
mod replay;
mod rotation;
mod secrets;

use std::collections::HashMap;
use std::net::IpAddr;

use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, FromRow, Row as _};
use testward_wire::keytext::Kind;

pub use alarm::{find_by_handle, has_machine, insert_expiry_notice, list_ips, list_to_warn};
pub use copies::{
    delete_all_copies, delete_forbidden_copies, delete_sealed, find_data_key, find_lock, find_sealed, insert_data_key,
    insert_lock, insert_sealed, is_locked,
};
pub use replay::{replay_disabled, replay_person, replay_revoked};
pub use requests::*;
use rotation::Rotations;
pub use rotation::{
    add_rotations, close_rotation, insert_rotation, list_all_rotations, list_former_uses, list_silent_rotations,
    update_adopted, update_former_use,
};
pub use secrets::{count_data_keys_by_kek, count_live_by_pepper, list_data_keys_before, update_data_key, update_mac};

use super::index::Owner;
use super::last_use::Use;
use super::rotation::Rotation;
use super::secret_files::unhex;
use super::{ApiKey, Custody, LastUse, Machine, SOON, UNUSED_AFTER};
use crate::blobs::hex;
use crate::db::{Tx, on};
use crate::error::{Error, Result};
use crate::gate::{Handle, KeyFacts, Rare, Scopes, Secret};
use crate::ids::{KeyId, OrganizationId, PersonId, ProjectId};
use crate::net::Networks;
use crate::rate::Rate;
use crate::rights::Role;
use crate::time::Millis;

/// Which of a person's keys to list, and in which order.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub life: Life,
    /// Part of a name or handle.
    pub text: Option<String>,
    pub sort: Sort,
    pub after: Option<Cursor>,
    pub limit: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Life {
    #[default]
    Live,
    /// Live, and will end within two weeks.
    ExpiringSoon,
    /// Live, and not used for 90 days, or never within the first 90.
    Unused,
    /// Live, and will never end by itself.
    Endless,
    /// Switched off, and not ended.
    Disabled,
    /// Expired or deleted.
    Dead,
    All,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// Newest first.
    #[default]
    Created,
    Name,
    /// Next to end first.
    Expires,
    /// Last used first.
    LastUsed,
}

/// The last row of a page: the next one begins behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub value: String,
    pub id: i64,
}

impl Sort {
    /// Returns the expression to sort by, as text so that every cursor looks alike, and whether it descends.
    const fn order(self) -> (&'static str, bool) {
        match self {
            Self::Created => ("printf('%016d', created_at)", true),
            Self::Name => ("lower(name)", false),
            Self::Expires => ("printf('%016d', COALESCE(expires_at, 9007199254740991))", false),
            Self::LastUsed => ("printf('%016d', COALESCE(last_used_at, 0))", true),
        }
    }
}

impl FromRow<'_, sqlx::sqlite::SqliteRow> for ApiKey {
    fn from_row(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<Self> {
        let projects: Option<String> = row.try_get("projects")?;
        let custody: String = row.try_get("custody")?;
        Ok(Self {
            id: row.try_get("id")?,
            handle: Handle::new(row.try_get("handle")?).ok_or_else(|| undecodable("a key's handle"))?,
            kind: kind(row.try_get("kind")?)?,
            imported_at: row.try_get("imported_at")?,
            owner: row.try_get("owner_id")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            scopes: Scopes::from_text(row.try_get("scopes")?),
            projects: projects.as_deref().map(project_ids),
            custody: Custody::of_row(&custody, row.try_get("copy_hours")?),
            copy_until: row.try_get("copy_until")?,
            networks: networks(row.try_get("networks")?)?,
            rate_per_minute: rate(row.try_get("rate_per_minute")?)?,
            rotations: Vec::new(),
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            disabled_at: row.try_get("disabled_at")?,
            revoked_at: row.try_get("revoked_at")?,
            version: row.try_get("version")?,
            copies: row.try_get("copies")?,
            last_use: last_use(row)?,
            secret: secret(row.try_get("mac")?, row.try_get("pepper_version")?)?,
        })
    }
}

fn last_use(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<Option<LastUse>> {
    let at: Option<Millis> = row.try_get("last_used_at")?;
    let Some(at) = at else { return Ok(None) };
    let (ip, agent, route) =
        (row.try_get("last_used_ip")?, row.try_get("last_used_agent")?, row.try_get("last_used_route")?);
    Ok(Some(LastUse { at, ip, agent, route }))
}

fn joined(projects: Option<&[ProjectId]>) -> Option<String> {
    projects.map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

/// Reads what the index keeps of a key. The driver copies each column of each row, so a million of them are read sooner
/// without the others.
fn facts(row: &sqlx::sqlite::SqliteRow, rotations: &mut Rotations) -> sqlx::Result<KeyFacts> {
    let id = row.try_get(0)?;
    let rare = Rare {
        is_imported: row.try_get::<Option<Millis>, _>(16)?.is_some(),
        disabled_at: row.try_get(10)?,
        revoked_at: row.try_get(11)?,
        networks: networks(row.try_get(13)?)?,
        rate: rate(row.try_get(14)?)?.map(Rate::new),
        formers: rotations.remove(&id).unwrap_or_default().iter().map(Rotation::former).collect(),
    };
    Ok(KeyFacts {
        id,
        handle: Handle::new(row.try_get(1)?).ok_or_else(|| undecodable("a key's handle"))?,
        kind: kind(row.try_get(2)?)?,
        name: row.try_get::<&str, _>(3)?.into(),
        owner: row.try_get(4)?,
        scopes: Scopes::from_text(row.try_get(5)?),
        projects: row.try_get::<Option<&str>, _>(6)?.map(|text| project_ids(text).into()),
        created_at: row.try_get(15)?,
        expires_at: row.try_get(7)?,
        secret: secret(row.try_get(8)?, row.try_get(9)?)?,
        version: row.try_get(12)?,
        rare: rare.boxed(),
    })
}

fn undecodable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}

fn networks(text: Option<&str>) -> sqlx::Result<Networks> {
    let items = text.unwrap_or_default().split_ascii_whitespace();
    Networks::parse(items).map_err(|_| undecodable("a key's networks"))
}

fn rate(per_minute: Option<i64>) -> sqlx::Result<Option<u32>> {
    per_minute.map(u32::try_from).transpose().map_err(|_| undecodable("a key's rate"))
}

fn secret(mac: &str, pepper_version: i64) -> sqlx::Result<Secret> {
    let pepper = u8::try_from(pepper_version).map_err(|_| undecodable("a pepper's version"))?;
    Ok(Secret { mac: unhex(mac).map_err(|_| undecodable("a key's MAC"))?, pepper })
}

const KINDS: [(Kind, &str); 4] =
    [(Kind::Personal, "personal"), (Kind::Service, "service"), (Kind::Exchanged, "exchanged"), (Kind::Job, "job")];

fn kind(name: &str) -> sqlx::Result<Kind> {
    let found = KINDS.iter().find(|(_, it)| *it == name);
    found.map(|(kind, _)| *kind).ok_or_else(|| undecodable("a key's kind"))
}

/// Returns what a kind of key is called.
pub fn kind_name(kind: Kind) -> &'static str {
    KINDS.iter().find(|(it, _)| *it == kind).map_or("personal", |(_, name)| name)
}

fn project_ids(text: &str) -> Vec<ProjectId> {
    text.split(' ').filter_map(|it| it.parse().ok().map(ProjectId)).collect()
}

/// Hands every key to `each`, one at a time: a million of them must not stand in memory twice.
pub async fn for_each_facts(tx: &mut Tx, mut each: impl FnMut(KeyFacts)) -> Result<()> {
    let sql = "SELECT id, handle, kind, name, owner_id, scopes, projects, expires_at, mac, pepper_version, disabled_at, \
               revoked_at, version, networks, rate_per_minute, created_at, imported_at FROM api_key";
    let mut rotations = list_all_rotations(tx).await?;
    on!(tx, conn => {
        let mut rows = sqlx::query(sql).fetch(conn);
        while let Some(row) = rows.try_next().await? {
            each(facts(&row, &mut rotations)?);
        }
    });
    Ok(())
}

pub async fn list_owners(tx: &mut Tx) -> Result<Vec<(PersonId, Owner)>> {
    let sql = "SELECT id, email, disabled_at FROM person";
    let people: Vec<(PersonId, String, Option<Millis>)> = on!(tx, conn => sqlx::query_as(sql).fetch_all(conn).await)?;
    let sql = "SELECT person_id, organization_id, role FROM organization_member";
    let members: Vec<(PersonId, OrganizationId, String)> = on!(tx, conn => sqlx::query_as(sql).fetch_all(conn).await)?;
    let mut roles = HashMap::<PersonId, Vec<(OrganizationId, Role)>>::new();
    for (person, organization, role) in members {
        roles.entry(person).or_default().push((organization, role.parse()?));
    }
    let mut owner = |(id, email, disabled_at)| {
        let roles = roles.remove(&id).unwrap_or_default().into();
        (id, Owner { email, disabled_at, roles })
    };
    Ok(people.into_iter().map(&mut owner).collect())
}

pub async fn insert(tx: &mut Tx, key: &ApiKey) -> Result<()> {
    let sql = "INSERT INTO api_key (id, handle, kind, owner_id, name, description, mac, pepper_version, scopes, projects, \
               custody, created_at, expires_at, version, networks, rate_per_minute, copy_hours, copy_until, copies, imported_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 0, $19)";
    let query = sqlx::query(sql).bind(key.id).bind(key.handle.as_str()).bind(kind_name(key.kind));
    let query = query.bind(key.owner).bind(&key.name).bind(&key.description);
    let query = query.bind(hex(&key.secret.mac)).bind(i64::from(key.secret.pepper));
    let query = query.bind(key.scopes.to_text()).bind(joined(key.projects.as_deref())).bind(key.custody.name());
    let query = query.bind(key.created_at).bind(key.expires_at).bind(key.version);
    let query = query.bind(networks_text(&key.networks)).bind(key.rate_per_minute.map(i64::from));
    let query = query.bind(key.custody.hours()).bind(key.copy_until);
    on!(tx, conn => query.bind(key.imported_at).execute(conn).await)?;
    Ok(())
}

/// Writes what people change. Last use is not among it: it is written elsewhere, meanwhile.
pub async fn update(tx: &mut Tx, key: &ApiKey) -> Result<()> {
    let sql = "UPDATE api_key SET name = $1, description = $2, disabled_at = $3, revoked_at = $4, version = $5, \
               networks = $6, rate_per_minute = $7 WHERE id = $8";
    let query = sqlx::query(sql).bind(&key.name).bind(&key.description).bind(key.disabled_at);
    let query = query.bind(key.revoked_at).bind(key.version).bind(networks_text(&key.networks));
    let query = query.bind(key.rate_per_minute.map(i64::from)).bind(key.id);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

fn networks_text(networks: &Networks) -> Option<String> {
    (!networks.is_empty()).then(|| networks.to_string())
}

/// Writes the secret of a key, and until when it can be copied.
pub async fn update_secret(tx: &mut Tx, key: &ApiKey) -> Result<()> {
    let sql = "UPDATE api_key SET mac = $1, pepper_version = $2, copy_until = $3 WHERE id = $4";
    let query = sqlx::query(sql).bind(hex(&key.secret.mac)).bind(i64::from(key.secret.pepper));
    on!(tx, conn => query.bind(key.copy_until).bind(key.id).execute(conn).await)?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: KeyId) -> Result<Option<ApiKey>> {
    let sql = "SELECT * FROM api_key WHERE id = $1";
    let mut found: Vec<ApiKey> = on!(tx, conn => sqlx::query_as(sql).bind(id).fetch_all(conn).await)?;
    add_rotations(tx, &mut found).await?;
    Ok(found.pop())
}

/// Whether a key with this MAC is here, live or dead.
pub async fn is_mac_taken(tx: &mut Tx, secret: &Secret) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM api_key WHERE mac = $1";
    let n: i64 = on!(tx, conn => sqlx::query_scalar(sql).bind(hex(&secret.mac)).fetch_one(conn).await)?;
    Ok(n > 0)
}

/// Counts the keys that a person made.
pub async fn count(tx: &mut Tx, owner: PersonId) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM api_key WHERE owner_id = $1 AND kind <> 'exchanged'";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(owner).fetch_one(conn).await)?)
}

pub async fn count_live(tx: &mut Tx, now: Millis, owner: PersonId) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM api_key WHERE owner_id = $1 AND kind <> 'exchanged' AND revoked_at IS NULL \
               AND COALESCE(expires_at, $2) >= $3";
    let query = sqlx::query_scalar(sql).bind(owner).bind(now.plus(1)).bind(now.plus(1));
    Ok(on!(tx, conn => query.fetch_one(conn).await)?)
}

/// The condition of being live at `$2`.
const LIVE: &str = "AND revoked_at IS NULL AND COALESCE(expires_at, $2 + 1) > $2";

/// Lists one page and, if there is more, where the next one begins. Keys that builds exchanged for minutes are not among
/// them: they would bury the others.
pub async fn list(tx: &mut Tx, now: Millis, owner: PersonId, filter: &Filter) -> Result<(Vec<ApiKey>, Option<Cursor>)> {
    let (value, descends) = filter.sort.order();
    let (order, behind) = if descends { ("DESC", "<") } else { ("ASC", ">") };
    let life = match filter.life {
        Life::Live => LIVE.to_owned(),
        Life::Dead => "AND (revoked_at IS NOT NULL OR expires_at <= $2)".to_owned(),
        Life::All => "AND $2 > 0".to_owned(),
        Life::ExpiringSoon => format!("{LIVE} AND disabled_at IS NULL AND expires_at <= $2 + {SOON}"),
        Life::Unused => format!("{LIVE} AND COALESCE(last_used_at, created_at) <= $2 - {UNUSED_AFTER}"),
        Life::Endless => format!("{LIVE} AND expires_at IS NULL"),
        Life::Disabled => format!("{LIVE} AND disabled_at IS NOT NULL"),
    };
    let sql = format!(
        "SELECT *, {value} AS sort_value FROM api_key WHERE owner_id = $1 AND kind <> 'exchanged' {life} \
         AND ($3 = '' OR instr(lower(name), lower($3)) > 0 OR handle = $3) \
         AND ($4 = 0 OR ({value}, id) {behind} ($5, $4)) ORDER BY {value} {order}, id {order} LIMIT $6"
    );
    let text = filter.text.as_deref().unwrap_or_default().trim();
    let after = filter.after.clone().unwrap_or(Cursor { value: String::new(), id: 0 });
    let query = sqlx::query(AssertSqlSafe(sql)).bind(owner).bind(now).bind(text).bind(after.id).bind(&after.value);
    let mut rows = on!(tx, conn => query.bind(filter.limit + 1).fetch_all(conn).await)?;
    let has_more = rows.len() as i64 > filter.limit;
    rows.truncate(filter.limit as usize);
    let cursor = rows
        .last()
        .filter(|_| has_more)
        .map(|row| Ok::<_, sqlx::Error>(Cursor { value: row.try_get("sort_value")?, id: row.try_get("id")? }));
    let mut keys = rows.iter().map(ApiKey::from_row).collect::<sqlx::Result<Vec<_>>>().context("reading keys")?;
    add_rotations(tx, &mut keys).await?;
    Ok((keys, cursor.transpose()?))
}

pub async fn update_copies(tx: &mut Tx, id: KeyId) -> Result<()> {
    let sql = "UPDATE api_key SET copies = copies + 1 WHERE id = $1";
    on!(tx, conn => sqlx::query(sql).bind(id).execute(conn).await)?;
    Ok(())
}

pub async fn update_last_use(tx: &mut Tx, id: KeyId, ip: IpAddr, used: &Use) -> Result<()> {
    let sql = "UPDATE api_key SET last_used_at = $1, last_used_ip = $2, last_used_agent = $3, last_used_route = $4 \
               WHERE id = $5 AND COALESCE(last_used_at, 0) <= $6";
    let query = sqlx::query(sql).bind(used.at).bind(ip.to_string()).bind(&used.agent).bind(used.route);
    on!(tx, conn => query.bind(id).bind(used.at).execute(conn).await)?;
    Ok(())
}

/// Notes a machine. The key may be gone meanwhile; then there is nothing to note.
pub async fn upsert_machine(tx: &mut Tx, id: KeyId, ip: IpAddr, at: Millis) -> Result<()> {
    let sql = "INSERT INTO api_key_machine (key_id, ip, first_used_at, last_used_at) \
               SELECT id, $1, $2, $3 FROM api_key WHERE id = $4 \
               ON CONFLICT (key_id, ip) DO UPDATE SET last_used_at = excluded.last_used_at";
    on!(tx, conn => sqlx::query(sql).bind(ip.to_string()).bind(at).bind(at).bind(id).execute(conn).await)?;
    Ok(())
}

pub async fn list_machines(tx: &mut Tx, id: KeyId) -> Result<Vec<Machine>> {
    let sql = "SELECT ip, first_used_at, last_used_at FROM api_key_machine WHERE key_id = $1 \
               ORDER BY last_used_at DESC LIMIT 200";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(id).fetch_all(conn).await)?)
}

/// Deletes keys that ended before `before`, with all that hangs on them; returns their handles. All kinds, or one.
pub async fn delete_dead_before(tx: &mut Tx, before: Millis, kind: Option<Kind>) -> Result<Vec<Handle>> {
    let dead = "(revoked_at < $1 OR expires_at < $1) AND ($2 = '' OR kind = $2)";
    let kind = kind.map_or("", kind_name);
    for table in ["api_key_machine", "api_key_sealed", "api_key_rotation", "api_key_former_use"] {
        let sql = format!("DELETE FROM {table} WHERE key_id IN (SELECT id FROM api_key WHERE {dead})");
        on!(tx, conn => sqlx::query(AssertSqlSafe(sql)).bind(before).bind(kind).execute(conn).await)?;
    }
    let sql = format!("DELETE FROM api_key WHERE {dead} RETURNING handle");
    let handles: Vec<String> =
        on!(tx, conn => sqlx::query_scalar(AssertSqlSafe(sql)).bind(before).bind(kind).fetch_all(conn).await)?;
    let read = |text: String| Handle::new(&text).ok_or_else(|| Error::Internal(anyhow::anyhow!("a key's handle")));
    handles.iter().cloned().map(read).collect()
}
