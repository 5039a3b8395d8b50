//! Finds the one credential among a request's headers.

use axum::http::{HeaderMap, HeaderValue, header};
use testward_wire::credentials::{self, Credential, Scratch, Unreadable};

use crate::error::{Error, Result};

/// Returns what the request shows, or nothing if it shows nothing.
///
/// A key stands in `Authorization` or in `X-Api-Key`. More than one is refused: which of them counts would be a guess.
pub fn read<'a>(headers: &'a HeaderMap, scratch: &'a mut Scratch) -> Result<Option<Credential<'a>>> {
    let authorization = single(headers, header::AUTHORIZATION.as_str())?;
    let api_key = single(headers, "x-api-key")?;
    match (authorization, api_key) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(several()),
        (None, Some(value)) => {
            credentials::read_plain(value.as_bytes()).map(Credential::Key).map(Some).map_err(refused)
        }
        (Some(value), None) => credentials::read_authorization(value.as_bytes(), scratch).map(Some).map_err(refused),
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

fn refused(unreadable: Unreadable) -> Error {
    match unreadable {
        Unreadable::TooLong => Error::bad_request("header_too_long", unreadable.message()),
        _ => Error::unauthenticated("invalid_credentials", unreadable.message()),
    }
}
