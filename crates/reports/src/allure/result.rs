//! One result: an attempt of a test.

use serde::de::MapAccess;

use crate::allure::fixtures::Fixtures;
use crate::failures::from_texts;
use crate::json::{Each, Fields, List, Num, Object, Sink, Str};
use crate::report::{Case, Status, Timestamp};
use crate::steps::Steps;
use crate::text::attachment;
use crate::times::plausible;
use crate::timestamps::from_millis;

/// Labels that say where a result stands; they become its suites.
const SUITES: [&str; 3] = ["parentSuite", "suite", "subSuite"];
/// Files kept of one result.
const MOST: usize = 1000;

#[derive(Default)]
pub(super) struct Entry {
    uuid: String,
    name: Option<String>,
    full_name: Option<String>,
    description: Option<String>,
    status: String,
    details: Details,
    start: Option<f64>,
    stop: Option<f64>,
    labels: Vec<(String, String)>,
    links: Vec<Link>,
    parameters: Vec<(String, String)>,
    pub(super) body: Body,
}

/// Steps and files, which results and what surrounds them have alike.
#[derive(Default)]
pub(super) struct Body {
    pub(super) steps: Steps,
    pub(super) files: Vec<String>,
    open: Vec<OpenStep>,
}

#[derive(Default)]
struct OpenStep {
    name: String,
    status: String,
    details: Details,
    start: Option<f64>,
    stop: Option<f64>,
    parameters: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) message: Str,
    trace: Str,
    is_flaky: bool,
    is_known: bool,
    is_muted: bool,
}

#[derive(Debug, Default)]
struct Pair {
    name: String,
    value: String,
    is_hidden: bool,
}

#[derive(Debug, Default)]
struct Link {
    kind: Option<String>,
    name: Option<String>,
    url: Option<String>,
}

#[derive(Debug, Default)]
struct File(Option<String>);

impl Fields for Details {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let flag = |text: Str| text.0.as_deref() == Some("true");
        match key {
            "message" => self.message = map.next_value()?,
            "trace" => self.trace = map.next_value()?,
            "flaky" => self.is_flaky = flag(map.next_value()?),
            "known" => self.is_known = flag(map.next_value()?),
            "muted" => self.is_muted = flag(map.next_value()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Pair {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => self.name = map.next_value::<Str>()?.name().unwrap_or_default(),
            "value" => self.value = map.next_value::<Str>()?.text().head,
            // Secrets are masked by the producer, or meant not to be shown.
            "mode" => self.is_hidden = map.next_value::<Str>()?.0.as_deref() == Some("hidden"),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Link {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "type" => self.kind = map.next_value::<Str>()?.name(),
            "name" => self.name = map.next_value::<Str>()?.name(),
            "url" => self.url = map.next_value::<Str>()?.name(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for File {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "source" {
            self.0 = map.next_value::<Str>()?.filled();
        }
        Ok(key == "source")
    }
}

fn pairs<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<(String, String)>, A::Error> {
    let list = map.next_value::<List<Pair>>()?.0.into_iter();
    Ok(list.filter(|pair| !pair.is_hidden).map(|pair| (pair.name, pair.value)).collect())
}

impl Sink for Entry {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "uuid" => self.uuid = map.next_value::<Str>()?.0.unwrap_or_default(),
            "name" => self.name = map.next_value::<Str>()?.name(),
            "fullName" => self.full_name = map.next_value::<Str>()?.name(),
            "description" => self.description = map.next_value::<Str>()?.filled(),
            "status" => self.status = map.next_value::<Str>()?.0.unwrap_or_default(),
            "statusDetails" => self.details = map.next_value::<Object<Details>>()?.0.unwrap_or_default(),
            "start" => self.start = map.next_value::<Num>()?.0,
            "stop" => self.stop = map.next_value::<Num>()?.0,
            "labels" => self.labels = pairs(map)?,
            "links" => self.links = map.next_value::<List<Link>>()?.0,
            "parameters" => self.parameters = pairs(map)?,
            _ => return self.body.field(key, map),
        }
        Ok(true)
    }
}

impl Body {
    pub(super) fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "steps" => map.next_value_seed(Each(&mut StepList(self)))?,
            "attachments" => {
                let files = map.next_value::<List<File>>()?.0;
                let room = MOST.saturating_sub(self.files.len());
                self.files.extend(files.into_iter().filter_map(|file| file.0).take(room));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The steps of a result, or set-ups and tear-downs, which are told in the same way.
pub(super) struct StepList<'b>(pub(super) &'b mut Body);

impl Sink for StepList<'_> {
    fn begin(&mut self) {
        self.0.steps.begin("");
        self.0.open.push(OpenStep::default());
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let Some(open) = self.0.open.last_mut() else { return Ok(false) };
        match key {
            "name" => {
                open.name = map.next_value::<Str>()?.name().unwrap_or_default();
                let name = open.name.clone();
                self.0.steps.name(&name);
            }
            "status" => open.status = map.next_value::<Str>()?.0.unwrap_or_default(),
            "statusDetails" => open.details = map.next_value::<Object<Details>>()?.0.unwrap_or_default(),
            "start" => open.start = map.next_value::<Num>()?.0,
            "stop" => open.stop = map.next_value::<Num>()?.0,
            "parameters" => open.parameters = pairs(map)?,
            _ => return self.0.field(key, map),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let Some(open) = self.0.open.pop() else { return };
        let between = open.start.zip(open.stop).and_then(|(start, stop)| plausible(stop - start));
        let parameters = open.parameters.iter().map(|(name, value)| format!("{name} = {value}"));
        let said = open.details.message.text().head;
        let message: Vec<String> = Some(said).filter(|said| !said.is_empty()).into_iter().chain(parameters).collect();
        // A tear-down without a status is one that did nothing worth telling.
        let status = if open.status.is_empty() { Status::Passed } else { status(&open.status) };
        self.0.steps.end(status, between, Some(&message.join("\n")));
    }
}

fn status(word: &str) -> Status {
    match word {
        "passed" => Status::Passed,
        "failed" => Status::Failed,
        "broken" => Status::Error,
        "skipped" => Status::Skipped,
        _ => Status::Incomplete,
    }
}

impl Entry {
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn suites(&self) -> Vec<String> {
        SUITES.iter().filter_map(|name| self.label(name)).map(ToOwned::to_owned).collect()
    }

    pub(super) fn times(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.start.and_then(from_millis), self.stop.and_then(from_millis))
    }

    /// The class, or the full name without the name at its end.
    fn class_name(&self, name: &str) -> Option<String> {
        if let Some(class) = self.label("testClass") {
            return Some(class.to_owned());
        }
        let full = self.full_name.as_deref()?;
        let rest = full.strip_suffix(name).map(|rest| rest.trim_end_matches(['.', '#', ':', ' ', '/', '›', '>']));
        Some(rest.unwrap_or(full).to_owned()).filter(|class| !class.is_empty())
    }

    pub(super) fn into_case(self, fixtures: &Fixtures) -> Case {
        let status = status(&self.status);
        let name = self.name.clone().or_else(|| self.full_name.clone()).unwrap_or_default();
        let mut case = Case::new(name, status);
        case.class_name = self.class_name(&case.name);
        (case.started_at, _) = self.times();
        case.duration_ms = self.start.zip(self.stop).and_then(|(start, stop)| plausible(stop - start));
        case.description = self.description;
        let message = self.details.message.text();
        if status.is_failing() {
            case.failures.push(from_texts(None, &message, self.details.trace.text()));
        } else if status == Status::Skipped {
            case.skip_reason = Some(message.head).filter(|message| !message.is_empty());
        } else if !message.is_empty() {
            case.properties.push(("message".to_owned(), message.head));
        }
        let flags =
            [("flaky", self.details.is_flaky), ("known", self.details.is_known), ("muted", self.details.is_muted)];
        case.properties.extend(flags.iter().filter(|it| it.1).map(|it| (it.0.to_owned(), "true".to_owned())));
        let own = |(name, _): &(String, String)| !SUITES.contains(&name.as_str()) && name != "testClass";
        case.properties.extend(self.labels.into_iter().filter(own));
        case.properties.extend(self.links.into_iter().filter_map(|link| {
            let name = link.name.filter(|name| Some(name) != link.url.as_ref());
            let words: Vec<String> = name.into_iter().chain(link.url).collect();
            (!words.is_empty()).then(|| (link.kind.unwrap_or_else(|| "link".to_owned()), words.join(" ")))
        }));
        case.parameters = self.parameters;
        let (before, after) = fixtures.of(&self.uuid);
        for fixture in before {
            case.steps.extend(fixture.steps.iter().cloned());
            case.attachments.extend(fixture.files.iter().filter_map(|path| attachment(path)));
        }
        case.steps.extend(self.body.steps.into_list());
        case.attachments.extend(self.body.files.iter().filter_map(|path| attachment(path)));
        for fixture in after {
            case.steps.extend(fixture.steps.iter().cloned());
            case.attachments.extend(fixture.files.iter().filter_map(|path| attachment(path)));
        }
        case
    }
}
