//! `/oauth/token`: turns an API key, or a person's password, into a bearer token, for the clients that insist on one.
//!
//! For a key, the token is the key itself. Bearing it means what holding the key means, so there is nothing to store,
//! nothing to outlive the key, and ending the key ends every token at the same instant. For a password, it is a session:
//! it ends after a day, with the password, or when its owner ends it, and it can neither make nor copy keys.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use testward_wire::credentials::SESSION_TOKEN_LEN;
use testward_wire::keys::Scope;

use crate::app::App;
use crate::error::{Error, Result};
use crate::identity::http::{Place, authenticate_at};
use crate::identity::{self, PROGRAM_ACTIVE_FOR};
use crate::signin;
use crate::time::SECOND;
use crate::web::admit;
use crate::web::extract::{Form, Json};

/// How the clients name themselves. The words are printed in their sources, so they protect nothing; others are refused
/// because OAuth wants it (RFC 6749, 5.2).
const CLIENTS: [&str; 2] = ["kit:kit", "kit_uploader:kit_uploader"];
/// No client fetches a second token, so one must last for the longest build.
const TOKEN_SECS: i64 = PROGRAM_ACTIVE_FOR / SECOND;

/// The form that asks for a token. Beside a key, the user name says nothing that the key does not.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    username: String,
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
    match asked.grant_type.as_str() {
        "password" => {
            require_known_client(&headers)?;
            let password = asked.password.trim();
            if is_password(&asked.username, password) {
                return by_password(&app, &from, &asked.username, &asked.password).await.map(Json);
            }
            by_key(&app, &from, password).map(Json)
        }
        "refresh_token" => refresh(&app, &from, asked.refresh_token.trim()).await.map(Json),
        _ => {
            let message = "grant_type must be password, with an API key or the account's password, or refresh_token";
            Err(Error::bad_request("unsupported_grant_type", message))
        }
    }
}

/// Whether the password is an account's. What begins as keys do is one, however badly copied: its owner is told what
/// is wrong with it, and it does not count as a guess at the account.
fn is_password(username: &str, password: &str) -> bool {
    let is_key_like = password.starts_with("tw") && password.as_bytes().get(3) == Some(&b'_');
    username.contains('@') && !is_key_like
}

fn by_key(app: &App, from: &Place, key: &str) -> Result<Granted> {
    let facts = admit::verify_key(app, from.ip, key)?;
    let left = facts.expires_at.map_or(TOKEN_SECS, |at| at.since(app.clock.now()) / SECOND);
    let scopes: Vec<_> = facts.scopes.list().into_iter().map(Scope::name).collect();
    Ok(Granted::new(key.to_owned(), left.min(TOKEN_SECS), scopes.join(" ")))
}

async fn by_password(app: &App, from: &Place, email: &str, password: &str) -> Result<Granted> {
    let person = authenticate_at(app, from, email, password).await?;
    let mut tx = app.db.write().await?;
    if !signin::is_password_enough(&mut tx, person.id).await? {
        let message =
            "this account has a second factor, which this client cannot ask for; use an API key as the password";
        return Err(Error::unauthenticated("second_factor_needed", message));
    }
    let now = app.clock.now();
    let session = identity::start_for_program(&mut tx, now, &app.random, person, from.ip, &from.agent).await?;
    tx.commit().await?;
    Ok(Granted::new(session.token, TOKEN_SECS, Scope::Everything.name().to_owned()))
}

/// Gives what is still good once more. It never lasts longer by that.
async fn refresh(app: &App, from: &Place, token: &str) -> Result<Granted> {
    if token.len() != SESSION_TOKEN_LEN {
        return by_key(app, from, token);
    }
    let ended = || Error::unauthenticated("session_ended", "the token has ended; ask for a new one with the password");
    let now = app.clock.now();
    let caller = identity::find_caller(&app.db, now, token, from.ip).await?.ok_or_else(ended)?;
    let ends_at = caller.session()?.ends_at.ok_or_else(ended)?;
    Ok(Granted::new(token.to_owned(), ends_at.since(now) / SECOND, Scope::Everything.name().to_owned()))
}

impl Granted {
    fn new(token: String, expires_in: i64, scope: String) -> Self {
        Self { access_token: token.clone(), token_type: "bearer", refresh_token: token, expires_in, scope }
    }
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
