//! Joins Cucumber's messages: a scenario, its steps and its results come in lines of their own.

use std::collections::HashMap;

use crate::cucumber::envelope::{Attached, Envelope, Finished, Pickle, Started, StepFinished, TestCase};
use crate::cucumber::gherkin::{Document, Node};
use crate::cucumber::scenario::{status, worst};
use crate::embedded::Embedding;
use crate::failures::from_texts;
use crate::json::{Line, Lines};
use crate::repairs::Repairs;
use crate::report::{Case, Event, Failure, Files, ParseError, Problem, Status, Suite, Summary, Text};
use crate::steps::Steps;
use crate::suites::Suites;
use crate::text::{TextBuilder, attachment};
use crate::times::plausible;

/// Bytes of features and scenarios kept until they have run.
const MOST_HELD: usize = 128 * 1024 * 1024;
/// Scenarios that run at once.
const MOST_RUNNING: usize = 10_000;
/// Failures and files kept of one attempt, each; attempts of one scenario.
const MOST: usize = 200;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let fail = |line, message| ParseError {
        file: files.path(index).to_owned(),
        problem: Problem { line, column: None, message },
    };
    let input = files.open(index).map_err(|e| fail(None, format!("cannot be opened: {e}")))?;
    let mut lines = Lines::new(input);
    let mut reader = Reader::new(emit);
    let mut repairs = Repairs::default();
    let (mut n_texts, mut n_read) = (0_u64, 0_u64);
    loop {
        match lines.next::<Envelope>() {
            Ok(Some(Line::Json(envelope))) => {
                n_read += 1;
                reader.take(envelope, &mut repairs);
            }
            Ok(Some(Line::Text(_))) => n_texts += 1,
            Ok(Some(Line::Broken(message))) => {
                repairs.note(Some((lines.number, 1)), format!("this message is left out: {message}"));
            }
            Ok(None) => break,
            Err(e) => return Err(fail(Some(lines.number), format!("cannot be read on: {e}"))),
        }
        if reader.held_bytes > MOST_HELD {
            let message = format!("features and scenarios of more than {} MiB are not read", MOST_HELD >> 20);
            return Err(fail(Some(lines.number), message));
        }
    }
    if n_read == 0 {
        return Err(fail(Some(lines.number.max(1)), "holds no message of Cucumber".to_owned()));
    }
    if n_texts > 0 {
        repairs.note(None, format!("{n_texts} lines are no messages"));
    }
    Ok(reader.finish(repairs))
}

struct Reader<'e> {
    suites: Suites<'e>,
    summary: Summary,
    /// Suite of each feature, by its path.
    features: HashMap<String, Option<u32>>,
    nodes: HashMap<String, Node>,
    hooks: HashMap<String, String>,
    pickles: HashMap<String, Pickle>,
    test_cases: HashMap<String, TestCase>,
    running: HashMap<String, Running>,
    /// Attempts that will be made again, by test case.
    earlier: HashMap<String, Vec<Case>>,
    held_bytes: usize,
    has_finished: bool,
}

/// An attempt under way.
struct Running {
    started: Started,
    steps: Steps,
    statuses: Vec<Status>,
    failures: Vec<Failure>,
    output: TextBuilder,
    embedded: Vec<(String, String)>,
    paths: Vec<String>,
    skip_reason: Option<String>,
    will_be_retried: bool,
}

impl<'e> Reader<'e> {
    fn new(emit: &'e mut dyn FnMut(Event)) -> Self {
        Self {
            suites: Suites::new(emit),
            summary: Summary { framework: Some("cucumber".to_owned()), ..Summary::default() },
            features: HashMap::new(),
            nodes: HashMap::new(),
            hooks: HashMap::new(),
            pickles: HashMap::new(),
            test_cases: HashMap::new(),
            running: HashMap::new(),
            earlier: HashMap::new(),
            held_bytes: 0,
            has_finished: false,
        }
    }

    fn take(&mut self, envelope: Envelope, repairs: &mut Repairs) {
        match envelope {
            Envelope::Meta(meta) => self.summary.environment.extend(meta.0.into_iter().take(MOST)),
            Envelope::Document(document) => self.document(document),
            Envelope::Pickle(pickle) => {
                let steps =
                    pickle.steps.iter().map(|it| 150 + it.text.len() + it.argument.as_ref().map_or(0, String::len));
                self.held_bytes += 300 + pickle.name.len() + pickle.uri.len() + steps.sum::<usize>();
                self.pickles.insert(pickle.id.clone(), pickle);
            }
            Envelope::TestCase(case) => {
                self.held_bytes += 200 + case.steps.len() * 150;
                self.test_cases.insert(case.id.clone(), case);
            }
            Envelope::Hook(hook) => {
                let words = [hook.kind.as_deref().map(hook_kind), hook.name.as_deref()];
                let name = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
                self.held_bytes += 100 + name.len();
                self.hooks.insert(hook.id, if name.is_empty() { "Hook".to_owned() } else { name });
            }
            Envelope::RunStarted(at) => self.summary.started_at = at.instant(),
            Envelope::RunFinished(end) => {
                self.has_finished = true;
                self.summary.ended_at = end.at.instant();
                if let Some(message) = end.message {
                    repairs.note(None, format!("the run says: {}", &message[..message.floor_char_boundary(1000)]));
                }
            }
            Envelope::Started(started) => self.start(started),
            Envelope::StepFinished(step) => self.step(step),
            Envelope::Attached(file) => self.attach(file),
            Envelope::Finished(end) => self.end(&end),
            Envelope::ParseError(why) => {
                let why = why.0.unwrap_or_default();
                repairs.note(
                    None,
                    format!("Cucumber could not read a feature: {}", &why[..why.floor_char_boundary(1000)]),
                );
            }
            Envelope::Other => {}
        }
    }

    fn document(&mut self, mut document: Document) {
        for node in document.feature.nodes() {
            let row = node.row.iter().map(|(name, value)| name.len() + value.len() + 48).sum::<usize>();
            self.held_bytes += 250 + row + node.description.as_ref().map_or(0, String::len);
            self.nodes.insert(node.id.clone(), node);
        }
        let (Some(uri), feature) = (document.uri, document.feature) else { return };
        let name = feature.name.unwrap_or_else(|| uri.clone());
        let suite = self.suites.named_as(None, &uri, || Suite { name, ..Suite::default() });
        if let Some(end) = suite.and_then(|suite| self.suites.end_of(suite)) {
            let tags = feature.tags.into_iter().map(|tag| ("tag".to_owned(), tag));
            end.properties.extend(tags);
            end.properties.push(("file".to_owned(), uri.clone()));
            end.properties.extend(feature.description.map(|text| ("description".to_owned(), text.trim().to_owned())));
        }
        self.held_bytes += 200 + uri.len();
        self.features.insert(uri, suite);
    }

    fn start(&mut self, started: Started) {
        if self.running.len() >= MOST_RUNNING {
            return;
        }
        let running = Running {
            steps: Steps::default(),
            statuses: Vec::new(),
            failures: Vec::new(),
            output: TextBuilder::default(),
            embedded: Vec::new(),
            paths: Vec::new(),
            skip_reason: None,
            will_be_retried: false,
            started,
        };
        self.running.insert(running.started.id.clone(), running);
    }

    fn step(&mut self, step: StepFinished) {
        let Some(running) = self.running.get_mut(&step.attempt) else { return };
        let case = self.test_cases.get(&running.started.test_case);
        let planned = case.and_then(|case| case.steps.iter().find(|it| it.id == step.step));
        let pickle = case.and_then(|case| self.pickles.get(&case.pickle));
        let own = planned.and_then(|it| it.pickle_step.as_ref());
        let own = own.and_then(|id| pickle?.steps.iter().find(|it| it.id == *id));
        let keyword = own.and_then(|it| self.nodes.get(it.node.as_ref()?)).and_then(|node| node.keyword.as_deref());
        let name = match (own, planned.and_then(|it| it.hook.as_ref())) {
            (Some(own), _) => format!("{} {}", keyword.unwrap_or_default(), own.text),
            (None, Some(hook)) => self.hooks.get(hook).cloned().unwrap_or_else(|| "Hook".to_owned()),
            (None, None) => "step".to_owned(),
        };
        running.step(name.trim(), own.and_then(|own| own.argument.as_deref()), &step);
    }

    fn attach(&mut self, file: Attached) {
        let Some(running) = self.running.get_mut(&file.attempt) else { return };
        if let Some(url) = file.url.filter(|_| running.paths.len() < MOST) {
            running.paths.push(url);
            return;
        }
        let embedding = Embedding { mime: file.mime, name: file.name, data: file.body, is_plain: !file.is_base64 };
        // A log line is one by its type.
        let is_log = embedding.mime.as_deref().is_some_and(|mime| mime.starts_with("text/x.cucumber.log"));
        let embedding = if is_log { Embedding { name: None, ..embedding } } else { embedding };
        embedding.tell(&mut running.output, &mut running.embedded);
    }

    fn end(&mut self, end: &Finished) {
        let Some(running) = self.running.remove(&end.attempt) else { return };
        let (from, to) = (running.started.at.millis(), end.at.millis());
        let duration = from.zip(to).and_then(|(from, to)| plausible(((to - from) * 1e6).round() / 1e6));
        let is_retried = end.will_be_retried || running.will_be_retried;
        self.settle(running, duration, None, is_retried);
    }

    fn settle(&mut self, running: Running, duration_ms: Option<f64>, said: Option<Status>, is_retried: bool) {
        let id = running.started.test_case.clone();
        let mut case = self.case(running, said);
        case.duration_ms = duration_ms;
        if is_retried {
            self.held_bytes += case.weight();
            let attempts = self.earlier.entry(id).or_default();
            if attempts.len() < MOST {
                attempts.push(case);
            }
            return;
        }
        for earlier in self.earlier.remove(&id).unwrap_or_default() {
            case.follows(earlier);
        }
        self.suites.case(Box::new(case));
    }

    fn case(&mut self, running: Running, said: Option<Status>) -> Case {
        let planned = self.test_cases.get(&running.started.test_case);
        let pickle = planned.and_then(|it| self.pickles.get(&it.pickle));
        let of_steps = worst(running.statuses.iter().copied());
        let status = said.or(of_steps).unwrap_or(Status::NotRun);
        let mut case = Case::new(pickle.map(|it| it.name.clone()).unwrap_or_default(), status);
        let nodes: Vec<&Node> =
            pickle.into_iter().flat_map(|it| &it.nodes).filter_map(|id| self.nodes.get(id)).collect();
        case.line = nodes.iter().rev().find_map(|node| node.line);
        case.description = nodes.iter().find_map(|node| node.description.as_ref()).map(|text| text.trim().to_owned());
        case.parameters = nodes.iter().flat_map(|node| node.row.iter().cloned()).collect();
        let rule = nodes.iter().find_map(|node| node.rule.clone());
        if let Some(pickle) = pickle {
            case.file = Some(pickle.uri.clone()).filter(|uri| !uri.is_empty());
            case.properties = pickle.tags.iter().map(|tag| ("tag".to_owned(), tag.clone())).collect();
            case.suite = self.features.get(&pickle.uri).copied().flatten();
        }
        if let Some(rule) = rule {
            case.suite = self.suites.named(case.suite, &rule);
        }
        case.started_at = running.started.at.instant();
        case.properties.extend(running.started.worker.map(|worker| ("worker".to_owned(), worker)));
        case.properties.extend(running.embedded);
        case.attachments = running.paths.iter().filter_map(|path| attachment(path)).collect();
        case.failures = running.failures;
        case.skip_reason = running.skip_reason.filter(|_| matches!(status, Status::Skipped | Status::NotRun));
        case.steps = running.steps.into_list();
        case.stdout = running.output.finish();
        case
    }

    fn finish(mut self, mut repairs: Repairs) -> Summary {
        let mut left: Vec<String> = self.running.keys().cloned().collect();
        left.sort();
        for id in left {
            let Some(running) = self.running.remove(&id) else { continue };
            self.settle(running, None, Some(Status::Incomplete), false);
        }
        let mut unsettled: Vec<(String, Vec<Case>)> = self.earlier.drain().collect();
        unsettled.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, attempts) in unsettled {
            let mut attempts = attempts.into_iter().rev();
            let Some(mut case) = attempts.next() else { continue };
            attempts.rev().for_each(|earlier| case.follows(earlier));
            self.suites.case(Box::new(case));
        }
        self.suites.finish();
        let mut summary = self.summary;
        summary.is_truncated = !self.has_finished;
        if summary.is_truncated {
            repairs.note(None, "the run has no end");
        }
        let (from, to) = (summary.started_at, summary.ended_at);
        summary.duration_ms = from.zip(to).and_then(|(from, to)| plausible((to.millis - from.millis) as f64));
        (summary.repairs, summary.n_repairs) = repairs.into_parts();
        summary
    }
}

impl Running {
    fn step(&mut self, name: &str, argument: Option<&str>, step: &StepFinished) {
        let result = &step.result;
        self.will_be_retried |= result.will_be_retried;
        let status = status(&result.status);
        let first = result.exception.as_deref().or_else(|| result.message.head.lines().next()).unwrap_or_default();
        let words = [first, argument.unwrap_or_default()].join("\n");
        self.steps.push(name, status, result.duration.millis().and_then(plausible), Some(&words));
        if self.statuses.len() < MOST || status.is_failing() && self.statuses.len() < 2 * MOST {
            self.statuses.push(status);
        }
        if status.is_failing() && self.failures.len() < MOST {
            let message = if first.is_empty() {
                format!("{} step: {name}", result.status.to_lowercase())
            } else {
                first.to_owned()
            };
            let message = Text { head: message, ..Text::default() };
            self.failures.push(from_texts(result.kind.as_deref(), &message, result.message.clone()));
        } else if status == Status::Skipped && !first.is_empty() {
            self.skip_reason.get_or_insert_with(|| first.to_owned());
        }
    }
}

/// `BEFORE_TEST_CASE` as people write it.
fn hook_kind(kind: &str) -> &str {
    match kind {
        "BEFORE_TEST_CASE" => "Before",
        "AFTER_TEST_CASE" => "After",
        "BEFORE_TEST_STEP" => "BeforeStep",
        "AFTER_TEST_STEP" => "AfterStep",
        "BEFORE_TEST_RUN" => "BeforeAll",
        "AFTER_TEST_RUN" => "AfterAll",
        other => other,
    }
}
