//! `/api/v1/organizations/{organization}/key-policy`.

use axum::extract::State;
use testward_wire::policy::{KeyPolicy, KeyPolicyView, PolicyEffect, PolicyReceipt};

use super::Policy;
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity;
use crate::ids::OrganizationId;
use crate::keys::{self, policy};
use crate::time::Millis;
use crate::web::extract::{Json, Path};
use crate::web::versions::{IfMatch, Versioned};

fn view(policy: &Policy) -> KeyPolicyView {
    let changed_at = (policy.version > 0).then_some(policy.changed_at);
    KeyPolicyView { policy: policy.to_wire(), version: policy.version, changed_at: changed_at.map(Millis::rfc3339) }
}

pub async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
) -> Result<Versioned<KeyPolicyView>> {
    let mut tx = app.db.read().await?;
    identity::administer(&mut tx, &caller, organization).await?;
    let policy = policy::find(&mut tx, organization).await?;
    Ok(Versioned(policy.version, view(&policy)))
}

pub async fn preview(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    Json(wanted): Json<KeyPolicy>,
) -> Result<Json<PolicyEffect>> {
    let mut tx = app.db.read().await?;
    identity::administer(&mut tx, &caller, organization).await?;
    policy::preview(&mut tx, app.clock.now(), organization, &wanted).await.map(Json)
}

pub async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    expected: IfMatch,
    Json(wanted): Json<KeyPolicy>,
) -> Result<Versioned<PolicyReceipt>> {
    let mut tx = app.db.write().await?;
    identity::administer(&mut tx, &caller, organization).await?;
    let now = app.clock.now();
    let (change, policy, effect) = policy::set(&mut tx, now, &caller, organization, &wanted, &expected).await?;
    keys::commit(&app, tx, change).await?;
    Ok(Versioned(policy.version, PolicyReceipt { view: view(&policy), effect }))
}
