//! `/api/v1/api-keys`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use testward_wire::credentials::{Credential, Scratch};
use testward_wire::keys as wire;
use testward_wire::keys::{CreatedKey, KeyOwner, KeyPatch, KeyView, NewKey, Page, RevealedKey, RotateKey, WhoAmI};

use super::{ApiKey, Cursor, Filter, Life, Rotated, Rotation, Sort, Token, authorization};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{KeyId, OrganizationId};
use crate::keys;
use crate::time::Millis;
use crate::web::extract::{IdempotencyKey, Json, Path, Query};

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 200;

/// Returns the key as lists show it.
pub fn view(key: &ApiKey, now: Millis) -> KeyView {
    let last_used = key.last_use.as_ref().map(|used| wire::LastUse {
        at: used.at.rfc3339(),
        ip: used.ip.clone(),
        user_agent: used.agent.clone(),
        route: used.route.clone(),
    });
    KeyView {
        id: key.id.0,
        handle: key.handle.to_string(),
        name: key.name.clone(),
        description: key.description.clone(),
        scopes: key.scopes.list(),
        projects: key.projects.as_ref().map(|ids| ids.iter().map(|id| id.0).collect()),
        status: key.status(now),
        custody: key.custody.name().to_owned(),
        created_at: key.created_at.rfc3339(),
        expires_at: key.expires_at.map(Millis::rfc3339),
        disabled_at: key.disabled_at.map(Millis::rfc3339),
        revoked_at: key.revoked_at.map(Millis::rfc3339),
        last_used,
        copies: key.copies,
        copyable_until: key.copy_until.filter(|at| now < *at).map(Millis::rfc3339),
        networks: key.networks.list(),
        rate_per_minute: key.rate_per_minute,
        rotation: key.rotations.first().map(|rotation| rotation_view(rotation, now)),
    }
}

fn rotation_view(rotation: &Rotation, now: Millis) -> wire::Rotation {
    wire::Rotation {
        rotated_at: rotation.rotated_at.rfc3339(),
        overlap_until: rotation.overlap_until.rfc3339(),
        is_overlapping: rotation.is_open(now),
        adopted_at: rotation.adopted_at.map(Millis::rfc3339),
        old_last_used_at: rotation.former_used_at.map(Millis::rfc3339),
        old_used_by: Vec::new(),
    }
}

/// What a list may be asked for, in the address.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// `live` (default), `expiring_soon`, `unused` (for 90 days), `endless` (never expires), `disabled`, `dead` or `all`.
    pub status: Option<String>,
    pub q: Option<String>,
    /// `created` (default), `name`, `expires` or `last_used`.
    pub sort: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<i64>,
}

impl ListQuery {
    pub fn filter(&self) -> Result<Filter> {
        Ok(Filter {
            life: match self.status.as_deref() {
                None | Some("" | "live") => Life::Live,
                Some("dead") => Life::Dead,
                Some("all") => Life::All,
                Some("expiring_soon") => Life::ExpiringSoon,
                Some("unused") => Life::Unused,
                Some("endless") => Life::Endless,
                Some("disabled") => Life::Disabled,
                Some(_) => {
                    let message = "must be live, expiring_soon, unused, endless, disabled, dead or all";
                    return Err(Error::invalid("status", message));
                }
            },
            text: self.q.clone(),
            sort: match self.sort.as_deref() {
                None | Some("" | "created") => Sort::Created,
                Some("name") => Sort::Name,
                Some("expires") => Sort::Expires,
                Some("last_used") => Sort::LastUsed,
                Some(_) => return Err(Error::invalid("sort", "must be created, name, expires or last_used")),
            },
            after: self.cursor.as_deref().filter(|it| !it.is_empty()).map(read_cursor).transpose()?,
            limit: self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
        })
    }
}

/// Writes a cursor as addresses carry it.
pub fn write_cursor(cursor: &Cursor) -> String {
    format!("{}.{}", cursor.id, cursor.value)
}

fn read_cursor(text: &str) -> Result<Cursor> {
    let parts =
        text.split_once('.').and_then(|(id, value)| Some(Cursor { id: id.parse().ok()?, value: value.to_owned() }));
    parts.ok_or_else(|| Error::invalid("cursor", "must be one that the previous page gave"))
}

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<KeyView>>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let (keys, next) = keys::list(&mut tx, now, &caller, &query.filter()?).await?;
    let items = keys.iter().map(|key| view(key, now)).collect();
    Ok(Json(Page { items, next: next.as_ref().map(write_cursor) }))
}

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<CreatedKey>)> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let (change, key, text) = keys::create(&mut tx, &app, now, &caller, &new).await?;
    keys::commit(&app, tx, change).await?;
    Ok((StatusCode::CREATED, Json(CreatedKey { key: text, view: view(&key, now) })))
}

pub async fn read(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Json<KeyView>> {
    let mut tx = app.db.read().await?;
    let key = keys::find(&mut tx, &caller, id).await?;
    let mut view = view(&key, app.clock.now());
    if let Some(rotation) = view.rotation.as_mut() {
        rotation.old_used_by = former_uses(&keys::list_former_uses(&mut tx, &caller, id).await?);
    }
    Ok(Json(view))
}

fn former_uses(uses: &[keys::FormerUse]) -> Vec<wire::OldUse> {
    let old_use = |used: &keys::FormerUse| wire::OldUse {
        ip: used.ip.clone(),
        user_agent: used.user_agent.clone(),
        at: used.used_at.rfc3339(),
    };
    uses.iter().map(old_use).collect()
}

pub async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<KeyId>,
    Json(patch): Json<KeyPatch>,
) -> Result<Json<KeyView>> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let change = keys::edit(&mut tx, now, &caller, id, &patch).await?;
    let key = keys::find(&mut tx, &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(Json(view(&key, now)))
}

pub async fn delete(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    let change = keys::revoke(&mut tx, app.clock.now(), &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn disable(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    let change = keys::disable(&mut tx, app.clock.now(), &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn enable(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    let change = keys::enable(&mut tx, app.clock.now(), &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn reveal(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<Json<RevealedKey>> {
    let mut tx = app.db.write().await?;
    let key = keys::reveal(&mut tx, &app, app.clock.now(), &caller, id).await?;
    tx.commit().await?;
    Ok(Json(RevealedKey { key }))
}

pub async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<KeyId>,
    IdempotencyKey(token): IdempotencyKey,
    Json(wanted): Json<RotateKey>,
) -> Result<Json<CreatedKey>> {
    let now = app.clock.now();
    let token = token.as_deref().map(Token::parse).transpose()?;
    let mut tx = app.db.write().await?;
    let rotated = keys::rotate(&mut tx, &app, now, &caller, id, (&wanted, token)).await?;
    answer_rotated(&app, tx, rotated).await
}

pub async fn rotate_self(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    IdempotencyKey(token): IdempotencyKey,
    Json(wanted): Json<RotateKey>,
) -> Result<Json<CreatedKey>> {
    let needed = || {
        let message =
            "send a header Idempotency-Key with a token of your own, so that a lost answer can be asked for again";
        Error::bad_request("idempotency_key_required", message)
    };
    let token = token.ok_or_else(needed)?;
    let token = Token::parse(&token)?;
    let text = presented(&headers)?;
    // What was used so far decides what may be shown again.
    keys::flush_uses(&app).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let rotated = keys::rotate_self(&mut tx, &app, now, &caller, (&text, &wanted, token)).await?;
    answer_rotated(&app, tx, rotated).await
}

/// Returns the text of the key that the request shows.
fn presented(headers: &HeaderMap) -> Result<String> {
    match authorization::read(headers, &mut Scratch::default())? {
        Some(Credential::Key(text)) => Ok(text.to_owned()),
        _ => Err(Error::bad_request("no_key", "this rotates the key it is called with")),
    }
}

async fn answer_rotated(app: &App, tx: Tx, rotated: Rotated) -> Result<Json<CreatedKey>> {
    let Rotated { change, key, text } = rotated;
    keys::commit(app, tx, change).await?;
    Ok(Json(CreatedKey { key: text, view: view(&key, app.clock.now()) }))
}

pub async fn close_overlap(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    let change = keys::close_overlap(&mut tx, app.clock.now(), &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Locks an organization's custody and scrubs the destroyed copies from the disk.
pub async fn lock_custody(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    keys::lock_custody(&mut tx, app.clock.now(), &caller, organization).await?;
    tx.commit().await?;
    app.db.scrub().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answers from the index alone.
pub async fn whoami(State(app): State<App>, caller: Caller) -> Result<Json<WhoAmI>> {
    let facts =
        caller.key().ok_or_else(|| Error::bad_request("no_key", "this answers for the key it is called with"))?;
    let owner = app.keys.owner(facts.owner).ok_or(Error::NotFound("person"))?;
    Ok(Json(WhoAmI {
        id: facts.id.0,
        handle: facts.handle.to_string(),
        name: facts.name.to_string(),
        owner: KeyOwner { id: facts.owner.0, email: owner.email.clone() },
        scopes: facts.scopes.list(),
        projects: facts.projects.as_ref().map(|ids| ids.iter().map(|id| id.0).collect()),
        expires_at: facts.expires_at.map(Millis::rfc3339),
    }))
}

pub async fn end_self(State(app): State<App>, caller: Caller) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    let change = keys::revoke_self(&mut tx, app.clock.now(), &caller).await?;
    keys::commit(&app, tx, change).await?;
    Ok(StatusCode::NO_CONTENT)
}
