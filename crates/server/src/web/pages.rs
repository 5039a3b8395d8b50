//! The pages that belong to no domain.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};

use super::layout::{Bar, Choice, Chrome, Mark, ProblemPage, Spark, SparkBar, When, render};
use crate::app::App;
use crate::error::{Error, Result};
use crate::time::HOUR;

pub async fn healthz() -> &'static str {
    "ok\n"
}

pub async fn home() -> Redirect {
    Redirect::to("/projects")
}

#[derive(Template)]
#[template(path = "styleguide.html")]
struct StyleGuide {
    page: Chrome,
    statuses: Vec<Mark>,
    bar: Bar,
    spark: Spark,
    now: When,
    choices: Vec<Choice>,
}

/// All pieces of the visual language on one page.
pub async fn style_guide(State(app): State<App>) -> Result<Html<String>> {
    let words = [
        ("passed", "Passed"),
        ("failed", "Failed"),
        ("error", "Error"),
        ("incomplete", "Incomplete"),
        ("skipped", "Skipped"),
        ("not_run", "Not run"),
        ("running", "Running"),
        ("flaky", "Flaky"),
        ("active", "Active"),
        ("expiring_soon", "Expiring soon"),
        ("expired", "Expired"),
        ("disabled", "Disabled"),
        ("revoked", "Revoked"),
    ];
    let statuses = words.map(|(key, label)| Mark { key, label });
    let bars = (0..20).map(|i| {
        let height = f64::from(2 + i);
        SparkBar { key: if i % 5 == 0 { "failed" } else { "passed" }, x: f64::from(i) * 5.0, y: 24.0 - height, height }
    });
    let choices =
        [Choice::new("one", "One").hint("The first").selected(true), Choice::new("two", "Two").hint("The second")];
    let now = app.clock.now();
    let page = StyleGuide {
        page: Chrome::plain(),
        bar: Bar::new(&[(statuses[1], 4), (statuses[0], 90), (statuses[4], 6)]),
        statuses: statuses.into(),
        spark: Spark { label: "Twenty runs".to_owned(), bars: bars.collect() },
        now: When::new(now.plus(-3 * HOUR), now),
        choices: choices.into(),
    };
    render(&page)
}

/// The page that tells a person what went wrong.
pub fn problem_page(id: &str, error: &Error) -> Response {
    let (title, advice) = advice(error);
    let page = ProblemPage {
        page: Chrome::plain(),
        status: error.status().as_u16(),
        title: title.to_owned(),
        message: sentence(&error.message()),
        advice: advice.iter().map(|&it| it.to_owned()).collect(),
        request_id: id.to_owned(),
    };
    render(&page).unwrap_or_else(|_| Html(error.message())).into_response()
}

const fn advice(error: &Error) -> (&'static str, &'static [&'static str]) {
    match error {
        Error::NotFound(_) => {
            ("Not found", &["Check the address.", "Ask an admin of the organization whether you may see it."])
        }
        Error::Forbidden { .. } => ("Not allowed", &["Ask an admin of the organization if you need this."]),
        Error::Gone { .. } => ("It is gone", &[]),
        Error::TooMany(_) => ("Slow down", &["Wait a little, then try again."]),
        Error::Internal(_) => {
            ("Something went wrong", &["Try again.", "If it stays, look at the server's log for the request below."])
        }
        _ => ("That did not work", &["Go back, mend it and try again."]),
    }
}

/// Makes a message of the API a sentence for people.
pub fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|it| it.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// Names the program behind a `User-Agent`, as far as people know it.
pub fn client_name(agent: &str) -> String {
    let known = [
        ("testward", "Testward CLI"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let found = known.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| (*name).to_owned());
    let first_word =
        || agent.split(['/', ' ']).next().filter(|it| !it.is_empty()).unwrap_or("Unknown client").to_owned();
    found.unwrap_or_else(first_word)
}
