//! One scenario with its steps and hooks.

use serde::de::MapAccess;

use crate::embedded::Embedding;
use crate::failures::failure;
use crate::json::{Fields, List, Object, Sink, Str, Texts};
use crate::report::{Case, Failure, Status, Step};
use crate::steps::Steps;
use crate::text::{TextBuilder, clip};
use crate::times::plausible;
use crate::timestamps::timestamp;

/// Failures, embeddings and rows kept of one scenario, each.
const MOST: usize = 200;

#[derive(Default)]
pub(super) struct Scenario {
    pub(super) name: Option<String>,
    pub(super) keyword: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) line: Option<f64>,
    pub(super) description: Option<String>,
    pub(super) status: Option<String>,
    pub(super) started_at: Option<String>,
    pub(super) tags: Vec<String>,
    /// What the hooks being read are called.
    pub(super) hook: Option<&'static str>,
    step: StepEntry,
    steps: Steps,
    statuses: Vec<Status>,
    failures: Vec<Failure>,
    output: TextBuilder,
    embedded: Vec<(String, String)>,
    /// As written: nanoseconds, or seconds if Behave wrote it.
    duration: f64,
    has_results: bool,
    is_behave: bool,
    skip_reason: Option<String>,
}

#[derive(Default)]
struct StepEntry {
    keyword: Option<String>,
    name: Option<String>,
    location: Option<String>,
    result: StepResult,
    words: Vec<String>,
    embeddings: Vec<Embedding>,
    output: Vec<String>,
    is_behave: bool,
}

#[derive(Debug, Default)]
struct StepResult {
    status: Option<String>,
    duration: Option<f64>,
    message: Str,
}

impl Fields for StepResult {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "status" => self.status = map.next_value::<Str>()?.filled(),
            "duration" => {
                let text = map.next_value::<Str>()?.0;
                self.duration = text.and_then(|text| text.trim().parse().ok());
            }
            // Behave writes a list of lines.
            "error_message" => self.message = Str(Some(map.next_value::<Texts>()?.0.join("\n"))),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
struct Match(Option<String>);

impl Fields for Match {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "location" {
            self.0 = map.next_value::<Str>()?.name();
        }
        Ok(key == "location")
    }
}

#[derive(Debug, Default)]
struct Row(Vec<String>);

impl Fields for Row {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "cells" {
            self.0 = map.next_value::<Texts>()?.0;
        }
        Ok(key == "cells")
    }
}

#[derive(Debug, Default)]
struct DocString(Option<String>);

impl Fields for DocString {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let is_text = matches!(key, "value" | "content");
        if is_text {
            self.0 = map.next_value::<Str>()?.filled();
        }
        Ok(is_text)
    }
}

/// The steps of a scenario, or its hooks.
pub(super) struct StepList<'s>(pub(super) &'s mut Scenario);

impl Sink for StepList<'_> {
    fn begin(&mut self) {
        self.0.step = StepEntry::default();
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let step = &mut self.0.step;
        match key {
            "keyword" => step.keyword = map.next_value::<Str>()?.name(),
            "name" => step.name = map.next_value::<Str>()?.name(),
            "result" => step.result = map.next_value::<Object<StepResult>>()?.0.unwrap_or_default(),
            "match" => step.location = map.next_value::<Object<Match>>()?.0.unwrap_or_default().0,
            "embeddings" => step.embeddings = map.next_value::<List<Embedding>>()?.0,
            "output" => step.output = map.next_value::<Texts>()?.0,
            "rows" => {
                let rows = map.next_value::<List<Row>>()?.0;
                step.words.extend(rows.into_iter().take(MOST).map(|row| format!("| {} |", row.0.join(" | "))));
            }
            "doc_string" => step.words.extend(map.next_value::<Object<DocString>>()?.0.unwrap_or_default().0),
            "step_type" => {
                step.is_behave = map.next_value::<Str>()?.0.is_some();
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self) {
        let step = std::mem::take(&mut self.0.step);
        self.0.take_step(step);
    }
}

impl Scenario {
    fn take_step(&mut self, step: StepEntry) {
        self.is_behave |= step.is_behave;
        let said = step.result.status.as_deref();
        self.has_results |= said.is_some();
        let status = said.map_or(Status::NotRun, status);
        let keyword = step.keyword.as_deref().unwrap_or_default().trim();
        let name = match (self.hook, step.name.as_deref()) {
            (Some(hook), _) => format!("{hook} {}", step.location.as_deref().unwrap_or_default()),
            (None, Some(name)) => format!("{keyword} {name}"),
            (None, None) => format!("{keyword} {}", step.location.as_deref().unwrap_or_default()),
        };
        let name = name.trim();
        let raw = step.result.duration.unwrap_or_default();
        self.duration += raw;
        // Behave counts seconds, the others nanoseconds.
        let millis = if step.is_behave { raw * 1000.0 } else { raw / 1_000_000.0 };
        let message = step.result.message.text();
        let said_words = step.words.join("\n");
        let first = message.head.lines().next().unwrap_or_default();
        let words = if first.is_empty() { said_words } else { format!("{first}\n{said_words}") };
        self.steps.push(name, status, step.result.duration.and(plausible(millis)), Some(&words));
        for text in &step.output {
            self.output.push(text);
            self.output.push("\n");
        }
        for embedding in step.embeddings {
            embedding.tell(&mut self.output, &mut self.embedded);
        }
        if status.is_failing() && self.failures.len() < MOST {
            let mut stack = TextBuilder::default();
            stack.push(&message.head);
            stack.push(&message.tail);
            let said = match said {
                Some(word @ ("undefined" | "pending" | "ambiguous" | "untested")) if first.is_empty() => {
                    format!("{word} step: {name}")
                }
                _ => first.to_owned(),
            };
            let mut failure = failure(None, &said, stack);
            if failure.message.is_empty() {
                failure.message = format!("failed step: {name}");
            }
            self.failures.push(failure);
        } else if status == Status::Skipped && !first.is_empty() {
            self.skip_reason.get_or_insert_with(|| first.to_owned());
        }
        if self.statuses.len() < MOST || status.is_failing() && self.statuses.len() < 2 * MOST {
            self.statuses.push(status);
        }
    }

    pub(super) fn is_background(&self) -> bool {
        self.kind.as_deref() == Some("background") || self.keyword.as_deref() == Some("Background")
    }

    /// The steps of a background, if they tell of one run.
    pub(super) fn into_steps(self) -> Vec<Step> {
        if self.has_results { self.steps.into_list() } else { Vec::new() }
    }

    pub(super) fn into_case(self, background: Vec<Step>) -> Case {
        let in_background = background.iter().map(|step| step.status);
        let of_steps = worst(in_background.chain(self.statuses.iter().copied()));
        let said = self.status.as_deref().map(status);
        let mut case = Case::new(self.name.unwrap_or_default(), said.or(of_steps).unwrap_or(Status::NotRun));
        let raw = self.duration;
        let is_behave = self.is_behave || self.status.is_some();
        let millis = if is_behave { raw * 1000.0 } else { raw / 1_000_000.0 };
        let of_background: f64 = background.iter().filter_map(|step| step.duration_ms).sum();
        case.duration_ms = self.has_results.then(|| plausible(millis + of_background)).flatten();
        case.line = self.line.map(|line| line as u64);
        case.started_at = self.started_at.as_deref().and_then(timestamp);
        case.description = self.description.map(|text| text.trim().to_owned());
        case.failures = self.failures;
        if case.status.is_failing() && case.failures.is_empty() {
            let failed = background.iter().find(|step| step.status.is_failing());
            let message = failed.and_then(|step| step.message.clone()).unwrap_or_default();
            case.failures.push(failure(None, &message, TextBuilder::default()));
        }
        if matches!(case.status, Status::Skipped | Status::NotRun) {
            case.skip_reason = self.skip_reason;
        }
        case.steps = background.into_iter().chain(self.steps.into_list()).collect();
        case.properties = self
            .tags
            .into_iter()
            .map(|mut tag| {
                clip(&mut tag, 1000);
                ("tag".to_owned(), tag)
            })
            .chain(self.embedded)
            .collect();
        case.stdout = self.output.finish();
        case
    }
}

/// What a scenario came to by what its steps did. What is not defined or pending fails, as Cucumber itself has it.
pub(crate) fn worst(statuses: impl Iterator<Item = Status>) -> Option<Status> {
    let weight = |status: &Status| match status {
        Status::Error => 6,
        Status::Failed => 5,
        Status::Incomplete => 4,
        Status::Skipped => 3,
        Status::NotRun => 2,
        Status::Passed => 1,
    };
    let mut all: Vec<Status> = statuses.collect();
    all.sort_by_key(weight);
    all.pop()
}

/// A word of Cucumber or Behave for what a step did.
pub(crate) fn status(word: &str) -> Status {
    match word.to_ascii_lowercase().as_str() {
        "passed" => Status::Passed,
        "failed" | "undefined" | "pending" | "pending_warn" | "hook_error" | "cleanup_error" => Status::Failed,
        "ambiguous" | "error" => Status::Error,
        "skipped" => Status::Skipped,
        "untested" | "unused" | "unknown" => Status::NotRun,
        _ => Status::Incomplete,
    }
}
