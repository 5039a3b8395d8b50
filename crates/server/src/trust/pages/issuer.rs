//! The page of one trusted issuer: its rules, a trial of a token, and what was exchanged.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use testward_wire::keys::Scope;
use testward_wire::trust::{NewRule, TestOutcome};

use super::{HOME, chrome, confirm_first, to_issuer};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity;
use crate::identity::pages::problems_of;
use crate::ids::{IssuerId, RuleId};
use crate::projects;
use crate::time::Millis;
use crate::trust::{self, Exchange, GRANTABLE, Issuer, Rule};
use crate::web::extract::{Form, Path};
use crate::web::layout::{Choice, Chrome, Crumb, Mark, When, render};
use crate::web::pages::sentence;

#[derive(Template)]
#[template(path = "trusted_issuer.html")]
struct IssuerPage {
    page: Chrome,
    issuer: Issuer,
    problems: Vec<String>,
    rules: Vec<RuleRow>,
    form: RuleForm,
    trial: Option<Trial>,
    exchanges: Vec<ExchangeRow>,
}

struct RuleRow {
    id: RuleId,
    name: String,
    conditions: Vec<String>,
    scopes: Vec<&'static str>,
    projects: String,
    acts_for: String,
}

/// What the form for a rule shows.
struct RuleForm {
    name: String,
    conditions: String,
    example: &'static str,
    scopes: Vec<Choice>,
    is_all_projects: bool,
    projects: Vec<Choice>,
    people: Vec<Choice>,
}

/// What came of trying a token.
struct Trial {
    is_granted: bool,
    verdict: String,
    rules: Vec<(String, Vec<String>)>,
}

struct ExchangeRow {
    at: When,
    subject: String,
    ip: String,
    outcome: Mark,
    detail: String,
}

/// What was filled in, to be shown again when something is wrong.
#[derive(Default)]
struct Filled {
    name: String,
    conditions: String,
    scopes: Vec<String>,
    reach: String,
    projects: Vec<String>,
    acts_for: String,
}

#[derive(Deserialize)]
pub struct TestForm {
    token: String,
}

pub async fn show(State(app): State<App>, caller: Caller, Path(id): Path<IssuerId>) -> Result<Response> {
    issuer_page(&app, &caller, id, Filled::default(), Vec::new(), None).await
}

async fn issuer_page(
    app: &App,
    caller: &Caller,
    id: IssuerId,
    filled: Filled,
    problems: Vec<String>,
    trial: Option<Trial>,
) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let issuer = trust::find(&mut tx, caller, id).await?;
    let exchanges = trust::list_exchanges(&mut tx, caller, id).await?;
    let page = IssuerPage {
        page: chrome(&mut tx, caller, Some(Crumb::new(issuer.name.clone(), format!("{HOME}/{id}")))).await?,
        rules: rule_rows(&mut tx, &issuer).await?,
        form: filled.form(&mut tx, caller, &issuer).await?,
        exchanges: exchanges.into_iter().map(|it| ExchangeRow::new(it, now)).collect(),
        issuer,
        problems,
        trial,
    };
    let status = if page.problems.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    Ok((status, render(&page)?).into_response())
}

async fn rule_rows(tx: &mut Tx, issuer: &Issuer) -> Result<Vec<RuleRow>> {
    let mut rows = Vec::new();
    for rule in trust::list_rules(tx, issuer).await? {
        let acts_for = identity::find(tx, rule.acts_for).await?.email;
        rows.push(RuleRow::new(rule, acts_for));
    }
    Ok(rows)
}

impl RuleRow {
    fn new(rule: Rule, acts_for: String) -> Self {
        Self {
            id: rule.id,
            name: rule.name,
            conditions: rule.conditions.iter().map(trust::to_text).collect(),
            scopes: rule.scopes.list().into_iter().map(Scope::name).collect(),
            projects: match rule.projects.as_deref() {
                None => "all projects".to_owned(),
                Some([one]) => format!("project {one}"),
                Some(many) => format!("{} projects", many.len()),
            },
            acts_for,
        }
    }
}

impl ExchangeRow {
    fn new(exchange: Exchange, now: Millis) -> Self {
        let is_good = exchange.outcome == "exchanged";
        let rule = exchange.rule_name.unwrap_or_else(|| "no rule".to_owned());
        let detail = match exchange.key_handle {
            Some(handle) => format!("{rule}, key {handle}"),
            None => format!("{rule}: {}", exchange.outcome.replace('_', " ")),
        };
        let outcome =
            if is_good { Mark { key: "passed", label: "Exchanged" } } else { Mark { key: "failed", label: "Refused" } };
        Self { at: When::new(exchange.at, now), subject: exchange.subject, ip: exchange.ip, outcome, detail }
    }
}

impl Filled {
    fn read(pairs: Vec<(String, String)>) -> Self {
        let mut filled = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "name" => filled.name = value,
                "conditions" => filled.conditions = value,
                "scopes" => filled.scopes.push(value),
                "reach" => filled.reach = value,
                "projects" => filled.projects.push(value),
                "acts_for" => filled.acts_for = value,
                _ => {}
            }
        }
        filled
    }

    fn new_rule(&self) -> Result<NewRule> {
        let unknown = |name: &str| Error::invalid("scopes", format!("has no {name}"));
        let scopes = self.scopes.iter().map(|name| Scope::from_name(name).ok_or_else(|| unknown(name)));
        Ok(NewRule {
            name: self.name.clone(),
            conditions: trust::from_lines(&self.conditions)?,
            scopes: scopes.collect::<Result<_>>()?,
            projects: (self.reach == "chosen").then(|| self.projects.iter().filter_map(|id| id.parse().ok()).collect()),
            acts_for: self.acts_for.clone(),
        })
    }

    async fn form(self, tx: &mut Tx, caller: &Caller, issuer: &Issuer) -> Result<RuleForm> {
        let is_fresh = self.name.is_empty() && self.scopes.is_empty();
        let is_chosen = |name: &str| self.scopes.iter().any(|it| it == name);
        let scope = |scope: &Scope| {
            let is_selected = is_chosen(scope.name()) || (is_fresh && *scope == Scope::ResultsWrite);
            Choice::new(scope.name(), scope.name()).selected(is_selected)
        };
        let projects = projects::list(tx, caller).await?.into_iter().map(|project| {
            let is_selected = self.projects.contains(&project.id.to_string());
            Choice::new(project.id.to_string(), project.name).selected(is_selected)
        });
        let members = identity::list_members(tx, issuer.organization_id).await?;
        let people = members.into_iter().filter(|it| it.person.disabled_at.is_none()).map(|member| {
            let is_selected =
                if is_fresh { member.person.id == caller.person } else { member.person.email == self.acts_for };
            let label = format!("{} ({})", member.person.name, member.person.email);
            Choice::new(member.person.email, label).selected(is_selected)
        });
        Ok(RuleForm {
            scopes: GRANTABLE.iter().map(scope).collect(),
            projects: projects.collect(),
            people: people.collect(),
            is_all_projects: self.reach != "chosen",
            example: example(&issuer.issuer),
            name: self.name,
            conditions: self.conditions,
        })
    }
}

/// Returns conditions as they are for an issuer of this kind.
fn example(issuer: &str) -> &'static str {
    if issuer.contains("githubusercontent") {
        "repository_id = 123456789\nref = refs/heads/main"
    } else if issuer.contains("jenkins") {
        "sub = https://jenkins.example.com/job/shop/"
    } else {
        "project_id = 42\nref ~ release/*"
    }
}

pub async fn add_rule(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<IssuerId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let filled = Filled::read(pairs);
    match make_rule(&app, &caller, id, &filled).await {
        Ok(()) => Ok(to_issuer(id).into_response()),
        Err(error) => match confirm_first(&error, &format!("{HOME}/{id}")) {
            Some(response) => Ok(response),
            None => issuer_page(&app, &caller, id, filled, problems_of(error)?, None).await,
        },
    }
}

async fn make_rule(app: &App, caller: &Caller, id: IssuerId, filled: &Filled) -> Result<()> {
    let new = filled.new_rule()?;
    let mut tx = app.db.write().await?;
    trust::add_rule(&mut tx, app.clock.now(), caller, id, &new).await?;
    tx.commit().await
}

pub async fn remove_rule(
    State(app): State<App>,
    caller: Caller,
    Path((id, rule)): Path<(IssuerId, RuleId)>,
) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    trust::remove_rule(&mut tx, app.clock.now(), &caller, id, rule).await?;
    tx.commit().await?;
    Ok(to_issuer(id))
}

pub async fn test(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<IssuerId>,
    Form(form): Form<TestForm>,
) -> Result<Response> {
    let outcome = trust::test(&app, &caller, id, &form.token).await?;
    issuer_page(&app, &caller, id, Filled::default(), Vec::new(), Some(Trial::new(outcome))).await
}

impl Trial {
    fn new(outcome: TestOutcome) -> Self {
        let verdict = match (&outcome.refused, &outcome.granted_by) {
            (Some(why), _) => sentence(why),
            (None, Some(rule)) => format!("The token is genuine, and the rule {rule} grants it a key."),
            (None, None) => "The token is genuine, but no rule grants it anything.".to_owned(),
        };
        let rules = outcome.rules.into_iter().map(|it| (it.rule, it.unmet)).collect();
        Self { is_granted: outcome.granted_by.is_some(), verdict, rules }
    }
}

pub async fn disable(State(app): State<App>, caller: Caller, Path(id): Path<IssuerId>) -> Result<Response> {
    let now = app.clock.now();
    set_disabled(&app, &caller, id, Some(now)).await
}

pub async fn enable(State(app): State<App>, caller: Caller, Path(id): Path<IssuerId>) -> Result<Response> {
    set_disabled(&app, &caller, id, None).await
}

async fn set_disabled(app: &App, caller: &Caller, id: IssuerId, at: Option<Millis>) -> Result<Response> {
    let mut tx = app.db.write().await?;
    if let Err(error) = trust::set_disabled(&mut tx, app.clock.now(), caller, id, at).await {
        return confirm_first(&error, &format!("{HOME}/{id}")).ok_or(error);
    }
    tx.commit().await?;
    Ok(to_issuer(id).into_response())
}

pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<IssuerId>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    trust::remove(&mut tx, app.clock.now(), &caller, id).await?;
    tx.commit().await?;
    Ok(Redirect::to(HOME))
}
