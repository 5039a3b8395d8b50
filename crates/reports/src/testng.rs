//! Reads TestNG's own `testng-results.xml`.

use crate::failures::failure;
use crate::report::{Case, Event, Files, ParseError, Status, Suite, Summary, Text};
use crate::suites::Suites;
use crate::text::{TextBuilder, clip};
use crate::times::plausible;
use crate::timestamps::timestamp;
use crate::xml::{Node, Walker};

/// Parameters and attributes kept of one method, each.
const MOST: usize = 1000;
/// Bytes of the cases of one class kept until it is known which of them were retried.
const MOST_HELD: usize = 4 * 1024 * 1024;
/// Parameters make part of the name up to this length.
const LONGEST_PARAMETERS: usize = 200;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let walk = Walker::open(files, index, &["testng-results"])?;
    let mut reader = Reader {
        walk,
        suites: Suites::new(emit),
        summary: Summary { framework: Some("testng".to_owned()), ..Summary::default() },
        class: String::new(),
        method: None,
        held: Vec::new(),
        held_bytes: 0,
    };
    loop {
        match reader.walk.next()? {
            Node::Start => reader.start(),
            Node::End => reader.end(),
            Node::Eof => return Ok(reader.finish()),
        }
    }
}

struct Reader<'f, 'e> {
    walk: Walker<'f>,
    suites: Suites<'e>,
    summary: Summary,
    class: String,
    method: Option<Method>,
    /// The cases of the class, each with whether it was retried.
    held: Vec<(Case, bool)>,
    held_bytes: usize,
}

struct Method {
    case: Case,
    is_config: bool,
    is_retried: bool,
    kind: Option<String>,
    message: String,
    stack: Option<TextBuilder>,
    has_failed: bool,
}

impl Reader<'_, '_> {
    fn start(&mut self) {
        match self.walk.name() {
            "suite" | "test" => self.start_suite(),
            "class" => {
                self.class = self.walk.owned("name").unwrap_or_default();
            }
            "test-method" => self.start_method(),
            "exception" => {
                let kind = self.walk.owned("class");
                if let Some(method) = &mut self.method {
                    (method.kind, method.has_failed) = (kind, true);
                }
            }
            "param" | "attribute" => {
                let label = self.walk.owned("index").or_else(|| self.walk.owned("name")).unwrap_or_default();
                let is_param = self.walk.name() == "param";
                if let Some(method) = &mut self.method {
                    let list = if is_param { &mut method.case.parameters } else { &mut method.case.properties };
                    if list.len() < MOST {
                        list.push((label, String::new()));
                    }
                }
            }
            "value" if self.walk.attr("is-null") == Some("true") => self.set_value("null".to_owned()),
            _ => {}
        }
    }

    fn start_suite(&mut self) {
        let started_at = self.walk.attr("started-at").and_then(timestamp);
        let suite = Suite { name: self.walk.owned("name").unwrap_or_default(), started_at, ..Suite::default() };
        if self.walk.name() == "suite" {
            self.summary.started_at = self.summary.started_at.or(started_at);
            self.summary.ended_at = self.walk.attr("finished-at").and_then(timestamp).or(self.summary.ended_at);
            if let Some(millis) = self.millis() {
                *self.summary.duration_ms.get_or_insert_default() += millis;
            }
            if self.summary.name.is_none() {
                self.summary.name = Some(suite.name.clone()).filter(|name| !name.is_empty());
            }
        }
        let millis = self.millis();
        self.suites.begin(suite);
        if let Some(end) = self.suites.current_end() {
            end.duration_ms = millis;
        }
    }

    fn millis(&self) -> Option<f64> {
        self.walk.attr("duration-ms").and_then(|millis| millis.parse().ok()).and_then(plausible)
    }

    fn start_method(&mut self) {
        let status = match self.walk.attr("status") {
            // The latter is within the share of successes that the test asks for.
            Some("PASS" | "SUCCESS_PERCENTAGE_FAILURE") => Status::Passed,
            Some("FAIL") => Status::Failed,
            Some("SKIP") => Status::Skipped,
            _ => Status::Incomplete,
        };
        let mut case = Case::new(self.walk.owned("name").unwrap_or_default(), status);
        case.class_name = Some(self.class.clone()).filter(|class| !class.is_empty());
        case.started_at = self.walk.attr("started-at").and_then(timestamp);
        case.duration_ms = self.millis();
        case.description = self.walk.owned("description");
        for name in ["data-provider", "test-instance-name", "depends-on-methods", "depends-on-groups", "groups"] {
            case.properties.extend(self.walk.owned(name).map(|value| (name.to_owned(), value)));
        }
        self.method = Some(Method {
            case,
            is_config: self.walk.attr("is-config") == Some("true"),
            is_retried: self.walk.attr("retried") == Some("true"),
            kind: None,
            message: String::new(),
            stack: None,
            has_failed: false,
        });
    }

    fn end(&mut self) {
        match self.walk.name() {
            "suite" | "test" => self.suites.end(),
            "class" => self.release(),
            "test-method" => self.end_method(),
            "message" if self.walk.parent() == "exception" => {
                let message = self.walk.take_string();
                if let Some(method) = &mut self.method {
                    method.message = message;
                }
            }
            "full-stacktrace" | "short-stacktrace" => {
                // The whole stands within a CDATA section that is indented.
                let text = self.walk.take_string();
                if let Some(method) = &mut self.method {
                    let mut stack = TextBuilder::default();
                    stack.push(&text);
                    method.stack = Some(stack);
                }
            }
            "value" => {
                let value = self.walk.take_string();
                if !value.is_empty() {
                    self.set_value(value);
                }
            }
            "attribute" => {
                let value = self.walk.take_string();
                if let Some((_, last)) = self.method.as_mut().and_then(|method| method.case.properties.last_mut()) {
                    *last = value;
                }
            }
            "line" => self.line(),
            _ => {}
        }
    }

    fn set_value(&mut self, value: String) {
        if let Some((_, last)) = self.method.as_mut().and_then(|method| method.case.parameters.last_mut()) {
            *last = value;
        }
    }

    /// A line that a test gave to the reporter.
    fn line(&mut self) {
        let line = self.walk.take_string();
        let out = match (&mut self.method, self.suites.current_end()) {
            (Some(method), _) => &mut method.case.stdout,
            (None, Some(end)) => &mut end.stdout,
            (None, None) => return,
        };
        append_line(out, &line);
    }

    fn end_method(&mut self) {
        let Some(mut method) = self.method.take() else { return };
        if self.walk.is_truncated() {
            return self.walk.lost(&method.case.name);
        }
        let failure = method.has_failed.then(|| {
            let stack = method.stack.take().unwrap_or_default();
            failure(method.kind.as_deref(), &method.message, stack)
        });
        if method.is_config {
            // What prepares tests is none; that it failed explains why they were skipped.
            if let Some(mut failure) = failure
                && let Some(end) = self.suites.current_end()
                && end.failures.len() < MOST
                && method.case.status == Status::Failed
            {
                failure.message = format!("{}: {}", method.case.name, failure.message);
                end.failures.push(failure);
            }
            return;
        }
        let mut case = method.case;
        match failure {
            Some(failure) if case.status == Status::Skipped && !method.is_retried => {
                case.skip_reason = Some(failure.message);
            }
            failure => case.failures.extend(failure),
        }
        name_parameters(&mut case);
        self.held_bytes += case.weight();
        self.held.push((case, method.is_retried));
        if self.held_bytes > MOST_HELD {
            self.release();
        }
    }

    /// Hands out the cases of a class, attempts that were retried as part of the one that decided.
    fn release(&mut self) {
        self.held_bytes = 0;
        let (mut retried, decided): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held).into_iter().partition(|(_, is_retried)| *is_retried);
        for (mut case, _) in decided {
            let is_same = |earlier: &Case| earlier.name == case.name && earlier.parameters == case.parameters;
            let mut earlier: Vec<Case> = retried.extract_if(.., |(it, _)| is_same(it)).map(|(it, _)| it).collect();
            earlier.sort_by_key(|it| it.started_at.map(|at| at.millis));
            for mut attempt in earlier {
                // TestNG counts what it will try again as skipped.
                if attempt.status == Status::Skipped {
                    attempt.status = Status::Failed;
                }
                case.follows(attempt);
            }
            self.suites.case_here(Box::new(case));
        }
        for (case, _) in retried {
            self.suites.case_here(Box::new(case));
        }
    }

    fn finish(mut self) -> Summary {
        self.release();
        self.suites.finish();
        self.walk.finish(self.summary)
    }
}

/// Calls of one method with different parameters are different cases.
fn name_parameters(case: &mut Case) {
    if case.parameters.is_empty() {
        return;
    }
    let values: Vec<&str> = case.parameters.iter().map(|(_, value)| value.as_str()).collect();
    let mut values = values.join(", ");
    clip(&mut values, LONGEST_PARAMETERS);
    case.name = format!("{}({values})", case.name);
}

fn append_line(out: &mut Text, line: &str) {
    let mut builder = TextBuilder::default();
    for piece in [&out.head, &out.tail, line, "\n"] {
        builder.push(piece);
    }
    let omitted = out.omitted_bytes;
    *out = builder.finish();
    out.omitted_bytes += omitted;
}
