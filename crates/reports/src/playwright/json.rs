//! The JSON reporter's document: files, suites, specs, a test for each project, and its results.

use serde::de::MapAccess;

use crate::json::{Allowance, Each, Fields, List, Nested, Num, Object, Pairs, Sink, Str, Texts, read_document};
use crate::playwright::run::{Annotation, File, Problem, Run, Test, settle};
use crate::repairs::Repairs;
use crate::report::{Case, Event, Files, ParseError, Status, Suite, Summary};
use crate::suites::Suites;
use crate::times::plausible;
use crate::timestamps::timestamp;

/// Tests of one spec and attempts of one test kept; a spec has one test for each project.
const MOST: usize = 200;

pub(super) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let allowance = Allowance::default();
    let mut report = Report {
        suites: Suites::new(emit),
        summary: Summary { framework: Some("playwright".to_owned()), ..Summary::default() },
        repairs: Repairs::default(),
        allowance: allowance.clone(),
        n_read: 0,
        titles: Vec::new(),
        spec: Spec::default(),
        test: TestEntry::default(),
        run: Run::default(),
        open_steps: Vec::new(),
        errors: Vec::new(),
    };
    let outcome = read_document(files, index, &allowance, &mut report, false)?;
    report.outside();
    let Report { mut suites, mut summary, mut repairs, n_read, .. } = report;
    suites.finish();
    summary.is_truncated = outcome.note(files.path(index), n_read, &mut repairs)?;
    (summary.repairs, summary.n_repairs) = repairs.into_parts();
    Ok(summary)
}

struct Report<'e> {
    suites: Suites<'e>,
    summary: Summary,
    repairs: Repairs,
    allowance: Allowance,
    n_read: u64,
    /// Titles of the open suites, the file first.
    titles: Vec<String>,
    spec: Spec,
    test: TestEntry,
    run: Run,
    /// Status, duration and message of each open step.
    open_steps: Vec<(Status, Option<f64>, Option<String>)>,
    errors: Vec<Problem>,
}

/// A spec whose place is told behind its tests.
#[derive(Default)]
struct Spec {
    title: String,
    file: Option<String>,
    line: Option<u64>,
    tags: Vec<String>,
    /// With the name of the project.
    cases: Vec<(Case, String)>,
}

#[derive(Default)]
struct TestEntry {
    test: Test,
    project: String,
    runs: Vec<Run>,
    status: Option<String>,
}

struct SuiteList<'r, 'e>(&'r mut Report<'e>);
struct SpecList<'r, 'e>(&'r mut Report<'e>);
struct TestList<'r, 'e>(&'r mut Report<'e>);
struct RunList<'r, 'e>(&'r mut Report<'e>);
struct StepList<'r, 'e>(&'r mut Report<'e>);
struct Config<'s>(&'s mut Summary);

impl Sink for Report<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "config" => {
                map.next_value_seed(Nested(&mut Config(&mut self.summary)))?;
                self.n_read += 1;
            }
            "suites" => map.next_value_seed(Each(&mut SuiteList(self)))?,
            "errors" => self.errors = map.next_value::<List<Problem>>()?.0,
            "stats" => {
                let stats = map.next_value::<Object<Stats>>()?.0.unwrap_or_default();
                self.summary.started_at = stats.started.as_deref().and_then(timestamp);
                self.summary.duration_ms = stats.duration.and_then(plausible);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
struct Stats {
    started: Option<String>,
    duration: Option<f64>,
}

impl Fields for Stats {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "startTime" => self.started = map.next_value::<Str>()?.0,
            "duration" => self.duration = map.next_value::<Num>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Sink for Config<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "version" => {
                let version = map.next_value::<Str>()?.name();
                self.0.environment.extend(version.map(|version| ("playwright".to_owned(), version)));
            }
            "metadata" => {
                let pairs = map.next_value::<Object<Pairs>>()?.0.unwrap_or_default();
                self.0.environment.extend(pairs.0.into_iter().take(MOST));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Sink for SuiteList<'_, '_> {
    fn begin(&mut self) {
        self.0.titles.push(String::new());
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "title" => {
                let title = map.next_value::<Str>()?.name().unwrap_or_default();
                if let Some(last) = self.0.titles.last_mut() {
                    *last = title;
                }
            }
            "specs" => map.next_value_seed(Each(&mut SpecList(self.0)))?,
            "suites" => map.next_value_seed(Each(&mut SuiteList(self.0)))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        self.0.titles.pop();
    }
}

impl Sink for SpecList<'_, '_> {
    fn begin(&mut self) {
        self.0.spec = Spec::default();
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let spec = &mut self.0.spec;
        match key {
            "title" => spec.title = map.next_value::<Str>()?.name().unwrap_or_default(),
            "file" => spec.file = map.next_value::<Str>()?.name(),
            "line" => spec.line = map.next_value::<Num>()?.0.map(|line| line as u64),
            "tags" => spec.tags = map.next_value::<Texts>()?.0,
            "tests" => map.next_value_seed(Each(&mut TestList(self.0)))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let spec = std::mem::take(&mut self.0.spec);
        self.0.take(spec);
    }
}

impl Sink for TestList<'_, '_> {
    fn begin(&mut self) {
        self.0.test = TestEntry::default();
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let entry = &mut self.0.test;
        match key {
            "annotations" => entry.test.annotations = map.next_value::<List<Annotation>>()?.0,
            "expectedStatus" => entry.test.expected = map.next_value::<Str>()?.0.unwrap_or_default(),
            "projectName" => entry.project = map.next_value::<Str>()?.name().unwrap_or_default(),
            "status" => entry.status = map.next_value::<Str>()?.0,
            "results" => map.next_value_seed(Each(&mut RunList(self.0)))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let TestEntry { mut test, project, runs, status } = std::mem::take(&mut self.0.test);
        test.title.clone_from(&self.0.spec.title);
        let mut case = settle(&mut test, runs);
        // A test that did not run has no result.
        if status.as_deref() == Some("skipped") {
            case.status = Status::Skipped;
            case.failures.clear();
        }
        if self.0.spec.cases.len() < MOST {
            self.0.spec.cases.push((case, project));
        }
    }
}

impl Sink for RunList<'_, '_> {
    fn begin(&mut self) {
        self.0.run = Run::default();
        self.0.open_steps.clear();
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let run = &mut self.0.run;
        match key {
            "status" => run.status = map.next_value::<Str>()?.0.unwrap_or_default(),
            "duration" => run.duration = map.next_value::<Num>()?.0,
            "startTime" => run.started_at = map.next_value::<Str>()?.0.as_deref().and_then(timestamp),
            "workerIndex" => run.worker = map.next_value::<Num>()?.0.filter(|worker| *worker >= 0.0),
            // The first of `errors` once more, with its stack apart from its message.
            "error" => {
                let error = map.next_value::<Object<Problem>>()?.0;
                run.errors.extend(error);
            }
            "errors" => {
                let mut errors = map.next_value::<List<Problem>>()?;
                if !run.errors.is_empty() && !errors.0.is_empty() {
                    errors.0.remove(0);
                }
                run.add_errors(errors);
            }
            "stdout" => map.next_value::<List<Output>>()?.0.iter().for_each(|it| run.stdout.push(&it.0)),
            "stderr" => map.next_value::<List<Output>>()?.0.iter().for_each(|it| run.stderr.push(&it.0)),
            "annotations" => run.annotations = map.next_value::<List<Annotation>>()?.0,
            "attachments" => {
                let files = map.next_value::<List<File>>()?;
                run.attach(files, false);
            }
            "steps" => map.next_value_seed(Each(&mut StepList(self.0)))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let run = std::mem::take(&mut self.0.run);
        if self.0.test.runs.len() < MOST {
            self.0.test.runs.push(run);
        }
    }
}

/// A piece of what a test printed.
#[derive(Debug, Default)]
struct Output(String);

impl Fields for Output {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "text" {
            self.0 = map.next_value::<Str>()?.0.unwrap_or_default();
        }
        Ok(key == "text")
    }
}

impl Sink for StepList<'_, '_> {
    fn begin(&mut self) {
        self.0.run.steps.begin("");
        self.0.open_steps.push((Status::Passed, None, None));
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "steps" {
            map.next_value_seed(Each(&mut StepList(self.0)))?;
            return Ok(true);
        }
        let Some(open) = self.0.open_steps.last_mut() else { return Ok(false) };
        match key {
            "title" => {
                let title = map.next_value::<Str>()?.name().unwrap_or_default();
                self.0.run.steps.name(&title);
            }
            "duration" => open.1 = map.next_value::<Num>()?.0.and_then(plausible),
            "error" => {
                let error = map.next_value::<Object<Problem>>()?.0;
                if let Some(error) = error {
                    *open = (Status::Failed, open.1, Some(error.first_line()));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let Some((status, millis, message)) = self.0.open_steps.pop() else { return };
        self.0.run.steps.end(status, millis, message.as_deref());
    }
}

impl Report<'_> {
    fn take(&mut self, spec: Spec) {
        self.allowance.reset();
        for (mut case, project) in spec.cases {
            self.n_read += 1;
            case.file.clone_from(&spec.file);
            case.line = spec.line;
            case.properties.extend(spec.tags.iter().map(|tag| ("tag".to_owned(), tag.clone())));
            let mut suite = if project.is_empty() { None } else { self.suites.named(None, &project) };
            for title in self.titles.iter().filter(|title| !title.is_empty()) {
                suite = self.suites.named(suite, title);
            }
            case.suite = suite;
            self.suites.case(Box::new(case));
        }
    }

    /// Errors of no test: a file that cannot be loaded, a broken global set-up.
    fn outside(&mut self) {
        let errors = std::mem::take(&mut self.errors);
        if errors.is_empty() {
            return;
        }
        self.suites.begin(Suite { name: "outside of any test".to_owned(), ..Suite::default() });
        if let Some(end) = self.suites.current_end() {
            end.failures = errors.into_iter().map(Problem::into_failure).collect();
        }
        self.suites.end();
    }
}
