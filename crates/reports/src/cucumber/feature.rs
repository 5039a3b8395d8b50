//! The list of features and their scenarios.

use serde::de::MapAccess;

use crate::cucumber::scenario::{Scenario, StepList};
use crate::json::{Allowance, Each, Num, Sink, Str, read_document};
use crate::repairs::Repairs;
use crate::report::{Case, Event, Files, ParseError, Step, Suite, Summary, Timestamp};
use crate::suites::Suites;

/// Bytes of cases kept until the name of their feature is known, which some write last.
const MOST_HELD: usize = 16 * 1024 * 1024;
/// Tags kept of one feature or scenario.
const MOST_TAGS: usize = 200;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let allowance = Allowance::default();
    let mut report = Report {
        suites: Suites::new(emit),
        feature: Feature::default(),
        scenario: Scenario::default(),
        background: Vec::new(),
        held: Vec::new(),
        held_bytes: 0,
        n_read: 0,
        allowance: allowance.clone(),
        repairs: Repairs::default(),
        started_at: None,
    };
    let outcome = read_document(files, index, &allowance, &mut report, true)?;
    let mut summary = Summary { framework: Some("cucumber".to_owned()), ..Summary::default() };
    summary.is_truncated = outcome.is_truncated;
    // A feature that was cut off is told with the scenarios that were whole.
    report.end_feature();
    let Report { mut suites, n_read, mut repairs, started_at, .. } = report;
    suites.finish();
    summary.started_at = started_at;
    outcome.note(files.path(index), n_read, &mut repairs)?;
    (summary.repairs, summary.n_repairs) = repairs.into_parts();
    Ok(summary)
}

struct Report<'e> {
    suites: Suites<'e>,
    feature: Feature,
    scenario: Scenario,
    /// Steps of the background that ran before the next scenario.
    background: Vec<Step>,
    held: Vec<Case>,
    held_bytes: usize,
    n_read: u64,
    allowance: Allowance,
    repairs: Repairs,
    started_at: Option<Timestamp>,
}

#[derive(Default)]
struct Feature {
    name: Option<String>,
    file: Option<String>,
    description: Option<String>,
    tags: Vec<String>,
    is_announced: bool,
}

/// Tags are objects with a name, or, as Behave writes them, names.
pub(super) fn tags<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<String>, A::Error> {
    #[derive(Default)]
    struct Either(Vec<String>);
    impl<'de> serde::Deserialize<'de> for Either {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let value = serde_json::Value::deserialize(deserializer)?;
            let name = |tag: &serde_json::Value| {
                let text = tag.as_str().or_else(|| tag.get("name").and_then(|name| name.as_str()));
                text.map(ToOwned::to_owned)
            };
            Ok(Self(
                value.as_array().map(|tags| tags.iter().filter_map(name).take(MOST_TAGS).collect()).unwrap_or_default(),
            ))
        }
    }
    Ok(map.next_value::<Either>()?.0)
}

struct Elements<'r, 'e>(&'r mut Report<'e>);

impl Sink for Report<'_> {
    fn begin(&mut self) {
        self.feature = Feature::default();
        self.background.clear();
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => self.feature.name = map.next_value::<Str>()?.name(),
            "uri" => self.feature.file = map.next_value::<Str>()?.name(),
            // `features/cart.feature:1`
            "location" => {
                let place = map.next_value::<Str>()?.name();
                let file = place.as_deref().and_then(|place| place.rsplit_once(':')).map(|(file, _)| file.to_owned());
                self.feature.file = self.feature.file.take().or(file);
            }
            "description" => self.feature.description = map.next_value::<Str>()?.filled(),
            "tags" => self.feature.tags = tags(map)?,
            "elements" => map.next_value_seed(Each(&mut Elements(self)))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        self.end_feature();
    }
}

impl Sink for Elements<'_, '_> {
    fn begin(&mut self) {
        self.0.scenario = Scenario::default();
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let scenario = &mut self.0.scenario;
        match key {
            "before" | "steps" | "after" => {
                scenario.hook = (key != "steps").then_some(if key == "before" { "Before" } else { "After" });
                map.next_value_seed(Each(&mut StepList(scenario)))?;
            }
            "name" => scenario.name = map.next_value::<Str>()?.name(),
            "keyword" => scenario.keyword = map.next_value::<Str>()?.name(),
            "type" => scenario.kind = map.next_value::<Str>()?.name(),
            "line" => scenario.line = map.next_value::<Num>()?.0,
            "location" => {
                let place = map.next_value::<Str>()?.name();
                let line = place.as_deref().and_then(|place| place.rsplit_once(':')).map(|(_, line)| line);
                scenario.line = line.and_then(|line| line.parse().ok());
            }
            "description" => scenario.description = map.next_value::<Str>()?.filled(),
            "status" => scenario.status = map.next_value::<Str>()?.filled(),
            "start_timestamp" => scenario.started_at = map.next_value::<Str>()?.filled(),
            "tags" => scenario.tags = tags(map)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let scenario = std::mem::take(&mut self.0.scenario);
        self.0.take(scenario);
    }
}

impl Report<'_> {
    fn take(&mut self, scenario: Scenario) {
        self.allowance.reset();
        if scenario.is_background() {
            self.background = scenario.into_steps();
            return;
        }
        self.n_read += 1;
        let case = scenario.into_case(std::mem::take(&mut self.background));
        self.started_at = self.started_at.into_iter().chain(case.started_at).min_by_key(|at| at.millis);
        self.held_bytes += case.weight();
        self.held.push(case);
        if self.feature.name.is_some() || self.held_bytes > MOST_HELD {
            self.release();
        }
    }

    fn release(&mut self) {
        self.held_bytes = 0;
        if !std::mem::replace(&mut self.feature.is_announced, true) {
            let name = self.feature.name.clone().or_else(|| self.feature.file.clone());
            if name.is_none() {
                self.repairs
                    .note(None, "a feature has no name before its scenarios, which are too many to wait for it");
            }
            self.suites.begin(Suite { name: name.unwrap_or_default(), ..Suite::default() });
        }
        for mut case in std::mem::take(&mut self.held) {
            case.file.clone_from(&self.feature.file);
            self.suites.case_here(Box::new(case));
        }
    }

    fn end_feature(&mut self) {
        if self.feature.is_announced || !self.held.is_empty() {
            self.release();
            if let Some(end) = self.suites.current_end() {
                end.properties.extend(self.feature.tags.drain(..).map(|tag| ("tag".to_owned(), tag)));
                end.properties.extend(self.feature.file.take().map(|file| ("file".to_owned(), file)));
                end.properties.extend(
                    self.feature.description.take().map(|text| ("description".to_owned(), text.trim().to_owned())),
                );
            }
            self.suites.end();
        }
        self.feature = Feature::default();
    }
}
