//! Webhooks of organizations, signed as Standard Webhooks says (standardwebhooks.com).

use anyhow::Context as _;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;

use super::{Kind, News, store};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::{self, Membership};
use crate::ids::{self, OrganizationId, PersonId, WebhookId};
use crate::outbound;
use crate::time::Millis;
use crate::work::{self, Job};

/// Webhooks of one organization.
const MAX_WEBHOOKS: usize = 10;
const MAX_URL_LEN: usize = 500;

/// Where an organization wants to be told.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Webhook {
    pub id: WebhookId,
    pub organization_id: OrganizationId,
    pub url: String,
    pub created_at: Millis,
}

/// One attempt to deliver a message.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Delivery {
    pub webhook_id: WebhookId,
    pub message: String,
    pub kind: String,
    pub at: Millis,
    /// HTTP status of the answer, if there was one.
    pub status: Option<i64>,
    pub problem: Option<String>,
}

impl Delivery {
    pub fn is_delivered(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

pub async fn list(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<Webhook>> {
    store::list_webhooks(tx, organization).await
}

/// Lists the last attempts of an organization, newest first.
pub async fn list_deliveries(tx: &mut Tx, organization: OrganizationId, limit: i64) -> Result<Vec<Delivery>> {
    store::list_deliveries(tx, organization, limit).await
}

/// Adds a webhook to an organization that the caller administers.
pub async fn add(tx: &mut Tx, now: Millis, caller: &Caller, organization: &Membership, url: &str) -> Result<Webhook> {
    let url = url.trim();
    let parsed = url.parse().map_err(|_| Error::invalid("url", "must be an http or https address"))?;
    outbound::checked(&parsed)?;
    if url.len() > MAX_URL_LEN {
        return Err(Error::invalid("url", format!("must have at most {MAX_URL_LEN} characters")));
    }
    let organization = organization.organization;
    if store::list_webhooks(tx, organization).await?.len() >= MAX_WEBHOOKS {
        let message = format!("an organization has at most {MAX_WEBHOOKS} webhooks; remove one first");
        return Err(Error::conflict("too_many_webhooks", message));
    }
    let hook =
        Webhook { id: WebhookId::next(tx).await?, organization_id: organization, url: url.to_owned(), created_at: now };
    store::insert_webhook(tx, &hook, caller.person).await?;
    identity::audit_in(tx, now, &caller.into(), organization, "webhook.create", &hook.id, host(url)).await?;
    Ok(hook)
}

pub async fn remove(tx: &mut Tx, now: Millis, caller: &Caller, organization: &Membership, id: WebhookId) -> Result<()> {
    let organization = organization.organization;
    let url = store::delete_webhook(tx, organization, id).await?.ok_or(Error::NotFound("webhook"))?;
    identity::audit_in(tx, now, &caller.into(), organization, "webhook.delete", &id, host(&url)).await
}

/// Sends a message that says only that it is a test.
pub async fn test(tx: &mut Tx, now: Millis, organization: &Membership, id: WebhookId) -> Result<()> {
    let hook = store::find_webhook(tx, id).await?.filter(|it| it.organization_id == organization.organization);
    let hook = hook.ok_or(Error::NotFound("webhook"))?;
    let message = ids::take(tx, "webhook_message", 1).await?;
    let body = json!({"type": "test", "timestamp": now.rfc3339(), "data": {"title": "A test of this webhook"}});
    let job = DeliverWebhook { webhook: hook.id, message, kind: "test".to_owned(), body: body.to_string() };
    work::enqueue(tx, now, &job).await
}

/// The rest of an address may hold what opens something.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Returns the secret that a webhook's messages are signed with, as its receiver takes it.
pub fn secret(app: &App, id: WebhookId) -> String {
    format!("whsec_{}", BASE64.encode(signing_key(app, id)))
}

fn signing_key(app: &App, id: WebhookId) -> [u8; 32] {
    app.audit_seal.derive(&format!("testward webhook {id}, version 1"))
}

/// Enqueues a message for each webhook of a person's organizations.
pub async fn enqueue(tx: &mut Tx, now: Millis, person: PersonId, news: &News) -> Result<()> {
    let hooks = store::list_webhooks_of(tx, person).await?;
    if hooks.is_empty() {
        return Ok(());
    }
    let email = identity::find(tx, person).await?.email;
    let body = json!({
        "type": news.kind.name(),
        "timestamp": now.rfc3339(),
        "data": {"title": news.title, "text": news.body, "subject": news.subject, "person": email, "path": news.href},
    });
    let message = ids::take(tx, "webhook_message", 1).await?;
    for webhook in hooks {
        let kind = Kind::name(news.kind).to_owned();
        work::enqueue(tx, now, &DeliverWebhook { webhook, message, kind, body: body.to_string() }).await?;
    }
    Ok(())
}

/// Delivers one message to one webhook; each attempt is logged.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeliverWebhook {
    webhook: WebhookId,
    message: i64,
    kind: String,
    body: String,
}

impl Job for DeliverWebhook {
    const KIND: &'static str = "deliver_webhook";

    async fn run(self, app: App) -> Result<()> {
        let mut tx = app.db.read().await?;
        let Some(hook) = store::find_webhook(&mut tx, self.webhook).await? else { return Ok(()) };
        drop(tx);
        let now = app.clock.now();
        let message = format!("msg_{}_{}", self.message, self.webhook);
        let request = self.request(&app, &hook.url, &message, now)?;
        let outcome = app.outbound.send(request).await;
        let (status, problem) = match &outcome {
            Ok(answer) if answer.status().is_success() => (Some(answer.status()), None),
            Ok(answer) => (Some(answer.status()), Some(format!("answered {}", answer.status()))),
            Err(error) => (None, Some(error.message())),
        };
        let status = status.map(|it| i64::from(it.as_u16()));
        let delivery =
            Delivery { webhook_id: self.webhook, message, kind: self.kind, at: now, status, problem: problem.clone() };
        let mut tx = app.db.write().await?;
        store::insert_delivery(&mut tx, &delivery).await?;
        tx.commit().await?;
        problem.map_or(Ok(()), |message| Err(Error::Unavailable { message }))
    }
}

impl DeliverWebhook {
    fn request(&self, app: &App, url: &str, message: &str, now: Millis) -> Result<Request<bytes::Bytes>> {
        let seconds = now.0 / 1000;
        let mut mac = <Hmac<Sha256>>::new_from_slice(&signing_key(app, self.webhook)).expect("HMAC takes any key");
        mac.update(format!("{message}.{seconds}.{}", self.body).as_bytes());
        let signature = BASE64.encode(mac.finalize().into_bytes());
        let request = Request::post(url)
            .header("content-type", "application/json")
            .header("webhook-id", message)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", format!("v1,{signature}"))
            .body(self.body.clone().into());
        Ok(request.context("writing a webhook's message")?)
    }
}
