//! The leak centre, for owners and admins.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use serde::Deserialize;

use super::store::Shown;
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity;
use crate::ids::LeakId;
use crate::time::Millis;
use crate::web::extract::Query;
use crate::web::layout::{Chrome, Crumb, Paging, When, render};

const PATH: &str = "/admin/leaks";
const PAGE_SIZE: i64 = 50;

#[derive(Template)]
#[template(path = "leaks.html")]
struct LeaksPage {
    page: Chrome,
    organization: String,
    leaks: Vec<LeakRow>,
    pages: Paging,
    report_command: String,
}

struct LeakRow {
    rule: String,
    at: When,
    person: Option<String>,
    /// Handle of a key of ours that was disabled.
    key: Option<String>,
    is_reported: bool,
    project: Option<String>,
    run: Option<Link>,
    path: Option<String>,
}

struct Link {
    label: String,
    href: String,
}

#[derive(Deserialize)]
pub struct Asked {
    before: Option<LeakId>,
}

impl LeakRow {
    fn new(shown: Shown, now: Millis) -> Self {
        let place = shown.team_id.zip(shown.leak.project_id).zip(shown.run_number);
        let run = place.map(|((team, project), number)| Link {
            label: format!("run #{number}"),
            href: format!("/team/{team}/project/{project}/executions/{number}"),
        });
        Self {
            at: When::new(shown.leak.at, now),
            is_reported: shown.leak.source == "reported",
            rule: shown.leak.rule,
            key: shown.leak.key_handle,
            person: shown.person_name,
            project: shown.project_name,
            path: shown.path,
            run,
        }
    }
}

pub async fn show(State(app): State<App>, caller: Caller, Query(asked): Query<Asked>) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    let (leaks, next) = super::list(&mut tx, organization.organization, asked.before, PAGE_SIZE).await?;
    let page = LeaksPage {
        page: Chrome::of(&mut tx, &caller, vec![Crumb::new("Leaks", PATH)]).await?,
        organization: organization.name,
        leaks: leaks.into_iter().map(|leak| LeakRow::new(leak, now)).collect(),
        pages: Paging {
            newer: asked.before.map(|_| PATH.to_owned()),
            older: next.map(|next| format!("{PATH}?before={next}")),
        },
        report_command: format!(
            "curl -H 'Content-Type: application/json' -d '{{\"key\": \"THE_KEY\"}}' {}",
            app.url("/api/v1/leaks")
        ),
    };
    render(&page)
}
