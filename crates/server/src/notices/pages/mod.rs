//! A person's notices and their choices, and an organization's webhooks.

pub mod webhooks;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Redirect};
use serde::Deserialize;

use super::Kind;
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::NoticeId;
use crate::notices;
use crate::time::Millis;
use crate::web::extract::{Form, Query};
use crate::web::layout::{Chrome, Crumb, Paging, When, render};

const PATH: &str = "/notices";
const PAGE_SIZE: i64 = 30;

#[derive(Template)]
#[template(path = "notices.html")]
struct NoticesPage {
    page: Chrome,
    notices: Vec<NoticeRow>,
    /// The newest shown, when one of those shown is unread.
    unread_up_to: Option<i64>,
    pages: Paging,
    choices: Vec<KindChoice>,
    has_mail: bool,
}

struct NoticeRow {
    title: String,
    body: String,
    href: String,
    icon: &'static str,
    at: When,
    is_unread: bool,
}

struct KindChoice {
    name: &'static str,
    label: &'static str,
    is_mailed: bool,
}

#[derive(Deserialize)]
pub struct Asked {
    before: Option<NoticeId>,
}

#[derive(Deserialize)]
pub struct ReadForm {
    last: NoticeId,
}

impl NoticeRow {
    fn new(notice: notices::Notice, now: Millis) -> Self {
        let icon = match Kind::from_name(&notice.kind) {
            Some(Kind::KeyExpires) => "clock",
            Some(Kind::KeyLeaked | Kind::SecretUploaded) => "shield-alert",
            Some(Kind::DeadKeyUsed | Kind::KeyNewNetwork) => "triangle-alert",
            _ => "key-round",
        };
        Self {
            icon,
            at: When::new(notice.at, now),
            is_unread: notice.read_at.is_none(),
            title: notice.title,
            body: notice.body,
            href: notice.href,
        }
    }
}

pub async fn show(State(app): State<App>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let (notices, next) = notices::list(&mut tx, &caller, asked.before, PAGE_SIZE).await?;
    let is_unread = notices.iter().any(|it| it.read_at.is_none());
    let choices = notices::list_choices(&mut tx, &caller).await?;
    let choice = |(kind, is_mailed): (Kind, bool)| KindChoice { name: kind.name(), label: kind.label(), is_mailed };
    let page = NoticesPage {
        page: Chrome::of(&mut tx, &caller, vec![Crumb::new("Notices", PATH)]).await?,
        unread_up_to: notices.first().filter(|_| is_unread).map(|it| it.id.0),
        pages: Paging {
            newer: asked.before.map(|_| PATH.to_owned()),
            older: next.map(|next| format!("{PATH}?before={next}")),
        },
        choices: choices.into_iter().map(choice).collect(),
        has_mail: app.mailer.is_some(),
        notices: notices.into_iter().map(|notice| NoticeRow::new(notice, now)).collect(),
    };
    render(&page)
}

pub async fn read(State(app): State<App>, caller: Caller, Form(form): Form<ReadForm>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    notices::mark_read(&mut tx, app.clock.now(), &caller, form.last).await?;
    tx.commit().await?;
    Ok(Redirect::to(PATH))
}

/// Takes one field for each kind that is to come by mail.
pub async fn choose(
    State(app): State<App>,
    caller: Caller,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Redirect> {
    let by_mail: Vec<_> = form.into_iter().filter(|(name, _)| name == "by_mail").map(|(_, kind)| kind).collect();
    let mut tx = app.db.write().await?;
    notices::choose(&mut tx, &caller, &by_mail).await?;
    tx.commit().await?;
    Ok(Redirect::to(PATH))
}
