//! The pages of trusted upload, for owners and admins.

pub mod issuer;
pub mod list;

use axum::response::{IntoResponse as _, Redirect, Response};

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::IssuerId;
use crate::web::layout::{Chrome, Crumb, href};

const HOME: &str = "/admin/trusted-issuers";

fn home_crumb() -> Crumb {
    Crumb::new("Trusted issuers", HOME)
}

async fn chrome(tx: &mut Tx, caller: &Caller, last: Option<Crumb>) -> Result<Chrome> {
    Chrome::of(tx, caller, [home_crumb()].into_iter().chain(last).collect()).await
}

fn to_issuer(id: IssuerId) -> Redirect {
    Redirect::to(&format!("{HOME}/{id}"))
}

/// Leads to where the password is asked for and back to `next`, if that is what is missing.
fn confirm_first(error: &Error, next: &str) -> Option<Response> {
    matches!(error, Error::Forbidden { code: "confirm_password", .. })
        .then(|| Redirect::to(&href("/confirm", &[("next", next)])).into_response())
}
