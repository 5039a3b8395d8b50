//! The text of an API key: `tw` + kind + `_` + handle (8) + `_` + secret (32) + CRC-32 (6), all base62.
//!
//! Only letters, digits and underscores: a double click selects it whole, and no shell, URL or XML needs quoting.

use std::fmt;

/// Digits of base62, in the order of their values.
pub const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters in the public name of a key.
pub const HANDLE_LEN: usize = 8;
/// Characters in the secret: 190 bits.
pub const SECRET_LEN: usize = 32;
const CRC_LEN: usize = 6;
const PREFIX_LEN: usize = 4;
/// Characters in a whole key.
pub const KEY_LEN: usize = PREFIX_LEN + HANDLE_LEN + 1 + SECRET_LEN + CRC_LEN;

/// Who a key acts for; the letter after `tw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Made by a person for themselves.
    Personal,
    /// Belongs to a service account of the organization.
    Service,
    /// Exchanged for a CI's identity token; lives for minutes.
    Exchanged,
    /// Bound to one job.
    Job,
}

impl Kind {
    /// Returns the letter that stands for this kind in a key.
    pub const fn letter(self) -> char {
        match self {
            Self::Personal => 'p',
            Self::Service => 's',
            Self::Exchanged => 'x',
            Self::Job => 'j',
        }
    }

    /// Returns the kind that `letter` stands for.
    pub const fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'p' => Some(Self::Personal),
            b's' => Some(Self::Service),
            b'x' => Some(Self::Exchanged),
            b'j' => Some(Self::Job),
            _ => None,
        }
    }
}

/// A well-formed key: shape and checksum hold; whether it opens anything is the server's knowledge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyText<'a> {
    text: &'a str,
    kind: Kind,
}

impl<'a> KeyText<'a> {
    /// Reads a key; allocates nothing.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let bytes = text.as_bytes();
        if !text.starts_with("tw") {
            return Err(Malformed::OtherFormat);
        }
        if !bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_') {
            return Err(Malformed::ForeignCharacter);
        }
        match bytes.len() {
            KEY_LEN => {}
            n if n < KEY_LEN => return Err(Malformed::CutShort),
            _ => return Err(Malformed::TooLong),
        }
        let kind = Kind::from_letter(bytes[2]).ok_or(Malformed::OtherFormat)?;
        let handle_ends = PREFIX_LEN + HANDLE_LEN;
        let underscores = text.matches('_').count();
        if bytes[3] != b'_' || bytes[handle_ends] != b'_' || underscores != 2 {
            return Err(Malformed::OtherFormat);
        }
        let (body, crc) = text.split_at(KEY_LEN - CRC_LEN);
        if crc.as_bytes() != checksum(body) {
            return Err(Malformed::Checksum);
        }
        Ok(Self { text, kind })
    }

    /// Returns who the key acts for.
    pub const fn kind(self) -> Kind {
        self.kind
    }

    /// Returns the public part, which names the key in logs and lists without its secret.
    pub fn handle(self) -> &'a str {
        &self.text[PREFIX_LEN..PREFIX_LEN + HANDLE_LEN]
    }

    /// Returns the whole key. It is a secret: never log or print it.
    pub const fn expose(self) -> &'a str {
        self.text
    }
}

/// Shows the handle only, so that a key cannot reach a log by accident.
impl fmt::Debug for KeyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tw{}_{}_…", self.kind.letter(), self.handle())
    }
}

/// Characters of a UUID (RFC 9562, 4).
const UUID_LEN: usize = 36;

/// A key of an older system, which has the shape of a UUID. It is the same key in upper and lower case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ImportedText([u8; UUID_LEN]);

impl ImportedText {
    /// Reads a key; allocates nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes: [u8; UUID_LEN] = text.as_bytes().try_into().ok()?;
        bytes.make_ascii_lowercase();
        let is_right = |(at, byte): (usize, &u8)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        bytes.iter().enumerate().all(is_right).then_some(Self(bytes))
    }

    /// Returns the whole key. It is a secret: never log or print it.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a UUID is ASCII")
    }
}

/// Shows nothing: there is no public part.
impl fmt::Debug for ImportedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an imported key")
    }
}

/// Why a text cannot be a key, in words that help whoever pasted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    OtherFormat,
    ForeignCharacter,
    CutShort,
    TooLong,
    Checksum,
}

impl Malformed {
    /// Returns a hint that repeats nothing of the text.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::OtherFormat => "this does not look like a Testward API key, which starts with tw",
            Self::ForeignCharacter => {
                "the key holds a character no key has; was a quote, a blank or a line break pasted with it?"
            }
            Self::CutShort => "the key is cut short; copy it whole",
            Self::TooLong => "the key is too long; was something else pasted behind it?",
            Self::Checksum => "the key's checksum is wrong; was a character changed when it was typed?",
        }
    }
}

/// Puts a key together from its parts, adding the checksum.
///
/// `handle` and `secret` must be base62 of the right length; the result then parses.
pub fn compose(kind: Kind, handle: &str, secret: &str) -> String {
    debug_assert!(handle.len() == HANDLE_LEN && secret.len() == SECRET_LEN);
    let mut text = format!("tw{}_{handle}_{secret}", kind.letter());
    let crc = checksum(&text);
    text.extend(crc.map(char::from));
    text
}

/// Returns the CRC-32 (ISO-HDLC) of `body` as six base62 digits, most significant first.
fn checksum(body: &str) -> [u8; CRC_LEN] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CRC_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> String {
        compose(Kind::Personal, "AbCdEf12", "0123456789abcdefghijABCDEFGHIJ01")
    }

    #[test]
    fn a_composed_key_reads_back() {
        let text = sample();
        let key = KeyText::parse(&text).expect("composed");
        assert_eq!((key.kind(), key.handle(), text.len()), (Kind::Personal, "AbCdEf12", KEY_LEN));
        assert_eq!(format!("{key:?}"), "twp_AbCdEf12_…");
    }

    #[test]
    fn a_wrong_paste_gets_a_hint() {
        let good = sample();
        let hint = |text: &str| KeyText::parse(text).unwrap_err();
        assert_eq!(hint(&format!("\"{good}\"")), Malformed::OtherFormat);
        assert_eq!(hint(&format!("{good}\"")), Malformed::ForeignCharacter);
        assert_eq!(hint(&format!("{good}x")), Malformed::TooLong);
        assert_eq!(hint(&good[..20]), Malformed::CutShort);
        assert_eq!(hint(&good.replace("01234", "01235")), Malformed::Checksum);
        assert_eq!(hint("7c9e6679-7425-40de-944b-e07fc1f90ae7"), Malformed::OtherFormat);
    }

    #[test]
    fn an_imported_key_has_the_shape_of_a_uuid() {
        let read = |text: &str| ImportedText::parse(text).map(|it| it.expose().to_owned());
        let text = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
        assert_eq!(read(&text.to_uppercase()).as_deref(), Some(text));
        for wrong in
            ["", "7c9e6679-7425-40de-944b-e07fc1f90ae", "7c9e6679742540de944be07fc1f90ae7----", &text.replace('c', "g")]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{:?}", ImportedText::parse(text)), "Some(an imported key)");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
            let _ = KeyText::parse(&text);
        }

        #[test]
        fn one_changed_character_is_noticed(at in 4usize..KEY_LEN, to in 0usize..62) {
            let good = sample();
            let mut bytes = good.clone().into_bytes();
            bytes[at] = ALPHABET[to];
            let text = String::from_utf8(bytes).expect("base62 is ASCII");
            prop_assert_eq!(KeyText::parse(&text).is_ok(), text == good);
        }
    }
}
