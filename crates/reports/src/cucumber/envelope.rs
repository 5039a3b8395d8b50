//! The messages of Cucumber that matter here, one a line.

use serde::de::MapAccess;

use crate::cucumber::gherkin::{Document, Row, tag_names};
use crate::json::{Fields, List, Num, Object, Pairs, Str, Texts};
use crate::report::{Text, Timestamp};
use crate::timestamps::from_millis;

#[derive(Debug, Default)]
pub(super) enum Envelope {
    Meta(Meta),
    Document(Document),
    Pickle(Pickle),
    TestCase(TestCase),
    Hook(Hook),
    RunStarted(Moment),
    RunFinished(RunFinished),
    Started(Started),
    StepFinished(StepFinished),
    Attached(Attached),
    Finished(Finished),
    ParseError(Message),
    #[default]
    Other,
}

impl Fields for Envelope {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        *self = match key {
            "meta" => Self::Meta(object(map)?),
            "gherkinDocument" => Self::Document(object(map)?),
            "pickle" => Self::Pickle(object(map)?),
            "testCase" => Self::TestCase(object(map)?),
            "hook" => Self::Hook(object(map)?),
            "testRunStarted" => Self::RunStarted(object::<Started, A>(map)?.at),
            "testRunFinished" => Self::RunFinished(object(map)?),
            "testCaseStarted" => Self::Started(object(map)?),
            "testStepFinished" => Self::StepFinished(object(map)?),
            "attachment" => Self::Attached(object(map)?),
            "testCaseFinished" => Self::Finished(object(map)?),
            "parseError" => Self::ParseError(object(map)?),
            _ => return Ok(false),
        };
        Ok(true)
    }
}

fn object<'de, T: Fields, A: MapAccess<'de>>(map: &mut A) -> Result<T, A::Error> {
    Ok(map.next_value::<Object<T>>()?.0.unwrap_or_default())
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<String, A::Error> {
    Ok(map.next_value::<Str>()?.0.unwrap_or_default())
}

/// An instant or a duration: seconds and nanoseconds.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Moment {
    seconds: Option<f64>,
    nanos: f64,
}

impl Fields for Moment {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "seconds" => self.seconds = map.next_value::<Num>()?.0,
            "nanos" => self.nanos = map.next_value::<Num>()?.0.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Moment {
    pub(super) fn millis(self) -> Option<f64> {
        self.seconds.map(|seconds| seconds * 1000.0 + self.nanos / 1e6)
    }

    pub(super) fn instant(self) -> Option<Timestamp> {
        self.millis().and_then(from_millis)
    }
}

#[derive(Debug, Default)]
pub(super) struct Meta(pub(super) Vec<(String, String)>);

impl Fields for Meta {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let pairs: Vec<(String, String)> = match key {
            "implementation" | "runtime" | "os" | "cpu" | "ci" => object::<Pairs, A>(map)?.0,
            "protocolVersion" => vec![("protocolVersion".to_owned(), text(map)?)],
            _ => return Ok(false),
        };
        let prefix = if key == "protocolVersion" { String::new() } else { format!("{key}.") };
        self.0.extend(pairs.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)));
        Ok(true)
    }
}

#[derive(Debug, Default)]
pub(super) struct Pickle {
    pub(super) id: String,
    pub(super) uri: String,
    pub(super) name: String,
    pub(super) nodes: Vec<String>,
    pub(super) steps: Vec<PickleStep>,
    pub(super) tags: Vec<String>,
}

impl Fields for Pickle {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = text(map)?,
            "uri" => self.uri = text(map)?,
            "name" => self.name = map.next_value::<Str>()?.name().unwrap_or_default(),
            "astNodeIds" => self.nodes = map.next_value::<Texts>()?.0,
            "steps" => self.steps = map.next_value::<List<PickleStep>>()?.0,
            "tags" => self.tags = tag_names(map)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
pub(super) struct PickleStep {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) node: Option<String>,
    /// A table or a text, as lines.
    pub(super) argument: Option<String>,
}

impl Fields for PickleStep {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = text(map)?,
            "text" => self.text = map.next_value::<Str>()?.name().unwrap_or_default(),
            "astNodeIds" => self.node = map.next_value::<Texts>()?.0.into_iter().next(),
            "argument" => self.argument = object::<Argument, A>(map)?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
struct Argument(Option<String>);

#[derive(Debug, Default)]
struct Table(Vec<Row>);

#[derive(Debug, Default)]
struct DocString(Option<String>);

impl Fields for Argument {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "docString" => self.0 = object::<DocString, A>(map)?.0,
            "dataTable" => {
                let lines = object::<Table, A>(map)?.0.into_iter().take(200);
                let lines: Vec<String> = lines.map(|row| format!("| {} |", row.cells.join(" | "))).collect();
                self.0 = Some(lines.join("\n"));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Table {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "rows" {
            self.0 = map.next_value::<List<Row>>()?.0;
        }
        Ok(key == "rows")
    }
}

impl Fields for DocString {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "content" {
            self.0 = map.next_value::<Str>()?.filled();
        }
        Ok(key == "content")
    }
}

#[derive(Debug, Default)]
pub(super) struct TestCase {
    pub(super) id: String,
    pub(super) pickle: String,
    pub(super) steps: Vec<TestStep>,
}

#[derive(Debug, Default)]
pub(super) struct TestStep {
    pub(super) id: String,
    pub(super) pickle_step: Option<String>,
    pub(super) hook: Option<String>,
}

impl Fields for TestCase {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = text(map)?,
            "pickleId" => self.pickle = text(map)?,
            "testSteps" => self.steps = map.next_value::<List<TestStep>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for TestStep {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = text(map)?,
            "pickleStepId" => self.pickle_step = map.next_value::<Str>()?.filled(),
            "hookId" => self.hook = map.next_value::<Str>()?.filled(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
pub(super) struct Hook {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
}

impl Fields for Hook {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = text(map)?,
            "name" => self.name = map.next_value::<Str>()?.name(),
            "type" => self.kind = map.next_value::<Str>()?.name(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// An attempt of a test case begins.
#[derive(Debug, Default)]
pub(super) struct Started {
    pub(super) id: String,
    pub(super) test_case: String,
    pub(super) at: Moment,
    pub(super) worker: Option<String>,
}

impl Fields for Started {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = text(map)?,
            "testCaseId" => self.test_case = text(map)?,
            "timestamp" => self.at = object(map)?,
            "workerId" => self.worker = map.next_value::<Str>()?.name(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
pub(super) struct StepFinished {
    pub(super) attempt: String,
    pub(super) step: String,
    pub(super) result: StepResult,
}

#[derive(Debug, Default)]
pub(super) struct StepResult {
    pub(super) status: String,
    pub(super) duration: Moment,
    pub(super) message: Text,
    pub(super) kind: Option<String>,
    pub(super) exception: Option<String>,
    pub(super) will_be_retried: bool,
}

impl Fields for StepFinished {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "testCaseStartedId" => self.attempt = text(map)?,
            "testStepId" => self.step = text(map)?,
            "testStepResult" => self.result = object(map)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for StepResult {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "status" => self.status = text(map)?,
            "duration" => self.duration = object(map)?,
            "message" => self.message = map.next_value::<Str>()?.text(),
            "exception" => {
                let exception = object::<Exception, A>(map)?;
                (self.kind, self.exception) = (exception.kind, exception.message);
            }
            "willBeRetried" => self.will_be_retried = text(map)? == "true",
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
struct Exception {
    kind: Option<String>,
    message: Option<String>,
}

impl Fields for Exception {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "type" => self.kind = map.next_value::<Str>()?.filled(),
            "message" => self.message = map.next_value::<Str>()?.filled(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
pub(super) struct Attached {
    pub(super) attempt: String,
    pub(super) body: Option<String>,
    pub(super) is_base64: bool,
    pub(super) mime: Option<String>,
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
}

impl Fields for Attached {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "testCaseStartedId" => self.attempt = text(map)?,
            "body" => self.body = map.next_value::<Str>()?.0,
            "contentEncoding" => self.is_base64 = text(map)? == "BASE64",
            "mediaType" => self.mime = map.next_value::<Str>()?.name(),
            "fileName" => self.name = map.next_value::<Str>()?.name(),
            "url" => self.url = map.next_value::<Str>()?.filled(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
pub(super) struct Finished {
    pub(super) attempt: String,
    pub(super) at: Moment,
    pub(super) will_be_retried: bool,
}

impl Fields for Finished {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "testCaseStartedId" => self.attempt = text(map)?,
            "timestamp" => self.at = object(map)?,
            "willBeRetried" => self.will_be_retried = text(map)? == "true",
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
pub(super) struct RunFinished {
    pub(super) at: Moment,
    pub(super) message: Option<String>,
}

impl Fields for RunFinished {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "timestamp" => self.at = object(map)?,
            "message" => self.message = map.next_value::<Str>()?.filled(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Why a feature could not be read by Cucumber.
#[derive(Debug, Default)]
pub(super) struct Message(pub(super) Option<String>);

impl Fields for Message {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "message" {
            self.0 = map.next_value::<Str>()?.filled();
        }
        Ok(key == "message")
    }
}
