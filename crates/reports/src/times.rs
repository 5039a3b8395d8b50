//! Durations as reports write them.

/// What a written duration may mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Duration {
    Millis(f64),
    /// `1,078`: a decimal comma or a separator of thousands. Both in milliseconds.
    Either(Comma<f64>),
    Negative,
    Absent,
    Unreadable,
}

/// Both readings of a comma.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comma<T> {
    pub(crate) decimal: T,
    pub(crate) thousands: T,
}

/// What the commas of a report have turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separator {
    Decimal,
    Thousands,
}

impl Comma<f64> {
    pub(crate) fn read_as(self, separator: Separator) -> f64 {
        match separator {
            Separator::Decimal => self.decimal,
            Separator::Thousands => self.thousands,
        }
    }
}

/// Reads a duration in seconds: `1.5`, `4.5e-05`, `0,03`, `2,120.532`, `02:03:56`, `12ms`, `1.5s`.
///
/// The second value is what this duration proves about the commas of its report, if anything. A writer that prints a
/// decimal point means thousands by its commas, and a comma not followed by three digits, or led by zero, is decimal.
pub(crate) fn duration(written: &str) -> (Duration, Option<Separator>) {
    let text = written.trim();
    if text.is_empty() || text.eq_ignore_ascii_case("n/a") || text == "-" {
        return (Duration::Absent, None);
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return (plain(text, 1000.0), text.contains('.').then_some(Separator::Thousands));
    }
    let lower = text.to_ascii_lowercase();
    let (number, millis) = match lower.strip_suffix("ms") {
        Some(number) => (number.trim_end(), 1.0),
        None => (lower.trim_end_matches("seconds").trim_end_matches("sec").trim_end_matches('s').trim_end(), 1000.0),
    };
    if number.contains(':') {
        return (clock(number), None);
    }
    let Some((first, rest)) = number.split_once(',') else {
        let proof = number.contains('.').then_some(Separator::Thousands);
        return (plain(number, millis), proof);
    };
    let unsigned = first.trim_start_matches(['-', '+']);
    let groups = rest.split('.').next().unwrap_or(rest);
    let has_groups = groups.split(',').all(|group| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit()));
    let can_be_thousands = has_groups && (1..=3).contains(&unsigned.len()) && !unsigned.starts_with('0');
    let can_be_decimal = !rest.contains([',', '.']) && !first.contains('.');
    let thousands = plain(&number.replace(',', ""), millis);
    let decimal = plain(&number.replace(',', "."), millis);
    match (can_be_decimal, can_be_thousands) {
        (true, true) => match (decimal, thousands) {
            (Duration::Millis(decimal), Duration::Millis(thousands)) => {
                (Duration::Either(Comma { decimal, thousands }), None)
            }
            (other, _) => (other, None),
        },
        (true, false) => (decimal, Some(Separator::Decimal)),
        (false, true) => (thousands, Some(Separator::Thousands)),
        (false, false) => (european(number, millis), None),
    }
}

/// Reads a duration in seconds as milliseconds; a comma is decimal.
pub(crate) fn seconds(written: &str) -> Option<f64> {
    match duration(written) {
        (Duration::Millis(millis), _) => Some(millis),
        (Duration::Either(comma), _) => Some(comma.decimal),
        _ => None,
    }
}

/// `1.234,5`: points between thousands, a comma before the fraction.
fn european(number: &str, millis: f64) -> Duration {
    match number.split_once(',') {
        Some((whole, fraction)) if whole.contains('.') && !fraction.contains(['.', ',']) => {
            plain(&format!("{}.{fraction}", whole.replace('.', "")), millis)
        }
        _ => Duration::Unreadable,
    }
}

fn plain(number: &str, millis: f64) -> Duration {
    match number.parse::<f64>() {
        Ok(value) if !value.is_finite() => Duration::Unreadable,
        Ok(value) if value < 0.0 => Duration::Negative,
        Ok(value) => checked(value * millis),
        Err(_) => Duration::Unreadable,
    }
}

/// `hh:mm:ss`, `mm:ss` and `d.hh:mm:ss.fff`, as .NET writes it.
fn clock(text: &str) -> Duration {
    let is_negative = text.starts_with('-');
    let text = text.trim_start_matches('-');
    let (days, text) = match text.split_once('.') {
        Some((days, rest)) if rest.contains(':') => (days, rest),
        _ => ("0", text),
    };
    let Ok(days) = days.parse::<u32>() else { return Duration::Unreadable };
    let parts: Vec<&str> = text.split(':').collect();
    if !(2..=3).contains(&parts.len()) || (days > 0 && parts.len() == 2) {
        return Duration::Unreadable;
    }
    let mut seconds = 0.0;
    for (i, part) in parts.iter().enumerate() {
        match part.replace(',', ".").parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => seconds = seconds * 60.0 + value,
            _ => return Duration::Unreadable,
        }
        if i == 0 {
            seconds += f64::from(days) * 24.0;
        }
    }
    if is_negative { Duration::Negative } else { checked(seconds * 1000.0) }
}

/// Longest duration believed, in milliseconds: some three hundred years.
const LONGEST: f64 = 1e13;

/// Drops the noise that conversion to milliseconds adds behind the sixth decimal.
fn checked(millis: f64) -> Duration {
    plausible(millis).map_or(Duration::Unreadable, Duration::Millis)
}

/// The milliseconds if a test can have taken them.
pub(crate) fn plausible(millis: f64) -> Option<f64> {
    // Nanoseconds are as fine as anybody measures.
    (0.0..=LONGEST).contains(&millis).then(|| (millis * 1e6).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::{Comma, Duration, Separator, duration};

    #[test]
    fn durations_come_in_many_forms() {
        for (written, millis) in [
            ("1.5", 1500.0),
            ("0", 0.0),
            (" 4.50611114501953e-05 ", 0.045_061),
            ("1e3", 1_000_000.0),
            ("02:03:56", 7_436_000.0),
            ("01:02.5", 62_500.0),
            ("00:00:00.0010000", 1.0),
            ("1.02:03:04", 93_784_000.0),
            ("12ms", 12.0),
            ("1.5s", 1500.0),
            ("0,03", 30.0),
            ("2,120.532", 2_120_532.0),
            ("1,234,567", 1_234_567_000.0),
            ("1.234,5", 1_234_500.0),
            ("12,5", 12_500.0),
            ("0.57", 570.0),
        ] {
            assert_eq!(duration(written).0, Duration::Millis(millis), "{written}");
        }
        assert_eq!(duration("1,078").0, Duration::Either(Comma { decimal: 1078.0, thousands: 1_078_000.0 }));
        assert_eq!(duration("-0.001").0, Duration::Negative);
        for absent in ["", "  ", "n/a", "-"] {
            assert_eq!(duration(absent).0, Duration::Absent);
        }
        for unreadable in
            ["NaN", "inf", "1e999", "soon", "1:2:3:4", "1,2,3", ",", "s", "ms", "1,,2.3.4", ":", "99999999999:1:1"]
        {
            assert_eq!(duration(unreadable).0, Duration::Unreadable, "{unreadable}");
        }
        assert_eq!(duration("2,120.532").1, Some(Separator::Thousands));
        assert_eq!(duration("0,160").1, Some(Separator::Decimal));
        assert_eq!(duration("0.5").1, Some(Separator::Thousands));
    }
}
