//! Create API Key: the form, and the key it makes.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use testward_wire::keys::{NewKey, Scope};

use super::commands::{Command, commands};
use super::{chrome, keys_crumb};
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::pages::problems_of;
use crate::keys::policy::Policy;
use crate::keys::{self, ApiKey, DEFAULT_EXPIRES};
use crate::projects;
use crate::rights::Scopes;
use crate::time::{DAY, Millis};
use crate::web::extract::{Form, Query};
use crate::web::layout::{Choice, Chrome, Crumb, When, href, render};

#[derive(Template)]
#[template(path = "key_new.html")]
struct NewPage {
    page: Chrome,
    form: KeyForm,
}

pub struct KeyForm {
    problems: Vec<String>,
    name: String,
    description: String,
    expirations: Vec<Choice>,
    expires_on: String,
    first_day: String,
    last_day: String,
    intents: Vec<Choice>,
    scopes: Vec<Choice>,
    is_all_projects: bool,
    projects: Vec<Choice>,
    custodies: Vec<Choice>,
    /// What the organization's policy leaves out.
    rules: Vec<String>,
}

#[derive(Template)]
#[template(path = "key_created.html")]
struct CreatedPage {
    page: Chrome,
    name: String,
    handle: String,
    key: String,
    expires: Option<When>,
    is_recallable: bool,
    commands: Vec<Command>,
}

/// What was filled in, or comes with a prefilled link. Names repeat, so it is pairs.
#[derive(Default)]
struct Filled {
    name: String,
    description: String,
    expires: String,
    expires_on: String,
    intent: String,
    scopes: Vec<String>,
    reach: String,
    projects: Vec<String>,
    custody: String,
}

/// What a key is for, in words; each stands for scopes.
const INTENTS: [(&str, &str, &str, &[Scope]); 5] = [
    ("everything", "Everything I can do", "Follows your roles, now and later", &[Scope::Everything]),
    ("upload", "Upload results", "For CI jobs that send test reports", &[Scope::ResultsWrite, Scope::ProjectsRead]),
    (
        "agent",
        "Run an agent",
        "For a machine that takes test jobs",
        &[Scope::AgentsRun, Scope::ResultsWrite, Scope::ProjectsRead],
    ),
    (
        "plans",
        "Start test plans",
        "For Jenkins and schedulers",
        &[Scope::PlansRun, Scope::ResultsRead, Scope::ProjectsRead],
    ),
    ("read", "Read only", "For dashboards and scripts", &[Scope::ResultsRead, Scope::ProjectsRead]),
];

const EXPIRATIONS: [(&str, &str); 7] = [
    ("7d", "7 days"),
    ("30d", "30 days"),
    ("60d", "60 days"),
    ("90d", "90 days"),
    ("365d", "1 year"),
    ("custom", "Custom date"),
    ("never", "Never"),
];

/// Empty means what the organization allows most.
const CUSTODIES: [(&str, &str); 4] =
    [("", "Any time"), ("24h", "For 24 hours"), ("7d", "For 7 days"), ("once", "Never: it is shown once")];

pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response> {
    if caller.require_confirmed(app.clock.now()).is_err() {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        return Ok(confirm_first(&href("/user/apikey/new", &pairs)));
    }
    form_page(&app, &caller, Filled::read(pairs), Vec::new()).await
}

/// Leads to where the password is asked for, and back.
pub fn confirm_first(next: &str) -> Response {
    Redirect::to(&href("/confirm", &[("next", next)])).into_response()
}

async fn form_page(app: &App, caller: &Caller, filled: Filled, problems: Vec<String>) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let mine = projects::list(&mut tx, caller).await?;
    let page =
        Chrome::of(&mut tx, caller, vec![keys_crumb(), Crumb::new("Create API Key", "/user/apikey/new")]).await?;
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let policy = keys::policy::find_for(&mut tx, caller.person).await?;
    let form = filled.form(now, &mine, &policy, problems);
    Ok((status, render(&NewPage { page, form })?).into_response())
}

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let filled = Filled::read(pairs);
    match make(&app, &caller, &filled).await {
        Ok((key, text)) => created_page(&app, &caller, key, text).await,
        Err(Error::Forbidden { code: "confirm_password", .. }) => Ok(confirm_first("/user/apikey/new")),
        Err(error) => form_page(&app, &caller, filled, problems_of(error)?).await,
    }
}

async fn make(app: &App, caller: &Caller, filled: &Filled) -> Result<(ApiKey, String)> {
    let new = filled.new_key()?;
    let mut tx = app.db.write().await?;
    let (change, key, text) = keys::create(&mut tx, app, app.clock.now(), caller, &new).await?;
    keys::commit(app, tx, change).await?;
    Ok((key, text))
}

/// Shows a key that was just made, once, with commands that use it.
pub async fn created_page(app: &App, caller: &Caller, key: ApiKey, text: String) -> Result<Response> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let mine = projects::list(&mut tx, caller).await?;
    let bound = |id| key.projects.as_ref().is_none_or(|bound| bound.contains(&id));
    let project = mine.iter().find(|project| bound(project.id));
    let page = CreatedPage {
        page: chrome(&mut tx, caller, keys_crumb()).await?,
        commands: commands(app, project, &text),
        is_recallable: key.is_copyable(now),
        name: key.name,
        handle: key.handle.to_string(),
        key: text,
        expires: key.expires_at.map(|at| When::new(at, now)),
    };
    Ok(render(&page)?.into_response())
}

impl Filled {
    fn read(pairs: Vec<(String, String)>) -> Self {
        let mut filled = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "name" => filled.name = value,
                "description" => filled.description = value,
                "expires" => filled.expires = value,
                "expires_on" => filled.expires_on = value,
                "intent" => filled.intent = value,
                "scopes" => {
                    filled.scopes.extend(value.split([' ', ',']).filter(|it| !it.is_empty()).map(str::to_owned));
                }
                "reach" => filled.reach = value,
                "custody" => filled.custody = value,
                "projects" => {
                    filled.projects.extend(value.split([' ', ',']).filter(|it| !it.is_empty()).map(str::to_owned));
                }
                _ => {}
            }
        }
        if filled.reach.is_empty() && !filled.projects.is_empty() {
            "chosen".clone_into(&mut filled.reach);
        }
        if filled.intent.is_empty() {
            let intent = if filled.scopes.is_empty() { "everything" } else { "chosen" };
            intent.clone_into(&mut filled.intent);
        }
        filled
    }

    fn new_key(&self) -> Result<NewKey> {
        Ok(NewKey {
            name: self.name.clone(),
            description: Some(self.description.clone()),
            expires: Some(if self.expires == "custom" { &self.expires_on } else { &self.expires }.clone()),
            scopes: Some(self.chosen_scopes()?),
            projects: (self.reach == "chosen").then(|| self.projects.iter().filter_map(|id| id.parse().ok()).collect()),
            custody: (!self.custody.is_empty()).then(|| self.custody.clone()),
            ..NewKey::default()
        })
    }

    fn chosen_scopes(&self) -> Result<Vec<Scope>> {
        if let Some((.., scopes)) = INTENTS.iter().find(|(value, ..)| *value == self.intent) {
            return Ok(scopes.to_vec());
        }
        let unknown = |name: &str| Error::invalid("scopes", format!("has no {name}"));
        self.scopes.iter().map(|name| Scope::from_name(name).ok_or_else(|| unknown(name))).collect()
    }

    fn form(self, now: Millis, mine: &[projects::Project], policy: &Policy, problems: Vec<String>) -> KeyForm {
        let expires = if self.expires.is_empty() { default_expires(policy) } else { &self.expires };
        let allowed = EXPIRATIONS.into_iter().filter(|(value, _)| is_allowed(now, policy, value));
        let expirations = allowed.map(|(value, label)| Choice::new(value, label).selected(value == expires));
        let intents = INTENTS.into_iter().filter(|(.., scopes)| Scopes::of(scopes).is_within(policy.scopes));
        let intents = intents.map(|(value, label, hint, _)| (value, label, hint));
        let intents = intents.chain([("chosen", "Chosen scopes", "Pick exactly what it may do")]);
        let intents =
            intents.map(|(value, label, hint)| Choice::new(value, label).hint(hint).selected(value == self.intent));
        let is_chosen = |id: &str| self.projects.iter().any(|it| it == id);
        let projects = mine.iter().map(|project| {
            let id = project.id.to_string();
            let is_selected = is_chosen(&id);
            Choice::new(id, project.name.clone()).selected(is_selected)
        });
        KeyForm {
            problems,
            intents: intents.collect(),
            projects: projects.collect(),
            scopes: scope_choices(&self.scopes, policy),
            expirations: expirations.collect(),
            rules: rules(policy),
            first_day: now.plus(DAY).rfc3339()[..10].to_owned(),
            last_day: policy.ends_at(now, None).map_or_else(String::new, |at| at.rfc3339()[..10].to_owned()),
            custodies: custodies(&self.custody, policy),
            is_all_projects: self.reach != "chosen",
            name: self.name,
            description: self.description,
            expires_on: self.expires_on,
        }
    }
}

/// Returns for how long a key may be copied again; where keys are shown once, there is nothing to choose.
fn custodies(selected: &str, policy: &Policy) -> Vec<Choice> {
    let allowed = CUSTODIES.into_iter().filter(|(value, _)| !policy.is_shown_once || *value == "once");
    allowed.map(|(value, label)| Choice::new(value, label).selected(value == selected)).collect()
}

/// Whether a key made now may end like this.
fn is_allowed(now: Millis, policy: &Policy, expires: &str) -> bool {
    match keys::expires_at(now, expires) {
        Ok(None) => policy.allows_endless(),
        Ok(Some(at)) => policy.max_lifetime_days.is_none_or(|days| at <= now.plus(days * DAY)),
        // Another date is checked when it is known.
        Err(_) => true,
    }
}

/// Returns what is selected at first: the usual, or the longest that the policy allows.
fn default_expires(policy: &Policy) -> &'static str {
    let days = policy.max_lifetime_days.unwrap_or(90);
    [(90, DEFAULT_EXPIRES), (60, "60d"), (30, "30d"), (7, "7d")]
        .iter()
        .find(|it| it.0 <= days)
        .map_or("custom", |it| it.1)
}

/// Says what the policy leaves out, and why.
fn rules(policy: &Policy) -> Vec<String> {
    let mut rules = Vec::new();
    if !policy.allows_personal {
        rules.push("Your organization allows keys of service accounts only; ask an admin for one.".to_owned());
    }
    match policy.max_lifetime_days {
        Some(days) => rules.push(format!("Your organization lets keys live for at most {days} days.")),
        None if !policy.allows_never => rules.push("Your organization wants each key to have an end.".to_owned()),
        None => {}
    }
    if !Scopes::EVERYTHING.is_within(policy.scopes) {
        rules.push(
            "Your organization does not allow all scopes; those that are not shown are not to be had.".to_owned(),
        );
    }
    if policy.is_shown_once {
        rules.push("Your organization has keys shown once: copy it when it is made.".to_owned());
    }
    if !policy.networks.is_empty() {
        rules.push(format!("Keys work from these networks only: {}.", policy.networks.list().join(", ")));
    }
    rules
}

fn scope_choices(selected: &[String], policy: &Policy) -> Vec<Choice> {
    let hints = [
        (Scope::ResultsRead, "See runs and results"),
        (Scope::ResultsWrite, "Upload reports"),
        (Scope::ProjectsRead, "See projects"),
        (Scope::ProjectsWrite, "Change projects"),
        (Scope::PlansRun, "Start test plans"),
        (Scope::PlansWrite, "Change test plans"),
        (Scope::AgentsRun, "Take and run jobs"),
        (Scope::AdminRead, "See everybody's keys; for admins"),
        (Scope::AdminWrite, "End keys, set policy; for admins"),
        (Scope::PeopleProvision, "Make and shut out people by SCIM; for admins"),
    ];
    let is_selected = |scope: Scope| selected.iter().any(|it| it == scope.name());
    let choice =
        |(scope, hint): (Scope, &str)| Choice::new(scope.name(), scope.name()).hint(hint).selected(is_selected(scope));
    hints.into_iter().filter(|it| policy.scopes.expanded().holds(it.0)).map(choice).collect()
}
