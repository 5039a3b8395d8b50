//! Identity tokens of other issuers (OpenID Connect Core 1.0, RFC 7519): whether they are genuine and for us. What a
//! token is good for is decided by whoever asks.

mod issuers;
mod jose;
mod key_set;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::Header;
use jsonwebtoken::errors::ErrorKind;
use serde_json::{Map, Value};

pub use issuers::{Issuers, Source, checked_url};
pub use jose::ALGORITHM_NAMES;

use crate::app::App;
use crate::error::Error;
use crate::time::{MINUTE, Millis, SECOND};

/// Real tokens have two kilobytes; those of people in hundreds of groups have ten.
pub const MAX_TOKEN_LEN: usize = 16 * 1024;
/// How far the issuer's clock and ours may be apart.
const LEEWAY: i64 = 30 * SECOND;
const _: () = assert!(LEEWAY < MINUTE);

/// What a genuine token says.
#[derive(Debug, Clone)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Returns a claim; one whose name begins with a slash is looked for by JSON Pointer (RFC 6901).
    pub fn get(&self, name: &str) -> Option<&Value> {
        let Some(pointer) = name.strip_prefix('/') else { return self.0.get(name) };
        let (first, rest) = pointer.split_once('/').map_or((pointer, None), |(first, rest)| (first, Some(rest)));
        let value = self.0.get(&first.replace("~1", "/").replace("~0", "~"))?;
        rest.map_or(Some(value), |rest| value.pointer(&format!("/{rest}")))
    }

    /// Returns a claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// Returns when the token ends.
    pub fn expires_at(&self) -> Millis {
        instant(&self.0, "exp").ok().flatten().unwrap_or(Millis(0))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Whose token it must be, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub audience: &'a str,
}

/// Why a token is good for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Malformed(&'static str),
    Algorithm,
    UnknownKey,
    Signature,
    Issuer,
    Audience,
    Expired(Millis),
    NotYet(Millis),
    /// The issuer's keys cannot be had now.
    Unreachable(String),
}

impl Refusal {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_token",
            Self::Algorithm => "algorithm_not_allowed",
            Self::UnknownKey => "unknown_signing_key",
            Self::Signature => "wrong_signature",
            Self::Issuer => "unknown_issuer",
            Self::Audience => "wrong_audience",
            Self::Expired(_) => "token_expired",
            Self::NotYet(_) => "token_not_yet_valid",
            Self::Unreachable(_) => "issuer_unreachable",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "the token cannot be read: {why}"),
            Self::Algorithm => write!(f, "the token must be signed with {ALGORITHM_NAMES}"),
            Self::UnknownKey => f.write_str("the token was signed with a key that its issuer does not publish"),
            Self::Signature => f.write_str("the token's signature is wrong"),
            Self::Issuer => f.write_str("the token's issuer is not one that is trusted here"),
            Self::Audience => f.write_str("the token was made for another audience"),
            Self::Expired(at) => write!(f, "the token expired at {}", at.rfc3339()),
            Self::NotYet(at) => write!(f, "the token is not valid before {}; compare the clocks", at.rfc3339()),
            Self::Unreachable(why) => write!(f, "the issuer's keys cannot be read: {why}"),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unreachable(_) => Self::Unavailable { message: refusal.to_string() },
            refusal => Self::bad_request(refusal.code(), refusal.to_string()),
        }
    }
}

/// Checks a token whole: signature by a key that its issuer publishes, issuer, audience and times.
pub async fn verify(app: &App, source: &Source, expected: Expected<'_>, token: &str) -> Result<Claims, Refusal> {
    let header = header_of(token)?;
    let id = header.kid.as_deref();
    let keys = app.issuers.keys(app, source, id).await.map_err(Refusal::Unreachable)?;
    let candidates = keys.candidates(header.alg, id);
    if candidates.is_empty() {
        return Err(Refusal::UnknownKey);
    }
    let mut refusal = Refusal::Signature;
    for key in candidates {
        match jose::signed_claims(token, header.alg, key) {
            Ok(claims) => return check(claims, expected, app.clock.now()),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {}
            Err(_) => refusal = Refusal::Malformed("its claims are not a JSON object"),
        }
    }
    Err(refusal)
}

/// Reads the header of a token. Nothing of it is proven: it only says how to prove the rest.
fn header_of(token: &str) -> Result<Header, Refusal> {
    if token.len() > MAX_TOKEN_LEN {
        return Err(Refusal::Malformed("it has more than 16 KiB"));
    }
    let header = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
        // An unknown `alg`, such as `none`, is an error of the JSON's reader.
        ErrorKind::Json(_) => Refusal::Algorithm,
        _ => Refusal::Malformed("it is not a signed JSON Web Token"),
    })?;
    if header.crit.is_some() {
        return Err(Refusal::Malformed("its header demands extensions that are not known here"));
    }
    if jose::ALGORITHMS.contains(&header.alg) { Ok(header) } else { Err(Refusal::Algorithm) }
}

/// Returns who a token says it is from, before anything of it is proven.
pub fn claimed_issuer(token: &str) -> Result<String, Refusal> {
    header_of(token)?;
    let payload = token.split('.').nth(1).unwrap_or_default();
    let claims = BASE64.decode(payload).ok().and_then(|it| serde_json::from_slice::<Map<String, Value>>(&it).ok());
    let claims = claims.ok_or(Refusal::Malformed("its claims are not a JSON object"))?;
    claims.get("iss").and_then(Value::as_str).map(str::to_owned).ok_or(Refusal::Malformed("it names no issuer"))
}

/// Checks what is not the signature. Each claim must have its own type: a text is no time.
fn check(claims: Map<String, Value>, expected: Expected<'_>, now: Millis) -> Result<Claims, Refusal> {
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(Refusal::Issuer);
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::String(audience)) => audience == expected.audience,
        Some(Value::Array(all)) => all.iter().any(|it| it.as_str() == Some(expected.audience)),
        _ => false,
    };
    if !is_for_us {
        return Err(Refusal::Audience);
    }
    let expires_at = instant(&claims, "exp")?.ok_or(Refusal::Malformed("it does not say when it expires"))?;
    if now >= expires_at.plus(LEEWAY) {
        return Err(Refusal::Expired(expires_at));
    }
    for name in ["nbf", "iat"] {
        if let Some(at) = instant(&claims, name)?.filter(|at| *at > now.plus(LEEWAY)) {
            return Err(Refusal::NotYet(at));
        }
    }
    Ok(Claims(claims))
}

/// Reads a time claim: seconds since 1970, possibly with a fraction (RFC 7519, 2).
fn instant(claims: &Map<String, Value>, name: &str) -> Result<Option<Millis>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|it| (0.0..1e11).contains(it));
            let seconds = seconds.ok_or(Refusal::Malformed("one of its times is not a number of seconds"))?;
            Ok(Some(Millis((seconds * 1000.0) as i64)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Millis = Millis(1_795_424_400_000); // 2026-11-23T09:00:00Z
    const EXPECTED: Expected<'static> = Expected { issuer: "https://ci.example", audience: "testward" };

    fn check_with(changes: Value) -> Result<Claims, Refusal> {
        let now = NOW.0 / 1000;
        let mut claims = json!({"iss": EXPECTED.issuer, "aud": "testward", "exp": now + 60, "iat": now, "nbf": now});
        let object = claims.as_object_mut().expect("an object");
        object.extend(changes.as_object().expect("an object").clone());
        object.retain(|_, value| !value.is_null());
        check(object.clone(), EXPECTED, NOW)
    }

    #[test]
    fn what_is_for_us_and_now_passes() {
        let now = NOW.0 / 1000;
        let good = [
            json!({}),
            json!({"aud": ["other", "testward"]}),
            json!({"nbf": null, "iat": null}),
            json!({"exp": now - 29}),
            json!({"exp": (now + 60) as f64 + 0.5}),
            json!({"iat": now + 29}),
        ];
        for changes in good {
            assert!(check_with(changes.clone()).is_ok(), "{changes}");
        }
    }

    #[test]
    fn a_claim_of_another_type_is_no_claim() {
        let now = NOW.0 / 1000;
        let code = |changes| check_with(changes).map_or_else(|refusal| refusal.code(), |_| "");
        assert_eq!(code(json!({"iss": ["https://ci.example"]})), "unknown_issuer");
        assert_eq!(code(json!({"iss": null})), "unknown_issuer");
        assert_eq!(code(json!({"aud": null})), "wrong_audience");
        assert_eq!(code(json!({"aud": {"testward": true}})), "wrong_audience");
        assert_eq!(code(json!({"aud": ["test", "ward"]})), "wrong_audience");
        assert_eq!(code(json!({"exp": null})), "malformed_token");
        assert_eq!(code(json!({"exp": (now + 60).to_string()})), "malformed_token");
        assert_eq!(code(json!({"exp": -1})), "malformed_token");
        assert_eq!(code(json!({"exp": now - 30})), "token_expired");
        assert_eq!(code(json!({"nbf": now + 31})), "token_not_yet_valid");
        assert_eq!(code(json!({"iat": now + 31})), "token_not_yet_valid");
        assert_eq!(code(json!({"nbf": "now"})), "malformed_token");
    }

    #[test]
    fn claims_within_claims_are_named_by_pointers() {
        let claims = check_with(json!({"kubernetes.io": {"pod": {"name": "a"}}, "a/b": 1})).expect("good");
        assert_eq!(claims.get("/kubernetes.io/pod/name"), Some(&json!("a")));
        assert_eq!(claims.get("/a~1b"), Some(&json!(1)));
        assert_eq!(claims.get("/kubernetes.io/node"), None);
    }
}
