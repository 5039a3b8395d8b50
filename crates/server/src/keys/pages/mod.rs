//! User Settings: Personal Integration and API Keys.

pub mod change;
pub mod commands;
pub mod create;
pub mod generator;
pub mod list;
pub mod usage;
pub mod rotate;
mod hints;
mod radius;
mod row;

use askama::Template;
use axum::extract::State;
use axum::response::Html;

use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::web::layout::{Chrome, Crumb, render};

#[derive(Template)]
#[template(path = "integration.html")]
struct IntegrationPage {
    page: Chrome,
    tab: &'static str,
    services: Vec<Service>,
}

struct Service {
    name: &'static str,
    purpose: &'static str,
    icon: &'static str,
}

/// The tab that User Settings opens with: tokens that lead out, the opposite of API keys.
pub async fn integration(State(app): State<App>, caller: Caller) -> Result<Html<String>> {
    let services = [
        ("GitHub", "Read test projects from your repositories", "git-branch"),
        ("GitLab", "Read test projects from your repositories", "layers"),
        ("Jira", "Link requirements and report bugs as you", "list-checks"),
        ("CircleCI", "Start test runs in your pipelines", "plug"),
    ];
    let services = services.map(|(name, purpose, icon)| Service { name, purpose, icon }).into();
    let mut tx = app.db.read().await?;
    let page = chrome(&mut tx, &caller, Crumb::new("Personal Integration", "/user/settings")).await?;
    render(&IntegrationPage { page, tab: "integration", services })
}

async fn chrome(tx: &mut crate::db::Tx, caller: &Caller, last: Crumb) -> Result<Chrome> {
    Chrome::of(tx, caller, vec![Crumb::new("User Settings", "/user/settings"), last]).await
}

fn keys_crumb() -> Crumb {
    Crumb::new("API Keys", "/user/apikey")
}
