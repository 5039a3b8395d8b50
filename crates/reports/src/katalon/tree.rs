//! Builds suites, tests and steps out of the flat records of an execution log.

use std::collections::BTreeMap;

use crate::failures::{failure, first_line};
use crate::katalon::records::Record;
use crate::repairs::Repairs;
use crate::report::{Attempt, Case, Event, Failure, Status, Step, Suite, SuiteEnd, Summary, Text, Timestamp};
use crate::text::{TextBuilder, attachment, clip};
use crate::times::plausible;

/// Steps kept of one test.
const MOST_STEPS: usize = 10_000;
/// Longest message of a step kept.
const LONGEST_MESSAGE: usize = 4096;
/// Bytes of steps and attachments kept of one test.
const ALLOWANCE: usize = 2 * 1024 * 1024;
/// Tests that failed and may be retried, kept until the suite ends.
const MOST_HELD: usize = 200;
/// Bytes of all of them.
const LARGEST_HELD: usize = 4 * 1024 * 1024;

pub(super) struct Tree<'e> {
    emit: &'e mut dyn FnMut(Event),
    summary: Summary,
    n_suites: u32,
    suite: Option<OpenSuite>,
    test: Option<OpenTest>,
    environment: BTreeMap<String, String>,
    first: Option<i64>,
    last: Option<i64>,
    has_any: bool,
}

struct OpenSuite {
    end: SuiteEnd,
    started: Option<i64>,
    has_retries: bool,
    /// Failed attempts of tests that may come again, oldest first.
    held: Vec<Case>,
}

struct OpenTest {
    case: Box<Case>,
    started: Option<i64>,
    log: TextBuilder,
    /// Bytes that its steps and attachments may still take.
    room: usize,
    said: Option<Status>,
    failure: Option<Failure>,
    /// A failure within a step counts only if the test itself says nothing of one.
    step_failure: Option<Failure>,
    /// Index of each open step, with when it started and what it said last.
    open: Vec<OpenStep>,
}

struct OpenStep {
    /// None when there were too many steps to keep this one.
    index: Option<usize>,
    started: Option<i64>,
    has_status: bool,
}

impl<'e> Tree<'e> {
    pub(super) fn new(emit: &'e mut dyn FnMut(Event)) -> Self {
        Self {
            emit,
            summary: Summary::default(),
            n_suites: 0,
            suite: None,
            test: None,
            environment: BTreeMap::new(),
            first: None,
            last: None,
            has_any: false,
        }
    }

    /// Whether any record spoke of a suite or a test.
    pub(super) fn has_any(&self) -> bool {
        self.has_any
    }

    pub(super) fn take(&mut self, record: Record) {
        if let Some(millis) = record.millis.filter(|millis| *millis > 0) {
            self.first.get_or_insert(millis);
            self.last = Some(millis);
        }
        match (record.level.as_str(), record.method.as_str()) {
            ("START", "startSuite") => self.start_suite(&record),
            ("END", "endSuite") => self.end_suite(record.millis),
            ("START", "startTest") => self.start_test(&record),
            ("END", "endTest") => self.end_test(record.millis),
            ("START", "startKeyword") => self.start_step(&record),
            ("END", "endKeyword") => self.end_step(record.millis),
            ("RUN_DATA", _) => self.run_data(record),
            ("START" | "END", _) => {}
            _ => self.message(&record),
        }
    }

    /// Ends what is still open. A log without its end was cut off by a kill.
    pub(super) fn finish(mut self, is_cut_off: bool, repairs: &mut Repairs) -> Summary {
        let is_open = self.suite.is_some() || self.test.is_some();
        self.summary.is_truncated = self.has_any && (is_cut_off || is_open);
        if let Some(test) = &mut self.test {
            // It ran when the log ended: what it came to is not known.
            test.said = Some(Status::Incomplete);
            repairs.note(None, format!("the log ends within the test {:?}", test.case.name));
        } else if self.summary.is_truncated {
            repairs.note(None, "the log ends before its end");
        }
        let last = self.last;
        self.end_test(last);
        self.end_suite(last);
        let at = |millis: i64| Timestamp { millis, has_zone: true };
        self.summary.started_at = self.first.map(at);
        self.summary.ended_at = self.last.map(at);
        self.summary.duration_ms = between(self.first, self.last);
        self.summary.environment.extend(self.environment);
        self.summary
    }

    fn start_suite(&mut self, record: &Record) {
        self.end_test(record.millis);
        self.end_suite(record.millis);
        self.has_any = true;
        let id = record.property("id").map(str::trim).filter(|id| !id.is_empty());
        let written = record.property("name").or(id).unwrap_or(after_colon(&record.message));
        let suite = Suite {
            index: self.n_suites,
            parent: None,
            name: written.trim().to_owned(),
            started_at: record.millis.map(|millis| Timestamp { millis, has_zone: true }),
            hostname: None,
        };
        self.n_suites += 1;
        if self.summary.name.is_none() {
            self.summary.name = Some(id.unwrap_or(&suite.name).to_owned()).filter(|name| !name.is_empty());
        }
        let is_filled = |(_, value): &&(String, String)| !value.is_empty();
        let properties: Vec<_> = record.properties.iter().filter(is_filled).cloned().collect();
        for name in ["devicePlatform", "retryCount"] {
            if let Some(value) = record.property(name).filter(|value| !value.is_empty()) {
                self.environment.insert(name.to_owned(), value.to_owned());
            }
        }
        let retries = record.property("retryCount").and_then(|count| count.trim().parse::<i64>().ok());
        let is_immediate = record.property("rerunTestFailImmediately") == Some("true");
        self.suite = Some(OpenSuite {
            end: SuiteEnd { index: suite.index, properties, ..SuiteEnd::default() },
            started: record.millis,
            has_retries: is_immediate || retries.is_some_and(|count| count > 0),
            held: Vec::new(),
        });
        (self.emit)(Event::Suite(suite));
    }

    fn end_suite(&mut self, millis: Option<i64>) {
        self.end_test(millis);
        let Some(mut suite) = self.suite.take() else { return };
        for case in suite.held {
            (self.emit)(Event::Case(Box::new(case)));
        }
        suite.end.duration_ms = between(suite.started, millis);
        (self.emit)(Event::SuiteEnd(suite.end));
    }

    fn start_test(&mut self, record: &Record) {
        self.end_test(record.millis);
        self.has_any = true;
        let filled = |name| record.property(name).map(str::trim).filter(|value: &&str| !value.is_empty());
        let id = filled("id");
        let name = filled("name").or(id).unwrap_or(after_colon(&record.message)).to_owned();
        let own = ["name", "id", "description", "source"];
        let case = Case {
            suite: self.suite.as_ref().map(|suite| suite.end.index),
            class_name: Some(id.map_or_else(|| name.clone(), ToOwned::to_owned)),
            name,
            file: filled("source").map(ToOwned::to_owned),
            line: None,
            status: Status::Passed,
            is_flaky: false,
            duration_ms: None,
            started_at: record.millis.map(|millis| Timestamp { millis, has_zone: true }),
            failures: Vec::new(),
            skip_reason: None,
            earlier_attempts: Vec::new(),
            steps: Vec::new(),
            parameters: Vec::new(),
            properties: record
                .properties
                .iter()
                .filter(|(name, value)| !own.contains(&name.as_str()) && !value.is_empty())
                .cloned()
                .collect(),
            description: filled("description").map(ToOwned::to_owned),
            stdout: Text::default(),
            stderr: Text::default(),
            attachments: Vec::new(),
        };
        self.test = Some(OpenTest {
            case: Box::new(case),
            started: record.millis,
            log: TextBuilder::default(),
            room: ALLOWANCE,
            said: None,
            failure: None,
            step_failure: None,
            open: Vec::new(),
        });
    }

    fn end_test(&mut self, millis: Option<i64>) {
        let Some(test) = self.test.take() else { return };
        let case = test.finish(millis);
        match &mut self.suite {
            Some(suite) if suite.has_retries => {
                if let Some(case) = suite.retried(case) {
                    (self.emit)(Event::Case(case));
                }
            }
            _ => (self.emit)(Event::Case(case)),
        }
    }

    fn start_step(&mut self, record: &Record) {
        let Some(test) = &mut self.test else { return };
        let mut name = record.property("description").map(str::trim).filter(|name| !name.is_empty());
        let said = after_colon(&record.message);
        name = name.filter(|_| said.is_empty()).or(Some(said));
        let mut name = name.unwrap_or_default().to_owned();
        clip(&mut name, LONGEST_MESSAGE);
        let step = Step {
            depth: test.open.len().min(usize::from(u16::MAX)) as u16,
            name,
            status: Status::Passed,
            duration_ms: None,
            message: None,
        };
        let has_room = test.spend(size_of::<Step>() + step.name.len()) && test.case.steps.len() < MOST_STEPS;
        let index = has_room.then_some(test.case.steps.len());
        if index.is_some() {
            test.case.steps.push(step);
        }
        // A log that only ever opens steps must not cost memory without end.
        if test.open.len() < MOST_STEPS {
            test.open.push(OpenStep { index, started: record.millis, has_status: false });
        }
    }

    fn end_step(&mut self, millis: Option<i64>) {
        let Some(test) = &mut self.test else { return };
        let Some(open) = test.open.pop() else { return };
        if let Some(index) = open.index {
            test.case.steps[index].duration_ms = between(open.started, millis);
        }
    }

    fn run_data(&mut self, record: Record) {
        for (name, value) in record.properties {
            if self.environment.len() < MOST_HELD && !name.is_empty() {
                self.environment.insert(name, value);
            }
        }
    }

    fn message(&mut self, record: &Record) {
        let found = ["attachment", "video-attachment"].iter().filter_map(|name| attachment(record.property(name)?));
        if let Some(test) = &mut self.test {
            for attachment in found {
                if test.spend(size_of_val(&attachment) + attachment.path.len()) {
                    test.case.attachments.push(attachment);
                }
            }
            test.message(record);
        } else if let Some(suite) = &mut self.suite {
            if suite.end.attachments.len() < MOST_STEPS {
                suite.end.attachments.extend(found);
            }
            if matches!(record.level.as_str(), "FAILED" | "ERROR") && suite.end.failures.len() < MOST_HELD {
                // The verdict on the suite repeats that of its tests; only a reason of its own is worth a failure.
                suite.end.failures.extend(own_reason(record));
            }
        }
    }
}

impl OpenSuite {
    /// Keeps a failed test until it is known whether it was retried; returns what is settled.
    fn retried(&mut self, mut case: Box<Case>) -> Option<Box<Case>> {
        let is_same = |held: &Case| held.name == case.name && held.class_name == case.class_name;
        if let Some(at) = self.held.iter().position(is_same) {
            let mut earlier = self.held.remove(at);
            case.earlier_attempts = std::mem::take(&mut earlier.earlier_attempts);
            case.attachments.splice(0..0, std::mem::take(&mut earlier.attachments));
            case.earlier_attempts.push(Attempt {
                status: earlier.status,
                duration_ms: earlier.duration_ms,
                failures: earlier.failures,
                steps: earlier.steps,
                stdout: earlier.stdout,
                stderr: earlier.stderr,
            });
            case.is_flaky = case.status == Status::Passed;
        }
        if !matches!(case.status, Status::Failed | Status::Error | Status::Incomplete) {
            return Some(case);
        }
        self.held.push(*case);
        let held_bytes: usize = self.held.iter().map(weight).sum();
        (self.held.len() > MOST_HELD || held_bytes > LARGEST_HELD).then(|| Box::new(self.held.remove(0)))
    }
}

impl OpenTest {
    /// Takes bytes of the allowance; false if they are used up.
    fn spend(&mut self, bytes: usize) -> bool {
        let rest = self.room.checked_sub(bytes);
        self.room = rest.unwrap_or(0);
        rest.is_some()
    }

    fn message(&mut self, record: &Record) {
        let status = result(&record.level);
        if !record.message.is_empty() {
            for piece in ["[", record.level.as_str(), "] ", record.message.as_str(), "\n"] {
                self.log.push(piece);
            }
        }
        if let Some(step) = self.open.last_mut() {
            if let Some(step) = step.index.map(|index| &mut self.case.steps[index]) {
                if let Some(status) = status {
                    step.status = status;
                }
                if status.is_some() || record.level == "WARNING" {
                    let message = &record.message[..record.message.floor_char_boundary(LONGEST_MESSAGE)];
                    if !message.is_empty() && self.room > message.len() {
                        self.room -= message.len();
                        step.message = Some(message.to_owned());
                    }
                }
            }
            step.has_status |= status.is_some();
            if matches!(status, Some(Status::Failed | Status::Error | Status::Incomplete)) {
                self.step_failure = Some(told_failure(record));
            }
            return;
        }
        let Some(status) = status else { return };
        self.said = Some(status);
        match status {
            Status::Failed | Status::Error | Status::Incomplete => self.failure = Some(told_failure(record)),
            Status::Skipped | Status::NotRun => {
                self.case.skip_reason = Some(record.message.clone()).filter(|message| !message.is_empty());
            }
            Status::Passed => {}
        }
    }

    fn finish(mut self, millis: Option<i64>) -> Box<Case> {
        let is_cut_off = self.said == Some(Status::Incomplete) && !self.open.is_empty();
        for open in &self.open {
            if let Some(index) = open.index.filter(|_| is_cut_off && !open.has_status) {
                self.case.steps[index].status = Status::Incomplete;
            }
        }
        let of_steps = self.step_failure.as_ref().map(|_| {
            let is_error = self.case.steps.iter().any(|step| step.status == Status::Error);
            if is_error { Status::Error } else { Status::Failed }
        });
        self.case.status = self.said.or(of_steps).unwrap_or(Status::Passed);
        if matches!(self.case.status, Status::Failed | Status::Error | Status::Incomplete) {
            self.case.failures.extend(self.failure.or(self.step_failure));
        }
        self.case.duration_ms = between(self.started, millis);
        self.case.stdout = self.log.finish();
        self.case
    }
}

/// About how many bytes a case takes.
fn weight(case: &Case) -> usize {
    let text = |text: &Text| text.kept_bytes();
    let failures = |failures: &[Failure]| failures.iter().map(|it| it.message.len() + text(&it.stack)).sum::<usize>();
    let attempts = case.earlier_attempts.iter().map(|it| text(&it.stdout) + failures(&it.failures)).sum::<usize>();
    let steps =
        case.steps.iter().map(|it| size_of::<Step>() + it.name.len() + it.message.as_ref().map_or(0, String::len));
    text(&case.stdout) + failures(&case.failures) + attempts + steps.sum::<usize>()
}

/// Levels that are the verdict on the test or step they stand in.
fn result(level: &str) -> Option<Status> {
    Some(match level {
        "PASSED" => Status::Passed,
        "FAILED" => Status::Failed,
        "ERROR" => Status::Error,
        "INCOMPLETE" | "ABORTED" => Status::Incomplete,
        "SKIPPED" => Status::Skipped,
        "NOT_RUN" => Status::NotRun,
        _ => return None,
    })
}

fn own_reason(record: &Record) -> Option<Failure> {
    let has_reason = record.exception.is_some() || record.property("failed.exception.class").is_some();
    has_reason.then(|| told_failure(record))
}

fn told_failure(record: &Record) -> Failure {
    let class = record.property("failed.exception.class");
    let stack = record.property("failed.exception.stacktrace").filter(|stack| !stack.trim().is_empty());
    let mut text = TextBuilder::default();
    let message = match (&record.exception, record.property("failed.exception.message")) {
        (_, Some(message)) if !message.trim().is_empty() => message,
        (Some((message, _)), _) if !message.is_empty() => message,
        _ => &record.message,
    };
    if let Some(stack) = stack {
        text.push(stack);
    } else if let Some((head, frames)) = &record.exception {
        text.push(head);
        text.push("\n");
        text.push(frames);
    } else if record.message.contains('\n') {
        text.push(&record.message);
    }
    // Without the exception's own words the message repeats its whole stack.
    let is_whole_log = std::ptr::eq(message, record.message.as_str()) && record.message.contains('\n');
    failure(class, if is_whole_log { first_line(message) } else { message }, text)
}

fn between(from: Option<i64>, to: Option<i64>) -> Option<f64> {
    from.zip(to).and_then(|(from, to)| plausible(to.saturating_sub(from).max(0) as f64))
}

/// `Start action : click` names what stands behind the colon.
fn after_colon(message: &str) -> &str {
    message.split_once(" : ").map_or(message, |(_, name)| name).trim()
}
