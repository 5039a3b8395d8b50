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
    let can_be_decimal = !rest.contains([',', '.']);
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
    let mut seconds = f64::from(days) * 24.0;
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return Duration::Unreadable;
    }
    if parts.len() == 2 {
        seconds *= 60.0;
    }
    for part in parts {
        match part.replace(',', ".").parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => seconds = seconds * 60.0 + value,
            _ => return Duration::Unreadable,
        }
    }
    if is_negative { Duration::Negative } else { checked(seconds * 1000.0) }
}

/// Drops the noise that conversion to milliseconds adds behind the sixth decimal.
fn checked(millis: f64) -> Duration {
    if !millis.is_finite() {
        return Duration::Unreadable;
    }
    if millis > 1e9 {
        return Duration::Millis(millis);
    }
    Duration::Millis((millis * 1e6).round() / 1e6)
}
