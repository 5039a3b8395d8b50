//! The audit log for owners and admins of an organization: its page.

pub mod http;
mod sentence;

use askama::Template;
use axum::extract::State;
use axum::response::Html;

use super::extract::Query;
use super::layout::{Choice, Chrome, Crumb, Paging, When, href, render};
use crate::app::App;
use crate::audit::{self, Shown};
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity;
use crate::time::Millis;
use http::Asked;

const PATH: &str = "/admin/audit";
const PAGE_SIZE: i64 = 50;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    page: Chrome,
    organization: String,
    problems: Vec<String>,
    families: Vec<Choice>,
    asked: Asked,
    export_href: String,
    rows: Vec<AuditRow>,
    pages: Paging,
}

struct AuditRow {
    seq: i64,
    who: String,
    email: Option<String>,
    what: String,
    action: String,
    at: When,
    ip: Option<String>,
    key: Option<String>,
    hash: String,
}

impl AuditRow {
    fn new(shown: Shown, now: Millis) -> Self {
        Self {
            who: sentence::who(&shown).to_owned(),
            what: sentence::what(&shown),
            email: shown.person_email,
            seq: shown.row.seq,
            action: shown.row.action,
            at: When::new(shown.row.at, now),
            ip: shown.row.ip,
            key: shown.row.key_handle,
            hash: shown.row.hash,
        }
    }
}

pub async fn show(State(app): State<App>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    let (filter, problems) = match asked.filter(PAGE_SIZE) {
        Err(Error::Invalid(problems)) => (None, problems),
        filter => (Some(filter?), Vec::new()),
    };
    let (rows, next) = match &filter {
        Some(filter) => audit::list(&mut tx, organization.organization, filter).await?,
        None => (Vec::new(), None),
    };
    let families = sentence::FAMILIES.iter().map(|(value, label)| Choice::new(*value, *label));
    let page = AuditPage {
        page: Chrome::of(&mut tx, &caller, vec![Crumb::new("Audit log", PATH)]).await?,
        organization: organization.name,
        problems: problems.iter().map(|it| format!("{} {}", it.field, it.message)).collect(),
        families: families.map(|it| Choice { is_selected: it.value == asked.action, ..it }).collect(),
        export_href: href(&format!("{}/export", http::PATH), &asked.query("")),
        pages: Paging {
            newer: (!asked.cursor.is_empty()).then(|| href(PATH, &asked.query(""))),
            older: next.map(|next| href(PATH, &asked.query(&next.to_string()))),
        },
        rows: rows.into_iter().map(|shown| AuditRow::new(shown, now)).collect(),
        asked,
    };
    render(&page)
}
