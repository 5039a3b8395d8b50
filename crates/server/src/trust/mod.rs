//! Trusted upload: a build shows the identity token of its CI and gets a key for some minutes, so that no secret has to
//! be kept there. Admins say which issuers are trusted and which claims deserve what.

pub mod http;
pub mod pages;
mod exchange;
mod rules;
mod store;

use testward_wire::keys::Scope;
use testward_wire::trust::{Condition, NewIssuer, NewRule};

pub use exchange::{Exchange, exchange, forget_old, list_exchanges, test};
pub use rules::{from_lines, to_text};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::{Caller, Scopes};
use crate::identity::{self, Membership};
use crate::ids::{IssuerId, OrganizationId, PersonId, ProjectId, RuleId};
use crate::oidc::{self, Source};
use crate::projects;
use crate::time::Millis;

/// What a build may be allowed. Neither everything nor the administration is among it: a token of a CI that was
/// misconfigured must not open those.
pub const GRANTABLE: &[Scope] = &[
    Scope::ResultsWrite,
    Scope::ResultsRead,
    Scope::ProjectsRead,
    Scope::PlansRun,
    Scope::PlansWrite,
    Scope::AgentsRun,
];

/// Somebody whose tokens are exchanged.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Issuer {
    pub id: IssuerId,
    pub organization_id: OrganizationId,
    pub name: String,
    pub issuer: String,
    pub audience: String,
    pub jwks_url: Option<String>,
    pub created_at: Millis,
    pub disabled_at: Option<Millis>,
}

impl Issuer {
    fn source(&self) -> Source {
        Source { issuer: self.issuer.clone(), jwks_url: self.jwks_url.clone() }
    }
}

/// Whoever meets all conditions gets a key like this.
#[derive(Debug, Clone)]
pub struct Rule {
    pub id: RuleId,
    pub issuer: IssuerId,
    pub name: String,
    pub conditions: Vec<Condition>,
    pub scopes: Scopes,
    /// Absent means all projects of whoever the key acts for.
    pub projects: Option<Vec<ProjectId>>,
    pub acts_for: PersonId,
    pub created_at: Millis,
}

/// Lists the issuers that the caller's organization trusts, by name.
pub async fn list(tx: &mut Tx, caller: &Caller) -> Result<Vec<Issuer>> {
    let organization = identity::administered(tx, caller).await?;
    store::list(tx, organization.organization).await
}

/// Finds an issuer that the caller administers.
pub async fn find(tx: &mut Tx, caller: &Caller, id: IssuerId) -> Result<Issuer> {
    let organization = identity::administered(tx, caller).await?;
    let issuer = store::find(tx, id).await?.filter(|it| it.organization_id == organization.organization);
    issuer.ok_or(Error::NotFound("trusted issuer"))
}

/// Lists the rules of an issuer in the order in which they are tried.
pub async fn list_rules(tx: &mut Tx, issuer: &Issuer) -> Result<Vec<Rule>> {
    store::list_rules(tx, issuer.id).await
}

/// Trusts an issuer. Without rules that alone opens nothing.
pub async fn add(tx: &mut Tx, app: &App, now: Millis, caller: &Caller, new: &NewIssuer) -> Result<Issuer> {
    caller.require_confirmed(now)?;
    let organization = identity::administered(tx, caller).await?;
    let audience = new.audience.as_deref().map(str::trim).filter(|it| !it.is_empty()).unwrap_or(&app.base_url);
    let jwks_url = new.jwks_url.as_deref().map(str::trim).filter(|it| !it.is_empty());
    let issuer = Issuer {
        organization_id: organization.organization,
        name: identity::checked_name("name", &new.name)?,
        issuer: oidc::checked_url("issuer", &new.issuer)?,
        audience: identity::checked_name("audience", audience)?,
        jwks_url: jwks_url.map(|url| oidc::checked_url("jwks_url", url)).transpose()?,
        created_at: now,
        disabled_at: None,
        id: IssuerId::next(tx).await?,
    };
    if store::count_same(tx, &issuer).await? > 0 {
        return Err(Error::conflict("issuer_taken", "this issuer is trusted already, for the same audience"));
    }
    store::insert(tx, &issuer).await?;
    identity::audit(tx, now, caller, "trust.issuer.add", &issuer.id, &issuer.issuer).await?;
    Ok(issuer)
}

/// Stops trusting an issuer for a while, or trusts it again. Keys already exchanged end by themselves.
pub async fn set_disabled(tx: &mut Tx, now: Millis, caller: &Caller, id: IssuerId, at: Option<Millis>) -> Result<()> {
    if at.is_none() {
        caller.require_confirmed(now)?;
    }
    let issuer = find(tx, caller, id).await?;
    store::update_disabled(tx, id, at).await?;
    let action = if at.is_some() { "trust.issuer.disable" } else { "trust.issuer.enable" };
    identity::audit(tx, now, caller, action, &id, &issuer.issuer).await
}

/// Forgets an issuer with its rules.
pub async fn remove(tx: &mut Tx, now: Millis, caller: &Caller, id: IssuerId) -> Result<()> {
    let issuer = find(tx, caller, id).await?;
    store::delete(tx, id).await?;
    identity::audit(tx, now, caller, "trust.issuer.remove", &id, &issuer.issuer).await
}

/// Adds a rule. It makes keys, so nobody may give more than they have themselves.
pub async fn add_rule(tx: &mut Tx, now: Millis, caller: &Caller, issuer: IssuerId, new: &NewRule) -> Result<Rule> {
    caller.require_confirmed(now)?;
    let organization = identity::administered(tx, caller).await?;
    let issuer = find(tx, caller, issuer).await?;
    let rule = Rule {
        issuer: issuer.id,
        name: identity::checked_name("name", &new.name)?,
        conditions: rules::checked(&new.conditions)?,
        scopes: checked_scopes(&new.scopes)?,
        projects: checked_projects(tx, caller, new.projects.as_deref()).await?,
        acts_for: find_actor(tx, &organization, &new.acts_for).await?,
        created_at: now,
        id: RuleId::next(tx).await?,
    };
    store::insert_rule(tx, &rule).await?;
    identity::audit(tx, now, caller, "trust.rule.add", &rule.id, &describe(&rule)).await?;
    Ok(rule)
}

/// Takes a rule away.
pub async fn remove_rule(tx: &mut Tx, now: Millis, caller: &Caller, issuer: IssuerId, id: RuleId) -> Result<()> {
    let issuer = find(tx, caller, issuer).await?;
    let rules = store::list_rules(tx, issuer.id).await?;
    let rule = rules.into_iter().find(|it| it.id == id).ok_or(Error::NotFound("rule"))?;
    store::delete_rule(tx, id).await?;
    identity::audit(tx, now, caller, "trust.rule.remove", &id, &describe(&rule)).await
}

fn describe(rule: &Rule) -> String {
    let conditions: Vec<_> = rule.conditions.iter().map(to_text).collect();
    format!("{}: {} grants {}", rule.name, conditions.join(" and "), rule.scopes.to_text())
}

fn checked_scopes(scopes: &[Scope]) -> Result<Scopes> {
    if scopes.is_empty() {
        return Err(Error::invalid("scopes", "must name at least one thing that a build may do"));
    }
    match scopes.iter().find(|scope| !GRANTABLE.contains(scope)) {
        Some(scope) => {
            Err(Error::invalid("scopes", format!("must not have {}: a build may not do that", scope.name())))
        }
        None => Ok(scopes.iter().copied().collect()),
    }
}

async fn checked_projects(tx: &mut Tx, caller: &Caller, ids: Option<&[i64]>) -> Result<Option<Vec<ProjectId>>> {
    let Some(ids) = ids else { return Ok(None) };
    let visible = projects::list_ids(tx, caller).await?;
    match ids.iter().find(|id| !visible.contains(&ProjectId(**id))) {
        Some(id) => Err(Error::invalid("projects", format!("has {id}, which does not exist or is not yours"))),
        None if ids.is_empty() => Err(Error::invalid("projects", "must name at least one project, or be left out")),
        None => Ok(Some(ids.iter().copied().map(ProjectId).collect())),
    }
}

/// Finds whom a rule's keys act for: a member whose role is not above the caller's own.
async fn find_actor(tx: &mut Tx, organization: &Membership, email: &str) -> Result<PersonId> {
    let person = identity::find_by_email(tx, email).await?;
    let unknown = || Error::invalid("acts_for", "must be the e-mail address of a member of the organization");
    let person = person.ok_or_else(unknown)?;
    let role = identity::role_in(tx, person.id, organization.organization).await?.ok_or_else(unknown)?;
    if role > organization.role {
        return Err(Error::forbidden(
            "role_too_high",
            "a rule cannot act for somebody with a higher role than your own",
        ));
    }
    Ok(person.id)
}
