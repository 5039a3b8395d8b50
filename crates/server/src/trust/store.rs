//! SQL of trusted issuers.

use anyhow::Context as _;

use super::{Exchange, Issuer, Rule};
use crate::db::{Tx, on};
use crate::error::Result;
use crate::gate::Scopes;
use crate::ids::{IssuerId, OrganizationId, PersonId, ProjectId, RuleId};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct RuleRow {
    id: RuleId,
    issuer_id: IssuerId,
    name: String,
    conditions: String,
    scopes: String,
    projects: Option<String>,
    acts_for: PersonId,
    created_at: Millis,
}

impl RuleRow {
    fn read(self) -> Result<Rule> {
        let projects =
            self.projects.map(|text| text.split(' ').filter_map(|it| it.parse().ok()).map(ProjectId).collect());
        Ok(Rule {
            id: self.id,
            issuer: self.issuer_id,
            name: self.name,
            conditions: serde_json::from_str(&self.conditions).context("reading the conditions of a rule")?,
            scopes: Scopes::from_text(&self.scopes),
            projects,
            acts_for: self.acts_for,
            created_at: self.created_at,
        })
    }
}

pub async fn list(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<Issuer>> {
    let sql = "SELECT * FROM trusted_issuer WHERE organization_id = $1 ORDER BY lower(name), id";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(organization).fetch_all(conn).await)?)
}

/// Lists whoever trusts an issuer now.
pub async fn list_live(tx: &mut Tx, issuer: &str) -> Result<Vec<Issuer>> {
    let sql = "SELECT * FROM trusted_issuer WHERE issuer = $1 AND disabled_at IS NULL ORDER BY id";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(issuer).fetch_all(conn).await)?)
}

pub async fn find(tx: &mut Tx, id: IssuerId) -> Result<Option<Issuer>> {
    let sql = "SELECT * FROM trusted_issuer WHERE id = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(id).fetch_optional(conn).await)?)
}

/// Counts what of the organization would judge the same tokens.
pub async fn count_same(tx: &mut Tx, issuer: &Issuer) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM trusted_issuer WHERE organization_id = $1 AND issuer = $2 AND audience = $3";
    let query = sqlx::query_scalar(sql).bind(issuer.organization_id).bind(&issuer.issuer).bind(&issuer.audience);
    Ok(on!(tx, conn => query.fetch_one(conn).await)?)
}

pub async fn insert(tx: &mut Tx, issuer: &Issuer) -> Result<()> {
    let sql = "INSERT INTO trusted_issuer (id, organization_id, name, issuer, audience, jwks_url, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let query = sqlx::query(sql).bind(issuer.id).bind(issuer.organization_id).bind(&issuer.name).bind(&issuer.issuer);
    let query = query.bind(&issuer.audience).bind(&issuer.jwks_url).bind(issuer.created_at);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn update_disabled(tx: &mut Tx, id: IssuerId, at: Option<Millis>) -> Result<()> {
    let sql = "UPDATE trusted_issuer SET disabled_at = $1 WHERE id = $2";
    on!(tx, conn => sqlx::query(sql).bind(at).bind(id).execute(conn).await)?;
    Ok(())
}

/// Deletes an issuer with all that hangs on it.
pub async fn delete(tx: &mut Tx, id: IssuerId) -> Result<()> {
    let statements = [
        "DELETE FROM exchange WHERE issuer_id = $1",
        "DELETE FROM trusted_rule WHERE issuer_id = $1",
        "DELETE FROM trusted_issuer WHERE id = $1",
    ];
    for sql in statements {
        on!(tx, conn => sqlx::query(sql).bind(id).execute(conn).await)?;
    }
    Ok(())
}

/// Lists rules in the order in which they are tried: the oldest first.
pub async fn list_rules(tx: &mut Tx, issuer: IssuerId) -> Result<Vec<Rule>> {
    let sql = "SELECT * FROM trusted_rule WHERE issuer_id = $1 ORDER BY id";
    let rows: Vec<RuleRow> = on!(tx, conn => sqlx::query_as(sql).bind(issuer).fetch_all(conn).await)?;
    rows.into_iter().map(RuleRow::read).collect()
}

pub async fn insert_rule(tx: &mut Tx, rule: &Rule) -> Result<()> {
    let sql = "INSERT INTO trusted_rule (id, issuer_id, name, conditions, scopes, projects, acts_for, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let conditions = serde_json::to_string(&rule.conditions).context("writing the conditions of a rule")?;
    let joined = |ids: &Vec<ProjectId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let query = sqlx::query(sql).bind(rule.id).bind(rule.issuer).bind(&rule.name).bind(conditions);
    let query = query.bind(rule.scopes.to_text()).bind(rule.projects.as_ref().map(joined));
    on!(tx, conn => query.bind(rule.acts_for).bind(rule.created_at).execute(conn).await)?;
    Ok(())
}

pub async fn delete_rule(tx: &mut Tx, id: RuleId) -> Result<()> {
    on!(tx, conn => sqlx::query("DELETE FROM trusted_rule WHERE id = $1").bind(id).execute(conn).await)?;
    Ok(())
}

/// Remembers a token; false, when it was remembered before.
pub async fn insert_token(tx: &mut Tx, hash: &str, expires_at: Millis) -> Result<bool> {
    let sql =
        "INSERT INTO exchanged_token (token_hash, expires_at) VALUES ($1, $2) ON CONFLICT (token_hash) DO NOTHING";
    let done = on!(tx, conn => sqlx::query(sql).bind(hash).bind(expires_at).execute(conn).await)?;
    Ok(done.rows_affected() == 1)
}

pub async fn delete_tokens_before(tx: &mut Tx, now: Millis) -> Result<()> {
    let sql = "DELETE FROM exchanged_token WHERE expires_at < $1";
    on!(tx, conn => sqlx::query(sql).bind(now).execute(conn).await)?;
    Ok(())
}

/// Writes an exchange down and drops the issuer's oldest, so that `kept` stay.
pub async fn insert_exchange(tx: &mut Tx, issuer: IssuerId, exchange: &Exchange, kept: i64) -> Result<()> {
    let seq = crate::ids::take(tx, "exchange", 1).await?;
    let sql = "INSERT INTO exchange (seq, issuer_id, at, ip, subject, outcome, rule_name, key_handle) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let query = sqlx::query(sql).bind(seq).bind(issuer).bind(exchange.at).bind(&exchange.ip).bind(&exchange.subject);
    let query = query.bind(&exchange.outcome).bind(&exchange.rule_name).bind(&exchange.key_handle);
    on!(tx, conn => query.execute(conn).await)?;
    let sql = "DELETE FROM exchange WHERE issuer_id = $1 AND seq <= \
               (SELECT seq FROM exchange WHERE issuer_id = $2 ORDER BY seq DESC LIMIT 1 OFFSET $3)";
    on!(tx, conn => sqlx::query(sql).bind(issuer).bind(issuer).bind(kept).execute(conn).await)?;
    Ok(())
}

pub async fn list_exchanges(tx: &mut Tx, issuer: IssuerId) -> Result<Vec<Exchange>> {
    let sql = "SELECT at, ip, subject, outcome, rule_name, key_handle FROM exchange WHERE issuer_id = $1 \
               ORDER BY seq DESC LIMIT 200";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(issuer).fetch_all(conn).await)?)
}

pub async fn delete_exchanges_before(tx: &mut Tx, before: Millis) -> Result<()> {
    on!(tx, conn => sqlx::query("DELETE FROM exchange WHERE at < $1").bind(before).execute(conn).await)?;
    Ok(())
}
