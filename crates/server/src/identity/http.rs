//! `/api/v1/session`: whose password it is, and signing out. What comes after the password is `signin`'s business.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};

use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::{self, NewSession, Person};
use crate::web::forwarded::peer;
use crate::web::limits::{Attempt, Source};

pub async fn end(State(app): State<App>, caller: Caller) -> Result<StatusCode> {
    let mut tx = app.db.write().await?;
    identity::end(&mut tx, app.clock.now(), &caller).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where somebody signs in from.
pub struct Place {
    pub ip: std::net::IpAddr,
    pub agent: String,
}

impl<S: Sync> FromRequestParts<S> for Place {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok());
        Ok(Self { ip: peer(&parts.extensions), agent: agent.unwrap_or_default().to_owned() })
    }
}

/// Signs somebody in.
pub async fn sign_in_at(app: &App, from: &Place, email: &str, password: &str) -> Result<NewSession> {
    let person = authenticate_at(app, from, email, password).await?;
    let mut tx = app.db.write().await?;
    let session = identity::start(&mut tx, app.clock.now(), &app.random, person, from.ip, &from.agent).await?;
    tx.commit().await?;
    Ok(session)
}

/// Says whose password this is. Failures count against the address and against the account, before anything is hashed.
pub async fn authenticate_at(app: &App, from: &Place, email: &str, password: &str) -> Result<Person> {
    let now = app.clock.now();
    // Nobody's address is longer (RFC 5321), and what is remembered must stay small.
    let account = || Source::Account(email.trim().chars().take(254).collect::<String>().to_lowercase());
    app.failures.check(now, Attempt::SignIn, from.ip)?;
    app.failures.check(now, Attempt::SignIn, account())?;
    let authenticated = identity::authenticate(&app.db, &app.passwords, email, password).await;
    // Guesses sent all at once were all let in above: what they found out is told to the first few only.
    app.failures.check(now, Attempt::SignIn, from.ip)?;
    app.failures.check(now, Attempt::SignIn, account())?;
    if matches!(authenticated, Err(Error::Unauthenticated { .. })) {
        app.failures.record(now, Attempt::SignIn, from.ip);
        app.failures.record(now, Attempt::SignIn, account());
    }
    authenticated
}

/// Checks the caller's own password. Failures count as those of signing in do.
pub async fn check_password(app: &App, caller: &Caller, password: &str) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let person = identity::find(&mut tx, caller.person).await?;
    drop(tx);
    let account = || Source::Account(person.email.to_lowercase());
    app.failures.check(now, Attempt::SignIn, account())?;
    let checked = identity::authenticate(&app.db, &app.passwords, &person.email, password).await;
    app.failures.check(now, Attempt::SignIn, account())?;
    if matches!(checked, Err(Error::Unauthenticated { .. })) {
        app.failures.record(now, Attempt::SignIn, account());
    }
    checked.map(drop)
}
