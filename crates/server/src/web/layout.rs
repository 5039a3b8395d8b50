//! What pages are made of: the frame around each, and the pieces that `ui.html` draws.

use askama::Template;
use axum::response::Html;

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity::{self, Role};
use crate::notices;
use crate::time::{DAY, HOUR, MINUTE, Millis};

/// The frame of a page.
pub struct Chrome {
    pub person: Option<Person>,
    pub crumbs: Vec<Crumb>,
    pub is_admin: bool,
    /// Notices that the person has not read.
    pub n_unread: i64,
    /// Says once what was just done.
    pub flash: Option<String>,
    pub theme: &'static str,
}

/// Whoever is signed in.
pub struct Person {
    pub name: String,
    pub email: String,
    pub initials: String,
}

/// One step of the way to a page; the last one is the page itself.
pub struct Crumb {
    pub label: String,
    pub href: String,
}

impl Crumb {
    pub fn new(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into() }
    }
}

impl Chrome {
    /// The frame for a stranger: nothing but the brand.
    pub const fn plain() -> Self {
        Self { person: None, crumbs: Vec::new(), is_admin: false, n_unread: 0, flash: None, theme: "auto" }
    }

    /// The frame for whoever is signed in.
    pub async fn of(tx: &mut Tx, caller: &Caller, crumbs: Vec<Crumb>) -> Result<Self> {
        let person = identity::find(tx, caller.person).await?;
        let memberships = identity::list_memberships(tx, caller.person).await?;
        let initials = initials(&person.name);
        Ok(Self {
            person: Some(Person { name: person.name, email: person.email, initials }),
            crumbs,
            is_admin: memberships.iter().any(|it| it.role >= Role::Admin),
            n_unread: notices::count_unread(tx, caller.person).await?,
            flash: None,
            theme: "auto",
        })
    }
}

/// Returns the first letters of the first and the last word.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let (first, last) = (words.next(), words.next_back());
    let letters = first.into_iter().chain(last).filter_map(|word| word.chars().next());
    letters.flat_map(char::to_uppercase).collect()
}

/// Renders a page.
pub fn render(page: &impl Template) -> Result<Html<String>> {
    Ok(Html(page.render()?))
}

/// An instant, ready to be shown.
pub struct When {
    pub iso: String,
    pub exact: String,
    pub ago: String,
}

impl When {
    pub fn new(at: Millis, now: Millis) -> Self {
        Self { iso: at.rfc3339(), exact: at.human(), ago: ago(now.since(at)) }
    }
}

/// Words for the time that went by; negative lies ahead.
fn ago(millis: i64) -> String {
    let ahead = millis < 0;
    let (n, unit) = match millis.abs() {
        0..MINUTE => return if ahead { "in a moment".to_owned() } else { "just now".to_owned() },
        it @ MINUTE..HOUR => (it / MINUTE, "minute"),
        it @ HOUR..DAY => (it / HOUR, "hour"),
        it if it < 60 * DAY => (it / DAY, "day"),
        it if it < 730 * DAY => (it / (30 * DAY), "month"),
        it => (it / (365 * DAY), "year"),
    };
    let plural = if n == 1 { "" } else { "s" };
    if ahead { format!("in {n} {unit}{plural}") } else { format!("{n} {unit}{plural} ago") }
}

/// A status: `key` names its shape and tone, `label` is its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub key: &'static str,
    pub label: &'static str,
}

/// Outcomes side by side, as wide as they are many.
pub struct Bar {
    pub label: String,
    pub parts: Vec<Part>,
}

pub struct Part {
    pub mark: Mark,
    pub count: i64,
    /// Percent of the bar, from the left.
    pub x: f64,
    pub width: f64,
}

/// Percent of the bar below which a part could not be seen.
const MIN_WIDTH: f64 = 1.5;

impl Bar {
    pub fn new(counts: &[(Mark, i64)]) -> Self {
        let present: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
        let total: f64 = present.iter().map(|(_, count)| *count as f64).sum();
        let share = |count: i64| (count as f64 * 100.0 / total).max(MIN_WIDTH);
        let scale = 100.0 / present.iter().map(|(_, count)| share(*count)).sum::<f64>();
        let mut x = 0.0;
        let parts = present.iter().map(|(mark, count)| {
            let width = share(*count) * scale;
            x += width;
            Part { mark: *mark, count: *count, x: x - width, width }
        });
        let label = present.iter().map(|(mark, count)| format!("{count} {}", mark.label.to_lowercase()));
        let label = label.collect::<Vec<_>>().join(", ");
        Self { parts: parts.collect(), label: if label.is_empty() { "no results".to_owned() } else { label } }
    }
}

/// The last runs as a line of bars, oldest first.
pub struct Spark {
    pub label: String,
    pub bars: Vec<SparkBar>,
}

/// One bar in a box of 100 × 24.
pub struct SparkBar {
    pub key: &'static str,
    pub x: f64,
    pub y: f64,
    pub height: f64,
}

/// One choice of a list.
pub struct Choice {
    pub value: String,
    pub label: String,
    pub hint: String,
    pub is_selected: bool,
}

impl Choice {
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), hint: String::new(), is_selected: false }
    }

    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.hint);
        self
    }

    #[must_use]
    pub const fn selected(mut self, is_selected: bool) -> Self {
        self.is_selected = is_selected;
        self
    }
}

/// Addresses of the pages beside this one.
pub struct Paging {
    pub newer: Option<String>,
    pub older: Option<String>,
}

pub struct Tab {
    pub label: String,
    pub href: String,
    pub n: Option<i64>,
    pub is_current: bool,
}

/// The pages for owners and admins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminTab {
    Members,
    Teams,
    Keys,
    Policy,
    TrustedIssuers,
    SignIn,
}

impl AdminTab {
    /// Returns each with its address and what it is called.
    pub const fn all(self) -> [(Self, &'static str, &'static str); 6] {
        [
            (Self::Members, "/members", "Members"),
            (Self::Teams, "/teams", "Teams"),
            (Self::Keys, "/admin/keys", "All API keys"),
            (Self::Policy, "/admin/policy", "Key policy"),
            (Self::TrustedIssuers, "/admin/trusted-issuers", "Trusted issuers"),
            (Self::SignIn, "/admin/sign-in", "Sign-in"),
        ]
    }
}

/// The page that tells a person what went wrong.
#[derive(Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    pub page: Chrome,
    pub status: u16,
    pub title: String,
    pub message: String,
    pub advice: Vec<String>,
    pub request_id: String,
}

/// Returns the address of `path` with the parts of a query that are set.
pub fn href(path: &str, query: &[(&str, &str)]) -> String {
    let set: Vec<_> = query.iter().filter(|(_, value)| !value.is_empty()).collect();
    if set.is_empty() {
        return path.to_owned();
    }
    let query = serde_urlencoded::to_string(&set).expect("pairs of text always encode");
    format!("{path}?{query}")
}

/// Returns the command that uploads reports with our own client, for a page to show.
pub fn upload_command(app: &App, project: impl std::fmt::Display) -> String {
    format!(
        "TESTWARD_API_KEY=YOUR_KEY testward upload --url {} --project {project} target/surefire-reports",
        app.base_url
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_in_words() {
        let told: Vec<_> = [0, 59_000, MINUTE, 3 * HOUR, -2 * DAY, 100 * DAY, 900 * DAY].into_iter().map(ago).collect();
        let words = ["just now", "just now", "1 minute ago", "3 hours ago", "in 2 days", "3 months ago", "2 years ago"];
        assert_eq!(told, words);
    }

    #[test]
    fn a_bar_is_full_and_shows_the_few() {
        let passed = Mark { key: "passed", label: "Passed" };
        let failed = Mark { key: "failed", label: "Failed" };
        let bar = Bar::new(&[(passed, 9999), (failed, 1)]);
        assert_eq!(bar.label, "9999 passed, 1 failed");
        assert!(bar.parts[1].width > 1.0);
        let end = bar.parts[1].x + bar.parts[1].width;
        assert!((end - 100.0).abs() < 1e-9);
    }
}
