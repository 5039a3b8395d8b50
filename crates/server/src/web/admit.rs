//! Admission: finds out who is asking and lets them through, or not. Every route passes here first.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use testward_wire::credentials::{Credential, Scratch};
use testward_wire::keytext::{ImportedText, KeyText};

use super::cookies;
use super::face::tell_rate;
use super::forwarded::peer;
use super::limits::Attempt;
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::{Access, Caller, ShownKey, Via, keys_refused};
use crate::identity;
use crate::keys::{Called, Rejection, authorization};
use crate::time::{DAY, Millis};

/// A key with less time left than this says so in each answer.
const EXPIRY_NOTICE: i64 = 30 * DAY;

pub async fn admit(
    State((app, access, path)): State<(App, Access, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(error) = refuse_key_in_address(request.uri()) {
        return error.into_response();
    }
    if access == Access::Public {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let caller = match let_in(&app, access, &parts).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let now = app.clock.now();
    let notice = note_use(&app, now, &caller, &parts, (path, access));
    let spent = caller.key().and_then(|key| key.spent);
    parts.extensions.insert(caller);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(spent) = spent {
        tell_rate(response.headers_mut(), spent);
    }
    if let Some(notice) = notice {
        response.headers_mut().insert("x-api-key-expires", notice);
    }
    response
}

async fn let_in(app: &App, access: Access, parts: &Parts) -> Result<Caller> {
    let ip = peer(&parts.extensions);
    let caller = match by_header(app, parts, ip)? {
        Proof::Key(caller) => caller,
        Proof::Session(token) => by_session(app, &token, ip).await?,
        Proof::None => by_cookie(app, parts, ip).await?,
    };
    allow(app, access, caller)
}

/// What the headers prove; a session is still to be looked up.
enum Proof {
    Key(Caller),
    Session(String),
    None,
}

/// Not async, so that the scratch memory stays off the request's future.
fn by_header(app: &App, parts: &Parts, ip: IpAddr) -> Result<Proof> {
    let mut scratch = Scratch::default();
    Ok(match authorization::read(&parts.headers, &mut scratch)? {
        Some(Credential::Key(text)) => Proof::Key(by_key(app, &parts.headers, ip, text)?),
        Some(Credential::Session(token)) => Proof::Session(token.to_owned()),
        None => Proof::None,
    })
}

/// Whether this caller may pass; a header wins over a cookie, so there is exactly one. Their rights come from memory.
fn allow(app: &App, access: Access, mut caller: Caller) -> Result<Caller> {
    let key = caller.key().map(|key| &*key.facts);
    caller.rights = app.keys.rights(app.clock.now(), caller.ip, caller.person, key)?;
    match (access, &caller.via) {
        (Access::Session | Access::Role(_), Via::Key(_)) => return Err(keys_refused()),
        (Access::Key, Via::Session(_)) => return Err(Error::unauthenticated("no_key", "this needs an API key")),
        (Access::Role(role), _) => caller.require_role(role)?,
        (Access::Scope(scope), _) => {
            caller.require(scope)?;
            caller.asked = Some(scope);
        }
        _ => {}
    }
    Ok(caller)
}

fn by_key(app: &App, headers: &HeaderMap, ip: IpAddr, text: &str) -> Result<Caller> {
    refuse_foreign_page(app, headers)?;
    let key = verify_key(app, ip, text)?;
    Ok(Caller::new(key.owner, Via::Key(key), ip))
}

/// Says whose key this is. Failures count against the address.
pub fn verify_key(app: &App, ip: IpAddr, text: &str) -> Result<ShownKey> {
    let now = app.clock.now();
    let verified = match ImportedText::parse(text) {
        Some(key) => Ok(app.keys.verify_imported(&app.vault, now, ip, &key)),
        None => KeyText::parse(text).map(|key| app.keys.verify(&app.vault, now, ip, key)),
    };
    let error = match verified {
        Ok(Ok(key)) => return Ok(key),
        // The key is good and too busy, which is no guess.
        Ok(Err(rejection @ Rejection::TooOften(_))) => return Err(rejection.into()),
        Ok(Err(rejection)) => {
            app.keys.dead_uses.note(text, ip, &rejection);
            rejection.into()
        }
        Err(malformed) => Error::unauthenticated("invalid_api_key", malformed.hint()),
    };
    // Valid keys pass from an address that fails; only more failing from there is slowed down.
    app.failures.check(now, Attempt::Key, ip)?;
    app.failures.record(now, Attempt::Key, ip);
    Err(error)
}

/// Keys are not for browsers: a page elsewhere must not use one that a browser remembered.
fn refuse_foreign_page(app: &App, headers: &HeaderMap) -> Result<()> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let is_foreign = site == Some(b"cross-site") || origin(headers).is_some_and(|it| !is_own_origin(app, headers, it));
    if is_foreign {
        Err(Error::forbidden("foreign_origin", "API keys are not for web pages of other sites"))
    } else {
        Ok(())
    }
}

async fn by_session(app: &App, token: &str, ip: IpAddr) -> Result<Caller> {
    let caller = identity::find_caller(&app.db, app.clock.now(), token, ip).await?;
    caller.ok_or_else(|| Error::unauthenticated("session_ended", "the session has ended; sign in again"))
}

async fn by_cookie(app: &App, parts: &Parts, ip: IpAddr) -> Result<Caller> {
    let token = cookies::session(app, &parts.headers);
    let token = token.ok_or_else(|| Error::unauthenticated("not_signed_in", "send an API key, or sign in"))?;
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        refuse_forgery(app, &parts.headers)?;
    }
    by_session(app, token, ip).await
}

/// Refuses what another site made the browser send. All browsers of the last years say where a request comes from.
pub fn refuse_forgery(app: &App, headers: &HeaderMap) -> Result<()> {
    let site = headers.get("sec-fetch-site").and_then(|it| it.to_str().ok());
    let is_own = match (site, origin(headers)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => is_own_origin(app, headers, origin),
        // Neither: no browser. It has the cookie, so it is the person's own program.
        (None, None) => true,
    };
    if is_own { Ok(()) } else { Err(Error::forbidden("foreign_origin", "this request was sent by another site")) }
}

/// Returns the site that made the browser send this. One that is unreadable is there all the same.
fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ORIGIN).map(|it| it.to_str().unwrap_or_default())
}

/// Whether an origin is ours, whole: the beginning of our address may be somebody else's.
fn is_own_origin(app: &App, headers: &HeaderMap, origin: &str) -> bool {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let Some((_, origin_host)) = origin.split_once("://") else { return false };
    let rest = app.base_url.strip_prefix(origin);
    let is_base = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !origin_host.is_empty() && (is_base || origin_host == host)
}

fn refuse_key_in_address(uri: &Uri) -> Result<()> {
    let query = uri.query().unwrap_or_default();
    let holds_key = query.split(['=', '&']).any(|part| KeyText::parse(part).is_ok());
    if holds_key {
        let message = "an API key must not stand in the address, where logs and histories keep it; delete it and create a new one";
        return Err(Error::bad_request("key_in_address", message));
    }
    Ok(())
}

fn note_use(
    app: &App,
    now: Millis,
    caller: &Caller,
    parts: &Parts,
    (path, access): (&'static str, Access),
) -> Option<HeaderValue> {
    let key = caller.key()?;
    let agent = parts.headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    app.keys.uses.note(now, key, caller.ip, agent, path);
    app.keys.tallies.note(now, key.id, caller.ip, agent, Called::new(&parts.method, path, access));
    let expires_at = key.expires_at.filter(|at| at.since(now) < EXPIRY_NOTICE)?;
    HeaderValue::try_from(expires_at.rfc3339()).ok()
}
