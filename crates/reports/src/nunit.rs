//! Reads the XML of NUnit 3, and of NUnit 2 which many tools still write.

use crate::failures::failure;
use crate::report::{Case, Event, Failure, Files, ParseError, Status, Suite, Summary, Text};
use crate::suites::Suites;
use crate::text::{TextBuilder, attachment};
use crate::times::seconds;
use crate::timestamps::timestamp;
use crate::xml::{Node, Walker};

/// Failures, properties and attachments kept of one test or suite, each.
const MOST: usize = 1000;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let walk = Walker::open(files, index, &["test-run", "test-results", "test-suite"])?;
    let mut reader = Reader {
        walk,
        suites: Suites::new(emit),
        summary: Summary { framework: Some("nunit".to_owned()), ..Summary::default() },
        classes: Vec::new(),
        case: None,
        problem: Problem::default(),
        has_reason: false,
    };
    loop {
        match reader.walk.next()? {
            Node::Start => reader.start(),
            Node::End => reader.end(),
            Node::Eof => {
                reader.suites.finish();
                return Ok(reader.walk.finish(reader.summary));
            }
        }
    }
}

struct Reader<'f, 'e> {
    walk: Walker<'f>,
    suites: Suites<'e>,
    summary: Summary,
    /// The class of each open suite, when it says so.
    classes: Vec<Option<String>>,
    case: Option<Case>,
    problem: Problem,
    has_reason: bool,
}

/// A `<failure>`, `<reason>` or `<assertion>` while it is open.
#[derive(Default)]
struct Problem {
    message: String,
    stack: TextBuilder,
}

impl Reader<'_, '_> {
    fn start(&mut self) {
        match self.walk.name() {
            "test-run" | "test-results" => self.start_run(),
            "test-suite" => self.start_suite(),
            "test-case" => self.start_case(),
            "environment" | "culture-info" => self.environment(),
            "property" => {
                let name = self.walk.owned("name").unwrap_or_default();
                let value = self.walk.owned("value").unwrap_or_default();
                self.property(name, value);
            }
            // NUnit 2 lists categories on their own.
            "category" => {
                let name = self.walk.owned("name").unwrap_or_default();
                self.property("Category".to_owned(), name);
            }
            "failure" | "reason" | "assertion" => self.problem = Problem::default(),
            _ => {}
        }
    }

    fn start_run(&mut self) {
        let date_and_time = |walk: &Walker| {
            let (date, time) = (walk.attr("date")?, walk.attr("time")?);
            timestamp(&format!("{date} {time}"))
        };
        let started = self.walk.attr("start-time").and_then(timestamp);
        self.summary.started_at = started.or_else(|| date_and_time(&self.walk));
        self.summary.ended_at = self.walk.attr("end-time").and_then(timestamp);
        self.summary.duration_ms = self.walk.attr("duration").and_then(seconds);
        let name = self.walk.attr("name").map(|name| name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned());
        self.summary.name = name;
    }

    fn start_suite(&mut self) {
        let kind = self.walk.attr("type").unwrap_or_default();
        let is_class = matches!(kind, "TestFixture" | "ParameterizedFixture" | "GenericFixture");
        let name = self.walk.attr("name").unwrap_or_default();
        // An assembly goes by its file, wherever that lies.
        let name = if matches!(kind, "Assembly" | "Project" | "Test Project") {
            name.rsplit(['/', '\\']).next().unwrap_or(name)
        } else {
            name
        };
        let class = self.walk.owned("classname").or_else(|| self.walk.owned("fullname"));
        let suite = Suite {
            name: name.to_owned(),
            started_at: self.walk.attr("start-time").and_then(timestamp),
            ..Suite::default()
        };
        let millis = self.walk.attr("duration").or_else(|| self.walk.attr("time")).and_then(seconds);
        self.classes.push(class.filter(|_| is_class));
        self.suites.begin(suite);
        if let Some(end) = self.suites.current_end() {
            end.duration_ms = millis;
        }
    }

    fn start_case(&mut self) {
        let full = self.walk.owned("fullname");
        let written = self.walk.owned("name").unwrap_or_default();
        let class = self.walk.owned("classname").or_else(|| self.classes.iter().rev().flatten().next().cloned());
        // NUnit 2 has the full name only.
        let class = class.or_else(|| class_of(full.as_deref().unwrap_or(&written)).map(ToOwned::to_owned));
        let name = match &class {
            Some(class) => written.strip_prefix(&format!("{class}.")).unwrap_or(&written),
            None => &written,
        };
        let mut case = Case::new(name, self.status());
        case.class_name = class;
        case.started_at = self.walk.attr("start-time").and_then(timestamp);
        case.duration_ms = self.walk.attr("duration").or_else(|| self.walk.attr("time")).and_then(seconds);
        case.description = self.walk.owned("description");
        for name in ["label", "site", "seed"] {
            case.properties.extend(self.walk.owned(name).map(|value| (name.to_owned(), value)));
        }
        self.has_reason = false;
        self.case = Some(case);
    }

    fn status(&self) -> Status {
        let is_executed = self.walk.attr("executed").is_none_or(|executed| executed.eq_ignore_ascii_case("true"));
        let is_said = |said: &str, word: &str| said.eq_ignore_ascii_case(word);
        let label = self.walk.attr("label").unwrap_or_default();
        match self.walk.attr("result").or_else(|| self.walk.attr("success")).unwrap_or_default() {
            said if ["passed", "success", "warning", "true"].iter().any(|word| is_said(said, word)) => Status::Passed,
            said if is_said(said, "error") => Status::Error,
            said if ["failed", "failure", "false"].iter().any(|word| is_said(said, word)) => match label {
                "Error" | "Invalid" => Status::Error,
                "Cancelled" => Status::Incomplete,
                _ => Status::Failed,
            },
            // Neither passed nor failed: NUnit does not let it fail the run.
            said if ["skipped", "ignored", "inconclusive"].iter().any(|word| is_said(said, word)) => Status::Skipped,
            said if is_said(said, "notrunnable") => Status::Error,
            said if is_said(said, "cancelled") => Status::Incomplete,
            _ if !is_executed => Status::Skipped,
            _ => Status::Incomplete,
        }
    }

    fn environment(&mut self) {
        for (name, value) in self.walk.attributes().iter() {
            // Each suite may have its own, which is mostly that of all.
            let is_known = self.summary.environment.iter().any(|(key, known)| key == name && known == value);
            if self.summary.environment.len() < MOST && !value.trim().is_empty() && !is_known {
                self.summary.environment.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn property(&mut self, name: String, value: String) {
        let list = match (&mut self.case, self.suites.current_end()) {
            (Some(case), _) => &mut case.properties,
            (None, Some(end)) => &mut end.properties,
            (None, None) => return,
        };
        let is_known = list.iter().any(|(key, known)| *key == name && *known == value);
        if list.len() < MOST && !is_known {
            list.push((name, value));
        }
    }

    fn end(&mut self) {
        match self.walk.name() {
            "test-suite" => {
                self.classes.pop();
                self.suites.end();
            }
            "test-case" => self.end_case(),
            "message" => self.problem.message = self.walk.take_string(),
            "stack-trace" => self.problem.stack = self.walk.take_text(),
            "failure" | "assertion" => self.end_failure(),
            "reason" => {
                let reason = std::mem::take(&mut self.problem.message);
                if let Some(case) = self.case.as_mut().filter(|_| !reason.is_empty()) {
                    self.has_reason = true;
                    case.skip_reason = Some(reason);
                }
            }
            "output" => {
                let text = self.walk.take_text().finish();
                match (&mut self.case, self.suites.current_end()) {
                    (Some(case), _) => case.stdout = text,
                    (None, Some(end)) => end.stdout = text,
                    (None, None) => {}
                }
            }
            "filePath" => {
                let found = attachment(&self.walk.take_string());
                let list = match (&mut self.case, self.suites.current_end()) {
                    (Some(case), _) => &mut case.attachments,
                    (None, Some(end)) => &mut end.attachments,
                    (None, None) => return,
                };
                if list.len() < MOST {
                    list.extend(found);
                }
            }
            _ => {}
        }
    }

    fn end_failure(&mut self) {
        let is_assertion = self.walk.name() == "assertion";
        let Problem { message, stack } = std::mem::take(&mut self.problem);
        if message.is_empty() && stack.is_blank() {
            return;
        }
        let failure = failure(None, &message, stack);
        match (&mut self.case, self.suites.current_end()) {
            (Some(case), _) => {
                // The assertions of a multiple assert are listed, and then told once more as a whole.
                let is_repeated = !is_assertion && !case.failures.is_empty()
                    || case
                        .failures
                        .iter()
                        .any(|known: &Failure| known.stack == failure.stack && known.message == failure.message);
                if case.failures.len() < MOST && (!is_repeated || is_assertion) && case.status.is_failing() {
                    case.failures.push(failure);
                }
            }
            // That a test within failed is no failure of the suite's own.
            (None, Some(end)) if !is_summary(&failure.message) && end.failures.len() < MOST => {
                end.failures.push(failure);
            }
            _ => {}
        }
    }

    fn end_case(&mut self) {
        let Some(mut case) = self.case.take() else { return };
        if self.walk.is_truncated() {
            return self.walk.lost(&case.name);
        }
        if self.has_reason && case.status == Status::Passed {
            // A warning, or the words of `Assert.Pass`.
            case.properties.extend(case.skip_reason.take().map(|reason| ("reason".to_owned(), reason)));
        } else if self.has_reason && case.status.is_failing() {
            let message = case.skip_reason.take().unwrap_or_default();
            if case.failures.is_empty() {
                case.failures.push(Failure { kind: None, message, stack: Text::default() });
            }
        }
        self.suites.case_here(Box::new(case));
    }
}

/// What NUnit says of every suite in which something failed.
fn is_summary(message: &str) -> bool {
    message.is_empty() || message.starts_with("One or more child tests had") || message.starts_with("Child test failed")
}

/// The class of a full name, whose parameters may hold points too.
fn class_of(full: &str) -> Option<&str> {
    let end = full.find('(').unwrap_or(full.len());
    full[..end].rfind('.').map(|at| &full[..at]).filter(|class| !class.is_empty())
}
