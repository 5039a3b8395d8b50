//! Reads the JSON of Mochawesome, which Cypress writes too.

use serde::de::MapAccess;

use crate::failures::from_texts;
use crate::json::{Allowance, Each, Fields, Nested, Num, Object, Sink, Str, Texts, read_document};
use crate::repairs::Repairs;
use crate::report::{Case, Event, Files, ParseError, Status, Suite, Summary};
use crate::suites::Suites;
use crate::text::attachment;
use crate::times::plausible;
use crate::timestamps::timestamp;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let mut report = Report {
        suites: Suites::new(emit),
        summary: Summary { framework: Some("mocha".to_owned()), ..Summary::default() },
        n_read: 0,
        open: Vec::new(),
        test: Test::default(),
        is_hook: false,
        allowance: Allowance::default(),
    };
    let allowance = report.allowance.clone();
    let outcome = read_document(files, index, &allowance, &mut report, false)?;
    let Report { mut suites, mut summary, n_read, .. } = report;
    suites.finish();
    let mut repairs = Repairs::default();
    summary.is_truncated = outcome.note(files.path(index), n_read, &mut repairs)?;
    (summary.repairs, summary.n_repairs) = repairs.into_parts();
    Ok(summary)
}

struct Report<'e> {
    suites: Suites<'e>,
    summary: Summary,
    n_read: u64,
    open: Vec<Open>,
    test: Test,
    is_hook: bool,
    allowance: Allowance,
}

/// A suite of the file; it is announced when its first test comes.
#[derive(Default)]
struct Open {
    title: Option<String>,
    file: Option<String>,
    duration_ms: Option<f64>,
    is_announced: bool,
}

struct SuiteList<'r, 'e>(&'r mut Report<'e>);
struct TestList<'r, 'e>(&'r mut Report<'e>);

impl Sink for Report<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "stats" => {
                let stats = map.next_value::<Object<Stats>>()?.0.unwrap_or_default();
                self.n_read += 1;
                self.summary.started_at = stats.start.as_deref().and_then(timestamp);
                self.summary.ended_at = stats.end.as_deref().and_then(timestamp);
                self.summary.duration_ms = stats.duration.and_then(plausible);
            }
            "results" => map.next_value_seed(Each(&mut SuiteList(self)))?,
            "meta" => map.next_value_seed(Nested(&mut Meta(&mut self.summary)))?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
struct Stats {
    start: Option<String>,
    end: Option<String>,
    duration: Option<f64>,
}

impl Fields for Stats {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "start" => self.start = map.next_value::<Str>()?.0,
            "end" => self.end = map.next_value::<Str>()?.0,
            "duration" => self.duration = map.next_value::<Num>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Versions of the programs that wrote the report.
struct Meta<'s>(&'s mut Summary);

impl Sink for Meta<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        #[derive(Debug, Default)]
        struct Version(Option<String>);
        impl Fields for Version {
            fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
                if key == "version" {
                    self.0 = map.next_value::<Str>()?.name();
                }
                Ok(key == "version")
            }
        }
        let is_known = matches!(key, "mocha" | "mochawesome" | "marge");
        if is_known {
            let version = map.next_value::<Object<Version>>()?.0.unwrap_or_default().0;
            self.0.environment.extend(version.map(|version| (format!("{key} version"), version)));
        }
        Ok(is_known)
    }
}

impl Sink for SuiteList<'_, '_> {
    fn begin(&mut self) {
        self.0.open.push(Open::default());
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "tests" | "beforeHooks" | "afterHooks" => {
                self.0.is_hook = key != "tests";
                map.next_value_seed(Each(&mut TestList(self.0)))?;
            }
            "suites" => map.next_value_seed(Each(&mut SuiteList(self.0)))?,
            "title" => {
                let title = map.next_value::<Str>()?.name();
                self.0.innermost(|open| open.title = title);
            }
            "file" | "fullFile" => {
                let file = map.next_value::<Str>()?.name();
                self.0.innermost(|open| open.file = file.or(open.file.take()));
            }
            "duration" => {
                let millis = map.next_value::<Num>()?.0.and_then(plausible);
                self.0.innermost(|open| open.duration_ms = millis);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let Some(open) = self.0.open.pop() else { return };
        if open.is_announced {
            if let Some(end) = self.0.suites.current_end() {
                end.duration_ms = open.duration_ms;
            }
            self.0.suites.end();
        }
    }
}

impl Sink for TestList<'_, '_> {
    fn begin(&mut self) {
        self.0.test = Test::default();
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        self.0.test.field(key, map)
    }

    fn end(&mut self) {
        let test = std::mem::take(&mut self.0.test);
        self.0.take(test);
    }
}

impl Report<'_> {
    fn innermost(&mut self, change: impl FnOnce(&mut Open)) {
        if let Some(open) = self.open.last_mut() {
            change(open);
        }
    }

    /// The root of a file has no name and, mostly, no tests: only suites with a title are told.
    fn announce(&mut self) {
        let mut file = None;
        for open in &mut self.open {
            file = open.file.clone().or(file);
            let name = open.title.clone();
            if !open.is_announced
                && let Some(name) = name
            {
                open.is_announced = true;
                self.suites.begin(Suite { name, ..Suite::default() });
            }
        }
    }

    fn take(&mut self, test: Test) {
        self.allowance.reset();
        self.n_read += 1;
        let is_passed_hook = self.is_hook && !test.is_failed();
        if is_passed_hook {
            return;
        }
        self.announce();
        let file = self.open.iter().rev().find_map(|open| open.file.clone());
        let is_hook = self.is_hook;
        let mut case = test.into_case();
        case.file = file;
        if is_hook && let Some(end) = self.suites.current_end() {
            // What prepares tests is none, but that it failed fails the suite.
            for mut failure in case.failures {
                failure.message = format!("{}: {}", case.name, failure.message);
                end.failures.push(failure);
            }
            return;
        }
        self.suites.case_here(Box::new(case));
    }
}

#[derive(Debug, Default)]
struct Test {
    title: Option<String>,
    duration: Option<f64>,
    state: Option<String>,
    flags: [bool; 4],
    error: Problem,
    context: Option<Str>,
}

/// `err` of a test.
#[derive(Debug, Default)]
struct Problem {
    message: Str,
    stack: Str,
    diff: Str,
}

impl Fields for Problem {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "message" => self.message = map.next_value()?,
            "estack" | "stack" => self.stack = map.next_value()?,
            "diff" => self.diff = Str(Some(map.next_value::<Texts>()?.0.join("\n"))),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Test {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        const FLAGS: [&str; 4] = ["pass", "fail", "pending", "skipped"];
        match key {
            "title" => self.title = map.next_value::<Str>()?.name(),
            "duration" => self.duration = map.next_value::<Num>()?.0,
            "state" => self.state = map.next_value::<Str>()?.filled(),
            "err" => self.error = map.next_value::<Object<Problem>>()?.0.unwrap_or_default(),
            "context" => self.context = Some(map.next_value()?),
            _ => {
                let Some(at) = FLAGS.iter().position(|flag| *flag == key) else { return Ok(false) };
                self.flags[at] = map.next_value::<Str>()?.0.as_deref() == Some("true");
            }
        }
        Ok(true)
    }

    fn is_failed(&self) -> bool {
        self.flags[1] || self.state.as_deref() == Some("failed")
    }

    fn into_case(self) -> Case {
        let [is_passed, _, is_pending, is_skipped] = self.flags;
        let status = match self.state.as_deref() {
            Some("passed") => Status::Passed,
            Some("failed") => Status::Failed,
            Some("pending" | "skipped") => Status::Skipped,
            _ if self.is_failed() => Status::Failed,
            _ if is_passed => Status::Passed,
            // A test after a hook that failed; a test that is only planned is pending.
            _ if is_skipped => Status::NotRun,
            _ if is_pending => Status::Skipped,
            _ => Status::NotRun,
        };
        let mut case = Case::new(self.title.unwrap_or_default(), status);
        case.duration_ms = self.duration.and_then(plausible);
        if status.is_failing() {
            let mut failure = from_texts(None, &self.error.message.text(), self.error.stack.text());
            let diff = self.error.diff.text();
            if failure.stack.is_empty() {
                failure.stack = diff;
            } else if !diff.is_empty() {
                case.properties.push(("diff".to_owned(), diff.head));
            }
            case.failures.push(failure);
        }
        if let Some(context) = &self.context {
            add_context(&context.text().head, &mut case);
        }
        case
    }
}

/// What a test added to its report: text, a path, or JSON with a title and a value, one or several.
fn add_context(text: &str, case: &mut Case) {
    let value = serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::String(text.to_owned()));
    let list = match value {
        serde_json::Value::Array(list) => list,
        one => vec![one],
    };
    for item in list.into_iter().take(1000) {
        let title = item.get("title").and_then(|title| title.as_str()).unwrap_or("context").to_owned();
        let value = item.get("value").unwrap_or(&item);
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let is_file = !text.contains('\n')
            && !text.contains("://")
            && [".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp4", ".webm", ".log", ".txt", ".html"]
                .iter()
                .any(|end| text.to_ascii_lowercase().ends_with(end));
        if is_file {
            case.attachments.extend(attachment(&text));
        } else if !text.is_empty() {
            case.properties.push((title, text));
        }
    }
}
