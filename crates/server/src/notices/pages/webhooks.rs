//! The webhooks of an organization, for its owners and admins.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity;
use crate::identity::pages::problems_of;
use crate::ids::WebhookId;
use crate::notices;
use crate::time::Millis;
use crate::web::extract::{Form, Path};
use crate::web::layout::{Chrome, Crumb, Mark, When, render};

const PATH: &str = "/admin/webhooks";
const DELIVERIES: i64 = 25;

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    page: Chrome,
    organization: String,
    problems: Vec<String>,
    /// Just made; its secret is shown.
    made: Option<Made>,
    hooks: Vec<Hook>,
    deliveries: Vec<DeliveryRow>,
}

struct Made {
    url: String,
    secret: String,
}

struct Hook {
    id: WebhookId,
    url: String,
    created: When,
}

struct DeliveryRow {
    status: Mark,
    kind: String,
    message: String,
    answer: String,
    at: When,
}

#[derive(Deserialize)]
pub struct NewHook {
    url: String,
}

impl DeliveryRow {
    fn new(delivery: notices::Delivery, now: Millis) -> Self {
        let status = if delivery.is_delivered() {
            Mark { key: "passed", label: "Delivered" }
        } else {
            Mark { key: "failed", label: "Failed" }
        };
        let answer = delivery.status.map(|status| format!("answered {status}"));
        Self {
            status,
            answer: delivery.problem.or(answer).unwrap_or_default(),
            kind: delivery.kind,
            message: delivery.message,
            at: When::new(delivery.at, now),
        }
    }
}

pub async fn show(State(app): State<App>, caller: Caller) -> Result<Response> {
    webhooks_page(&app, &caller, Vec::new(), None).await
}

async fn webhooks_page(app: &App, caller: &Caller, problems: Vec<String>, made: Option<Made>) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    let hooks = notices::list_webhooks(&mut tx, organization.organization).await?;
    let deliveries = notices::list_deliveries(&mut tx, organization.organization, DELIVERIES).await?;
    let page = WebhooksPage {
        page: Chrome::of(&mut tx, caller, vec![Crumb::new("Webhooks", PATH)]).await?,
        organization: organization.name,
        problems,
        made,
        hooks: hooks
            .into_iter()
            .map(|hook| Hook { id: hook.id, url: hook.url, created: When::new(hook.created_at, now) })
            .collect(),
        deliveries: deliveries.into_iter().map(|it| DeliveryRow::new(it, now)).collect(),
    };
    Ok(render(&page)?.into_response())
}

pub async fn add(State(app): State<App>, caller: Caller, Form(form): Form<NewHook>) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    match notices::add_webhook(&mut tx, now, &caller, &organization, &form.url).await {
        Ok(hook) => {
            tx.commit().await?;
            let made = Made { secret: notices::webhook_secret(&app, hook.id), url: hook.url };
            webhooks_page(&app, &caller, Vec::new(), Some(made)).await
        }
        Err(error) => {
            drop(tx);
            webhooks_page(&app, &caller, problems_of(error)?, None).await
        }
    }
}

pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<WebhookId>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    notices::remove_webhook(&mut tx, app.clock.now(), &caller, &organization, id).await?;
    tx.commit().await?;
    Ok(Redirect::to(PATH))
}

pub async fn test(State(app): State<App>, caller: Caller, Path(id): Path<WebhookId>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    notices::test_webhook(&mut tx, app.clock.now(), &organization, id).await?;
    tx.commit().await?;
    Ok(Redirect::to(PATH))
}
