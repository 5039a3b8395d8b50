//! One attempt of a test, and what its attempts come to.

use serde::de::MapAccess;

use crate::embedded::Embedding;
use crate::failures::from_texts;
use crate::json::{Fields, List, Num, Object, Str};
use crate::report::{Case, Failure, Status, Text, Timestamp};
use crate::steps::Steps;
use crate::text::{TextBuilder, attachment};
use crate::times::plausible;

/// Errors, files and annotations kept of one test, each.
const MOST: usize = 200;

#[derive(Default)]
pub(super) struct Run {
    pub(super) status: String,
    pub(super) duration: Option<f64>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) errors: Vec<Problem>,
    pub(super) steps: Steps,
    pub(super) stdout: TextBuilder,
    pub(super) stderr: TextBuilder,
    pub(super) paths: Vec<String>,
    pub(super) embedded: Vec<(String, String)>,
    pub(super) worker: Option<f64>,
    pub(super) annotations: Vec<Annotation>,
}

/// What is said of a test beside its attempts.
#[derive(Default)]
pub(super) struct Test {
    pub(super) title: String,
    pub(super) file: Option<String>,
    pub(super) line: Option<u64>,
    pub(super) tags: Vec<String>,
    pub(super) annotations: Vec<Annotation>,
    /// `passed`, or `failed` of a test that is known to.
    pub(super) expected: String,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Annotation {
    pub(super) kind: String,
    pub(super) description: Option<String>,
}

impl Fields for Annotation {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "type" => self.kind = map.next_value::<Str>()?.name().unwrap_or_default(),
            "description" => self.description = map.next_value::<Str>()?.filled(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) file: Option<String>,
    pub(super) line: Option<u64>,
}

impl Fields for Place {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "file" => self.file = map.next_value::<Str>()?.name(),
            "line" => self.line = map.next_value::<Num>()?.0.map(|line| line as u64),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
pub(super) struct Problem {
    message: Str,
    stack: Str,
    snippet: Str,
    value: Str,
    place: Place,
}

impl Fields for Problem {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "message" => self.message = map.next_value()?,
            "stack" => self.stack = map.next_value()?,
            "snippet" => self.snippet = map.next_value()?,
            // What was thrown, when it was no error.
            "value" => self.value = map.next_value()?,
            "location" => self.place = map.next_value::<Object<Place>>()?.0.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Problem {
    pub(super) fn into_failure(self) -> Failure {
        let message = if self.message.0.is_some() { self.message.text() } else { self.value.text() };
        let (snippet, stack) = (self.snippet.text().head, self.stack.text());
        let stack = if stack.is_empty() && !snippet.is_empty() {
            let place = self.place.file.map(|file| format!("\n\n    at {file}:{}", self.place.line.unwrap_or(0)));
            Text { head: snippet + &place.unwrap_or_default(), ..Text::default() }
        } else {
            stack
        };
        from_texts(None, &message, stack)
    }

    pub(super) fn first_line(&self) -> String {
        let text = self.message.text().head;
        text.lines().next().unwrap_or_default().to_owned()
    }
}

/// A file, by its path or as part of the report.
#[derive(Debug, Default)]
pub(super) struct File {
    name: Option<String>,
    mime: Option<String>,
    path: Option<String>,
    body: Option<String>,
}

impl Fields for File {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => self.name = map.next_value::<Str>()?.name(),
            "contentType" => self.mime = map.next_value::<Str>()?.name(),
            "path" => self.path = map.next_value::<Str>()?.filled(),
            "body" | "base64" => self.body = map.next_value::<Str>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Run {
    /// `is_within` when the paths are those of files in the blob.
    pub(super) fn attach(&mut self, files: List<File>, is_within: bool) {
        for file in files.0 {
            if self.paths.len() + self.embedded.len() >= MOST {
                return;
            }
            match file.path {
                Some(path) if !is_within => self.paths.push(path),
                Some(_) => {
                    let kind = file.mime.unwrap_or_else(|| "file".to_owned());
                    self.embedded.push((file.name.unwrap_or_default(), format!("{kind} within the report")));
                }
                None => {
                    let embedding = Embedding { mime: file.mime, name: file.name, data: file.body, is_plain: false };
                    embedding.tell(&mut self.stdout, &mut self.embedded);
                }
            }
        }
    }

    pub(super) fn add_errors(&mut self, errors: List<Problem>) {
        for error in errors.0 {
            if self.errors.len() < MOST {
                self.errors.push(error);
            }
        }
    }

    pub(super) fn is_as_expected(&self, expected: &str) -> bool {
        self.status == expected || self.status == "skipped"
    }

    fn into_case(self, test: &Test) -> Case {
        let expects_failure = test.expected == "failed";
        let status = match self.status.as_str() {
            "passed" if expects_failure => Status::Failed,
            "passed" => Status::Passed,
            "failed" if expects_failure => Status::Passed,
            "failed" | "timedOut" => Status::Failed,
            "skipped" => Status::Skipped,
            "interrupted" => Status::Incomplete,
            _ => Status::NotRun,
        };
        let mut case = Case::new(test.title.clone(), status);
        case.duration_ms = self.duration.and_then(plausible);
        case.started_at = self.started_at;
        let failures = self.errors.into_iter().map(Problem::into_failure);
        if status.is_failing() {
            case.failures = failures.collect();
            if case.failures.is_empty() {
                let message = match self.status.as_str() {
                    "passed" => "expected to fail, and passed",
                    "timedOut" => "timed out",
                    _ => "",
                };
                case.failures.push(Failure { message: message.to_owned(), ..Failure::default() });
            }
        } else {
            case.properties.extend(failures.map(|it| ("expected failure".to_owned(), it.message)));
        }
        case.steps = self.steps.into_list();
        case.stdout = self.stdout.finish();
        case.stderr = self.stderr.finish();
        case.attachments = self.paths.iter().filter_map(|path| attachment(path)).collect();
        case.properties.extend(self.embedded);
        case.properties.extend(self.worker.map(|worker| ("worker".to_owned(), worker.to_string())));
        case
    }
}

/// Makes one case of all attempts, the last of which decides.
pub(super) fn settle(test: &mut Test, mut runs: Vec<Run>) -> Case {
    if let Some(last) = runs.last_mut() {
        test.annotations.append(&mut last.annotations);
    }
    let mut cases: Vec<Case> = runs.into_iter().map(|run| run.into_case(test)).collect();
    let mut case = cases.pop().unwrap_or_else(|| Case::new(test.title.clone(), Status::NotRun));
    for earlier in cases {
        case.follows(earlier);
    }
    case.file.clone_from(&test.file);
    case.line = test.line;
    // The JSON reporter leaves the sign out, the blob does not.
    let tags = test.tags.iter().map(|tag| ("tag".to_owned(), tag.trim_start_matches('@').to_owned()));
    case.properties.extend(tags);
    // Those of the test stand with its result once more.
    let mut annotations = Vec::new();
    for annotation in std::mem::take(&mut test.annotations) {
        if !annotations.contains(&annotation) && annotations.len() < MOST {
            annotations.push(annotation);
        }
    }
    for Annotation { kind, description } in annotations {
        let is_reason = matches!(kind.as_str(), "skip" | "fixme") && case.status == Status::Skipped;
        if is_reason && case.skip_reason.is_none() {
            case.skip_reason = description.or(Some(kind));
        } else {
            case.properties.push((kind, description.unwrap_or_default()));
        }
    }
    case
}
