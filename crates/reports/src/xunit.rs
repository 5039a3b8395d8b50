//! Reads the XML of xUnit.net, versions 2 and 3, and that of version 1 which differs little.

use crate::failures::failure;
use crate::report::{Case, Event, Files, ParseError, Status, Suite, Summary, Timestamp};
use crate::suites::Suites;
use crate::text::TextBuilder;
use crate::times::seconds;
use crate::timestamps::timestamp;
use crate::xml::{Node, Walker};

/// Failures and traits kept of one test or assembly, each.
const MOST: usize = 1000;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let walk = Walker::open(files, index, &["assemblies", "assembly"])?;
    let mut reader = Reader {
        walk,
        suites: Suites::new(emit),
        summary: Summary { framework: Some("xunit.net".to_owned()), ..Summary::default() },
        case: None,
        kind: None,
        label: String::new(),
        message: String::new(),
        stack: TextBuilder::default(),
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
    case: Option<Case>,
    /// Type of the exception that is being read.
    kind: Option<String>,
    /// What an error outside any test happened to.
    label: String,
    message: String,
    stack: TextBuilder,
}

impl Reader<'_, '_> {
    fn start(&mut self) {
        match self.walk.name() {
            "assemblies" => {
                self.summary.started_at = self.start_time().or_else(|| self.walk.attr("timestamp").and_then(timestamp));
                self.summary.ended_at = self.walk.attr("finish-rtf").and_then(timestamp);
                for name in ["computer", "user"] {
                    self.summary.environment.extend(self.walk.owned(name).map(|value| (name.to_owned(), value)));
                }
            }
            "assembly" => self.start_assembly(),
            "collection" | "class" => {
                let name = self.walk.owned("name").unwrap_or_default();
                self.begin(Suite { name, ..Suite::default() });
            }
            "test" => self.start_test(),
            "trait" => {
                let name = self.walk.owned("name").unwrap_or_default();
                let value = self.walk.owned("value").unwrap_or_default();
                self.property(name, value);
            }
            "attachment" => {
                self.label = self.walk.owned("name").unwrap_or_default();
                self.kind = self.walk.owned("media-type");
            }
            "failure" | "error" => {
                self.kind = self.walk.owned("exception-type");
                let what = [self.walk.attr("type"), self.walk.attr("name")];
                self.label = what.into_iter().flatten().collect::<Vec<_>>().join(" ");
                self.message.clear();
                self.stack = TextBuilder::default();
            }
            _ => {}
        }
    }

    fn start_time(&self) -> Option<Timestamp> {
        self.walk.attr("start-rtf").and_then(timestamp)
    }

    fn start_assembly(&mut self) {
        let path = self.walk.attr("name").unwrap_or_default();
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
        let run = [self.walk.attr("run-date"), self.walk.attr("run-time")];
        let run = run.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let started_at = self.start_time().or_else(|| timestamp(&run));
        self.summary.started_at = self.summary.started_at.or(started_at);
        for name in ["environment", "test-framework", "target-framework"] {
            let fact = self.walk.owned(name).map(|value| (name.to_owned(), value));
            if let Some(fact) = fact.filter(|fact| !self.summary.environment.contains(fact))
                && self.summary.environment.len() < MOST
            {
                self.summary.environment.push(fact);
            }
        }
        self.begin(Suite { name, started_at, ..Suite::default() });
    }

    fn begin(&mut self, suite: Suite) {
        let millis = self.walk.attr("time").and_then(seconds);
        self.suites.begin(suite);
        if let Some(end) = self.suites.current_end() {
            end.duration_ms = millis;
        }
    }

    fn start_test(&mut self) {
        let status = match self.walk.attr("result").unwrap_or_default() {
            "Pass" => Status::Passed,
            "Fail" => Status::Failed,
            "Skip" => Status::Skipped,
            // The latter is what jest-xunit makes of a test that did not run.
            "NotRun" | "undefined" => Status::NotRun,
            _ => Status::Incomplete,
        };
        let class = self.walk.owned("type");
        let written = self.walk.attr("name").unwrap_or_default();
        // The display name repeats the class unless the author chose another one.
        let own = class.as_ref().and_then(|class| written.strip_prefix(&format!("{class}.")));
        let mut case = Case::new(own.unwrap_or(written), status);
        case.class_name = class;
        case.duration_ms = self.walk.attr("time").and_then(seconds);
        case.started_at = self.start_time();
        case.file = self.walk.owned("source-file");
        case.line = self.walk.attr("source-line").and_then(|line| line.parse().ok());
        self.case = Some(case);
    }

    fn end(&mut self) {
        match self.walk.name() {
            "assembly" | "collection" | "class" => self.suites.end(),
            "test" => self.end_test(),
            "message" => self.message = self.walk.take_string(),
            "stack-trace" => self.stack = self.walk.take_text(),
            "failure" | "error" => self.end_failure(),
            "reason" => {
                // Version 1 puts the words into an element of their own.
                let reason = self.walk.take_string();
                let reason = if reason.is_empty() { std::mem::take(&mut self.message) } else { reason };
                if let Some(case) = self.case.as_mut().filter(|_| !reason.is_empty()) {
                    case.skip_reason = Some(reason);
                }
            }
            "output" => {
                let text = self.walk.take_text().finish();
                if let Some(case) = &mut self.case {
                    case.stdout = text;
                }
            }
            "warning" => self.note("warning"),
            "attachment" => {
                // Its content stands in the report itself.
                let label = std::mem::take(&mut self.label);
                match self.kind.take() {
                    Some(kind) => self.property(label, format!("{kind} within the report")),
                    None => self.note(&label),
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, name: &str) {
        let text = self.walk.take_string();
        self.property(name.to_owned(), text);
    }

    fn property(&mut self, name: String, value: String) {
        if let Some(case) = self.case.as_mut().filter(|case| case.properties.len() < MOST) {
            case.properties.push((name, value));
        }
    }

    fn end_failure(&mut self) {
        let message = std::mem::take(&mut self.message);
        let stack = std::mem::take(&mut self.stack);
        let mut failure = failure(self.kind.take().as_deref(), &message, stack);
        if let Some(case) = &mut self.case {
            if case.failures.len() < MOST {
                case.failures.push(failure);
            }
        } else if let Some(end) = self.suites.current_end().filter(|end| end.failures.len() < MOST) {
            if !self.label.is_empty() {
                failure.message = format!("{}: {}", self.label, failure.message);
            }
            end.failures.push(failure);
        }
    }

    fn end_test(&mut self) {
        let Some(mut case) = self.case.take() else { return };
        if self.walk.is_truncated() {
            return self.walk.lost(&case.name);
        }
        if case.status == Status::Failed && case.failures.is_empty() {
            // jest-xunit writes what was wrong as output.
            let mut text = TextBuilder::default();
            text.push(&case.stdout.head);
            case.failures.push(failure(None, "", text));
        }
        self.suites.case_here(Box::new(case));
    }
}
