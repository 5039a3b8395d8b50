//! The Files tab of a run: what came in, what became of it, and where it can be had.

use std::collections::HashMap;

use testward_wire::results::{FileOutcome, FileReceipt, Problem, Receipt};

use super::format::size;
use crate::ids::AttachmentId;
use crate::projects::Project;
use crate::results::Attachment;
use crate::web::layout::Mark;

pub struct FileRow {
    pub path: String,
    pub size: String,
    pub href: Option<String>,
    pub outcome: Mark,
    pub format: Option<String>,
    pub results: i64,
    pub problem: Option<String>,
    /// Why it is no report, and kept all the same.
    pub note: Option<String>,
    pub repairs: Vec<String>,
}

pub fn rows(receipts: &[Receipt], stored: &[Attachment], project: &Project) -> Vec<FileRow> {
    let stored: HashMap<&str, AttachmentId> = stored.iter().map(|it| (it.name.as_str(), it.id)).collect();
    let files = receipts.iter().flat_map(|receipt| &receipt.files);
    files.map(|file| row(file, stored.get(file.path.as_str()).copied(), project)).collect()
}

fn row(file: &FileReceipt, stored: Option<AttachmentId>, project: &Project) -> FileRow {
    let (problem, note) = match &file.problem {
        Some(problem) if file.outcome == FileOutcome::Kept => (None, Some(problem.message.clone())),
        problem => (problem.as_ref().map(|problem| located(&file.path, problem)), None),
    };
    FileRow {
        path: file.path.clone(),
        size: size(file.bytes),
        href: stored.map(|id| attachment_path(project, id)),
        outcome: outcome(file.outcome),
        format: file.format.clone(),
        results: file.results,
        problem,
        note,
        repairs: file.repairs.iter().map(|repair| located(&file.path, repair)).collect(),
    }
}

/// Returns the path under which a stored file is handed out.
pub fn attachment_path(project: &Project, id: AttachmentId) -> String {
    format!("/api/v1/projects/{}/attachments/{id}", project.id)
}

const fn outcome(outcome: FileOutcome) -> Mark {
    match outcome {
        FileOutcome::Waiting => Mark { key: "waiting", label: "Waiting" },
        FileOutcome::Read => Mark { key: "passed", label: "Read" },
        FileOutcome::Kept => Mark { key: "kept", label: "Kept" },
        FileOutcome::Refused => Mark { key: "failed", label: "Refused" },
    }
}

/// Writes a problem as compilers do: `path:line:column: problem`.
pub fn located(path: &str, problem: &Problem) -> String {
    let place = [problem.line, problem.column].into_iter().map_while(|it| it).map(|it| format!(":{it}"));
    format!("{path}{}: {}", place.collect::<String>(), problem.message)
}
