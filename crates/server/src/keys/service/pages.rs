//! Pages of service accounts: the list, one account with its keys, a key for it.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use testward_wire::keys::{NewKey, Scope};

use super::list_candidates;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::pages::problems_of;
use crate::identity::service::{self, NewAccount};
use crate::identity::{self, Role};
use crate::ids::{KeyId, PersonId};
use crate::keys::pages::create::{confirm_first, created_page};
use crate::keys::pages::row::KeyRow;
use crate::keys::{self, DEFAULT_EXPIRES, service as keys_of};
use crate::web::extract::{Form, Path};
use crate::web::layout::{Choice, Chrome, Crumb, When, render};

const PATH: &str = "/service-accounts";

#[derive(Template)]
#[template(path = "service_accounts.html")]
struct AccountsPage {
    page: Chrome,
    problems: Vec<String>,
    accounts: Vec<AccountRow>,
    is_admin: bool,
}

struct AccountRow {
    id: PersonId,
    name: String,
    description: String,
    role: &'static str,
    stewards: String,
    is_deleted: bool,
}

#[derive(Template)]
#[template(path = "service_account.html")]
struct AccountPage {
    page: Chrome,
    problems: Vec<String>,
    id: PersonId,
    name: String,
    description: String,
    role: &'static str,
    created: When,
    is_deleted: bool,
    stewards: Vec<Steward>,
    candidates: Vec<Choice>,
    keys: Vec<KeyRow>,
    expirations: Vec<Choice>,
    scopes: Vec<Choice>,
}

struct Steward {
    id: PersonId,
    name: String,
    email: String,
}

#[derive(Deserialize)]
pub struct NewForm {
    name: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
pub struct StewardForm {
    person: i64,
}

fn path(id: PersonId) -> String {
    format!("{PATH}/{id}")
}

pub async fn show(State(app): State<App>, caller: Caller) -> Result<Html<String>> {
    list_page(&app, &caller, Vec::new()).await
}

async fn list_page(app: &App, caller: &Caller, problems: Vec<String>) -> Result<Html<String>> {
    let mut tx = app.db.read().await?;
    let accounts = service::list_accounts(&mut tx, caller).await?;
    let row = |account: service::ServiceAccount| AccountRow {
        id: account.person.id,
        name: account.person.name,
        description: account.description,
        role: account.role.name(),
        stewards: account.stewards.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", "),
        is_deleted: account.person.disabled_at.is_some(),
    };
    let page = AccountsPage {
        page: Chrome::of(&mut tx, caller, vec![Crumb::new("Service accounts", PATH)]).await?,
        problems,
        accounts: accounts.into_iter().map(row).collect(),
        is_admin: caller.require_role(Role::Admin).is_ok(),
    };
    render(&page)
}

pub async fn create(State(app): State<App>, caller: Caller, Form(form): Form<NewForm>) -> Result<Response> {
    match make(&app, &caller, &form).await {
        Ok(id) => Ok(Redirect::to(&path(id)).into_response()),
        Err(error) => Ok(list_page(&app, &caller, problems_of(error)?).await?.into_response()),
    }
}

async fn make(app: &App, caller: &Caller, form: &NewForm) -> Result<PersonId> {
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    let account =
        NewAccount { name: &form.name, description: &form.description, role: Role::Member, team: None, stewards: &[] };
    let id = service::create(&mut tx, app.clock.now(), caller, &organization, account).await?;
    let change = keys::owner_changed(&mut tx, id).await?;
    keys::commit(app, tx, change).await?;
    Ok(id)
}

pub async fn show_one(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>) -> Result<Html<String>> {
    account_page(&app, &caller, id, Vec::new()).await
}

async fn account_page(app: &App, caller: &Caller, id: PersonId, problems: Vec<String>) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let account = service::find_account(&mut tx, caller, id).await?;
    let keys = keys_of::list(&mut tx, now, caller, id).await?;
    let candidates = list_candidates(&mut tx, &account).await?;
    let steward = |it: identity::Person| Steward { id: it.id, name: it.name, email: it.email };
    let page = AccountPage {
        page: chrome(&mut tx, caller, &account.person.name, id).await?,
        problems,
        id,
        created: When::new(account.person.created_at, now),
        is_deleted: account.person.disabled_at.is_some(),
        name: account.person.name,
        description: account.description,
        role: account.role.name(),
        stewards: account.stewards.into_iter().map(steward).collect(),
        candidates: candidates.into_iter().map(|it| Choice::new(it.id.to_string(), it.name)).collect(),
        keys: keys.into_iter().map(|key| KeyRow::new(key, now)).collect(),
        expirations: expirations(),
        scopes: scopes(),
    };
    render(&page)
}

async fn chrome(tx: &mut Tx, caller: &Caller, name: &str, id: PersonId) -> Result<Chrome> {
    Chrome::of(tx, caller, vec![Crumb::new("Service accounts", PATH), Crumb::new(name, path(id))]).await
}

fn expirations() -> Vec<Choice> {
    let all = [("30d", "30 days"), ("90d", "90 days"), ("365d", "1 year"), ("never", "Never")];
    all.map(|(value, label)| Choice::new(value, label).selected(value == DEFAULT_EXPIRES)).into()
}

fn scopes() -> Vec<Choice> {
    let is_usual = |scope: Scope| matches!(scope, Scope::ResultsWrite | Scope::ProjectsRead);
    Scope::ALL.map(|scope| Choice::new(scope.name(), scope.name()).selected(is_usual(scope))).into()
}

pub async fn create_key(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PersonId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    match keys_of::create(&mut tx, &app, now, &caller, id, &new_key(pairs)).await {
        Ok((change, key, text)) => {
            keys::commit(&app, tx, change).await?;
            created_page(&app, &caller, key, text).await
        }
        Err(Error::Forbidden { code: "confirm_password", .. }) => Ok(confirm_first(&path(id))),
        Err(error) => {
            drop(tx);
            Ok(account_page(&app, &caller, id, problems_of(error)?).await?.into_response())
        }
    }
}

fn new_key(pairs: Vec<(String, String)>) -> NewKey {
    let mut new = NewKey { scopes: Some(Vec::new()), ..NewKey::default() };
    for (name, value) in pairs {
        match name.as_str() {
            "name" => new.name = value,
            "expires" => new.expires = Some(value),
            "scopes" => new.scopes.get_or_insert_default().extend(Scope::from_name(&value)),
            _ => {}
        }
    }
    new
}

/// Does something about a key of the account, and shows the account again.
async fn back(app: &App, tx: Tx, change: keys::Change, id: PersonId) -> Result<Redirect> {
    keys::commit(app, tx, change).await?;
    Ok(Redirect::to(&path(id)))
}

pub async fn disable_key(
    State(app): State<App>,
    caller: Caller,
    Path((id, key)): Path<(PersonId, KeyId)>,
) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let change = keys::disable(&mut tx, app.clock.now(), &caller, key).await?;
    back(&app, tx, change, id).await
}

pub async fn enable_key(
    State(app): State<App>,
    caller: Caller,
    Path((id, key)): Path<(PersonId, KeyId)>,
) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let change = keys::enable(&mut tx, app.clock.now(), &caller, key).await?;
    back(&app, tx, change, id).await
}

pub async fn delete_key(
    State(app): State<App>,
    caller: Caller,
    Path((id, key)): Path<(PersonId, KeyId)>,
) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let change = keys::revoke(&mut tx, app.clock.now(), &caller, key).await?;
    back(&app, tx, change, id).await
}

pub async fn add_steward(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PersonId>,
    Form(form): Form<StewardForm>,
) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    service::add_steward(&mut tx, app.clock.now(), &caller, id, PersonId(form.person)).await?;
    back(&app, tx, keys::Change::default(), id).await
}

pub async fn remove_steward(
    State(app): State<App>,
    caller: Caller,
    Path((id, person)): Path<(PersonId, PersonId)>,
) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    service::remove_steward(&mut tx, app.clock.now(), &caller, id, person).await?;
    tx.commit().await?;
    Ok(Redirect::to(PATH))
}

pub async fn delete(State(app): State<App>, caller: Caller, Path(id): Path<PersonId>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let change = keys_of::delete(&mut tx, app.clock.now(), &caller, id).await?;
    back(&app, tx, change, id).await
}
