//! When a key ends, as people write it.

use crate::error::{Error, Result};
use crate::time::{DAY, HOUR, Millis};

/// What a key gets when nobody says otherwise.
pub const DEFAULT_EXPIRES: &str = "90d";
/// A longer life is either a slip of the finger or means `never`.
const MAX_LIFETIME: i64 = 10 * 366 * DAY;

/// Reads `30d`, `12h`, `never` or an RFC 3339 instant; a bare date ends with its day in UTC.
pub fn expires_at(now: Millis, text: &str) -> Result<Option<Millis>> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("never") {
        return Ok(None);
    }
    let at = duration(text)
        .map(|millis| now.plus(millis))
        .or_else(|| Millis::parse_rfc3339(text))
        .or_else(|| end_of_day(text));
    match at {
        None => Err(Error::invalid("expires", "must be like 30d or 12h, a date like 2027-01-31, or never")),
        Some(at) if at <= now => Err(Error::invalid("expires", "must lie in the future")),
        Some(at) if at.since(now) > MAX_LIFETIME => {
            Err(Error::invalid("expires", "must be within ten years, or never"))
        }
        Some(at) => Ok(Some(at)),
    }
}

/// Reads a time such as `30d` or `12h`; `0` needs no unit.
pub fn duration(text: &str) -> Option<i64> {
    let text = text.trim();
    if text == "0" {
        return Some(0);
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "d" => DAY,
        "h" => HOUR,
        _ => return None,
    };
    let number: i64 = number.parse().ok()?;
    number.checked_mul(unit)
}

fn end_of_day(date: &str) -> Option<Millis> {
    Some(Millis::parse_rfc3339(&format!("{date}T00:00:00Z"))?.plus(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_424_400_000); // 2026-11-23T09:00:00Z

    #[test]
    fn people_write_lifetimes_in_several_ways() {
        let read = |text| expires_at(NOW, text).ok().map(|at| at.map_or("never".to_owned(), Millis::rfc3339));
        assert_eq!(read("30d").as_deref(), Some("2026-12-23T09:00:00Z"));
        assert_eq!(read("12h").as_deref(), Some("2026-11-23T21:00:00Z"));
        assert_eq!(read("2026-12-31").as_deref(), Some("2027-01-01T00:00:00Z"));
        assert_eq!(read("2026-12-31T23:00:00+01:00").as_deref(), Some("2026-12-31T22:00:00Z"));
        assert_eq!(read("Never").as_deref(), Some("never"));
        for wrong in ["", "d", "0d", "-3d", "5", "2020-01-01", "99999d", "9999999999999999999d", "soon", "30ä"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
