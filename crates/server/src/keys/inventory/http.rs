//! `/api/v1/organizations/{organization}/keys` and `…/people/{person}/offboarding`.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use testward_wire::inventory::{BulkOrder, BulkPreview, BulkReceipt, ImportKeys, InventoryKey, KeyFilter, Offboarding};
use testward_wire::keys::{KeyView, Page};

use super::offboard::{self, Sender};
use super::{Found, Wanted, actor};
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity;
use crate::ids::{KeyId, OrganizationId, PersonId};
use crate::keys::http::view;
use crate::keys::service::http::person_view;
use crate::keys::{self, inventory};
use crate::time::Millis;
use crate::web::extract::{Json, Path, Query};

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 200;

/// What the inventory may be asked for, in the address.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InventoryQuery {
    q: Option<String>,
    owner: Option<String>,
    project: Option<i64>,
    status: Option<String>,
    created_after: Option<String>,
    created_before: Option<String>,
    unused_days: Option<i64>,
    seen_from: Option<String>,
    cursor: Option<String>,
    limit: Option<i64>,
}

impl InventoryQuery {
    fn filter(self) -> KeyFilter {
        let Self { q, owner, project, status, created_after, created_before, unused_days, seen_from, .. } = self;
        KeyFilter { q, owner, project, status, created_after, created_before, unused_days, seen_from }
    }
}

/// Reads a cursor as the previous page wrote it: the last id.
pub fn read_cursor(text: Option<&str>) -> Result<Option<KeyId>> {
    let text = text.filter(|text| !text.is_empty());
    let wrong = |_| Error::invalid("cursor", "must be one that the previous page gave");
    text.map(|text| text.parse().map(KeyId).map_err(wrong)).transpose()
}

fn item(found: &Found, now: Millis) -> InventoryKey {
    InventoryKey {
        key: view(&found.key, now),
        owner: person_view(&found.owner),
        kind: keys::kind_name(found.key.kind).to_owned(),
    }
}

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    Query(query): Query<InventoryQuery>,
) -> Result<Json<Page<InventoryKey>>> {
    let now = app.clock.now();
    let after = read_cursor(query.cursor.as_deref())?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let mut tx = app.db.read().await?;
    identity::administer(&mut tx, &caller, organization).await?;
    let wanted = Wanted::read(now, &query.filter())?;
    let (found, next) = inventory::list(&mut tx, now, organization, &wanted, after, limit).await?;
    let items = found.iter().map(|it| item(it, now)).collect();
    Ok(Json(Page { items, next: next.map(|id| id.to_string()) }))
}

pub async fn preview(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    Json(order): Json<BulkOrder>,
) -> Result<Json<BulkPreview>> {
    let mut tx = app.db.read().await?;
    identity::administer(&mut tx, &caller, organization).await?;
    inventory::preview(&mut tx, app.clock.now(), organization, &order).await.map(Json)
}

pub async fn carry_out(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    Json(order): Json<BulkOrder>,
) -> Result<Json<BulkReceipt>> {
    let mut tx = app.db.write().await?;
    identity::administer(&mut tx, &caller, organization).await?;
    let (change, receipt) = inventory::carry_out(&mut tx, app.clock.now(), &caller, organization, &order).await?;
    keys::commit(&app, tx, change).await?;
    Ok(Json(receipt))
}

/// Answers the imported keys, without their texts.
pub async fn import(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    Json(wanted): Json<ImportKeys>,
) -> Result<(StatusCode, Json<Page<KeyView>>)> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let membership = identity::administer(&mut tx, &caller, organization).await?;
    let (change, imported) = keys::import(&mut tx, &app, now, &caller, &membership, &wanted).await?;
    keys::commit(&app, tx, change).await?;
    let items = imported.iter().map(|key| view(key, now)).collect();
    Ok((StatusCode::CREATED, Json(Page { items, next: None })))
}

pub async fn ask_offboard(
    State(app): State<App>,
    caller: Caller,
    Path((organization, person)): Path<(OrganizationId, PersonId)>,
) -> Result<Json<Offboarding>> {
    let mut tx = app.db.read().await?;
    let role = identity::administer(&mut tx, &caller, organization).await?.role;
    let sender = Sender { actor: &actor(&caller), organization, role };
    offboard::preview(&mut tx, app.clock.now(), &sender, person).await.map(Json)
}

pub async fn offboard(
    State(app): State<App>,
    caller: Caller,
    Path((organization, person)): Path<(OrganizationId, PersonId)>,
) -> Result<Json<Offboarding>> {
    let mut tx = app.db.write().await?;
    let role = identity::administer(&mut tx, &caller, organization).await?.role;
    let sender = Sender { actor: &actor(&caller), organization, role };
    let (change, done) = offboard::carry_out(&mut tx, app.clock.now(), &sender, person).await?;
    keys::commit(&app, tx, change).await?;
    Ok(Json(done))
}
