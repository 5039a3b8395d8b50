//! `/api/v1/service-accounts`.

use axum::extract::State;
use axum::http::StatusCode;
use testward_wire::keys::{CreatedKey, KeyView, NewKey, Page};
use testward_wire::service::{NewServiceAccount, PersonView, ServiceAccountPatch, ServiceAccountView};

use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity::service::{self, NewAccount, ServiceAccount};
use crate::identity::{self, Person, Role};
use crate::ids::{KeyId, OrganizationId, PersonId, TeamId};
use crate::keys::http::view;
use crate::keys::{self, service as keys_of};
use crate::time::Millis;
use crate::web::extract::{Json, Path};

fn account_view(account: ServiceAccount) -> ServiceAccountView {
    ServiceAccountView {
        id: account.person.id.0,
        organization: account.organization.0,
        name: account.person.name,
        description: account.description,
        role: account.role.name().to_owned(),
        created_at: account.person.created_at.rfc3339(),
        disabled_at: account.person.disabled_at.map(Millis::rfc3339),
        stewards: account.stewards.iter().map(person_view).collect(),
    }
}

pub fn person_view(person: &Person) -> PersonView {
    PersonView { id: person.id.0, name: person.name.clone(), email: person.email.clone() }
}

pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Page<ServiceAccountView>>> {
    let mut tx = app.db.read().await?;
    let accounts = service::list_accounts(&mut tx, &caller).await?;
    Ok(Json(Page { items: accounts.into_iter().map(account_view).collect(), next: None }))
}

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewServiceAccount>,
) -> Result<(StatusCode, Json<ServiceAccountView>)> {
    let mut tx = app.db.write().await?;
    let organization = match new.organization {
        Some(id) => identity::administer(&mut tx, &caller, OrganizationId(id)).await?,
        None => identity::administered(&mut tx, &caller).await?,
    };
    let stewards: Vec<_> = new.stewards.iter().copied().map(PersonId).collect();
    let account = NewAccount {
        name: &new.name,
        description: &new.description,
        role: new.role.as_deref().map_or(Ok(Role::Member), str::parse)?,
        team: new.team.map(TeamId),
        stewards: &stewards,
    };
    let id = service::create(&mut tx, app.clock.now(), &caller, &organization, account).await?;
    let account = service::find_account(&mut tx, &caller, id).await?;
    let change = keys::owner_changed(&mut tx, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok((StatusCode::CREATED, Json(account_view(account))))
}

pub async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PersonId>,
) -> Result<Json<ServiceAccountView>> {
    let mut tx = app.db.read().await?;
    Ok(Json(account_view(service::find_account(&mut tx, &caller, id).await?)))
}

pub async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PersonId>,
    Json(patch): Json<ServiceAccountPatch>,
) -> Result<Json<ServiceAccountView>> {
    let (name, description) = (patch.name.as_deref(), patch.description.as_deref());
    let mut tx = app.db.write().await?;
    service::change_account(&mut tx, app.clock.now(), &caller, id, name, description).await?;
    let account = service::find_account(&mut tx, &caller, id).await?;
    tx.commit().await?;
    Ok(Json(account_view(account)))
}

pub async fn delete(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    let change = keys_of::delete(&mut tx, app.clock.now(), &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn add_steward(
    State(app): State<App>,
    caller: Caller,
    Path((id, person)): Path<(PersonId, PersonId)>,
) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    service::add_steward(&mut tx, app.clock.now(), &caller, id, person).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn remove_steward(
    State(app): State<App>,
    caller: Caller,
    Path((id, person)): Path<(PersonId, PersonId)>,
) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    service::remove_steward(&mut tx, app.clock.now(), &caller, id, person).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn list_keys(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PersonId>,
) -> Result<Json<Page<KeyView>>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let keys = keys_of::list(&mut tx, now, &caller, id).await?;
    Ok(Json(Page { items: keys.iter().map(|key| view(key, now)).collect(), next: None }))
}

pub async fn create_key(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PersonId>,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<CreatedKey>)> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let (change, key, text) = keys_of::create(&mut tx, &app, now, &caller, id, &new).await?;
    keys::commit(&app, tx, change).await?;
    Ok((StatusCode::CREATED, Json(CreatedKey { key: text, view: view(&key, now) })))
}

pub async fn list_own_keys(State(app): State<App>, caller: Caller) -> Result<Json<Page<KeyView>>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let keys = keys_of::list_own(&mut tx, now, &caller).await?;
    Ok(Json(Page { items: keys.iter().map(|key| view(key, now)).collect(), next: None }))
}

pub async fn create_own_key(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<CreatedKey>)> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let (change, key, text) = keys_of::create_child(&mut tx, &app, now, &caller, &new).await?;
    keys::commit(&app, tx, change).await?;
    Ok((StatusCode::CREATED, Json(CreatedKey { key: text, view: view(&key, now) })))
}

pub async fn revoke_own_key(State(app): State<App>, caller: Caller, Path(id): Path<KeyId>) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    let change = keys_of::revoke_own(&mut tx, app.clock.now(), &caller, id).await?;
    keys::commit(&app, tx, change).await?;
    Ok(StatusCode::NO_CONTENT)
}
