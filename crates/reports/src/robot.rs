//! Reads Robot Framework's `output.xml`, in the form before version 7 and that since.

use crate::failures::failure;
use crate::report::{Case, Event, Files, ParseError, Status, Suite, Summary, Timestamp};
use crate::steps::Steps;
use crate::suites::Suites;
use crate::text::{TextBuilder, attachment};
use crate::times::{plausible, seconds};
use crate::timestamps::timestamp;
use crate::xml::{Node, Walker};

/// Tags, metadata and attachments kept of one test or suite, each.
const MOST: usize = 1000;
/// Arguments of one keyword shown.
const MOST_ARGUMENTS: u32 = 20;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let walk = Walker::open(files, index, &["robot"])?;
    let mut reader = Reader {
        walk,
        suites: Suites::new(emit),
        summary: Summary { framework: Some("robot".to_owned()), ..Summary::default() },
        sources: Vec::new(),
        test: None,
        n_arguments: 0,
        label: String::new(),
        level: String::new(),
        status: Said::default(),
        outside: Steps::default(),
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
    /// The file of each open suite.
    sources: Vec<Option<String>>,
    test: Option<Test>,
    n_arguments: u32,
    /// Name of the metadata under way.
    label: String,
    /// Level and time of the message under way.
    level: String,
    status: Said,
    /// Keywords of the set-up or tear-down of a suite.
    outside: Steps,
}

struct Test {
    case: Case,
    steps: Steps,
    log: TextBuilder,
    said: Said,
}

/// What a `<status>` says.
#[derive(Default, Clone)]
struct Said {
    status: Option<Status>,
    duration_ms: Option<f64>,
    started: Option<Timestamp>,
    message: String,
}

/// Elements that are steps.
const STEPS: [&str; 13] =
    ["kw", "for", "iter", "if", "branch", "try", "while", "group", "return", "break", "continue", "variable", "error"];

impl Reader<'_, '_> {
    fn start(&mut self) {
        let name = self.walk.name();
        match name {
            "robot" => {
                self.summary.started_at = self.walk.attr("generated").and_then(timestamp);
                let generator = self.walk.owned("generator");
                self.summary.environment.extend(generator.map(|value| ("generator".to_owned(), value)));
            }
            "suite" if !self.is_in_statistics() => self.start_suite(),
            "test" | "task" => self.start_test(),
            "status" => self.status = self.read_status(),
            "msg" => {
                self.level = self.walk.owned("level").unwrap_or_default();
            }
            // Metadata; or what a keyword assigns to, or the value of a loop's variable.
            "meta" | "item" | "var" => self.label = self.walk.owned("name").unwrap_or_default(),
            name if STEPS.contains(&name) => self.start_step(),
            _ => {}
        }
    }

    fn is_in_statistics(&self) -> bool {
        matches!(self.walk.parent(), "statistics" | "total" | "tag")
    }

    fn start_suite(&mut self) {
        let name = self.walk.owned("name").unwrap_or_default();
        if self.suites.depth() == 0 && self.summary.name.is_none() {
            self.summary.name = Some(name.clone());
        }
        self.sources.push(self.walk.owned("source"));
        self.suites.begin(Suite { name, ..Suite::default() });
    }

    fn start_test(&mut self) {
        let mut case = Case::new(self.walk.owned("name").unwrap_or_default(), Status::Incomplete);
        case.file = self.sources.last().cloned().flatten();
        case.line = self.walk.attr("line").and_then(|line| line.parse().ok());
        self.test = Some(Test { case, steps: Steps::default(), log: TextBuilder::default(), said: Said::default() });
    }

    fn read_status(&self) -> Said {
        let walk = &self.walk;
        let time = |name, old| walk.attr(name).or_else(|| walk.attr(old)).and_then(timestamp);
        let (started, ended) = (time("start", "starttime"), time("end", "endtime"));
        let elapsed = walk.attr("elapsed").and_then(seconds);
        let between = || started.zip(ended).and_then(|(from, to)| plausible((to.millis - from.millis) as f64));
        let status = match walk.attr("status").unwrap_or_default() {
            "PASS" => Some(Status::Passed),
            "FAIL" => Some(Status::Failed),
            "SKIP" => Some(Status::Skipped),
            "NOT RUN" | "NOT_RUN" => Some(Status::NotRun),
            _ => None,
        };
        Said { status, duration_ms: elapsed.or_else(between), started, message: String::new() }
    }

    fn start_step(&mut self) {
        self.n_arguments = 0;
        let kind = self.walk.name();
        let attr = |name| self.walk.attr(name).unwrap_or_default();
        let (library, written) = (self.walk.attr("library").or_else(|| self.walk.attr("owner")), attr("name"));
        // Libraries whose keywords everybody knows are left out, as Robot's own log does.
        let written = match library {
            Some(library) if !matches!(library, "BuiltIn" | "") && kind == "kw" && !written.starts_with(library) => {
                format!("{library}.{written}")
            }
            _ => written.to_owned(),
        };
        let kind = match attr("type") {
            "" | "kw" | "KEYWORD" if kind == "kw" => String::new(),
            "" if kind == "variable" => "VAR".to_owned(),
            "" => kind.to_uppercase(),
            given => given.to_uppercase(),
        };
        let condition = ["condition", "flavor", "limit", "pattern_type"].map(attr).join(" ");
        let words = [kind.as_str(), &written, condition.trim()];
        let name = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        self.steps().begin(&name);
    }

    fn steps(&mut self) -> &mut Steps {
        match &mut self.test {
            Some(test) => &mut test.steps,
            None => &mut self.outside,
        }
    }

    fn end(&mut self) {
        let name = self.walk.name();
        match name {
            "suite" if !self.is_in_statistics() => self.end_suite(),
            "test" | "task" => self.end_test(),
            "status" => {
                self.status.message = self.walk.take_string();
                if self.walk.parent() == "test" || self.walk.parent() == "task" {
                    let said = std::mem::take(&mut self.status);
                    if let Some(test) = &mut self.test {
                        test.said = said;
                    }
                }
            }
            "msg" => self.end_message(),
            "arg" | "value" => self.argument(),
            "var" => {
                let label = std::mem::take(&mut self.label);
                let text = self.walk.take_string();
                let words = if label.is_empty() { text } else { format!("{label} = {text}") };
                self.steps().extend_name(&words);
            }
            "tag" => {
                let tag = self.walk.take_string();
                if let Some(test) = self.test.as_mut().filter(|test| !test.steps.is_open())
                    && test.case.properties.len() < MOST
                {
                    test.case.properties.push(("tag".to_owned(), tag));
                }
            }
            "doc" => self.documentation(),
            "timeout" => {}
            "meta" | "item" => self.metadata(),
            name if STEPS.contains(&name) => self.end_step(),
            _ => {}
        }
    }

    fn argument(&mut self) {
        self.n_arguments += 1;
        if self.n_arguments <= MOST_ARGUMENTS {
            let argument = self.walk.take_string();
            self.steps().extend_name(&argument);
        }
    }

    fn documentation(&mut self) {
        let text = self.walk.take_string();
        if text.is_empty() {
            return;
        }
        match (&mut self.test, self.suites.current_end()) {
            (Some(test), _) if !test.steps.is_open() => test.case.description = Some(text),
            (None, Some(end)) if self.walk.parent() == "suite" => {
                end.properties.push(("documentation".to_owned(), text));
            }
            _ => {}
        }
    }

    fn metadata(&mut self) {
        let text = self.walk.take_string();
        let label = std::mem::take(&mut self.label);
        if let Some(end) = self.suites.current_end().filter(|end| end.properties.len() < MOST) {
            end.properties.push((label, text));
        }
    }

    fn end_message(&mut self) {
        let level = std::mem::take(&mut self.level);
        let text = self.walk.take_text().finish();
        if self.walk.parent() == "errors" || matches!(level.as_str(), "DEBUG" | "TRACE") {
            return;
        }
        let said = text.head.trim();
        if let Some(test) = &mut self.test {
            for piece in ["[", &level, "] ", said, &text.tail, "\n"] {
                test.log.push(piece);
            }
            if let Some(path) = shown_file(said)
                && test.case.attachments.len() < MOST
            {
                test.case.attachments.extend(attachment(path));
            }
        }
        self.steps().say(said);
    }

    fn end_step(&mut self) {
        if self.walk.is_truncated() {
            return;
        }
        let said = std::mem::take(&mut self.status);
        let status = said.status.unwrap_or(Status::NotRun);
        // Robot repeats the message of a failure at each level; the innermost has it as a log line already.
        let steps = self.steps();
        steps.end(status, said.duration_ms, None);
        let is_outermost = self.test.is_none() && !self.outside.is_open();
        if is_outermost {
            self.end_outside(&said);
        }
    }

    /// A set-up or tear-down of a suite: no test, but what breaks its tests.
    fn end_outside(&mut self, said: &Said) {
        let steps = std::mem::take(&mut self.outside);
        let Some(end) = self.suites.current_end() else { return };
        if said.status != Some(Status::Failed) || end.failures.len() >= MOST {
            return;
        }
        let list = steps.into_list();
        let name = list.first().map(|step| step.name.clone()).unwrap_or_default();
        let failed = list.iter().rev().find(|step| step.status == Status::Failed && step.message.is_some());
        let why = failed.and_then(|step| step.message.clone()).unwrap_or_else(|| said.message.clone());
        end.failures.push(failure(None, &format!("{name}: {why}"), TextBuilder::default()));
    }

    fn end_test(&mut self) {
        let Some(test) = self.test.take() else { return };
        let mut case = test.case;
        if self.walk.is_truncated() {
            return self.walk.lost(&case.name);
        }
        case.status = test.said.status.unwrap_or(Status::Incomplete);
        case.duration_ms = test.said.duration_ms;
        case.started_at = test.said.started;
        let message = test.said.message;
        match case.status {
            Status::Skipped => case.skip_reason = Some(message).filter(|message| !message.is_empty()),
            status if status.is_failing() => case.failures.push(failure(None, &message, TextBuilder::default())),
            _ if !message.is_empty() => case.properties.push(("message".to_owned(), message)),
            _ => {}
        }
        case.steps = test.steps.into_list();
        case.stdout = test.log.finish();
        self.suites.case_here(Box::new(case));
    }

    fn end_suite(&mut self) {
        self.sources.pop();
        let said = std::mem::take(&mut self.status);
        if self.suites.depth() == 1 {
            self.summary.duration_ms = said.duration_ms;
            self.summary.started_at = said.started.or(self.summary.started_at);
        }
        if let Some(end) = self.suites.current_end() {
            end.duration_ms = said.duration_ms;
        }
        self.suites.end();
    }
}

/// The picture that a message of a browser library shows.
fn shown_file(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("<img src=\"").or_else(|| message.split_once("<a href=\""))?;
    let (path, _) = rest.split_once('"')?;
    let is_file = !path.is_empty() && !path.starts_with("data:") && !path.contains("://");
    is_file.then_some(path)
}
