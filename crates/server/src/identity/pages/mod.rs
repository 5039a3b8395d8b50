//! The pages of people: in and out, first steps, account, members.

pub mod account;
pub mod members;

use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};

use crate::app::App;
use crate::error::Error;
use crate::identity::{NewSession, Role};
use crate::web::cookies;
use crate::web::layout::Choice;
use crate::web::pages::sentence;

/// Sends somebody on who just signed in, with their session.
pub fn welcome_in(app: &App, session: &NewSession, next: &str) -> Response {
    let cookie = (header::SET_COOKIE, cookies::start_session(app, &session.token));
    (AppendHeaders([cookie]), Redirect::to(next)).into_response()
}

/// Returns `next` if it stays on this server: another site's address could steal what is typed there.
///
/// Browsers pass over tabs and line ends, so that `/<tab>/other.site` is another site.
pub fn own_path(next: &str) -> &str {
    let is_odd = |it: char| it == '\\' || it.is_control();
    let is_own = next.starts_with('/') && !next.starts_with("//") && !next.contains(is_odd);
    if is_own { next } else { "/projects" }
}

/// Returns what a person can mend in their form; anything else is not the form's business.
pub fn problems_of(error: Error) -> Result<Vec<String>, Error> {
    match error {
        Error::Invalid(problems) => {
            Ok(problems.iter().map(|it| sentence(&format!("{} {}", it.field.replace('_', " "), it.message))).collect())
        }
        Error::Conflict { message, .. } | Error::BadRequest { message, .. } | Error::Forbidden { message, .. } => {
            Ok(vec![sentence(&message)])
        }
        error => Err(error),
    }
}

/// Returns the roles that somebody with the highest of them can give.
pub fn roles(highest: Role, current: Role) -> Vec<Choice> {
    let all = [(Role::Member, "Member"), (Role::Admin, "Admin"), (Role::Owner, "Owner")];
    let given = all.into_iter().filter(|(role, _)| *role <= highest.max(current));
    given.map(|(role, label)| Choice::new(role.name(), label).selected(role == current)).collect()
}
