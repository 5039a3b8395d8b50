//! `/api/v1/oidc/exchange` and `/api/v1/trusted-issuers`.

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use testward_wire::keys::{Page, Scope};
use testward_wire::trust::{
    ACCESS_TOKEN, ExchangeView, ExchangedKey, GRANT_TYPE, ID_TOKEN, IssuerView, JWT, NewIssuer, NewRule, RuleView,
    TestOutcome, TokenToTest,
};

use super::exchange::LIVES_FOR;
use super::{Exchange, Issuer, Rule};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::{Caller, Scopes};
use crate::identity;
use crate::identity::http::Place;
use crate::ids::{IssuerId, RuleId};
use crate::oidc::{MAX_TOKEN_LEN, Refusal};
use crate::time::{Millis, SECOND};
use crate::trust;
use crate::web::extract::{Form, Json, Path};

/// What a build sends (RFC 8693, 2.1).
#[derive(Deserialize, JsonSchema)]
pub struct ExchangeForm {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    subject_token: String,
    #[serde(default)]
    subject_token_type: Option<String>,
    /// Scopes, separated by blanks; absent means all that the rule grants.
    #[serde(default)]
    scope: Option<String>,
}

impl ExchangeForm {
    fn checked(&self) -> Result<()> {
        if self.grant_type != GRANT_TYPE {
            return Err(Error::bad_request("unsupported_grant_type", format!("grant_type must be {GRANT_TYPE}")));
        }
        if !self.subject_token_type.as_deref().is_none_or(|it| it == ID_TOKEN || it == JWT) {
            let message = format!("subject_token_type must be {ID_TOKEN} or {JWT}");
            return Err(Error::bad_request("unsupported_token_type", message));
        }
        match self.subject_token.len() {
            0 => Err(Error::invalid("subject_token", "must be the identity token of the build")),
            1..=MAX_TOKEN_LEN => Ok(()),
            _ => Err(Refusal::Malformed("it has more than 16 KiB").into()),
        }
    }

    fn scopes(&self) -> Result<Option<Scopes>> {
        let Some(text) = self.scope.as_deref().map(str::trim).filter(|it| !it.is_empty()) else { return Ok(None) };
        let unknown = |name: &str| Error::bad_request("invalid_scope", format!("there is no scope {name}"));
        let scopes = text.split_whitespace().map(|name| Scope::from_name(name).ok_or_else(|| unknown(name)));
        scopes.collect::<Result<Scopes>>().map(Some)
    }
}

pub async fn exchange(
    State(app): State<App>,
    from: Place,
    Form(form): Form<ExchangeForm>,
) -> Result<Json<ExchangedKey>> {
    form.checked()?;
    let (key, text, rule) = trust::exchange(&app, from.ip, form.subject_token.trim(), form.scopes()?).await?;
    Ok(Json(ExchangedKey {
        access_token: text,
        issued_token_type: ACCESS_TOKEN.to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: LIVES_FOR / SECOND,
        scope: key.scopes.to_text(),
        handle: key.handle.to_string(),
        rule: rule.name,
    }))
}

async fn rule_view(tx: &mut Tx, rule: Rule) -> Result<RuleView> {
    Ok(RuleView {
        id: rule.id.0,
        name: rule.name,
        conditions: rule.conditions,
        scopes: rule.scopes.list(),
        projects: rule.projects.map(|ids| ids.into_iter().map(|id| id.0).collect()),
        acts_for: identity::find(tx, rule.acts_for).await?.email,
        created_at: rule.created_at.rfc3339(),
    })
}

async fn view(tx: &mut Tx, issuer: Issuer) -> Result<IssuerView> {
    let mut rules = Vec::new();
    for rule in trust::list_rules(tx, &issuer).await? {
        rules.push(rule_view(tx, rule).await?);
    }
    Ok(IssuerView {
        id: issuer.id.0,
        name: issuer.name,
        issuer: issuer.issuer,
        audience: issuer.audience,
        jwks_url: issuer.jwks_url,
        created_at: issuer.created_at.rfc3339(),
        disabled_at: issuer.disabled_at.map(Millis::rfc3339),
        rules,
    })
}

pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Page<IssuerView>>> {
    let mut tx = app.db.read().await?;
    let mut items = Vec::new();
    for issuer in trust::list(&mut tx, &caller).await? {
        items.push(view(&mut tx, issuer).await?);
    }
    Ok(Json(Page { items, next: None }))
}

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewIssuer>,
) -> Result<(StatusCode, Json<IssuerView>)> {
    let mut tx = app.db.write().await?;
    let issuer = trust::add(&mut tx, &app, app.clock.now(), &caller, &new).await?;
    let view = view(&mut tx, issuer).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}

pub async fn read(State(app): State<App>, caller: Caller, Path(id): Path<IssuerId>) -> Result<Json<IssuerView>> {
    let mut tx = app.db.read().await?;
    let issuer = trust::find(&mut tx, &caller, id).await?;
    Ok(Json(view(&mut tx, issuer).await?))
}

pub async fn delete(State(app): State<App>, caller: Caller, Path(id): Path<IssuerId>) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    trust::remove(&mut tx, app.clock.now(), &caller, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn disable(State(app): State<App>, caller: Caller, Path(id): Path<IssuerId>) -> Result<StatusCode> {
    let now = app.clock.now();
    set_disabled(&app, &caller, id, Some(now)).await
}

pub async fn enable(State(app): State<App>, caller: Caller, Path(id): Path<IssuerId>) -> Result<StatusCode> {
    set_disabled(&app, &caller, id, None).await
}

async fn set_disabled(app: &App, caller: &Caller, id: IssuerId, at: Option<Millis>) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    trust::set_disabled(&mut tx, app.clock.now(), caller, id, at).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn create_rule(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<IssuerId>,
    Json(new): Json<NewRule>,
) -> Result<(StatusCode, Json<RuleView>)> {
    let mut tx = app.db.write().await?;
    let rule = trust::add_rule(&mut tx, app.clock.now(), &caller, id, &new).await?;
    let view = rule_view(&mut tx, rule).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}

pub async fn delete_rule(
    State(app): State<App>,
    caller: Caller,
    Path((id, rule)): Path<(IssuerId, RuleId)>,
) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    trust::remove_rule(&mut tx, app.clock.now(), &caller, id, rule).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn test(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<IssuerId>,
    Json(body): Json<TokenToTest>,
) -> Result<Json<TestOutcome>> {
    Ok(Json(trust::test(&app, &caller, id, &body.token).await?))
}

pub async fn list_exchanges(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<IssuerId>,
) -> Result<Json<Page<ExchangeView>>> {
    let mut tx = app.db.read().await?;
    let view = |exchange: Exchange| ExchangeView {
        at: exchange.at.rfc3339(),
        ip: exchange.ip,
        subject: exchange.subject,
        outcome: exchange.outcome,
        rule: exchange.rule_name,
        handle: exchange.key_handle,
    };
    let items = trust::list_exchanges(&mut tx, &caller, id).await?.into_iter().map(view).collect();
    Ok(Json(Page { items, next: None }))
}
