//! A run: one execution of a project's tests, whichever way its results came in.

use testward_wire::results::{Counts, RunView, Status};

use crate::ids::{PersonId, ProjectId, RunId};
use crate::projects::Project;
use crate::time::Millis;

#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub id: RunId,
    pub project_id: ProjectId,
    /// Counts the project's runs from 1.
    pub number: i64,
    pub name: String,
    /// `Running` until the run has ended or its upload was imported.
    pub status: Status,
    pub stage: RunStage,
    pub counts: Counts,
    pub duration_ms: Option<i64>,
    pub started_at: Option<Millis>,
    pub ended_at: Option<Millis>,
    /// Correlates live updates, jobs and uploads.
    pub session_id: Option<String>,
    pub build_label: Option<String>,
    pub build_url: Option<String>,
    pub branch: Option<String>,
    pub commit: Option<String>,
    pub tags: Vec<String>,
    /// Host, operating system, browser, profile and what else the producers said of the surroundings.
    pub environment: Vec<(String, String)>,
    pub person_id: PersonId,
    /// Handle of the key it came with; absent when a person uploaded it in the browser.
    pub key_handle: Option<String>,
    pub created_at: Millis,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStage {
    /// Live updates come in.
    Running,
    /// An upload of it is being received or read.
    Importing,
    Done,
    /// Nothing of what came could be read.
    Refused,
    /// Ended by silence rather than by word.
    Closed,
}

impl RunStage {
    /// Returns the name by which tables and pages know the stage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Importing => "importing",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Closed => "closed",
        }
    }

    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "running" => Self::Running,
            "importing" => Self::Importing,
            "refused" => Self::Refused,
            "closed" => Self::Closed,
            _ => Self::Done,
        }
    }
}

impl Run {
    /// Returns the path of the run's page.
    pub fn path(&self, project: &Project) -> String {
        run_path(project, self.number)
    }

    /// Whether nothing more is expected of it.
    pub fn has_ended(&self) -> bool {
        matches!(self.stage, RunStage::Done | RunStage::Refused | RunStage::Closed)
    }

    /// Shows the run to programs. `base_url` is where the server is reached.
    pub fn view(&self, base_url: &str, project: &Project) -> RunView {
        RunView {
            id: self.id.0,
            project: self.project_id.0,
            number: self.number,
            name: self.name.clone(),
            url: format!("{base_url}{}", self.path(project)),
            status: self.status,
            counts: self.counts,
            duration_ms: self.duration_ms,
            started_at: self.started_at.map(Millis::rfc3339),
            branch: self.branch.clone(),
            commit: self.commit.clone(),
            build_label: self.build_label.clone(),
            build_url: self.build_url.clone(),
            tags: self.tags.clone(),
        }
    }
}

/// Returns the path of the page of run `number`, as the official clients know it.
pub fn run_path(project: &Project, number: i64) -> String {
    format!("/team/{}/project/{}/executions/{number}", project.team_id, project.id)
}

/// Judges a run that has ended: one deciding failure fails it, and a report that broke off is never a pass.
pub fn judge(counts: &Counts, is_cut_off: bool) -> Status {
    if counts.failed + counts.error + counts.incomplete > 0 {
        Status::Failed
    } else if is_cut_off || counts.total == 0 {
        Status::Incomplete
    } else if counts.passed > 0 {
        Status::Passed
    } else {
        Status::Skipped
    }
}

/// Returns the name by which tables and the wire know a status.
pub const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Passed => "PASSED",
        Status::Failed => "FAILED",
        Status::Error => "ERROR",
        Status::Incomplete => "INCOMPLETE",
        Status::Skipped => "SKIPPED",
        Status::NotRun => "NOT_RUN",
        Status::Running => "RUNNING",
    }
}

/// Reads a status in either case; `None` for a word that is none.
pub fn status_from_name(name: &str) -> Option<Status> {
    Some(match name.to_ascii_uppercase().as_str() {
        "PASSED" => Status::Passed,
        "FAILED" => Status::Failed,
        "ERROR" => Status::Error,
        "INCOMPLETE" => Status::Incomplete,
        "SKIPPED" => Status::Skipped,
        "NOT_RUN" => Status::NotRun,
        "RUNNING" => Status::Running,
        _ => return None,
    })
}
