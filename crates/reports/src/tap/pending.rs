//! A test point of which more may be said by what follows it.

use crate::failures::failure;
use crate::report::{Case, Text};
use crate::text::TextBuilder;
use crate::times::plausible;

pub(super) struct Pending {
    pub(super) case: Case,
    /// This is the verdict on the subtest that is open, rather than a test of its own.
    pub(super) is_verdict: bool,
    pub(super) notes: TextBuilder,
    pub(super) yaml: Vec<(String, String)>,
}

impl Pending {
    /// Makes a failure of what was said behind the test point.
    pub(super) fn settle(&mut self) {
        let mut take = |names: &[&str]| {
            let at = self.yaml.iter().position(|(key, _)| names.contains(&key.as_str()))?;
            Some(self.yaml.remove(at).1).filter(|value| !value.is_empty())
        };
        let millis = take(&["duration_ms"]).and_then(|value| value.trim().parse().ok()).and_then(plausible);
        let case = &mut self.case;
        case.duration_ms = millis.or(case.duration_ms);
        if !case.status.is_failing() {
            case.properties.append(&mut self.yaml);
            return;
        }
        let message = take(&["message", "error", "msg", "assertion"]).unwrap_or_default();
        let stack = take(&["stack", "stacktrace"]);
        let kind = take(&["name", "type", "errorType"]);
        if let Some(place) = take(&["location", "file"]) {
            (case.file, case.line) = place_of(&place);
        }
        let mut text = TextBuilder::default();
        // What was expected is worth reading beside the stack.
        for key in ["expected", "wanted", "actual", "found", "diff", "values", "details"] {
            if let Some(value) = take(&[key]) {
                let line_end = if value.contains('\n') { "\n" } else { " " };
                for piece in [key, ":", line_end, &value, "\n"] {
                    text.push(piece);
                }
            }
        }
        text.push(&stack.unwrap_or_default());
        let notes = std::mem::take(&mut self.notes).finish();
        text.push(&notes.head);
        text.push(&notes.tail);
        let message = if message.is_empty() { said_by_test(&notes) } else { message };
        case.failures.push(failure(kind.as_deref(), &message, text));
        case.properties.append(&mut self.yaml);
    }
}

/// Perl's first line repeats the name of the test.
fn said_by_test(notes: &Text) -> String {
    let mut lines = notes.head.lines().map(str::trim).filter(|line| !line.is_empty());
    let place = |line: &&str| line.starts_with("Failed test") || line.starts_with("at ") || line.starts_with("in ");
    let first = lines.clone().find(|line| !place(line)).or_else(|| lines.next());
    first.unwrap_or_default().to_owned()
}

/// `file:line:column`
fn place_of(place: &str) -> (Option<String>, Option<u64>) {
    let place = place.trim();
    let mut parts = place.rsplitn(3, ':');
    let last = parts.next().and_then(|part| part.parse::<u64>().ok());
    let (second, first) = (parts.next(), parts.next());
    match (last, second.and_then(|part| part.parse().ok()), first) {
        (Some(_), Some(line), Some(file)) => (Some(file.to_owned()), Some(line)),
        (Some(line), None, _) => (place.rsplit_once(':').map(|(file, _)| file.to_owned()), Some(line)),
        _ => (Some(place.to_owned()), None),
    }
}
