//! The policy page: change, see whom it breaks, apply.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use testward_wire::keys::Scope;
use testward_wire::policy::{KeyPolicy, PolicyEffect};

use super::Policy;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::pages::problems_of;
use crate::identity::{self, Membership};
use crate::keys::{self, policy};
use crate::time::Millis;
use crate::web::extract::Form;
use crate::web::layout::{AdminTab, Choice, Chrome, Crumb, When, render};
use crate::web::versions::IfMatch;

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    page: Chrome,
    tab: AdminTab,
    organization: String,
    problems: Vec<String>,
    form: PolicyForm,
    changed: Option<When>,
    effect: Option<EffectView>,
    /// What was just put in force.
    done: Option<String>,
}

struct PolicyForm {
    version: i64,
    max_lifetime_days: String,
    allows_never: bool,
    allows_personal: bool,
    custodies: Vec<Choice>,
    is_locked: bool,
    scopes: Vec<Choice>,
    networks: String,
}

/// A preview, as the page shows it before it is applied.
struct EffectView {
    summary: String,
    notes: Vec<String>,
    keys: Vec<AffectedRow>,
    n_more: i64,
    is_harmless: bool,
}

struct AffectedRow {
    name: String,
    handle: String,
    owner: String,
    used: Option<When>,
}

/// What was filled in. Names repeat, so it is read from pairs.
#[derive(Default)]
struct Filled {
    step: String,
    version: i64,
    max_lifetime_days: String,
    wanted: KeyPolicy,
}

pub async fn show(State(app): State<App>, caller: Caller) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    let policy = policy::find(&mut tx, organization.organization).await?;
    let form = form(&policy.to_wire(), &policy, String::new());
    page(&mut tx, &app, &caller, (organization, policy), form, Shown::default()).await
}

/// What the page shows besides the form.
#[derive(Default)]
struct Shown {
    problems: Vec<String>,
    effect: Option<EffectView>,
    done: Option<String>,
}

async fn page(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    (organization, policy): (Membership, Policy),
    form: PolicyForm,
    shown: Shown,
) -> Result<Response> {
    let page = PolicyPage {
        page: Chrome::of(tx, caller, vec![Crumb::new("Key policy", "/admin/policy")]).await?,
        tab: AdminTab::Policy,
        organization: organization.name,
        problems: shown.problems,
        form,
        changed: (policy.version > 0).then(|| When::new(policy.changed_at, app.clock.now())),
        effect: shown.effect,
        done: shown.done,
    };
    Ok(render(&page)?.into_response())
}

/// Shows whom the policy would break; applies it when that was seen.
pub async fn submit(
    State(app): State<App>,
    caller: Caller,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let now = app.clock.now();
    let filled = Filled::read(pairs);
    let seen = IfMatch::exactly(filled.version);
    let is_applied = filled.step == "apply";
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    let id = organization.organization;
    let outcome = match filled.checked() {
        Ok(wanted) if is_applied => {
            policy::set(&mut tx, now, &caller, id, wanted, &seen).await.map(|it| (Some(it.0), it.2))
        }
        Ok(wanted) => policy::preview(&mut tx, now, id, wanted).await.map(|effect| (None, effect)),
        Err(error) => Err(error),
    };
    let shown = match outcome {
        Ok((None, effect)) => Shown { effect: Some(EffectView::new(effect, now)), ..Shown::default() },
        Ok((Some(change), effect)) => {
            keys::commit(&app, tx, change).await?;
            tx = app.db.write().await?;
            Shown { done: Some(receipt(&effect, now)), ..Shown::default() }
        }
        Err(error) => Shown { problems: problems_of(error)?, ..Shown::default() },
    };
    let policy = policy::find(&mut tx, id).await?;
    let form = form(&filled.wanted, &policy, filled.max_lifetime_days);
    page(&mut tx, &app, &caller, (organization, policy), form, shown).await
}

fn receipt(effect: &PolicyEffect, now: Millis) -> String {
    format!("In force since {}: {}", now.human(), ended(effect))
}

fn ended(effect: &PolicyEffect) -> String {
    match (effect.ends, effect.owners) {
        (0, _) => "no key ended.".to_owned(),
        (1, _) => "1 key ended.".to_owned(),
        (keys, 1) => format!("{keys} keys of 1 owner ended."),
        (keys, owners) => format!("{keys} keys of {owners} owners ended."),
    }
}

impl EffectView {
    fn new(effect: PolicyEffect, now: Millis) -> Self {
        let at = |text: &Option<String>| text.as_deref().and_then(Millis::parse_rfc3339).map(|at| When::new(at, now));
        let used = at(&effect.last_used_at);
        let owners = if effect.owners == 1 { "1 owner".to_owned() } else { format!("{} owners", effect.owners) };
        let summary = match effect.ends {
            0 => "No key would end.".to_owned(),
            n => {
                let keys = if n == 1 { "1 key".to_owned() } else { format!("{n} keys") };
                let last = used.map_or_else(|| "none was ever used".to_owned(), |it| format!("last used {}", it.ago));
                format!("{keys} of {owners} would end; {last}.")
            }
        };
        let notes = [
            (effect.shortened, "would end sooner"),
            (effect.narrowed, "may do less"),
            (effect.outside, "were last used from outside the networks and would be refused there"),
            (effect.uncopied, "could not be copied again; their sealed copies are destroyed"),
        ];
        let notes: Vec<_> = notes.iter().filter(|it| it.0 > 0).map(|(n, what)| format!("{n} {what}.")).collect();
        let row = |key: &testward_wire::policy::AffectedKey| AffectedRow {
            name: key.name.clone(),
            handle: key.handle.clone(),
            owner: key.owner.clone(),
            used: at(&key.last_used_at),
        };
        Self {
            summary,
            is_harmless: effect.ends == 0 && notes.is_empty(),
            notes,
            keys: effect.keys.iter().map(row).collect(),
            n_more: effect.ends - effect.keys.len() as i64,
        }
    }
}

impl Filled {
    fn read(pairs: Vec<(String, String)>) -> Self {
        let mut filled = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "step" => filled.step = value,
                "version" => filled.version = value.parse().unwrap_or_default(),
                "max_lifetime_days" => filled.max_lifetime_days = value.trim().to_owned(),
                "allows_never" => filled.wanted.allows_never = true,
                "allows_personal" => filled.wanted.allows_personal = true,
                "custody" => filled.wanted.custody = value,
                "scopes" => filled.wanted.scopes.extend(Scope::from_name(&value)),
                "networks" => filled.wanted.networks = value.split_whitespace().map(str::to_owned).collect(),
                _ => {}
            }
        }
        filled.wanted.max_lifetime_days = filled.max_lifetime_days.parse().ok();
        filled
    }

    fn checked(&self) -> Result<&KeyPolicy> {
        if !self.max_lifetime_days.is_empty() && self.wanted.max_lifetime_days.is_none() {
            return Err(Error::invalid("max_lifetime_days", "must be a number of days, or empty for no limit"));
        }
        Ok(&self.wanted)
    }
}

fn form(wanted: &KeyPolicy, in_force: &Policy, days: String) -> PolicyForm {
    let custodies = [
        ("recall", "Owners decide", "Keys can be copied again for as long as their owners like"),
        ("once", "Shown once", "No key can be copied again; sealed copies are destroyed, and there is no way back"),
    ];
    let custodies =
        custodies.map(|(value, label, hint)| Choice::new(value, label).hint(hint).selected(value == wanted.custody));
    let scope = |scope: Scope| Choice::new(scope.name(), scope.name()).selected(wanted.scopes.contains(&scope));
    PolicyForm {
        version: in_force.version,
        max_lifetime_days: wanted.max_lifetime_days.map_or(days, |days| days.to_string()),
        allows_never: wanted.allows_never,
        allows_personal: wanted.allows_personal,
        custodies: custodies.into(),
        is_locked: in_force.is_shown_once,
        scopes: Scope::ALL.map(scope).into(),
        networks: wanted.networks.join("\n"),
    }
}
