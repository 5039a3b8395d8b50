//! The list of trusted issuers, and the form for another one.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;
use testward_wire::trust::NewIssuer;

use super::{HOME, chrome, confirm_first, to_issuer};
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity;
use crate::identity::pages::problems_of;
use crate::ids::IssuerId;
use crate::trust;
use crate::web::extract::{Form, Query};
use crate::web::layout::{AdminTab, Chrome, Crumb, render};

#[derive(Template)]
#[template(path = "trusted_issuers.html")]
struct ListPage {
    page: Chrome,
    tab: AdminTab,
    organization: String,
    issuers: Vec<IssuerRow>,
}

struct IssuerRow {
    id: IssuerId,
    name: String,
    issuer: String,
    rules: String,
    is_disabled: bool,
}

#[derive(Template)]
#[template(path = "trusted_issuer_new.html")]
struct NewPage {
    page: Chrome,
    problems: Vec<String>,
    kinds: Vec<Kind>,
    hint: &'static str,
    form: IssuerForm,
}

/// A CI system we know the ways of.
struct Kind {
    slug: &'static str,
    label: &'static str,
    is_current: bool,
}

/// Slug, name, issuer and a hint on what to write.
const KINDS: [(&str, &str, &str, &str); 4] = [
    (
        "github",
        "GitHub Actions",
        "https://token.actions.githubusercontent.com",
        "All of GitHub shares this issuer; the rules say which repositories are yours.",
    ),
    (
        "gitlab",
        "GitLab",
        "",
        "The address of your GitLab, such as https://gitlab.example.com, without a slash at the end.",
    ),
    (
        "jenkins",
        "Jenkins",
        "",
        "Its OpenID Connect Provider plug-in shows the issuer of a credential, such as https://jenkins.example.com/oidc.",
    ),
    ("other", "Another issuer", "", "The iss of its tokens, to the letter."),
];

#[derive(Default, Deserialize)]
pub struct NewQuery {
    #[serde(default)]
    kind: String,
}

#[derive(Default, Deserialize)]
pub struct IssuerForm {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    issuer: String,
    #[serde(default)]
    audience: String,
    #[serde(default)]
    jwks_url: String,
}

pub async fn show(State(app): State<App>, caller: Caller) -> Result<Html<String>> {
    let mut tx = app.db.read().await?;
    let mut issuers = Vec::new();
    for issuer in trust::list(&mut tx, &caller).await? {
        let rules = match trust::list_rules(&mut tx, &issuer).await?.len() {
            0 => "no rules yet: nothing is granted".to_owned(),
            1 => "1 rule".to_owned(),
            n => format!("{n} rules"),
        };
        let is_disabled = issuer.disabled_at.is_some();
        issuers.push(IssuerRow { id: issuer.id, name: issuer.name, issuer: issuer.issuer, rules, is_disabled });
    }
    let organization = identity::administered(&mut tx, &caller).await?.name;
    let page = chrome(&mut tx, &caller, None).await?;
    render(&ListPage { page, tab: AdminTab::TrustedIssuers, organization, issuers })
}

pub async fn ask(State(app): State<App>, caller: Caller, Query(query): Query<NewQuery>) -> Result<Response> {
    if let Err(error) = caller.require_confirmed(app.clock.now()) {
        let next = format!("{HOME}/new");
        return confirm_first(&error, &next).ok_or(error);
    }
    let known = KINDS.iter().find(|(slug, ..)| *slug == query.kind).unwrap_or(&KINDS[0]);
    let form = IssuerForm {
        kind: known.0.to_owned(),
        name: if known.0 == "other" { String::new() } else { known.1.to_owned() },
        issuer: known.2.to_owned(),
        audience: app.base_url.clone(),
        jwks_url: String::new(),
    };
    new_page(&app, &caller, form, Vec::new()).await
}

async fn new_page(app: &App, caller: &Caller, form: IssuerForm, problems: Vec<String>) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let known = KINDS.iter().find(|(slug, ..)| *slug == form.kind).unwrap_or(&KINDS[3]);
    let kinds = KINDS.map(|(slug, label, ..)| Kind { slug, label, is_current: slug == known.0 });
    let page = chrome(&mut tx, caller, Some(Crumb::new("Add issuer", format!("{HOME}/new")))).await?;
    Ok((status, render(&NewPage { page, problems, kinds: kinds.into(), hint: known.3, form })?).into_response())
}

pub async fn create(State(app): State<App>, caller: Caller, Form(form): Form<IssuerForm>) -> Result<Response> {
    let new = NewIssuer {
        name: form.name.clone(),
        issuer: form.issuer.clone(),
        audience: Some(form.audience.clone()),
        jwks_url: Some(form.jwks_url.clone()),
    };
    let mut tx = app.db.write().await?;
    match trust::add(&mut tx, &app, app.clock.now(), &caller, &new).await {
        Ok(issuer) => {
            tx.commit().await?;
            Ok(to_issuer(issuer.id).into_response())
        }
        Err(error) => {
            drop(tx);
            match confirm_first(&error, &format!("{HOME}/new")) {
                Some(response) => Ok(response),
                None => new_page(&app, &caller, form, problems_of(error)?).await,
            }
        }
    }
}
