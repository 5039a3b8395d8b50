//! Instants in the shapes that reports write them.

use jiff::civil::DateTime;

use crate::report::Timestamp;

/// Reads a time stamp; None if it is empty or of no known shape.
pub(crate) fn timestamp(written: &str) -> Option<Timestamp> {
    let text = written.trim();
    if text.is_empty() || text.len() > 64 || !text.is_ascii() {
        return None;
    }
    // jest-junit dates a suite that did not start to the first second of 1970.
    epoch(text).or_else(|| calendar(text)).filter(|at| at.millis.abs() > 24 * 3_600_000)
}

/// Milliseconds since 1970, UTC by definition.
pub(crate) fn from_millis(millis: f64) -> Option<Timestamp> {
    // Within the years that a calendar can show.
    (millis.is_finite() && (0.0..=253_402_300_799_999.0).contains(&millis))
        .then_some(Timestamp { millis: millis as i64, has_zone: true })
}

fn epoch(text: &str) -> Option<Timestamp> {
    let whole = text.split('.').next().unwrap_or(text);
    if !whole.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let scale = match whole.len() {
        10 => 1000.0,
        13 => 1.0,
        16 => 0.001,
        19 => 0.000_001,
        _ => return None,
    };
    from_millis(text.parse::<f64>().ok()? * scale)
}

#[derive(Default)]
struct Parts {
    numbers: Vec<(u32, usize)>,
    month: Option<i8>,
    has_slash: bool,
    clock: Option<(i8, i8, i8, i32)>,
    is_afternoon: Option<bool>,
    offset_minutes: Option<i64>,
}

/// Any order of a date, a clock and a zone.
fn calendar(text: &str) -> Option<Timestamp> {
    // `2026-03-17T11:28:41Z[UTC]`: the offset before the bracket is what counts.
    let text = text.split('[').next().unwrap_or(text);
    let mut parts = Parts::default();
    let mut rest = text.as_bytes();
    while let Some(&b) = rest.first() {
        let used = if b.is_ascii_digit() {
            parts.number(rest)?
        } else if b.is_ascii_alphabetic() {
            parts.word(rest)?
        } else if matches!(b, b'+' | b'-') && parts.clock.is_some() {
            parts.offset(rest)?
        } else if matches!(b, b' ' | b'\t' | b'-' | b'/' | b'.' | b',' | b'_') {
            parts.has_slash |= b == b'/';
            1
        } else {
            return None;
        };
        rest = &rest[used..];
    }
    parts.finish()
}

impl Parts {
    fn number(&mut self, rest: &[u8]) -> Option<usize> {
        let len = digits(rest);
        if rest.get(len) == Some(&b':') && self.clock.is_none() {
            return self.clock(rest);
        }
        // `20261123054400` is a date and a clock in one.
        let len = if len == 14 && self.numbers.is_empty() { 8 } else { len };
        let value = std::str::from_utf8(&rest[..len]).ok()?.parse().ok()?;
        match len {
            // `20261123T054400` and `20261123_054400`
            8 if self.numbers.is_empty() => {
                self.numbers.extend([(value / 10_000, 4), (value / 100 % 100, 2), (value % 100, 2)]);
            }
            6 if self.numbers.len() == 3 && self.clock.is_none() => {
                self.clock = Some(((value / 10_000) as i8, (value / 100 % 100) as i8, (value % 100) as i8, 0));
            }
            1..=4 => self.numbers.push((value, len)),
            _ => return None,
        }
        Some(len)
    }

    /// `h:mm[:ss[.fraction]]`; a fraction may follow a comma, and any number of its digits.
    fn clock(&mut self, rest: &[u8]) -> Option<usize> {
        let mut at = 0;
        let mut fields = [0_i8; 3];
        for (i, field) in fields.iter_mut().enumerate() {
            if i > 0 {
                if rest.get(at) != Some(&b':') {
                    break;
                }
                at += 1;
            }
            let len = digits(&rest[at..]);
            if !(1..=2).contains(&len) {
                return None;
            }
            *field = std::str::from_utf8(&rest[at..at + len]).ok()?.parse().ok()?;
            at += len;
        }
        let mut nanos = 0;
        if matches!(rest.get(at), Some(b'.' | b',')) && digits(&rest[at + 1..]) > 0 {
            let len = digits(&rest[at + 1..]);
            let fraction = std::str::from_utf8(&rest[at + 1..=at + len.min(9)]).ok()?;
            nanos = format!("{fraction:0<9}").parse().ok()?;
            at += 1 + len;
        }
        self.clock = Some((fields[0], fields[1], fields[2], nanos));
        Some(at)
    }

    fn word(&mut self, rest: &[u8]) -> Option<usize> {
        let len = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let word = std::str::from_utf8(&rest[..len]).ok()?.to_ascii_lowercase();
        match word.as_str() {
            "t" | "at" | "of" | "st" | "nd" | "rd" | "th" => {}
            "am" => self.is_afternoon = Some(false),
            "pm" => self.is_afternoon = Some(true),
            // `GMT+02:00` corrects this by what follows.
            "z" | "utc" | "gmt" | "ut" => self.offset_minutes = Some(0),
            _ if self.clock.is_some() && zone(&word).is_some() => self.offset_minutes = zone(&word),
            _ => match month(&word) {
                Some(month) if self.month.is_none() => self.month = Some(month),
                _ if is_weekday(&word) => {}
                // A zone that more than one country uses, such as CST or IST.
                _ if self.clock.is_some() && (3..=5).contains(&len) => {}
                _ => return None,
            },
        }
        Some(len)
    }

    fn offset(&mut self, rest: &[u8]) -> Option<usize> {
        let len = digits(&rest[1..]);
        let digits_of =
            |from: usize, to: usize| -> Option<i64> { std::str::from_utf8(rest.get(from..to)?).ok()?.parse().ok() };
        let (hours, minutes, used) = match (len, rest.get(1 + len)) {
            (1 | 2, Some(b':')) => (digits_of(1, 1 + len)?, digits_of(2 + len, 4 + len)?, 4 + len),
            (1 | 2, _) => (digits_of(1, 1 + len)?, 0, 1 + len),
            (4, _) => (digits_of(1, 3)?, digits_of(3, 5)?, 5),
            _ => return None,
        };
        let minutes = hours * 60 + minutes;
        if minutes > 18 * 60 {
            return None;
        }
        self.offset_minutes = Some(if rest[0] == b'-' { -minutes } else { minutes });
        Some(used)
    }

    fn finish(self) -> Option<Timestamp> {
        let (year, month, day) = self.date()?;
        let (mut hour, minute, second, nanos) = self.clock.unwrap_or_default();
        match self.is_afternoon {
            Some(true) if hour < 12 => hour += 12,
            Some(false) if hour == 12 => hour = 0,
            _ => {}
        }
        // A leap second has no place of its own in what follows.
        let second = if second == 60 { 59 } else { second };
        let local = DateTime::new(year, month, day, hour, minute, second, nanos).ok()?;
        let millis = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
        let offset = self.offset_minutes.unwrap_or_default() * 60_000;
        Some(Timestamp { millis: millis - offset, has_zone: self.offset_minutes.is_some() })
    }

    fn date(&self) -> Option<(i16, i8, i8)> {
        let (year, month, day) = match (self.month, self.numbers.as_slice()) {
            (Some(month), [a, b]) => {
                let month = month as u32;
                if a.1 == 4 { (a.0, month, b.0) } else { (b.0, month, a.0) }
            }
            (None, [year, month, day]) if year.1 == 4 => (year.0, month.0, day.0),
            // Katalon 10 writes the day first; with slashes .NET writes the month first unless that cannot be.
            (None, [a, b, year]) if year.1 == 4 => {
                let is_month_first = b.0 > 12 || (self.has_slash && a.0 <= 12);
                if is_month_first { (year.0, a.0, b.0) } else { (year.0, b.0, a.0) }
            }
            _ => return None,
        };
        Some((i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?))
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn month(word: &str) -> Option<i8> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    if word.len() < 3 {
        return None;
    }
    let index = NAMES.iter().position(|name| name.starts_with(word))?;
    i8::try_from(index + 1).ok()
}

fn is_weekday(word: &str) -> bool {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    word.len() >= 3 && NAMES.iter().any(|name| name.starts_with(word))
}

/// Minutes east of Greenwich of the names that stand for one offset only.
fn zone(word: &str) -> Option<i64> {
    Some(match word {
        "pst" => -480,
        "mst" | "pdt" => -420,
        "mdt" => -360,
        "est" | "cdt" => -300,
        "edt" => -240,
        "wet" => 0,
        "cet" => 60,
        "cest" | "eet" => 120,
        "eest" | "msk" => 180,
        "jst" | "kst" => 540,
        "aest" => 600,
        "aedt" => 660,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    fn read(written: &str) -> String {
        timestamp(written).map_or("none".to_owned(), |at| {
            let instant = jiff::Timestamp::from_millisecond(at.millis).expect("in range");
            format!("{instant}{}", if at.has_zone { "" } else { " local" })
        })
    }

    #[test]
    fn time_stamps_come_in_many_shapes() {
        for (written, meant) in [
            ("2026-01-02T03:04:05", "2026-01-02T03:04:05Z local"),
            ("2022-05-13 15:24:06", "2022-05-13T15:24:06Z local"),
            ("20-05-2025T20:39:58", "2025-05-20T20:39:58Z local"),
            ("2026-06-14T06:15:28.392Z", "2026-06-14T06:15:28.392Z"),
            ("2026-06-14T06:15:28.392123", "2026-06-14T06:15:28.392Z local"),
            ("2026-06-14T06:15:28.392344123Z", "2026-06-14T06:15:28.392Z"),
            ("2026-06-14T06:15:28,392+02:00", "2026-06-14T04:15:28.392Z"),
            ("2026-06-14T06:15:28-0530", "2026-06-14T11:45:28Z"),
            ("2026-06-14T06:15:28+02", "2026-06-14T04:15:28Z"),
            ("2026-06-14T06:15:28+02:00[Europe/Paris]", "2026-06-14T04:15:28Z"),
            ("2026-06-14T06:15Z", "2026-06-14T06:15:00Z"),
            ("2026-06-14", "2026-06-14T00:00:00Z local"),
            ("Sun, 23 Nov 2025 05:44:00 GMT", "2025-11-23T05:44:00Z"),
            ("Mon Nov 23 09:28:14 UTC 2026", "2026-11-23T09:28:14Z"),
            ("Nov 23, 2026 5:44:00 PM", "2026-11-23T17:44:00Z local"),
            ("Nov 23, 2026 12:44:00 AM", "2026-11-23T00:44:00Z local"),
            ("2026-03-17T11:28:41 MDT", "2026-03-17T17:28:41Z"),
            // More than one country calls its zone so.
            ("2026-03-17T11:28:41 IST", "2026-03-17T11:28:41Z local"),
            ("17 Mar 2026 11:28:41 GMT+02:00", "2026-03-17T09:28:41Z"),
            ("20260317 11:28:41.123", "2026-03-17T11:28:41.123Z local"),
            ("20260317T112841Z", "2026-03-17T11:28:41Z"),
            ("20260317_112841", "2026-03-17T11:28:41Z local"),
            ("20260317112841", "2026-03-17T11:28:41Z local"),
            ("2026/03/17 11:28:41", "2026-03-17T11:28:41Z local"),
            ("03/17/2026 11:28:41", "2026-03-17T11:28:41Z local"),
            ("17/03/2026 11:28:41", "2026-03-17T11:28:41Z local"),
            ("1795428522", "2026-11-23T10:08:42Z"),
            ("1795428522.5", "2026-11-23T10:08:42.5Z"),
            ("1795428522000", "2026-11-23T10:08:42Z"),
            ("1795428522000000", "2026-11-23T10:08:42Z"),
            ("2026-06-30T23:59:60Z", "2026-06-30T23:59:59Z"),
            ("", "none"),
            ("n/a", "none"),
            ("yesterday", "none"),
            ("2026-13-01T00:00:00", "none"),
            ("2026-02-30T00:00:00", "none"),
            ("2026-01-01T25:00:00", "none"),
            ("1970-01-01T00:00:00", "none"),
            ("+", "none"),
            ("12:00:00", "none"),
            ("2026-01-01T00:00:00+", "none"),
            ("2026-01-01T00:00:00+99:99", "none"),
        ] {
            assert_eq!(read(written), meant, "{written}");
        }
    }
}
