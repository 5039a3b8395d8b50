//! What a request shows to be let in: the `Authorization` header (RFC 9110, 7617, 6750), read strictly and without
//! allocating.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Longer headers are nobody's key.
pub const MAX_HEADER: usize = 4096;
/// Digits of a session's token, all base62. No key looks so: it has an underscore as its fourth character.
pub const SESSION_TOKEN_LEN: usize = 43;
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

/// What a header shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// Text that should be an API key.
    Key(&'a str),
    /// Token of a session: as our own command line sends it, or as `Bearer` token of an official client that signed in
    /// with a password.
    Session(&'a str),
}

/// Why a header shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    TooLong,
    NotText,
    NoCredentials,
    UnknownScheme,
    NotBase64,
    ControlCharacters,
    NoColon,
}

impl Unreadable {
    /// Returns what to tell the client; repeats nothing of the header.
    pub const fn message(self) -> &'static str {
        match self {
            Self::TooLong => "the header has more than 4096 bytes",
            Self::NotText => "the credentials are not UTF-8",
            Self::NoCredentials => "the Authorization header has no credentials",
            Self::UnknownScheme => "the Authorization scheme must be Basic or Bearer",
            Self::NotBase64 => "the Basic credentials are not base64",
            Self::ControlCharacters => "the Basic credentials hold control characters",
            Self::NoColon => "the Basic credentials have no colon",
        }
    }
}

/// Reads the value of an `Authorization` header.
///
/// A key comes as `Bearer` token or as the password of `Basic`, with any user name: the official clients send none, an
/// e-mail address or anything. With an empty password the user name is taken for the key.
pub fn read_authorization<'a>(value: &'a [u8], scratch: &'a mut Scratch) -> Result<Credential<'a>, Unreadable> {
    let value = read_plain(value)?;
    let (scheme, rest) = value.split_once(' ').ok_or(Unreadable::NoCredentials)?;
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case("basic") {
        basic(rest, scratch).map(Credential::Key)
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Ok(if is_session_token(rest) { Credential::Session(rest) } else { Credential::Key(rest) })
    } else if scheme.eq_ignore_ascii_case("session") {
        Ok(Credential::Session(rest))
    } else {
        Err(Unreadable::UnknownScheme)
    }
}

fn is_session_token(text: &str) -> bool {
    text.len() == SESSION_TOKEN_LEN && text.bytes().all(|it| it.is_ascii_alphanumeric())
}

/// Reads the value of a header that holds nothing but a key.
pub fn read_plain(value: &[u8]) -> Result<&str, Unreadable> {
    if value.len() > MAX_HEADER {
        return Err(Unreadable::TooLong);
    }
    std::str::from_utf8(value).map(str::trim_ascii).map_err(|_| Unreadable::NotText)
}

fn basic<'a>(encoded: &str, scratch: &'a mut Scratch) -> Result<&'a str, Unreadable> {
    let len = BASE64.decode_slice(encoded, &mut scratch.0).map_err(|_| Unreadable::NotBase64)?;
    let decoded = std::str::from_utf8(&scratch.0[..len]).map_err(|_| Unreadable::NotText)?;
    let decoded = decoded.trim_end_matches([' ', '\r', '\n']);
    if decoded.chars().any(char::is_control) {
        return Err(Unreadable::ControlCharacters);
    }
    let (user, password) = decoded.split_once(':').ok_or(Unreadable::NoColon)?;
    Ok(if password.is_empty() { user } else { password }.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(value: &str) -> Result<String, Unreadable> {
        match read_authorization(value.as_bytes(), &mut Scratch::default())? {
            Credential::Key(key) => Ok(key.to_owned()),
            Credential::Session(token) => Ok(format!("session {token}")),
        }
    }

    fn basic_of(text: impl AsRef<[u8]>) -> Result<String, Unreadable> {
        read(&format!("Basic {}", BASE64.encode(text)))
    }

    #[test]
    fn a_key_is_found_wherever_the_official_clients_put_it() {
        let found = [":K", "anna@example.com:K", "K:", ":K\r\n"].map(basic_of);
        let more = ["bAsIc Oks=", "Bearer K", "bearer   K "].map(read);
        for found in found.into_iter().chain(more) {
            assert_eq!(found.as_deref(), Ok("K"));
        }
        assert_eq!(basic_of("user:with:colons").as_deref(), Ok("with:colons"));
    }

    #[test]
    fn a_bearer_may_be_a_session() {
        let token = "a".repeat(SESSION_TOKEN_LEN);
        assert_eq!(read(&format!("Bearer {token}")), Ok(format!("session {token}")));
        assert_eq!(read(&format!("Bearer {token}b")), Ok(format!("{token}b")));
        let key = format!("twp_{}", &token[4..]);
        assert_eq!(read(&format!("Bearer {key}")), Ok(key));
    }

    #[test]
    fn padding_is_optional() {
        assert_eq!(read("Basic OktFWQ==").as_deref(), Ok("KEY"));
        assert_eq!(read("Basic OktFWQ").as_deref(), Ok("KEY"));
    }

    #[test]
    fn what_is_no_credential_is_refused() {
        assert_eq!(read("Basic"), Err(Unreadable::NoCredentials));
        assert_eq!(read("Basic !!!"), Err(Unreadable::NotBase64));
        assert_eq!(basic_of("nocolon"), Err(Unreadable::NoColon));
        assert_eq!(basic_of(":\0\u{1}"), Err(Unreadable::ControlCharacters));
        assert_eq!(basic_of([b':', 0x80]), Err(Unreadable::NotText));
        assert_eq!(read("Digest x=y"), Err(Unreadable::UnknownScheme));
        assert_eq!(read(&format!("Bearer {}", "x".repeat(5000))), Err(Unreadable::TooLong));
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_authorization(&value, &mut Scratch::default());
        }

        #[test]
        fn whatever_basic_carries_is_read_or_refused(decoded in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = basic_of(decoded);
        }
    }
}
