//! Reads the Common Test Report Format.

use serde::de::MapAccess;

use crate::failures::from_texts;
use crate::json::{Allowance, Each, Fields, List, Nested, Num, Object, Pairs, Sink, Str, Texts, read_document};
use crate::junit::status_named;
use crate::repairs::Repairs;
use crate::report::{Attempt, Case, Event, Files, ParseError, Status, Step, Summary, Text};
use crate::steps::Steps;
use crate::suites::Suites;
use crate::text::{TextBuilder, attachment};
use crate::times::plausible;
use crate::timestamps::from_millis;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let mut report = Report {
        suites: Suites::new(emit),
        summary: Summary::default(),
        repairs: Repairs::default(),
        n_read: 0,
        test: None,
        has_results: false,
        allowance: Allowance::default(),
    };
    let allowance = report.allowance.clone();
    let outcome = read_document(files, index, &allowance, &mut report, false)?;
    let Report { mut suites, mut summary, mut repairs, n_read, has_results, .. } = report;
    suites.finish();
    summary.is_truncated = outcome.note(files.path(index), n_read + u64::from(has_results), &mut repairs)?;
    (summary.repairs, summary.n_repairs) = repairs.into_parts();
    Ok(summary)
}

/// The whole document, whose tests are handed out as they come.
struct Report<'e> {
    suites: Suites<'e>,
    summary: Summary,
    repairs: Repairs,
    n_read: u64,
    test: Option<Test>,
    has_results: bool,
    allowance: Allowance,
}

struct Results<'r, 'e>(&'r mut Report<'e>);
struct Tests<'r, 'e>(&'r mut Report<'e>);

impl Sink for Report<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "results" => {
                map.next_value_seed(Nested(&mut Results(self)))?;
            }
            "reportId" => self.environment("reportId", map.next_value::<Str>()?),
            "generatedBy" => self.environment("generatedBy", map.next_value::<Str>()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Report<'_> {
    fn environment(&mut self, name: &str, value: Str) {
        self.summary.environment.extend(value.name().map(|value| (name.to_owned(), value)));
    }
}

impl Sink for Results<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let report = &mut *self.0;
        match key {
            "tool" => {
                let tool = map.next_value::<Object<Pairs>>()?.0.unwrap_or_default();
                for (name, value) in tool.0 {
                    match name.as_str() {
                        "name" => report.summary.framework = Some(value),
                        _ => report.summary.environment.push((name, value)),
                    }
                }
            }
            "summary" => {
                let counts = map.next_value::<Object<Counts>>()?.0.unwrap_or_default();
                report.summary.started_at = counts.start.and_then(from_millis);
                report.summary.ended_at = counts.stop.and_then(from_millis);
                let between = counts.start.zip(counts.stop).map(|(start, stop)| stop - start);
                report.summary.duration_ms = between.and_then(plausible);
            }
            "environment" => {
                let pairs = map.next_value::<Object<Pairs>>()?.0.unwrap_or_default();
                for (name, value) in pairs.0 {
                    match name.as_str() {
                        "buildUrl" => report.summary.build_url = Some(value),
                        "buildName" if report.summary.build_label.is_none() => report.summary.build_label = Some(value),
                        "reportName" => report.summary.name = Some(value),
                        _ => report.summary.environment.push((name, value)),
                    }
                }
            }
            "tests" => {
                report.has_results = true;
                map.next_value_seed(Each(&mut Tests(report)))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Sink for Tests<'_, '_> {
    fn begin(&mut self) {
        self.0.test = Some(Test::default());
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        self.0.test.get_or_insert_default().field(key, map)
    }

    fn end(&mut self) {
        let Some(test) = self.0.test.take() else { return };
        self.0.n_read += 1;
        self.0.allowance.reset();
        if test.name.is_none() {
            self.0.repairs.note(None, "a test has no name");
        }
        let mut suite = None;
        // Some count the test itself among its suites.
        let is_whole = test.suite.len() > 1 && test.name.as_ref() == Some(&test.suite.join(" > "));
        let is_alone = test.suite.len() == 1 && test.name.as_ref() == test.suite.first();
        let n_suites = test.suite.len() - usize::from(is_whole || is_alone);
        for name in &test.suite[..n_suites] {
            suite = self.0.suites.named(suite, name);
        }
        let mut case = test.into_case();
        case.suite = suite;
        self.0.suites.case(Box::new(case));
    }
}

#[derive(Debug, Default)]
struct Counts {
    start: Option<f64>,
    stop: Option<f64>,
}

impl Fields for Counts {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "start" => self.start = map.next_value::<Num>()?.0,
            "stop" => self.stop = map.next_value::<Num>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A test, or one of its attempts, which has the same fields.
#[derive(Debug, Default)]
struct Test {
    name: Option<String>,
    status: Option<String>,
    raw_status: Option<String>,
    duration: Option<f64>,
    start: Option<f64>,
    suite: Vec<String>,
    message: Option<Str>,
    trace: Option<Str>,
    file: Option<String>,
    line: Option<f64>,
    retries: u64,
    is_flaky: bool,
    attempts: Vec<Test>,
    stdout: TextBuilder,
    stderr: TextBuilder,
    steps: Vec<TestStep>,
    attachments: Vec<File>,
    parameters: Vec<(String, String)>,
    properties: Vec<(String, String)>,
    /// A picture within the report.
    has_screenshot: bool,
}

#[derive(Debug, Default)]
struct TestStep {
    name: Option<String>,
    status: Option<String>,
}

#[derive(Debug, Default)]
struct File {
    path: Option<String>,
}

impl Fields for Test {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => self.name = map.next_value::<Str>()?.name(),
            "status" => self.status = map.next_value::<Str>()?.filled(),
            "rawStatus" => self.raw_status = map.next_value::<Str>()?.filled(),
            "duration" => self.duration = map.next_value::<Num>()?.0,
            "start" => self.start = map.next_value::<Num>()?.0,
            // A path as text, or a list of names since version 1.
            "suite" => self.suite = map.next_value::<Texts>()?.path(),
            "message" => self.message = Some(map.next_value::<Str>()?),
            "trace" => self.trace = Some(map.next_value::<Str>()?),
            "filePath" => self.file = map.next_value::<Str>()?.name(),
            "line" => self.line = map.next_value::<Num>()?.0,
            "retries" => self.retries = map.next_value::<Num>()?.0.unwrap_or_default() as u64,
            "flaky" => self.is_flaky = map.next_value::<Str>()?.0.as_deref() == Some("true"),
            "retryAttempts" => self.attempts = map.next_value::<List<Test>>()?.0,
            "stdout" => map.next_value::<Texts>()?.lines(&mut self.stdout),
            "stderr" => map.next_value::<Texts>()?.lines(&mut self.stderr),
            "steps" => self.steps = map.next_value::<List<TestStep>>()?.0,
            "attachments" => self.attachments = map.next_value::<List<File>>()?.0,
            "parameters" => self.parameters = map.next_value::<Object<Pairs>>()?.0.unwrap_or_default().0,
            "extra" | "labels" => self.properties.extend(map.next_value::<Object<Pairs>>()?.0.unwrap_or_default().0),
            "tags" => {
                let tags = map.next_value::<Texts>()?.0;
                self.properties.extend(tags.into_iter().map(|tag| ("tag".to_owned(), tag)));
            }
            "browser" | "device" | "type" | "ai" | "threadId" | "id" | "snippet" => {
                self.properties.extend(map.next_value::<Str>()?.filled().map(|value| (key.to_owned(), value)));
            }
            "screenshot" => self.has_screenshot = map.next_value::<Str>()?.filled().is_some(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for TestStep {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => self.name = map.next_value::<Str>()?.name(),
            "status" => self.status = map.next_value::<Str>()?.filled(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for File {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "path" {
            self.path = map.next_value::<Str>()?.filled();
        }
        Ok(key == "path")
    }
}

impl Test {
    fn said(&self) -> Status {
        let said = self.status.as_deref().unwrap_or_default();
        match said {
            "other" => match self.raw_status.as_deref() {
                Some("todo") => Status::Skipped,
                raw => raw.and_then(status_named).unwrap_or(Status::Incomplete),
            },
            _ => status_named(said).unwrap_or(Status::Incomplete),
        }
    }

    fn into_case(self) -> Case {
        let status = self.said();
        let mut case = Case::new(self.name.unwrap_or_default(), status);
        case.duration_ms = self.duration.and_then(plausible);
        case.started_at = self.start.and_then(from_millis);
        case.file = self.file;
        case.line = self.line.map(|line| line as u64);
        let message = self.message.unwrap_or_default().text();
        let trace = self.trace.unwrap_or_default().text();
        if status == Status::Skipped {
            case.skip_reason = Some(message.head.clone()).filter(|message| !message.is_empty());
        } else if status.is_failing() && (status != Status::Incomplete || !message.is_empty() || !trace.is_empty()) {
            case.failures.push(from_texts(None, &message, trace));
        }
        for attempt in self.attempts {
            let status = attempt.said();
            let earlier = attempt.into_case();
            // The list may hold the deciding attempt too.
            if status.is_failing() || status == Status::Skipped {
                case.follows(earlier);
            }
        }
        if case.status.is_failing() && case.earlier_attempts.len() as u64 > self.retries && self.retries > 0 {
            case.earlier_attempts.truncate(self.retries as usize);
        }
        // Some say only how often it was retried.
        if case.earlier_attempts.is_empty() && self.is_flaky && case.status == Status::Passed {
            case.earlier_attempts = (0..self.retries.min(100)).map(|_| unknown_attempt()).collect();
        }
        case.is_flaky |= self.is_flaky && case.status == Status::Passed;
        let mut steps = Steps::default();
        for step in self.steps {
            let status = step.status.as_deref().and_then(status_named).unwrap_or(Status::Passed);
            steps.push_at(
                0,
                Step { depth: 0, name: step.name.unwrap_or_default(), status, duration_ms: None, message: None },
            );
        }
        case.steps = steps.into_list();
        case.parameters = self.parameters;
        case.properties = self.properties;
        if self.has_screenshot {
            case.properties.push(("screenshot".to_owned(), "within the report".to_owned()));
        }
        case.stdout = self.stdout.finish();
        case.stderr = self.stderr.finish();
        case.attachments.extend(self.attachments.iter().filter_map(|file| attachment(file.path.as_deref()?)));
        case
    }
}

fn unknown_attempt() -> Attempt {
    Attempt {
        status: Status::Failed,
        duration_ms: None,
        failures: Vec::new(),
        steps: Vec::new(),
        stdout: Text::default(),
        stderr: Text::default(),
    }
}
