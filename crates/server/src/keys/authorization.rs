//! Reads the `Authorization` header (RFC 9110, 7617, 6750), strictly and without allocating.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::{Error, Result};

/// Longer headers are nobody's key.
const MAX_HEADER: usize = 4096;
/// What [`MAX_HEADER`] characters of base64 can hold.
const MAX_DECODED: usize = MAX_HEADER / 4 * 3;

/// Some clients pad, some do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Memory for a decoded header; lives on the caller's stack.
pub struct Scratch([u8; MAX_DECODED]);

impl Default for Scratch {
    fn default() -> Self {
        Self([0; MAX_DECODED])
    }
}

/// What a request shows to be let in.
#[derive(Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// Text that should be an API key.
    Key(&'a str),
    /// Token of a session, as our own command line sends it.
    Session(&'a str),
}

/// Returns what the request shows, or nothing if it shows nothing.
///
/// Keys come as the password of `Basic` (any user name: the official clients send none, an e-mail address or anything;
/// with an empty password the user name is taken), as `Bearer` token, or in `X-Api-Key`. More than one is refused.
pub fn read<'a>(headers: &'a HeaderMap, scratch: &'a mut Scratch) -> Result<Option<Credential<'a>>> {
    let authorization = single(headers, header::AUTHORIZATION.as_str())?;
    let api_key = single(headers, "x-api-key")?;
    match (authorization, api_key) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(several()),
        (None, Some(value)) => Ok(Some(Credential::Key(text(value)?.trim_ascii()))),
        (Some(value), None) => by_scheme(text(value)?, scratch).map(Some),
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(several()) } else { Ok(first) }
}

fn several() -> Error {
    Error::bad_request("several_credentials", "send exactly one Authorization or X-Api-Key header")
}

fn text(value: &HeaderValue) -> Result<&str> {
    if value.len() > MAX_HEADER {
        return Err(Error::bad_request("header_too_long", "the Authorization header has more than 4096 bytes"));
    }
    std::str::from_utf8(value.as_bytes()).map_err(|_| unreadable("the Authorization header is not UTF-8"))
}

fn by_scheme<'a>(value: &'a str, scratch: &'a mut Scratch) -> Result<Credential<'a>> {
    let (scheme, rest) =
        value.trim_ascii().split_once(' ').ok_or_else(|| unreadable("the Authorization header has no credentials"))?;
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case("basic") {
        basic(rest, scratch).map(Credential::Key)
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Credential::Key(rest))
    } else if scheme.eq_ignore_ascii_case("session") {
        Ok(Credential::Session(rest))
    } else {
        Err(unreadable("the Authorization scheme must be Basic or Bearer"))
    }
}

fn basic<'a>(encoded: &str, scratch: &'a mut Scratch) -> Result<&'a str> {
    let len =
        BASE64.decode_slice(encoded, &mut scratch.0).map_err(|_| unreadable("the Basic credentials are not base64"))?;
    let decoded =
        std::str::from_utf8(&scratch.0[..len]).map_err(|_| unreadable("the Basic credentials are not UTF-8"))?;
    let decoded = decoded.trim_end_matches([' ', '\r', '\n']);
    if decoded.chars().any(char::is_control) {
        return Err(unreadable("the Basic credentials hold control characters"));
    }
    let (user, password) = decoded.split_once(':').ok_or_else(|| unreadable("the Basic credentials have no colon"))?;
    Ok(if password.is_empty() { user } else { password }.trim_ascii())
}

fn unreadable(message: &str) -> Error {
    Error::unauthenticated("invalid_credentials", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_one(name: &'static str, value: &str) -> Result<String, &'static str> {
        let headers = HeaderMap::from_iter([(name.parse().expect("name"), value.parse().expect("value"))]);
        match read(&headers, &mut Scratch::default()) {
            Ok(Some(Credential::Key(key))) => Ok(key.to_owned()),
            Ok(Some(Credential::Session(token))) => Ok(format!("session {token}")),
            Ok(None) => Ok(String::new()),
            Err(error) => Err(error.code()),
        }
    }

    fn basic_of(text: &str) -> Result<String, &'static str> {
        read_one("authorization", &format!("Basic {}", BASE64.encode(text)))
    }

    #[test]
    fn a_key_is_found_wherever_the_official_clients_put_it() {
        for found in [
            basic_of(":K"),
            basic_of("anna@example.com:K"),
            basic_of("K:"),
            basic_of(":K\r\n"),
            read_one("authorization", "bAsIc OjpL").map(|it| it.replace(':', "")),
            read_one("authorization", "Bearer K"),
            read_one("authorization", "bearer   K "),
            read_one("x-api-key", " K "),
        ] {
            assert_eq!(found.as_deref(), Ok("K"));
        }
        assert_eq!(basic_of("user:with:colons").as_deref(), Ok("with:colons"));
    }

    #[test]
    fn padding_is_optional() {
        assert_eq!(read_one("authorization", "Basic OktFWQ==").as_deref(), Ok("KEY"));
        assert_eq!(read_one("authorization", "Basic OktFWQ").as_deref(), Ok("KEY"));
    }

    #[test]
    fn what_is_no_credential_is_refused() {
        for broken in ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Basic OgAB", "Basic OoCA", "Digest x=y", "nonsense"]
        {
            assert_eq!(read_one("authorization", broken), Err("invalid_credentials"), "{broken}");
        }
        assert_eq!(read_one("authorization", &format!("Bearer {}", "x".repeat(5000))), Err("header_too_long"));
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(value in proptest::collection::vec(0x20u8.., 0..200)) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let _ = read(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]), &mut Scratch::default());
            }
        }

        #[test]
        fn whatever_basic_carries_is_read_or_refused(decoded in proptest::collection::vec(any::<u8>(), 0..200)) {
            let value = HeaderValue::try_from(format!("Basic {}", BASE64.encode(decoded))).expect("base64");
            let _ = read(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]), &mut Scratch::default());
        }
    }

    #[test]
    fn two_credentials_are_one_too_many() {
        let mut headers = HeaderMap::new();
        headers.append("authorization", "Bearer a".parse().expect("value"));
        headers.append("authorization", "Bearer b".parse().expect("value"));
        let error = read(&headers, &mut Scratch::default()).expect_err("two headers");
        assert_eq!(error.code(), "several_credentials");
    }
}
