//! Where issuers keep their keys: found by discovery, kept for as long as they say, fetched again when a key is new.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, StatusCode, Uri, header};
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::Mutex as AsyncMutex;

use super::key_set::KeySet;
use crate::app::App;
use crate::error::{Error, Result};
use crate::time::{DAY, MINUTE, Millis};

/// How long keys are kept when their answer does not say.
const KEPT_FOR: i64 = 10 * MINUTE;
/// Bounds of what an answer may say.
const LEAST: i64 = MINUTE;
const MOST: i64 = DAY;
/// A token may name any key, so the issuer is not asked more often than this.
const ASK_EVERY: i64 = MINUTE;

/// An issuer, with the address of its keys unless that is to be found by discovery.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    pub issuer: String,
    pub jwks_url: Option<String>,
}

/// What an issuer says of itself (OpenID Connect Discovery 1.0, 3).
#[derive(Deserialize)]
struct Provider {
    issuer: String,
    jwks_uri: String,
}

/// The key sets read of late.
#[derive(Default)]
pub struct Issuers(Mutex<HashMap<Source, Arc<AsyncMutex<Kept>>>>);

#[derive(Default)]
struct Kept {
    keys: KeySet,
    fresh_until: Option<Millis>,
    asked_at: Option<Millis>,
    failure: Option<String>,
}

impl Issuers {
    /// Returns the issuer's keys; asks for them again when they are old, or lack the one called `wanted`.
    ///
    /// One task asks and the others wait for it, so a hundred builds that start together make one call.
    pub async fn keys(&self, app: &App, source: &Source, wanted: Option<&str>) -> Result<KeySet, String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(source.clone()).or_default().clone();
        let mut kept = kept.lock().await;
        let now = app.clock.now();
        let is_fresh = kept.fresh_until.is_some_and(|until| now < until);
        let is_known = wanted.is_none_or(|id| kept.keys.has(id));
        let may_ask = kept.asked_at.is_none_or(|at| now.since(at) >= ASK_EVERY);
        if (!is_fresh || !is_known) && may_ask {
            kept.asked_at = Some(now);
            kept.renew(app, source, now).await;
        }
        match (&kept.failure, kept.fresh_until.is_some_and(|until| now < until)) {
            (Some(failure), false) => Err(failure.clone()),
            _ => Ok(kept.keys.clone()),
        }
    }
}

impl Kept {
    async fn renew(&mut self, app: &App, source: &Source, now: Millis) {
        match read_keys(app, source).await {
            Ok((keys, kept_for)) => {
                *self = Self { keys, fresh_until: Some(now.plus(kept_for)), failure: None, ..*self }
            }
            Err(failure) => self.failure = Some(failure),
        }
    }
}

async fn read_keys(app: &App, source: &Source) -> Result<(KeySet, i64), String> {
    let url = match &source.jwks_url {
        Some(url) => url.clone(),
        None => discover(app, &source.issuer).await?.jwks_uri,
    };
    let (headers, body) = get(app, &url).await?;
    let keys = KeySet::parse(&body).map_err(|why| format!("{url} is no key set: {why}"))?;
    Ok((keys, max_age(&headers).unwrap_or(KEPT_FOR).clamp(LEAST, MOST)))
}

/// Reads what an issuer says of itself, and checks that it is the one asked for.
async fn discover(app: &App, issuer: &str) -> Result<Provider, String> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let (_, body) = get(app, &url).await?;
    let provider: Provider =
        serde_json::from_slice(&body).map_err(|_| format!("{url} is no OpenID Connect discovery document"))?;
    // Else one issuer could speak for another (section 4.3).
    if provider.issuer != issuer {
        return Err(format!("{url} names another issuer than {issuer}; write it exactly as the tokens do"));
    }
    checked_url("jwks_uri", &provider.jwks_uri).map_err(|error| format!("{url}: {}", error.message()))?;
    Ok(provider)
}

async fn get(app: &App, url: &str) -> Result<(HeaderMap, Bytes), String> {
    let answer = app.outbound.get(url).await.map_err(|error| error.message())?;
    if answer.status() != StatusCode::OK {
        return Err(format!("{url} answered {}", answer.status().as_u16()));
    }
    let (parts, body) = answer.into_parts();
    Ok((parts.headers, body))
}

/// Reads how many milliseconds an answer may be kept (RFC 9111, 5.2.2).
fn max_age(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(header::CACHE_CONTROL)?.to_str().ok()?.to_ascii_lowercase();
    let mut directives = text.split(',').map(str::trim);
    if directives.clone().any(|it| it == "no-store" || it == "no-cache") {
        return Some(0);
    }
    let seconds = directives.find_map(|it| it.strip_prefix("max-age="))?;
    seconds.trim_matches('"').parse::<i64>().ok()?.checked_mul(1000)
}

/// Returns an address that keys or tokens may travel to: TLS, except on this machine.
pub fn checked_url(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    let wrong = |why: &str| Error::invalid(field, why);
    let uri: Uri = text.parse().map_err(|_| wrong("must be an address like https://ci.example.com"))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_here => {}
        _ => return Err(wrong("must begin with https://")),
    }
    if uri.authority().is_none_or(|it| it.as_str().contains('@')) || uri.query().is_some() || text.contains('#') {
        return Err(wrong("must be an address without user, query and fragment"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_how_long_they_may_be_kept() {
        let age = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, text.parse().expect("a header"));
            max_age(&headers)
        };
        assert_eq!(age("public, Max-Age=300"), Some(300_000));
        assert_eq!(age("max-age=300, no-store"), Some(0));
        assert_eq!(age("private"), None);
        assert_eq!(age("max-age=99999999999999999999"), None);
    }

    #[test]
    fn keys_travel_over_tls_or_not_at_all() {
        for good in ["https://ci.example", "https://gitlab.example/sub/", "http://127.0.0.1:8080/oidc", "http://[::1]"]
        {
            assert!(checked_url("issuer", good).is_ok(), "{good}");
        }
        for bad in ["ci.example", "http://ci.example", "https://me@ci.example", "https://ci.example/?a", "ftp://ci", ""]
        {
            assert!(checked_url("issuer", bad).is_err(), "{bad}");
        }
    }
}
