//! `/oauth/token`: turns an API key into a bearer token, for the clients that insist on one.
//!
//! The token is the key itself. Bearing it means what holding the key means, so there is nothing to store, nothing to
//! outlive the key, and ending the key ends every token at the same instant.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use testward_wire::keys::Scope;

use crate::app::App;
use crate::error::{Error, Result};
use crate::identity::http::Place;
use crate::time::{DAY, SECOND};
use crate::web::admit;
use crate::web::extract::{Form, Json};

/// How the clients name themselves. The words are printed in their sources, so they protect nothing; others are refused
/// because OAuth wants it (RFC 6749, 5.2).
const CLIENTS: [&str; 2] = ["kit:kit", "kit_uploader:kit_uploader"];
/// No client fetches a second token, so one must last for the longest build.
const TOKEN_SECS: i64 = DAY / SECOND;

/// The form that asks for a token. The user name says nothing that the key does not.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    refresh_token: String,
}

#[derive(Serialize)]
pub struct Granted {
    access_token: String,
    token_type: &'static str,
    refresh_token: String,
    expires_in: i64,
    scope: String,
}

pub async fn create(
    State(app): State<App>,
    from: Place,
    headers: HeaderMap,
    Form(asked): Form<Asked>,
) -> Result<Json<Granted>> {
    let key = match asked.grant_type.as_str() {
        "password" => {
            require_known_client(&headers)?;
            asked.password
        }
        "refresh_token" => asked.refresh_token,
        _ => {
            let message = "grant_type must be password, with an API key as the password, or refresh_token";
            return Err(Error::bad_request("unsupported_grant_type", message));
        }
    };
    token(&app, from, key.trim()).map(Json)
}

fn token(app: &App, from: Place, key: &str) -> Result<Granted> {
    let facts = admit::verify_key(app, from.ip, key)?;
    let left = facts.expires_at.map_or(TOKEN_SECS, |at| at.since(app.clock.now()) / SECOND);
    let scopes: Vec<_> = facts.scopes.list().into_iter().map(Scope::name).collect();
    Ok(Granted {
        access_token: key.to_owned(),
        token_type: "bearer",
        refresh_token: key.to_owned(),
        expires_in: left.min(TOKEN_SECS),
        scope: scopes.join(" "),
    })
}

fn require_known_client(headers: &HeaderMap) -> Result<()> {
    let value = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let encoded = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let client = encoded.and_then(|(_, text)| BASE64.decode(text.trim()).ok());
    if client.is_some_and(|client| CLIENTS.iter().any(|known| known.as_bytes() == client)) {
        return Ok(());
    }
    Err(Error::unauthenticated("invalid_client", "only the official clients ask for tokens; send the API key itself"))
}
