//! `POST /api/v1/session`: signing in without a browser, as our command line does.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Begun;
use crate::app::App;
use crate::error::{Error, Result};
use crate::identity::http::Place;
use crate::signin;
use crate::web::extract::Json;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    email: String,
    password: String,
    /// Of the authenticator, or a recovery code; for whoever has a second factor.
    #[serde(default)]
    code: Option<String>,
}

/// A session's token, to be sent as `Authorization: Session <token>`.
#[derive(Serialize, JsonSchema)]
pub struct SessionToken {
    token: String,
}

pub async fn create(State(app): State<App>, from: Place, Json(sign_in): Json<SignIn>) -> Result<Json<SessionToken>> {
    let session = match signin::begin(&app, &from, &sign_in.email, &sign_in.password).await? {
        Begun::In(session) => session,
        Begun::Second(pending) if pending.must_enrol => {
            let message = "your organization demands a second factor; sign in with a browser to set one up";
            return Err(Error::forbidden("second_factor_required", message));
        }
        Begun::Second(pending) => {
            let asks =
                || Error::unauthenticated("code_required", "this account has a second factor; send its code too");
            let code = sign_in.code.ok_or_else(asks)?;
            signin::finish(&app, &from, &pending.token, &code).await?
        }
    };
    Ok(Json(SessionToken { token: session.token }))
}
