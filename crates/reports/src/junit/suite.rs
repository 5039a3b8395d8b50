//! One `<testsuite>` while it is read, and the cases whose duration only their sum can tell.

use crate::junit::case::{ALLOWANCE, Capture, join, one_line};
use crate::junit::elements::Kind;
use crate::report::{Case, Suite, SuiteEnd};
use crate::text::{Markers, attachment};
use crate::times::{Comma, Separator};
use crate::timestamps::timestamp;
use crate::xml::Attributes;

/// Bytes of cases kept waiting for the end of their suite.
const MOST_HELD: usize = 2 * 1024 * 1024;
/// Properties and failures kept of one suite, each.
const MOST: usize = 4000;
/// Suites are timed from outside their cases, so the sum may fall short by this part.
const TOLERANCE: f64 = 0.05;

const KNOWN: [&str; 15] = [
    "name",
    "time",
    "tests",
    "failures",
    "errors",
    "skipped",
    "skips",
    "disabled",
    "timestamp",
    "hostname",
    "id",
    "package",
    "file",
    "assertions",
    "warnings",
];

/// A duration that may still have two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Time {
    Known(Option<f64>),
    Either(Comma<f64>),
}

impl Time {
    pub(super) fn read_as(self, separator: Option<Separator>) -> Option<f64> {
        match (self, separator) {
            (Self::Known(millis), _) => millis,
            (Self::Either(comma), Some(separator)) => Some(comma.read_as(separator)),
            (Self::Either(_), None) => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) case: Box<Case>,
    pub(super) comma: Option<Comma<f64>>,
    pub(super) raw_time: Option<String>,
}

#[derive(Debug)]
pub(super) struct OpenSuite {
    pub(super) end: SuiteEnd,
    pub(super) file: Option<String>,
    pub(super) time: Time,
    pub(super) raw_time: Option<String>,
    pub(super) held: Vec<Held>,
    pub(super) allowance: usize,
    held_bytes: usize,
    /// Milliseconds of the cases whose duration is plain.
    known_sum: f64,
    markers: Markers,
}

impl OpenSuite {
    pub(super) fn open(index: u32, parent: Option<&Self>, attributes: &Attributes) -> (Self, Suite) {
        let suite = Suite {
            index,
            parent: parent.map(|parent| parent.end.index),
            name: suite_name(attributes),
            started_at: attributes.get("timestamp").and_then(timestamp),
            hostname: attributes.get_filled("hostname").map(ToOwned::to_owned),
        };
        let mut end = SuiteEnd { index, ..SuiteEnd::default() };
        for (name, value) in attributes.iter() {
            // Katalon writes the path of the suite as its id; most others count.
            let is_path = name == "id" && !value.bytes().all(|b| b.is_ascii_digit());
            let is_own = !KNOWN.contains(&name) && !name.starts_with("xmlns") && !name.contains(':');
            if is_path || is_own {
                end.properties.push((name.to_owned(), value.to_owned()));
            }
        }
        let file = attributes.get_filled("file").or_else(|| attributes.get_filled("filepath")).map(ToOwned::to_owned);
        let open = Self {
            end,
            file: file.or_else(|| parent.and_then(|parent| parent.file.clone())),
            time: Time::Known(None),
            raw_time: attributes
                .get_filled("time")
                .or_else(|| attributes.get_filled("duration"))
                .map(ToOwned::to_owned),
            held: Vec::new(),
            allowance: ALLOWANCE,
            held_bytes: 0,
            known_sum: 0.0,
            markers: Markers::default(),
        };
        (open, suite)
    }

    pub(super) fn push_markers(&mut self, piece: &str) {
        self.markers.push(piece);
    }

    /// Takes in an element of the suite itself; false if there was too much of it already.
    pub(super) fn take(&mut self, capture: Capture) -> bool {
        match capture.kind {
            Kind::Failure | Kind::Error => {
                let failure = capture.into_failure();
                self.spend(failure.message.len() + failure.stack.kept_bytes());
                let has_room = self.end.failures.len() < MOST;
                if has_room {
                    self.end.failures.push(failure);
                }
                has_room
            }
            Kind::SystemOut | Kind::SystemErr => {
                let is_out = capture.kind == Kind::SystemOut;
                let text = capture.text.finish();
                self.spend(text.kept_bytes());
                join(if is_out { &mut self.end.stdout } else { &mut self.end.stderr }, text);
                true
            }
            Kind::Property => {
                let name = capture.label.unwrap_or_default();
                let value = capture.message.unwrap_or_else(|| capture.text.finish_trimmed().head);
                self.take_property(name, value)
            }
            _ => true,
        }
    }

    fn take_property(&mut self, name: String, value: String) -> bool {
        self.spend(name.len() + value.len());
        if self.end.properties.len() >= MOST {
            return false;
        }
        // Katalon puts all paths into one property.
        if matches!(name.as_str(), "attachment" | "attachments") {
            self.end.attachments.extend(value.split(", ").filter_map(attachment));
        }
        self.end.properties.push((name, value));
        true
    }

    pub(super) fn count(&mut self, millis: Option<f64>) {
        self.known_sum += millis.unwrap_or_default();
    }

    /// Keeps a case waiting; false if that would take too much memory.
    pub(super) fn hold(&mut self, held: Held) -> bool {
        let case = &held.case;
        self.held_bytes += size_of::<Case>() + case.name.len() + case.stdout.kept_bytes() + case.stderr.kept_bytes();
        self.held_bytes += case.failures.iter().map(|f| f.message.len() + f.stack.kept_bytes()).sum::<usize>();
        self.held.push(held);
        self.held_bytes < MOST_HELD
    }

    pub(super) fn release(&mut self) -> Vec<Held> {
        self.held_bytes = 0;
        std::mem::take(&mut self.held)
    }

    /// Decides what the commas are by which reading makes the cases add up to their suite.
    pub(super) fn separator_by_sum(&self) -> Option<Separator> {
        let sums = self.held.iter().filter_map(|held| held.comma).fold(
            Comma { decimal: self.known_sum, thousands: self.known_sum },
            |sums, comma| Comma { decimal: sums.decimal + comma.decimal, thousands: sums.thousands + comma.thousands },
        );
        let whole = match self.time {
            Time::Known(Some(millis)) => Comma { decimal: millis, thousands: millis },
            Time::Known(None) => return None,
            Time::Either(comma) => comma,
        };
        let is_near = |sum: f64, whole: f64| (sum - whole).abs() <= TOLERANCE * whole.max(sum);
        match (is_near(sums.decimal, whole.decimal), is_near(sums.thousands, whole.thousands)) {
            (true, false) => Some(Separator::Decimal),
            (false, true) => Some(Separator::Thousands),
            _ => None,
        }
    }

    pub(super) fn finish(mut self, separator: Option<Separator>) -> SuiteEnd {
        self.end.duration_ms = self.time.read_as(separator);
        if let (Time::Either(_), None, Some(raw)) = (self.time, separator, self.raw_time) {
            self.end.properties.push(("time".to_owned(), raw));
        }
        self.end.attachments.append(&mut self.markers.attachments);
        self.end.properties.append(&mut self.markers.properties);
        self.end
    }

    fn spend(&mut self, bytes: usize) {
        self.allowance = self.allowance.saturating_sub(bytes);
    }
}

/// Ant splits a class into `package` and `name`; linters use `package` for themselves and a path for the name.
fn suite_name(attributes: &Attributes) -> String {
    let name = attributes.get("name").map(one_line).unwrap_or_default();
    let Some(package) = attributes.get_filled("package") else { return name };
    let is_class = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'));
    match name.as_str() {
        "" => one_line(package),
        _ if is_class => format!("{}.{name}", one_line(package)),
        _ => name,
    }
}
