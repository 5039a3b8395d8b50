//! Reads the results of Visual Studio's test platform. What a test is called in code stands behind the results, so the
//! file is read twice.

use std::collections::HashMap;

use crate::failures::failure;
use crate::report::{Case, Event, Files, ParseError, Status, Step, Suite, Summary};
use crate::suites::Suites;
use crate::text::{TextBuilder, attachment, clip};
use crate::times::seconds;
use crate::timestamps::timestamp;
use crate::xml::{Node, Walker};

const ROOTS: &[&str] = &["TestRun"];
/// Tests of which the definition is kept.
const MOST_TESTS: usize = 500_000;
/// Bytes kept of all definitions.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Longest name kept of a definition.
const LONGEST: usize = 2048;
/// Files, categories and inner results kept of one test, each.
const MOST: usize = 1000;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let definitions = definitions(files, index)?;
    let mut reader = Reader {
        walk: Walker::open(files, index, ROOTS)?,
        suites: Suites::new(emit),
        summary: Summary::default(),
        definitions,
        case: None,
        inner: Vec::new(),
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

/// What the report says of a test apart from its result.
#[derive(Default)]
struct Definition {
    class: Option<String>,
    method: Option<String>,
    storage: Option<String>,
    properties: Vec<(String, String)>,
    description: Option<String>,
}

fn definitions(files: &dyn Files, index: usize) -> Result<HashMap<String, Definition>, ParseError> {
    let mut walk = Walker::open(files, index, ROOTS)?;
    let mut found = HashMap::new();
    let mut open: Option<(String, Definition)> = None;
    let mut bytes = 0;
    let short = |text: Option<String>| {
        text.map(|mut text| {
            clip(&mut text, LONGEST);
            text
        })
    };
    loop {
        match (walk.next()?, walk.name()) {
            (Node::Start, "UnitTest" | "ManualTest" | "GenericTest" | "OrderedTest") => {
                let id = short(walk.owned("id")).unwrap_or_default();
                open = Some((id, Definition { storage: short(walk.owned("storage")), ..Definition::default() }));
            }
            (Node::Start, name) => {
                let Some((_, definition)) = &mut open else { continue };
                match name {
                    "TestMethod" => {
                        // An assembly may stand behind the class, with its version and key.
                        let class = walk.attr("className").map(|class| class.split(',').next().unwrap_or(class).trim());
                        definition.class = short(class.map(ToOwned::to_owned));
                        definition.method = short(walk.owned("name"));
                    }
                    "TestCategoryItem" if definition.properties.len() < MOST => {
                        let category = short(walk.owned("TestCategory")).unwrap_or_default();
                        definition.properties.push(("category".to_owned(), category));
                    }
                    "Owner" if definition.properties.len() < MOST => {
                        definition.properties.extend(short(walk.owned("name")).map(|name| ("owner".to_owned(), name)));
                    }
                    _ => {}
                }
            }
            (Node::End, "Description") => {
                let text = walk.take_string();
                if let Some((_, definition)) = &mut open {
                    definition.description = short(Some(text)).filter(|text| !text.is_empty());
                }
            }
            (Node::End, "UnitTest" | "ManualTest" | "GenericTest" | "OrderedTest") => {
                let Some((id, definition)) = open.take() else { continue };
                bytes += id.len() + definition.weight();
                if bytes < MOST_BYTES && found.len() < MOST_TESTS {
                    found.insert(id, definition);
                }
            }
            (Node::End, _) => {}
            (Node::Eof, _) => return Ok(found),
        }
    }
}

impl Definition {
    fn weight(&self) -> usize {
        let texts = [&self.class, &self.method, &self.storage, &self.description];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        texts + self.properties.iter().map(|(a, b)| a.len() + b.len() + 48).sum::<usize>() + size_of::<Self>()
    }
}

struct Reader<'f, 'e> {
    walk: Walker<'f>,
    suites: Suites<'e>,
    summary: Summary,
    definitions: HashMap<String, Definition>,
    case: Option<(Case, Option<u32>)>,
    /// Results within a result: the rows of a data-driven test.
    inner: Vec<Case>,
    message: String,
    stack: TextBuilder,
}

impl Reader<'_, '_> {
    fn start(&mut self) {
        match self.walk.name() {
            "TestRun" => {
                self.summary.name = self.walk.owned("name");
                self.summary.environment.extend(self.walk.owned("runUser").map(|user| ("runUser".to_owned(), user)));
            }
            "Times" => {
                self.summary.started_at = self.walk.attr("start").and_then(timestamp);
                self.summary.ended_at = self.walk.attr("finish").and_then(timestamp);
            }
            "UnitTestResult"
            | "TestResult"
            | "ManualTestResult"
            | "GenericTestResult"
            | "TestResultAggregation"
            | "WebTestResult" => self.start_result(),
            "ErrorInfo" => {
                self.message.clear();
                self.stack = TextBuilder::default();
            }
            "ResultFile" => {
                let folder = self.walk.owned("path").unwrap_or_default();
                if let Some(case) = self.open()
                    && case.attachments.len() < MOST
                {
                    case.attachments.extend(attachment(&folder));
                }
            }
            "A" if self.walk.parent() == "UriAttachment" => {
                let path = self.walk.owned("href").unwrap_or_default();
                if let Some(case) = self.open()
                    && case.attachments.len() < MOST
                {
                    case.attachments.extend(attachment(&path));
                }
            }
            _ => {}
        }
    }

    /// The innermost result that is open.
    fn open(&mut self) -> Option<&mut Case> {
        match self.inner.last_mut() {
            Some(inner) => Some(inner),
            None => self.case.as_mut().map(|(case, _)| case),
        }
    }

    fn start_result(&mut self) {
        let mut case = Case::new(self.walk.owned("testName").unwrap_or_default(), status(self.walk.attr("outcome")));
        case.duration_ms = self.walk.attr("duration").and_then(seconds);
        case.started_at = self.walk.attr("startTime").and_then(timestamp);
        if self.case.is_some() {
            if self.inner.len() < MOST {
                self.inner.push(case);
            }
            return;
        }
        let host = self.walk.owned("computerName");
        let definition = self.walk.attr("testId").and_then(|id| self.definitions.get(id));
        let storage = definition.and_then(|it| it.storage.as_deref()).unwrap_or_default();
        let storage = storage.rsplit(['/', '\\']).next().unwrap_or(storage).to_owned();
        if let Some(definition) = definition {
            case.class_name.clone_from(&definition.class);
            case.properties.clone_from(&definition.properties);
            case.description.clone_from(&definition.description);
        }
        // The display name repeats the class, or is the method with its arguments.
        let own = case.class_name.as_ref().and_then(|class| case.name.strip_prefix(&format!("{class}.")));
        if let Some(own) = own.map(ToOwned::to_owned) {
            case.name = own;
        }
        let suite = (!storage.is_empty()).then(|| {
            let suite = || Suite { name: storage.clone(), hostname: host.clone(), ..Suite::default() };
            self.suites.named_as(None, &storage, suite)
        });
        self.case = Some((case, suite.flatten()));
    }

    fn end(&mut self) {
        match self.walk.name() {
            "UnitTestResult"
            | "TestResult"
            | "ManualTestResult"
            | "GenericTestResult"
            | "TestResultAggregation"
            | "WebTestResult" => self.end_result(),
            "Message" if self.walk.parent() == "ErrorInfo" => self.message = self.walk.take_string(),
            "StackTrace" => self.stack = self.walk.take_text(),
            "ErrorInfo" => self.end_error(),
            "StdOut" | "StdErr" | "DebugTrace" | "Message" => self.output(),
            _ => {}
        }
    }

    fn output(&mut self) {
        let name = self.walk.name().to_owned();
        let parent = self.walk.parent().to_owned();
        let text = self.walk.take_text();
        if self.case.is_none() {
            // What the run as a whole printed.
            if name == "StdOut" && parent == "Output" {
                let text = text.finish_trimmed().head;
                let cut = text.floor_char_boundary(4096);
                if cut > 0 {
                    self.summary.environment.push(("output".to_owned(), text[..cut].to_owned()));
                }
            }
            return;
        }
        let Some(case) = self.open() else { return };
        match name.as_str() {
            "StdOut" => case.stdout = text.finish(),
            "StdErr" => case.stderr = text.finish(),
            "DebugTrace" if case.stderr.is_empty() => case.stderr = text.finish(),
            "Message" if parent == "TextMessages" && case.properties.len() < MOST => {
                case.properties.push(("message".to_owned(), text.finish_trimmed().head));
            }
            _ => {}
        }
    }

    fn end_error(&mut self) {
        let (message, stack) = (std::mem::take(&mut self.message), std::mem::take(&mut self.stack));
        let failure = failure(None, &message, stack);
        let Some(case) = self.open() else {
            return;
        };
        if matches!(case.status, Status::Skipped | Status::NotRun) {
            case.skip_reason = Some(failure.message);
        } else if case.failures.len() < MOST {
            case.failures.push(failure);
        }
    }

    fn end_result(&mut self) {
        if let Some(inner) = self.inner.pop() {
            if let Some((case, _)) = &mut self.case
                && case.steps.len() < MOST
            {
                let message = inner.failures.into_iter().next().map(|failure| failure.message);
                let depth = self.inner.len() as u16;
                case.steps.push(Step {
                    depth,
                    name: inner.name,
                    status: inner.status,
                    duration_ms: inner.duration_ms,
                    message,
                });
            }
            return;
        }
        let Some((mut case, suite)) = self.case.take() else { return };
        if self.walk.is_truncated() {
            return self.walk.lost(&case.name);
        }
        case.suite = suite;
        self.suites.case(Box::new(case));
    }
}

fn status(outcome: Option<&str>) -> Status {
    match outcome.unwrap_or_default().to_ascii_lowercase().as_str() {
        // Visual Studio leaves the outcome out where it means an error.
        "passed" | "passedbutrunaborted" | "warning" | "completed" => Status::Passed,
        "failed" => Status::Failed,
        "error" | "" => Status::Error,
        "notexecuted" | "skipped" | "inconclusive" => Status::Skipped,
        "notrunnable" | "pending" | "disconnected" => Status::NotRun,
        _ => Status::Incomplete,
    }
}
