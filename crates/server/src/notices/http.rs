//! `/api/v1/notices`.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use testward_wire::keys::Page;
use testward_wire::notices::NoticeView;

use super::Notice;
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::NoticeId;
use crate::notices;
use crate::time::Millis;
use crate::web::extract::{Json, Query};

const PAGE_SIZE: i64 = 50;

#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// What the previous page gave.
    pub cursor: Option<NoticeId>,
}

/// Which notices were read: this one and all before it.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadUpTo {
    last: NoticeId,
}

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<NoticeView>>> {
    let mut tx = app.db.read().await?;
    let (notices, next) = notices::list(&mut tx, &caller, query.cursor, PAGE_SIZE).await?;
    let items = notices.into_iter().map(|notice| view(&app, notice)).collect();
    Ok(Json(Page { items, next: next.map(|id| id.to_string()) }))
}

fn view(app: &App, notice: Notice) -> NoticeView {
    NoticeView {
        id: notice.id.0,
        at: notice.at.rfc3339(),
        kind: notice.kind,
        title: notice.title,
        text: notice.body,
        url: app.url(&notice.href),
        subject: notice.subject,
        read_at: notice.read_at.map(Millis::rfc3339),
    }
}

pub async fn read(State(app): State<App>, caller: Caller, Json(read): Json<ReadUpTo>) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    notices::mark_read(&mut tx, app.clock.now(), &caller, read.last).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
