//! One entry of `results.json`, with the oddities of the reporters that write it.

use serde::de::MapAccess;

use crate::failures::from_texts;
use crate::json::{Fields, List, Num, Object, Pairs, Str, restored};
use crate::junit::status_named;
use crate::report::{Case, Failure, Status};
use crate::text::attachment;
use crate::times::plausible;
use crate::timestamps::from_millis;

#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) suite_uuid: Option<String>,
    pub(super) suite_name: Option<String>,
    name: Option<String>,
    status: Option<String>,
    start: Option<f64>,
    stop: Option<f64>,
    duration: Option<f64>,
    problems: Vec<Problem>,
    own_message: Option<String>,
    own_stack: Option<String>,
    description: Option<String>,
    parameters: Vec<(String, String)>,
    properties: Vec<(String, String)>,
    attachments: Vec<Path>,
}

/// An entry of `errors` or `failures`.
#[derive(Debug, Default)]
struct Problem {
    message: Option<String>,
    stack: Option<String>,
}

#[derive(Debug, Default)]
struct Path(Option<String>);

impl Fields for Entry {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "parentUuid" => self.suite_uuid = map.next_value::<Str>()?.filled(),
            "suiteName" => self.suite_name = map.next_value::<Str>()?.filled(),
            "name" => self.name = map.next_value::<Str>()?.filled(),
            "status" => self.status = map.next_value::<Str>()?.filled(),
            "start" => self.start = map.next_value::<Num>()?.0,
            "stop" => self.stop = map.next_value::<Num>()?.0,
            "duration" => self.duration = map.next_value::<Num>()?.0,
            "errors" | "failures" => self.problems.extend(map.next_value::<List<Problem>>()?.0),
            "errorMessage" => self.own_message = map.next_value::<Str>()?.filled(),
            "stackTrace" => self.own_stack = map.next_value::<Str>()?.filled(),
            "description" => self.description = map.next_value::<Str>()?.filled(),
            "parameter" | "parameters" => {
                self.parameters.extend(map.next_value::<Object<Pairs>>()?.0.unwrap_or_default().0);
            }
            "thread" | "host" => {
                let value = map.next_value::<Str>()?.filled();
                self.properties.extend(value.map(|value| (key.to_owned(), value)));
            }
            "attachments" => self.attachments = map.next_value::<List<Path>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Problem {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "message" => self.message = map.next_value::<Str>()?.filled(),
            "stackTrace" | "stacktrace" => self.stack = map.next_value::<Str>()?.filled(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Path {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "path" {
            self.0 = map.next_value::<Str>()?.filled();
        }
        Ok(key == "path")
    }
}

impl Entry {
    /// The status as written, if it is none that is known.
    pub(super) fn unknown_status(&self) -> Option<&str> {
        self.status.as_deref().filter(|status| status_named(status).is_none())
    }

    pub(super) fn is_nameless(&self) -> bool {
        self.name.is_none()
    }

    pub(super) fn into_case(self, suite: Option<u32>) -> Box<Case> {
        let mut problems = self.problems;
        if self.own_message.is_some() || self.own_stack.is_some() {
            problems.push(Problem { message: self.own_message, stack: self.own_stack });
        }
        // Robot writes an empty error for every test that passed.
        problems.retain(|problem| problem.message.is_some() || problem.stack.is_some());
        let said = self.status.as_deref().and_then(status_named);
        let status = said.unwrap_or(if problems.is_empty() { Status::Incomplete } else { Status::Failed });
        let mut failures: Vec<Failure> = problems.into_iter().map(Problem::into_failure).collect();
        let is_skipped = matches!(status, Status::Skipped | Status::NotRun);
        // pytest writes the reason of a skip as an error.
        let skip_reason = is_skipped.then(|| failures.drain(..).next().map(|failure| failure.message)).flatten();
        let measured = self.start.zip(self.stop).map(|(start, stop)| stop - start);
        let mut case = Box::new(Case::new(self.name.unwrap_or_default(), status));
        case.suite = suite;
        case.duration_ms = self.duration.or(measured).and_then(plausible);
        case.started_at = self.start.and_then(from_millis);
        (case.failures, case.skip_reason) = (failures, skip_reason);
        (case.parameters, case.properties) = (self.parameters, self.properties);
        case.description = self.description.map(|text| restored(&text).head);
        case.attachments = self.attachments.iter().filter_map(|path| attachment(path.0.as_deref()?)).collect();
        case
    }
}

impl Problem {
    fn into_failure(self) -> Failure {
        let stack = self.stack.as_deref().map(restored).unwrap_or_default();
        let message = self.message.as_deref().map(restored).unwrap_or_default();
        from_texts(None, &message, stack)
    }
}
