//! The API Keys tab.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use serde::Deserialize;

use super::hints::{Hint, Seen, hints};
use super::row::KeyRow;
use super::{chrome, keys_crumb};
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::keys;
use crate::keys::http::{ListQuery, write_cursor};
use crate::keys::{Cursor, Filter};
use crate::web::extract::Query;
use crate::web::layout::{Choice, Chrome, Paging, Tab, href, render, upload_command};

const PATH: &str = "/user/apikey";
const PAGE_SIZE: i64 = 25;
/// Which keys can be shown: value and words.
const SHOWN: [(&str, &str); 7] = [
    ("", "All live"),
    ("expiring_soon", "Expiring soon"),
    ("unused", "Unused"),
    ("endless", "No expiry"),
    ("disabled", "Disabled"),
    ("dead", "Dead"),
    ("all", "All"),
];

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    page: Chrome,
    tab: &'static str,
    keys: Vec<Listed>,
    filter: FilterBar,
    pages: Paging,
    has_any: bool,
    command: String,
}

/// A key with what is odd about it.
struct Listed {
    key: KeyRow,
    hints: Vec<Hint>,
}

struct FilterBar {
    show: Vec<Tab>,
    show_value: String,
    q: String,
    sorts: Vec<Choice>,
    is_set: bool,
}

/// What the address says.
#[derive(Default, Deserialize)]
pub struct Shown {
    #[serde(default)]
    show: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    after: String,
}

pub async fn show(State(app): State<App>, caller: Caller, Query(shown): Query<Shown>) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let (keys, next) = keys::list(&mut tx, now, &caller, &shown.filter()?).await?;
    let mut used = keys::used_scopes(&mut tx, &keys.iter().map(|key| key.id).collect::<Vec<_>>()).await?;
    let mut listed = Vec::new();
    for key in keys {
        let mut seen = Seen { scopes: used.remove(&key.id).unwrap_or_default(), ..Seen::default() };
        if key.open_rotation(now).is_some() {
            seen.formers = keys::list_former_uses(&mut tx, &caller, key.id).await?;
        }
        listed.push(Listed { hints: hints(&key, &seen, now), key: KeyRow::new(key, now) });
    }
    let project = crate::projects::list_ids(&mut tx, &caller).await?.first().map_or(1, |id| id.0);
    let page = KeysPage {
        page: chrome(&mut tx, &caller, keys_crumb()).await?,
        tab: "keys",
        has_any: !listed.is_empty() || keys::has_any(&mut tx, &caller).await?,
        keys: listed,
        pages: shown.pages(next.as_ref()),
        filter: shown.bar(),
        command: upload_command(&app, project),
    };
    render(&page)
}

impl Shown {
    fn filter(&self) -> Result<Filter> {
        let query = ListQuery {
            status: Some(self.show.clone()),
            q: Some(self.q.clone()),
            sort: Some(self.sort.clone()),
            cursor: Some(self.after.clone()),
            limit: Some(PAGE_SIZE),
        };
        query.filter()
    }

    fn pages(&self, next: Option<&Cursor>) -> Paging {
        let to =
            |after: &str| href(PATH, &[("show", &self.show), ("q", &self.q), ("sort", &self.sort), ("after", after)]);
        Paging { newer: (!self.after.is_empty()).then(|| to("")), older: next.map(|next| to(&write_cursor(next))) }
    }

    fn bar(self) -> FilterBar {
        let show = SHOWN.map(|(value, label)| Tab {
            label: label.to_owned(),
            href: href(PATH, &[("show", value), ("q", &self.q), ("sort", &self.sort)]),
            n: None,
            is_current: self.show == value,
        });
        let sorts = [("", "Newest first"), ("name", "Name"), ("expires", "Next to expire"), ("last_used", "Last used")];
        let sorts = sorts.map(|(value, label)| Choice::new(value, label).selected(self.sort == value));
        FilterBar {
            show: show.into(),
            sorts: sorts.into(),
            is_set: !self.q.is_empty() || !self.show.is_empty(),
            show_value: self.show,
            q: self.q,
        }
    }
}
