//! SQL of notices, choices and webhooks.

use super::{Delivery, Kind, News, Notice, Webhook};
use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::{self, NoticeId, OrganizationId, PersonId, WebhookId};
use crate::time::Millis;

pub async fn insert(tx: &mut Tx, id: NoticeId, person: PersonId, now: Millis, news: &News) -> Result<()> {
    let sql = "INSERT INTO notice (id, person_id, at, kind, title, body, href, subject) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let query = sqlx::query(sql).bind(id).bind(person).bind(now).bind(news.kind.name()).bind(&news.title);
    on!(tx, conn => query.bind(&news.body).bind(&news.href).bind(&news.subject).execute(conn).await)?;
    Ok(())
}

pub async fn was_told_since(tx: &mut Tx, person: PersonId, news: &News, since: Millis) -> Result<bool> {
    let sql = "SELECT id FROM notice WHERE subject = $1 AND kind = $2 AND at > $3 AND person_id = $4 LIMIT 1";
    let query = sqlx::query_scalar(sql).bind(&news.subject).bind(news.kind.name()).bind(since).bind(person);
    let id: Option<i64> = on!(tx, conn => query.fetch_optional(conn).await)?;
    Ok(id.is_some())
}

pub async fn find(tx: &mut Tx, id: NoticeId) -> Result<Option<Notice>> {
    Ok(on!(tx, conn => sqlx::query_as("SELECT * FROM notice WHERE id = $1").bind(id).fetch_optional(conn).await)?)
}

pub async fn list(tx: &mut Tx, person: PersonId, before: Option<NoticeId>, limit: i64) -> Result<Vec<Notice>> {
    let sql = "SELECT * FROM notice WHERE person_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    let query = sqlx::query_as(sql).bind(person).bind(before.map_or(i64::MAX, |id| id.0)).bind(limit);
    Ok(on!(tx, conn => query.fetch_all(conn).await)?)
}

pub async fn count_unread(tx: &mut Tx, person: PersonId) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM notice WHERE person_id = $1 AND read_at IS NULL";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(person).fetch_one(conn).await)?)
}

pub async fn update_read(tx: &mut Tx, person: PersonId, last: NoticeId, now: Millis) -> Result<()> {
    let sql = "UPDATE notice SET read_at = $1 WHERE person_id = $2 AND id <= $3 AND read_at IS NULL";
    on!(tx, conn => sqlx::query(sql).bind(now).bind(person).bind(last).execute(conn).await)?;
    Ok(())
}

pub async fn delete_before(tx: &mut Tx, before: Millis) -> Result<()> {
    on!(tx, conn => sqlx::query("DELETE FROM notice WHERE at < $1").bind(before).execute(conn).await)?;
    Ok(())
}

pub async fn find_choice(tx: &mut Tx, person: PersonId, kind: Kind) -> Result<Option<bool>> {
    let sql = "SELECT by_mail FROM notice_choice WHERE person_id = $1 AND kind = $2";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(person).bind(kind.name()).fetch_optional(conn).await)?)
}

pub async fn upsert_choice(tx: &mut Tx, person: PersonId, kind: Kind, by_mail: bool) -> Result<()> {
    let sql = "INSERT INTO notice_choice (person_id, kind, by_mail) VALUES ($1, $2, $3) \
               ON CONFLICT (person_id, kind) DO UPDATE SET by_mail = excluded.by_mail";
    on!(tx, conn => sqlx::query(sql).bind(person).bind(kind.name()).bind(by_mail).execute(conn).await)?;
    Ok(())
}

pub async fn insert_webhook(tx: &mut Tx, hook: &Webhook, person: PersonId) -> Result<()> {
    let sql = "INSERT INTO webhook (id, organization_id, url, created_at, created_by) VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(sql).bind(hook.id).bind(hook.organization_id).bind(&hook.url).bind(hook.created_at);
    on!(tx, conn => query.bind(person).execute(conn).await)?;
    Ok(())
}

pub async fn find_webhook(tx: &mut Tx, id: WebhookId) -> Result<Option<Webhook>> {
    let sql = "SELECT id, organization_id, url, created_at FROM webhook WHERE id = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(id).fetch_optional(conn).await)?)
}

pub async fn list_webhooks(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<Webhook>> {
    let sql = "SELECT id, organization_id, url, created_at FROM webhook WHERE organization_id = $1 ORDER BY id";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(organization).fetch_all(conn).await)?)
}

/// Lists the webhooks of all organizations of a person.
pub async fn list_webhooks_of(tx: &mut Tx, person: PersonId) -> Result<Vec<WebhookId>> {
    let sql = "SELECT w.id FROM webhook w JOIN organization_member m ON m.organization_id = w.organization_id \
               WHERE m.person_id = $1 ORDER BY w.id";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(person).fetch_all(conn).await)?)
}

pub async fn delete_webhook(tx: &mut Tx, organization: OrganizationId, id: WebhookId) -> Result<Option<String>> {
    let sql = "DELETE FROM webhook WHERE organization_id = $1 AND id = $2 RETURNING url";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(organization).bind(id).fetch_optional(conn).await)?)
}

pub async fn insert_delivery(tx: &mut Tx, delivery: &Delivery) -> Result<()> {
    let sql = "INSERT INTO webhook_delivery (id, webhook_id, message, kind, at, status, problem) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let query = sqlx::query(sql).bind(ids::take(tx, "webhook_delivery", 1).await?).bind(delivery.webhook_id);
    let query = query.bind(&delivery.message).bind(&delivery.kind).bind(delivery.at).bind(delivery.status);
    on!(tx, conn => query.bind(&delivery.problem).execute(conn).await)?;
    Ok(())
}

pub async fn list_deliveries(tx: &mut Tx, organization: OrganizationId, limit: i64) -> Result<Vec<Delivery>> {
    let sql = "SELECT d.webhook_id, d.message, d.kind, d.at, d.status, d.problem FROM webhook_delivery d \
               JOIN webhook w ON w.id = d.webhook_id WHERE w.organization_id = $1 ORDER BY d.id DESC LIMIT $2";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(organization).bind(limit).fetch_all(conn).await)?)
}

pub async fn delete_deliveries_before(tx: &mut Tx, before: Millis) -> Result<()> {
    on!(tx, conn => sqlx::query("DELETE FROM webhook_delivery WHERE at < $1").bind(before).execute(conn).await)?;
    Ok(())
}
