//! One `<testcase>` while it is read.

use crate::failures::{failure, first_line};
use crate::junit::elements::Kind;
use crate::junit::suite::Time;
use crate::report::{Attempt, Case, Failure, Status, Step, Text};
use crate::text::{Markers, TextBuilder, attachment};
use crate::timestamps::timestamp;
use crate::xml::Attributes;

/// Bytes of text kept of one case or one suite, over all its failures, attempts, outputs and properties.
pub(super) const ALLOWANCE: usize = 4 * 1024 * 1024;
/// Failures, attempts and properties kept of one case, each.
const MOST: usize = 1000;

/// Text of one element, as it comes.
#[derive(Debug)]
pub(super) struct Capture {
    pub(super) kind: Kind,
    /// The `type` of a failure, the `name` of a property.
    pub(super) label: Option<String>,
    /// The `message` of a failure, the `value` of a property.
    pub(super) message: Option<String>,
    pub(super) text: TextBuilder,
}

impl Capture {
    pub(super) fn open(kind: Kind, attributes: &Attributes, allowance: usize) -> Self {
        let (label, message) = match kind {
            Kind::Property => ("name", "value"),
            Kind::StackTrace | Kind::SystemOut | Kind::SystemErr => ("", ""),
            _ => ("type", "message"),
        };
        let cut = |value: &str| value[..value.floor_char_boundary(allowance)].to_owned();
        Self {
            kind,
            label: attributes.get(label).map(cut),
            message: attributes.get(message).map(cut),
            text: TextBuilder::new(allowance),
        }
    }

    pub(super) fn into_failure(self) -> Failure {
        failure(self.label.as_deref(), self.message.as_deref().unwrap_or_default(), self.text)
    }
}

#[derive(Debug)]
pub(super) struct OpenCase {
    pub(super) case: Box<Case>,
    pub(super) allowance: usize,
    pub(super) time: Time,
    /// The duration as written, when it has two readings.
    pub(super) raw_time: Option<String>,
    markers: Markers,
    n_errors: u32,
    n_failures: u32,
    is_skipped: bool,
    /// node:test runs what is yet to be done, and its failure is expected.
    is_todo: bool,
    is_rerun: bool,
    is_flaky: bool,
    said: Option<Status>,
    /// The attempt whose element is open.
    attempt: Option<Attempt>,
}

/// The attributes of a case that need one another, or more than their value, to be understood.
#[derive(Default)]
struct Fields<'a> {
    name: Option<&'a str>,
    class_name: Option<&'a str>,
    file: Option<&'a str>,
    status: Option<&'a str>,
    result: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn take(&mut self, name: &str, value: &'a str, case: &mut Case) {
        let filled = Some(value.trim()).filter(|value| !value.is_empty());
        match name {
            "name" => self.name = filled,
            // PHPUnit writes both `class` and `classname`; the latter is the one that others write too.
            "classname" => self.class_name = filled.or(self.class_name),
            "class" | "className" => self.class_name = self.class_name.or(filled),
            "file" => self.file = filled.or(self.file),
            "filepath" => self.file = self.file.or(filled),
            "line" | "lineno" => case.line = filled.and_then(|line| line.parse().ok()).or(case.line),
            "timestamp" => case.started_at = timestamp(value),
            "status" => self.status = filled,
            "result" => self.result = filled,
            "value_param" | "type_param" => case.parameters.push((name.to_owned(), value.to_owned())),
            // Read before, or repeating what is counted anyway; node:test writes the failure here once more.
            "time" | "duration" | "failure" | "assertions" | "tests" | "failures" | "errors" => {}
            _ if name.starts_with("xmlns") || name.contains(':') => {}
            _ => case.properties.push((name.to_owned(), value.to_owned())),
        }
    }
}

fn blank(suite: Option<u32>) -> Case {
    Case {
        suite,
        name: String::new(),
        class_name: None,
        file: None,
        line: None,
        status: Status::Passed,
        is_flaky: false,
        duration_ms: None,
        started_at: None,
        failures: Vec::new(),
        skip_reason: None,
        earlier_attempts: Vec::new(),
        steps: Vec::new(),
        parameters: Vec::new(),
        properties: Vec::new(),
        description: None,
        stdout: Text::default(),
        stderr: Text::default(),
        attachments: Vec::new(),
    }
}

impl OpenCase {
    pub(super) fn open(attributes: &Attributes, suite: Option<u32>, file: Option<&str>) -> Self {
        let mut fields = Fields::default();
        let mut case = Box::new(blank(suite));
        for (name, value) in attributes.iter() {
            fields.take(name, value, &mut case);
        }
        case.class_name = fields.class_name.map(one_line);
        case.name = fields.name.map(one_line).filter(|name| !name.is_empty()).unwrap_or_default();
        if case.name.is_empty() {
            case.name = case.class_name.clone().unwrap_or_default();
        }
        case.file = fields.file.or(file).map(ToOwned::to_owned);
        Self {
            case,
            allowance: ALLOWANCE,
            time: Time::Known(None),
            raw_time: None,
            markers: Markers::default(),
            n_errors: 0,
            n_failures: 0,
            is_skipped: false,
            is_todo: false,
            is_rerun: false,
            is_flaky: false,
            said: said_status(fields.status, fields.result),
            attempt: None,
        }
    }

    pub(super) fn push_markers(&mut self, piece: &str) {
        self.markers.push(piece);
    }

    /// A rerun or flaky element begins: what is captured now belongs to that attempt.
    pub(super) fn open_attempt(&mut self, kind: Kind, duration_ms: Option<f64>) {
        let is_error = matches!(kind, Kind::FlakyError | Kind::RerunError);
        self.is_rerun |= matches!(kind, Kind::RerunError | Kind::RerunFailure);
        self.is_flaky |= matches!(kind, Kind::FlakyError | Kind::FlakyFailure);
        self.attempt = Some(Attempt {
            status: if is_error { Status::Error } else { Status::Failed },
            duration_ms,
            failures: Vec::new(),
            steps: Vec::new(),
            stdout: Text::default(),
            stderr: Text::default(),
        });
    }

    /// Takes in an element that has ended; false if there was too much of it already.
    pub(super) fn take(&mut self, capture: Capture) -> bool {
        match capture.kind {
            Kind::Failure => {
                self.n_failures += 1;
                self.take_failure(capture)
            }
            Kind::Error => {
                self.n_errors += 1;
                self.take_failure(capture)
            }
            Kind::Skipped => {
                self.is_skipped = true;
                self.is_todo |= capture.label.as_deref() == Some("todo");
                self.take_skip_reason(capture);
                true
            }
            Kind::SystemOut | Kind::SystemErr => {
                self.take_output(capture);
                true
            }
            Kind::StackTrace => {
                self.take_stack(capture);
                true
            }
            Kind::Property => {
                let name = capture.label.unwrap_or_default();
                let value = capture.message.unwrap_or_else(|| capture.text.finish_trimmed().head);
                self.take_property(name, value)
            }
            Kind::Warning => {
                let warning = capture.into_failure();
                self.take_property("warning".to_owned(), warning.message)
            }
            kind if kind.is_attempt() => self.take_attempt(capture),
            _ => true,
        }
    }

    /// Settles the outcome once the element has ended.
    pub(super) fn finish(mut self) -> Box<Case> {
        self.case.status = self.outcome();
        self.case.is_flaky = self.is_flaky && self.case.status == Status::Passed;
        self.case.attachments.append(&mut self.markers.attachments);
        self.case.properties.append(&mut self.markers.properties);
        self.case
    }

    /// error > failure > rerun > flaky > skipped > passed; what the attributes say decides between equals only.
    fn outcome(&self) -> Status {
        let is_failing = self.n_errors > 0 || self.n_failures > 0 || self.is_rerun;
        match self.said {
            _ if self.is_todo => Status::Skipped,
            Some(Status::Incomplete) if !self.is_flaky => Status::Incomplete,
            _ if self.n_errors > 0 => Status::Error,
            _ if self.n_failures > 0 => Status::Failed,
            _ if is_failing => self.case.earlier_attempts.last().map_or(Status::Failed, |last| last.status),
            _ if self.is_flaky => Status::Passed,
            Some(said @ (Status::Failed | Status::Error)) if !self.is_skipped => said,
            Some(Status::NotRun) => Status::NotRun,
            _ if self.is_skipped => Status::Skipped,
            Some(said) => said,
            None => Status::Passed,
        }
    }

    fn take_failure(&mut self, capture: Capture) -> bool {
        let failure = capture.into_failure();
        if self.case.failures.len() >= MOST {
            return false;
        }
        self.spend(failure.message.len() + failure.stack.kept_bytes());
        self.case.failures.push(failure);
        true
    }

    fn take_attempt(&mut self, capture: Capture) -> bool {
        let Some(mut attempt) = self.attempt.take() else { return true };
        let mut failure = capture.into_failure();
        // `<stackTrace>` was read before its parent ended.
        if let Some(child) = attempt.failures.pop() {
            failure.stack = child.stack;
            if failure.message.is_empty() {
                failure.message = child.message;
            }
        }
        self.spend(failure.message.len() + failure.stack.kept_bytes());
        attempt.failures.push(failure);
        if self.case.earlier_attempts.len() >= MOST {
            return false;
        }
        self.case.earlier_attempts.push(attempt);
        true
    }

    fn take_stack(&mut self, capture: Capture) {
        let failure = capture.into_failure();
        if let Some(attempt) = &mut self.attempt {
            attempt.failures = vec![failure];
        } else if let Some(last) = self.case.failures.last_mut().filter(|last| last.stack.is_empty()) {
            last.stack = failure.stack;
        }
    }

    fn take_output(&mut self, capture: Capture) {
        let is_out = capture.kind == Kind::SystemOut;
        let text = capture.text.finish();
        self.spend(text.kept_bytes());
        let (out, err) = match &mut self.attempt {
            Some(attempt) => (&mut attempt.stdout, &mut attempt.stderr),
            None => (&mut self.case.stdout, &mut self.case.stderr),
        };
        join(if is_out { out } else { err }, text);
    }

    fn take_skip_reason(&mut self, capture: Capture) {
        // node:test writes `true` where no reason was given.
        let is_said = |message: &&str| !message.is_empty() && *message != "true";
        let message = capture.message.as_deref().map(str::trim).filter(is_said);
        let message = message.map(|message| if message.starts_with("=== RUN") { first_line(message) } else { message });
        let reason = message.map(ToOwned::to_owned).or_else(|| {
            let text = capture.text.finish_trimmed().head;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        });
        if let Some(reason) = reason.or(capture.label) {
            self.spend(reason.len());
            self.case.skip_reason.get_or_insert(reason);
        }
    }

    fn take_property(&mut self, name: String, value: String) -> bool {
        self.spend(name.len() + value.len());
        if self.case.properties.len() >= MOST {
            return false;
        }
        match name.as_str() {
            "attachment" | "testrail_attachment" => self.case.attachments.extend(attachment(&value)),
            "description" | "test_description" => self.case.description = Some(value.clone()),
            _ => {}
        }
        // Testmo and TestRail write steps as `step[passed]` or plain `step`.
        if let Some(status) = name.strip_prefix("step") {
            let status = status.trim_matches(['[', ']']);
            if name == "step" || (name.starts_with("step[") && name.ends_with(']')) {
                let status = status_named(status).unwrap_or(Status::Passed);
                self.case.steps.push(Step { depth: 0, name: value, status, duration_ms: None, message: None });
                return true;
            }
        }
        self.case.properties.push((name, value));
        true
    }

    fn spend(&mut self, bytes: usize) {
        self.allowance = self.allowance.saturating_sub(bytes);
    }
}

/// Adds a second output of the same kind behind the first.
pub(super) fn join(first: &mut Text, second: Text) {
    if first.is_empty() {
        *first = second;
        return;
    }
    let mut builder = TextBuilder::default();
    let mut omitted = 0;
    for text in [std::mem::take(first), second] {
        builder.push(&text.head);
        builder.push(&text.tail);
        omitted += text.omitted_bytes;
    }
    *first = builder.finish();
    first.omitted_bytes += omitted;
}

/// Puts a name on one line, as XML itself would have done with its attribute.
pub(super) fn one_line(name: &str) -> String {
    let name = name.trim();
    if name.bytes().any(|b| matches!(b, b'\n' | b'\t')) { name.replace(['\n', '\t'], " ") } else { name.to_owned() }
}

/// What the attributes `status` and `result` say of a case without a child that decides.
fn said_status(status: Option<&str>, result: Option<&str>) -> Option<Status> {
    let status = status.and_then(status_named);
    let result = result.and_then(status_named);
    // googletest writes `status="run"` beside `result="skipped"` and `status="notrun"` beside `result="suppressed"`.
    match (status, result) {
        (Some(Status::Passed), Some(result)) => Some(result),
        (status, result) => status.or(result),
    }
}

pub(crate) fn status_named(word: &str) -> Option<Status> {
    Some(match word.to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
        "passed" | "pass" | "run" | "completed" | "success" | "successful" | "ok" => Status::Passed,
        "failed" | "fail" | "failure" => Status::Failed,
        "error" | "errored" | "broken" => Status::Error,
        "incomplete" | "aborted" | "interrupted" => Status::Incomplete,
        "skipped" | "skip" | "ignored" | "pending" | "disabled" | "suppressed" => Status::Skipped,
        "notrun" | "not_run" | "untested" => Status::NotRun,
        _ => return None,
    })
}
