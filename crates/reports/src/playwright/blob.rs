//! The events of a blob, in the order in which they happened: tests run side by side and are tried again.

use std::collections::HashMap;
use std::io::Read;

use serde::de::MapAccess;

use crate::embedded::decoded;
use crate::json::{Fields, Line, Lines, List, Num, Object, Str};
use crate::playwright::project::{Planned, Project};
use crate::playwright::run::{Annotation, File, Problem, Run, settle};
use crate::playwright::zip::with_report;
use crate::repairs::Repairs;
use crate::report::{Event, Files, ParseError, Problem as Place, Status, Suite, Summary};
use crate::suites::Suites;
use crate::times::plausible;
use crate::timestamps::from_millis;

/// Tests that are planned; more are not told apart.
const MOST_TESTS: usize = 500_000;
/// Attempts under way at once, and attempts of one test.
const MOST_RUNNING: usize = 10_000;
const MOST_RUNS: usize = 100;
/// Bytes of failed attempts kept until the next one, about.
const MOST_HELD: usize = 64 * 1024 * 1024;

pub(super) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let fail = |line, message| ParseError {
        file: files.path(index).to_owned(),
        problem: Place { line, column: None, message },
    };
    let mut reader = Reader {
        suites: Suites::new(emit),
        summary: Summary { framework: Some("playwright".to_owned()), ..Summary::default() },
        planned: HashMap::new(),
        running: HashMap::new(),
        earlier: HashMap::new(),
        held: 0,
        errors: Vec::new(),
        has_ended: false,
        n_read: 0,
    };
    let mut repairs = Repairs::default();
    let read = with_report(files, index, |input| reader.read(input, &mut repairs)).map_err(|e| fail(None, e))?;
    if let Err((line, message)) = read {
        // The zip is damaged in its middle.
        if reader.n_read == 0 {
            return Err(fail(Some(line), message));
        }
        repairs.note(Some((line, 1)), format!("{message}; {} events before it are kept", reader.n_read));
    }
    if reader.n_read == 0 {
        return Err(fail(Some(1), "its report.jsonl holds no event of Playwright".to_owned()));
    }
    Ok(reader.finish(repairs))
}

struct Reader<'e> {
    suites: Suites<'e>,
    summary: Summary,
    /// Tests by their id.
    planned: HashMap<String, Planned>,
    /// Attempts by theirs.
    running: HashMap<String, Running>,
    /// Attempts that have ended of tests that will be tried again.
    earlier: HashMap<String, Vec<Run>>,
    held: usize,
    errors: Vec<Problem>,
    has_ended: bool,
    n_read: u64,
}

struct Running {
    test: String,
    retry: u64,
    run: Run,
    /// Index and depth of each step, by its id.
    steps: HashMap<String, (Option<usize>, usize)>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Message {
    method: String,
    params: Params,
}

#[derive(Debug, Default)]
struct Params {
    project: Option<Project>,
    test_id: Option<String>,
    result_id: Option<String>,
    result: Outcome,
    step: Step,
    test: TestEnd,
    files: List<File>,
    error: Option<Problem>,
    kind: String,
    data: String,
    is_base64: bool,
    config: Config,
}

/// Of an attempt, or of the whole run.
#[derive(Debug, Default)]
struct Outcome {
    id: Option<String>,
    retry: f64,
    worker: Option<f64>,
    start: Option<f64>,
    duration: Option<f64>,
    status: String,
    errors: List<Problem>,
    files: List<File>,
    annotations: Vec<Annotation>,
}

#[derive(Debug, Default)]
struct Step {
    id: String,
    parent: Option<String>,
    title: String,
    duration: Option<f64>,
    error: Option<Problem>,
}

#[derive(Debug, Default)]
struct TestEnd {
    id: Option<String>,
    expected: Option<String>,
    annotations: Vec<Annotation>,
}

#[derive(Debug, Default)]
struct Config {
    version: Option<String>,
}

impl Fields for Message {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "method" => self.method = map.next_value::<Str>()?.0.unwrap_or_default(),
            "params" => self.params = map.next_value::<Object<Params>>()?.0.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Params {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "project" => self.project = map.next_value::<Object<Project>>()?.0,
            "testId" => self.test_id = map.next_value::<Str>()?.filled(),
            "resultId" => self.result_id = map.next_value::<Str>()?.filled(),
            "result" => self.result = map.next_value::<Object<Outcome>>()?.0.unwrap_or_default(),
            "step" => self.step = map.next_value::<Object<Step>>()?.0.unwrap_or_default(),
            "test" => self.test = map.next_value::<Object<TestEnd>>()?.0.unwrap_or_default(),
            "attachments" => self.files = map.next_value()?,
            "error" => self.error = map.next_value::<Object<Problem>>()?.0,
            "type" => self.kind = map.next_value::<Str>()?.0.unwrap_or_default(),
            "data" => self.data = map.next_value::<Str>()?.0.unwrap_or_default(),
            "isBase64" => self.is_base64 = map.next_value::<Str>()?.0.as_deref() == Some("true"),
            "config" => self.config = map.next_value::<Object<Config>>()?.0.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Outcome {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = map.next_value::<Str>()?.filled(),
            "retry" => self.retry = map.next_value::<Num>()?.0.unwrap_or_default(),
            "workerIndex" => self.worker = map.next_value::<Num>()?.0.filter(|worker| *worker >= 0.0),
            "startTime" => self.start = map.next_value::<Num>()?.0,
            "duration" => self.duration = map.next_value::<Num>()?.0,
            "status" => self.status = map.next_value::<Str>()?.0.unwrap_or_default(),
            "errors" => self.errors = map.next_value()?,
            "attachments" => self.files = map.next_value()?,
            "annotations" => self.annotations = map.next_value::<List<Annotation>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Step {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = map.next_value::<Str>()?.0.unwrap_or_default(),
            "parentStepId" => self.parent = map.next_value::<Str>()?.filled(),
            "title" => self.title = map.next_value::<Str>()?.name().unwrap_or_default(),
            "duration" => self.duration = map.next_value::<Num>()?.0,
            "error" => self.error = map.next_value::<Object<Problem>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for TestEnd {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "testId" => self.id = map.next_value::<Str>()?.filled(),
            "expectedStatus" => self.expected = map.next_value::<Str>()?.filled(),
            "annotations" => self.annotations = map.next_value::<List<Annotation>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Config {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "version" {
            self.version = map.next_value::<Str>()?.name();
        }
        Ok(key == "version")
    }
}

impl Reader<'_> {
    fn read(&mut self, input: Box<dyn Read + '_>, repairs: &mut Repairs) -> Result<(), (u64, String)> {
        let mut lines = Lines::new(input);
        loop {
            match lines.next::<Message>() {
                Ok(Some(Line::Json(message))) => {
                    self.n_read += 1;
                    self.take(message);
                }
                Ok(Some(Line::Text(_))) => repairs.note(Some((lines.number, 1)), "this line is no event"),
                Ok(Some(Line::Broken(message))) => {
                    repairs.note(Some((lines.number, 1)), format!("this event is left out: {message}"));
                }
                Ok(None) => return Ok(()),
                Err(e) => return Err((lines.number, format!("cannot be read on: {e}"))),
            }
        }
    }

    fn take(&mut self, message: Message) {
        let params = message.params;
        match message.method.as_str() {
            "onConfigure" => {
                let version = params.config.version.map(|version| ("playwright".to_owned(), version));
                self.summary.environment.extend(version);
            }
            "onProject" => {
                for (id, planned) in params.project.unwrap_or_default().into_tests() {
                    if self.planned.len() < MOST_TESTS {
                        self.planned.insert(id, planned);
                    }
                }
            }
            "onTestBegin" => self.begin(params),
            "onTestEnd" => self.end(params),
            "onStepBegin" => {
                if let Some(running) = self.running_of(&params) {
                    running.begin_step(params.step);
                }
            }
            "onStepEnd" => {
                if let Some(running) = self.running_of(&params) {
                    running.end_step(params.step);
                }
            }
            "onAttach" => {
                if let Some(running) = self.running_of(&params) {
                    running.run.attach(params.files, true);
                }
            }
            "onStdIO" => self.print(&params),
            "onError" => self.errors.extend(params.error.filter(|_| self.errors.len() < MOST_RUNS)),
            "onEnd" => {
                self.has_ended = true;
                self.summary.started_at = params.result.start.and_then(from_millis);
                self.summary.duration_ms = params.result.duration.and_then(plausible);
            }
            _ => {}
        }
    }

    fn running_of(&mut self, params: &Params) -> Option<&mut Running> {
        self.running.get_mut(params.result_id.as_deref()?)
    }

    fn begin(&mut self, params: Params) {
        let (Some(test), Some(id)) = (params.test_id, params.result.id) else { return };
        if self.running.len() >= MOST_RUNNING {
            return;
        }
        let started_at = params.result.start.and_then(from_millis);
        let run = Run { started_at, worker: params.result.worker, ..Run::default() };
        let retry = params.result.retry as u64;
        self.running.insert(id, Running { test, retry, run, steps: HashMap::new(), bytes: 0 });
    }

    fn print(&mut self, params: &Params) {
        let Some(running) = self.running_of(params) else { return };
        let text = if params.is_base64 { decoded(&params.data).unwrap_or_default() } else { params.data.clone() };
        running.bytes += text.len();
        let out = if params.kind == "stderr" { &mut running.run.stderr } else { &mut running.run.stdout };
        out.push(&text);
    }

    fn end(&mut self, params: Params) {
        let Some(mut running) = params.result.id.as_ref().and_then(|id| self.running.remove(id)) else { return };
        let result = params.result;
        (running.run.status, running.run.duration) = (result.status, result.duration);
        running.run.add_errors(result.errors);
        running.run.attach(result.files, true);
        running.run.annotations =
            if result.annotations.is_empty() { params.test.annotations } else { result.annotations };
        let planned = self.planned.get_mut(&running.test);
        let expected = params.test.expected.unwrap_or_else(|| "passed".to_owned());
        let is_over = running.run.is_as_expected(&expected)
            || planned.as_ref().is_none_or(|planned| running.retry >= planned.retries)
            || self.held > MOST_HELD;
        if let Some(planned) = planned {
            planned.test.expected = expected;
        }
        let runs = self.earlier.entry(running.test.clone()).or_default();
        if runs.len() < MOST_RUNS {
            self.held += running.bytes.min(256 * 1024) + 1024 + running.steps.len() * 100;
            runs.push(running.run);
        }
        if is_over {
            self.hand_out(&running.test);
        }
    }

    fn hand_out(&mut self, test: &str) {
        let runs = self.earlier.remove(test).unwrap_or_default();
        let mut unknown = Planned::unknown(test);
        let planned = self.planned.get_mut(test).unwrap_or(&mut unknown);
        let mut case = settle(&mut planned.test, runs);
        let mut suite = None;
        for name in &planned.path {
            suite = self.suites.named(suite, name);
        }
        case.suite = suite;
        self.suites.case(Box::new(case));
        if self.earlier.is_empty() {
            self.held = 0;
        }
    }

    fn finish(mut self, mut repairs: Repairs) -> Summary {
        let mut left: Vec<String> = self.running.keys().cloned().collect();
        left.sort();
        for id in left {
            let Some(mut running) = self.running.remove(&id) else { continue };
            "interrupted".clone_into(&mut running.run.status);
            self.earlier.entry(running.test).or_default().push(running.run);
        }
        let mut unsettled: Vec<String> = self.earlier.keys().cloned().collect();
        unsettled.sort();
        for test in unsettled {
            self.hand_out(&test);
        }
        if !self.errors.is_empty() {
            self.suites.begin(Suite { name: "outside of any test".to_owned(), ..Suite::default() });
            if let Some(end) = self.suites.current_end() {
                end.failures = std::mem::take(&mut self.errors).into_iter().map(Problem::into_failure).collect();
            }
            self.suites.end();
        }
        self.suites.finish();
        if !self.has_ended {
            repairs.note(None, "the run has no end");
        }
        let (repairs, n_repairs) = repairs.into_parts();
        Summary { is_truncated: !self.has_ended, repairs, n_repairs, ..self.summary }
    }
}

impl Running {
    fn begin_step(&mut self, step: Step) {
        let depth = step.parent.and_then(|parent| self.steps.get(&parent)).map_or(0, |(_, depth)| depth + 1);
        if self.steps.len() < MOST_RUNNING {
            let index = self.run.steps.open_at(depth, &step.title);
            self.steps.insert(step.id, (index, depth));
        }
    }

    fn end_step(&mut self, step: Step) {
        let Some((Some(index), _)) = self.steps.get(&step.id) else { return };
        let status = if step.error.is_some() { Status::Failed } else { Status::Passed };
        let message = step.error.map(|error| error.first_line()).unwrap_or_default();
        self.run.steps.close_at(*index, status, step.duration.and_then(plausible), &message);
    }
}
