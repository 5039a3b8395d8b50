//! From a report's model to rows: names, identities, and the long parts as JSON.

use testward_reports as reports;
use testward_reports::{Case, Failure, Step, SuiteEnd, Text, Timestamp};
use testward_wire::results::{Problem, Status};

use crate::results::{AttemptDetail, Detail, FailureDetail, StepDetail, TextPart};
use crate::time::Millis;

/// Characters of the message in a list.
const MAX_MESSAGE: usize = 500;

pub const fn status(status: reports::Status) -> Status {
    match status {
        reports::Status::Passed => Status::Passed,
        reports::Status::Failed => Status::Failed,
        reports::Status::Error => Status::Error,
        reports::Status::Incomplete => Status::Incomplete,
        reports::Status::Skipped => Status::Skipped,
        reports::Status::NotRun => Status::NotRun,
    }
}

pub fn problem(problem: reports::Problem) -> Problem {
    Problem { line: problem.line, column: problem.column, message: problem.message }
}

/// Returns an instant, if the producer said in which zone; otherwise nobody knows it.
pub fn instant(timestamp: Option<Timestamp>) -> Option<Millis> {
    timestamp.filter(|it| it.has_zone).map(|it| Millis(it.millis))
}

/// Returns what a list says of a case: the first line of its first failure, or why it was skipped.
pub fn message(case: &Case) -> Option<String> {
    let from_failure = case.failures.iter().find_map(|failure| {
        let kind = failure.kind.as_deref().unwrap_or_default();
        [failure.message.as_str(), failure.stack.head.as_str(), kind].into_iter().find_map(first_line)
    });
    from_failure.or_else(|| case.skip_reason.as_deref().and_then(first_line))
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(MAX_MESSAGE).collect())
}

/// Takes the long parts out of a case.
pub fn detail(case: &mut Case) -> Detail {
    Detail {
        failures: failures(std::mem::take(&mut case.failures)),
        skip_reason: case.skip_reason.take(),
        earlier_attempts: std::mem::take(&mut case.earlier_attempts).into_iter().map(attempt).collect(),
        steps: std::mem::take(&mut case.steps).into_iter().map(step).collect(),
        parameters: std::mem::take(&mut case.parameters),
        properties: std::mem::take(&mut case.properties),
        description: case.description.take(),
        file: case.file.take(),
        line: case.line,
        local_start_ms: case.started_at.filter(|it| !it.has_zone).map(|it| it.millis),
        stdout: text(std::mem::take(&mut case.stdout)),
        stderr: text(std::mem::take(&mut case.stderr)),
    }
}

/// Takes the long parts out of a suite.
pub fn suite_detail(end: &mut SuiteEnd) -> Detail {
    Detail {
        failures: failures(std::mem::take(&mut end.failures)),
        properties: std::mem::take(&mut end.properties),
        stdout: text(std::mem::take(&mut end.stdout)),
        stderr: text(std::mem::take(&mut end.stderr)),
        ..Detail::default()
    }
}

/// Writes a detail as the tables keep it, when there is something to tell.
pub fn json(detail: &Detail) -> Option<String> {
    if detail.is_empty() {
        return None;
    }
    Some(serde_json::to_string(detail).expect("texts and numbers are always JSON"))
}

fn failures(failures: Vec<Failure>) -> Vec<FailureDetail> {
    let convert = |it: Failure| FailureDetail { kind: it.kind, message: it.message, stack: text(it.stack) };
    failures.into_iter().map(convert).collect()
}

fn attempt(attempt: reports::Attempt) -> AttemptDetail {
    AttemptDetail {
        status: status(attempt.status),
        duration_ms: attempt.duration_ms,
        failures: failures(attempt.failures),
        steps: attempt.steps.into_iter().map(step).collect(),
        stdout: text(attempt.stdout),
        stderr: text(attempt.stderr),
    }
}

fn step(step: Step) -> StepDetail {
    StepDetail {
        depth: step.depth,
        name: step.name,
        status: status(step.status),
        duration_ms: step.duration_ms,
        message: step.message,
    }
}

fn text(text: Text) -> TextPart {
    TextPart { head: text.head, tail: text.tail, omitted_bytes: text.omitted_bytes }
}
