//! The inventory page, ending many keys at once, and off-boarding a person.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use testward_wire::inventory::{BulkOrder, BulkPreview, BulkReceipt, KeyFilter, Offboarding};

use super::http::read_cursor;
use super::offboard::{self, Sender};
use super::{Found, Wanted, actor};
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity;
use crate::identity::pages::problems_of;
use crate::ids::PersonId;
use crate::keys::pages::row::KeyRow;
use crate::keys::{self, inventory};
use crate::time::Millis;
use crate::web::extract::{Form, Path, Query};
use crate::web::layout::{AdminTab, Choice, Chrome, Crumb, Paging, When, href, render};

const PATH: &str = "/admin/keys";
const PAGE_SIZE: i64 = 50;

#[derive(Template)]
#[template(path = "admin_keys.html")]
struct InventoryPage {
    page: Chrome,
    tab: AdminTab,
    organization: String,
    problems: Vec<String>,
    filter: KeyFilter,
    project: String,
    unused_days: String,
    statuses: Vec<Choice>,
    keys: Vec<InventoryRow>,
    pages: Paging,
}

struct InventoryRow {
    key: KeyRow,
    owner: String,
    owner_email: String,
    kind: &'static str,
}

#[derive(Template)]
#[template(path = "admin_bulk.html")]
struct BulkPage {
    page: Chrome,
    tab: AdminTab,
    organization: String,
    problems: Vec<String>,
    action: String,
    /// What is sent again when it is confirmed.
    hidden: Vec<(String, String)>,
    preview: Option<BulkPreview>,
    last_used: Option<When>,
    receipt: Option<BulkReceipt>,
    back: String,
}

#[derive(Template)]
#[template(path = "offboard.html")]
struct OffboardPage {
    page: Chrome,
    shown: Offboarding,
    keys: Vec<LeavingKey>,
}

struct LeavingKey {
    name: String,
    handle: String,
    scopes: String,
    used: Option<When>,
    used_from: String,
}

/// What the address or the form says, in pairs.
#[derive(Default)]
struct Asked {
    filter: KeyFilter,
    project: String,
    unused_days: String,
    cursor: String,
    ids: Vec<i64>,
    action: String,
    expected: Option<i64>,
    is_confirmed: bool,
}

impl Asked {
    fn read(pairs: Vec<(String, String)>) -> Self {
        let mut asked = Self::default();
        for (name, value) in pairs {
            let given = (!value.trim().is_empty()).then(|| value.trim().to_owned());
            match name.as_str() {
                "q" => asked.filter.q = given,
                "owner" => asked.filter.owner = given,
                "project" => asked.project = given.unwrap_or_default(),
                "status" => asked.filter.status = given,
                "created_after" => asked.filter.created_after = given,
                "created_before" => asked.filter.created_before = given,
                "unused_days" => asked.unused_days = given.unwrap_or_default(),
                "seen_from" => asked.filter.seen_from = given,
                "after" => asked.cursor = value,
                "id" => asked.ids.extend(value.parse::<i64>()),
                "action" => asked.action = value,
                "expected" => asked.expected = value.parse().ok(),
                "step" => asked.is_confirmed = value == "apply",
                _ => {}
            }
        }
        asked.filter.project = asked.project.parse().ok();
        asked.filter.unused_days = asked.unused_days.parse().ok();
        asked
    }

    /// Understands the filter; what is no number is said so, and not passed over.
    fn wanted(&self, now: Millis) -> Result<Wanted> {
        for (field, text, read) in [
            ("project", &self.project, self.filter.project),
            ("unused_days", &self.unused_days, self.filter.unused_days),
        ] {
            if !text.is_empty() && read.is_none() {
                return Err(Error::invalid(field, "must be a number"));
            }
        }
        Wanted::read(now, &self.filter)
    }

    /// Returns the filter as an address or a form carries it.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        let pairs = [
            ("q", text(&self.filter.q)),
            ("owner", text(&self.filter.owner)),
            ("project", self.project.clone()),
            ("status", text(&self.filter.status)),
            ("created_after", text(&self.filter.created_after)),
            ("created_before", text(&self.filter.created_before)),
            ("unused_days", self.unused_days.clone()),
            ("seen_from", text(&self.filter.seen_from)),
        ];
        pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    fn href(&self, after: &str) -> String {
        let mut pairs = self.pairs();
        pairs.push(("after", after.to_owned()));
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        href(PATH, &pairs)
    }

    /// Returns the order: `disable` and `revoke` are about what is ticked, `…_all` about all that the filter finds.
    fn order(&self) -> BulkOrder {
        let (action, is_all) = match self.action.strip_suffix("_all") {
            Some(action) => (action, true),
            None => (self.action.as_str(), false),
        };
        let ids = (!is_all).then(|| self.ids.clone());
        BulkOrder { action: action.to_owned(), ids, filter: self.filter.clone(), expected: self.expected }
    }
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::new("All API keys", PATH)]
}

pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Html<String>> {
    let now = app.clock.now();
    let asked = Asked::read(pairs);
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    let after = read_cursor(Some(&asked.cursor))?;
    let (problems, found, next) = match asked.wanted(now) {
        Ok(wanted) => {
            let id = organization.organization;
            let (found, next) = inventory::list(&mut tx, now, id, &wanted, after, PAGE_SIZE).await?;
            (Vec::new(), found, next)
        }
        Err(error) => (problems_of(error)?, Vec::new(), None),
    };
    let page = InventoryPage {
        page: Chrome::of(&mut tx, &caller, crumbs()).await?,
        tab: AdminTab::Keys,
        organization: organization.name,
        problems,
        statuses: statuses(asked.filter.status.as_deref()),
        pages: Paging {
            newer: (!asked.cursor.is_empty()).then(|| asked.href("")),
            older: next.map(|id| asked.href(&id.to_string())),
        },
        project: asked.project,
        unused_days: asked.unused_days,
        filter: asked.filter,
        keys: found.into_iter().map(|found| row(found, now)).collect(),
    };
    render(&page)
}

fn statuses(selected: Option<&str>) -> Vec<Choice> {
    let all =
        [("live", "Live"), ("disabled", "Disabled"), ("expired", "Expired"), ("revoked", "Deleted"), ("all", "All")];
    all.map(|(value, label)| Choice::new(value, label).selected(selected == Some(value))).into()
}

fn row(found: Found, now: Millis) -> InventoryRow {
    InventoryRow {
        owner: found.owner.name,
        owner_email: found.owner.email,
        kind: keys::kind_name(found.key.kind),
        key: KeyRow::new(found.key, now),
    }
}

/// Shows how many keys it is about; does it when that was seen.
pub async fn bulk(
    State(app): State<App>,
    caller: Caller,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let now = app.clock.now();
    let asked = Asked::read(pairs);
    let order = asked.order();
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    let id = organization.organization;
    let outcome = match asked.wanted(now) {
        Err(error) => Err(error),
        Ok(_) if asked.is_confirmed => inventory::carry_out(&mut tx, now, &caller, id, &order).await.map(Outcome::Done),
        Ok(_) => inventory::preview(&mut tx, now, id, &order).await.map(Outcome::Asked),
    };
    let (mut problems, mut preview, mut receipt) = (Vec::new(), None, None);
    match outcome {
        Ok(Outcome::Done((change, done))) => {
            keys::commit(&app, tx, change).await?;
            tx = app.db.write().await?;
            receipt = Some(done);
        }
        Ok(Outcome::Asked(asked)) => preview = Some(asked),
        Err(error) => problems = problems_of(error)?,
    }
    let last_used = preview.as_ref().and_then(|it| it.last_used_at.as_deref()).and_then(Millis::parse_rfc3339);
    let page = BulkPage {
        page: Chrome::of(&mut tx, &caller, crumbs()).await?,
        tab: AdminTab::Keys,
        organization: organization.name,
        problems,
        hidden: hidden(&asked),
        back: asked.href(""),
        last_used: last_used.map(|at| When::new(at, now)),
        action: order.action,
        preview,
        receipt,
    };
    Ok(render(&page)?.into_response())
}

enum Outcome {
    Asked(BulkPreview),
    Done((keys::Change, BulkReceipt)),
}

fn hidden(asked: &Asked) -> Vec<(String, String)> {
    let filter = asked.pairs().into_iter().map(|(name, value)| (name.to_owned(), value));
    let ids = asked.ids.iter().map(|id| ("id".to_owned(), id.to_string()));
    filter.chain(ids).chain([("action".to_owned(), asked.action.clone())]).collect()
}

pub async fn ask_offboard(
    State(app): State<App>,
    caller: Caller,
    Path(person): Path<PersonId>,
) -> Result<Html<String>> {
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    let sender = Sender { actor: &actor(&caller), organization: organization.organization, role: organization.role };
    let shown = offboard::preview(&mut tx, app.clock.now(), &sender, person).await?;
    offboard_page(&mut tx, &app, &caller, shown).await
}

pub async fn offboard(State(app): State<App>, caller: Caller, Path(person): Path<PersonId>) -> Result<Html<String>> {
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    let sender = Sender { actor: &actor(&caller), organization: organization.organization, role: organization.role };
    let (change, done) = offboard::carry_out(&mut tx, app.clock.now(), &sender, person).await?;
    keys::commit(&app, tx, change).await?;
    let mut tx = app.db.read().await?;
    offboard_page(&mut tx, &app, &caller, done).await
}

async fn offboard_page(tx: &mut crate::db::Tx, app: &App, caller: &Caller, shown: Offboarding) -> Result<Html<String>> {
    let now = app.clock.now();
    let key = |key: &testward_wire::keys::KeyView| LeavingKey {
        name: key.name.clone(),
        handle: key.handle.clone(),
        scopes: key.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", "),
        used: key.last_used.as_ref().and_then(|it| Millis::parse_rfc3339(&it.at)).map(|at| When::new(at, now)),
        used_from: key.last_used.as_ref().map(|it| it.ip.clone()).unwrap_or_default(),
    };
    let keys = shown.keys.iter().map(key).collect();
    let crumbs = vec![Crumb::new("Members", "/members"), Crumb::new("Off-board", "")];
    render(&OffboardPage { page: Chrome::of(tx, caller, crumbs).await?, shown, keys })
}
