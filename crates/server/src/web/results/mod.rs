//! The pages of projects and runs. They stand here, not in one domain, because each shows several: a run with its
//! results, the receipts of its files, and who uploaded it with which key.

mod files;
mod format;
mod parts;
pub mod projects;
pub mod result;
pub mod run;
pub mod runs;
pub mod settings;
mod suites;
pub mod upload;

use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::{ProjectId, TeamId};
use crate::projects::{self as domain, Project};
use crate::web::layout::{Chrome, Crumb};

/// A project as the pages below it show it.
pub struct ProjectHead {
    pub name: String,
    pub team: String,
    pub upload_href: String,
    pub runs_href: String,
    pub settings_href: String,
}

/// A fact with its name.
pub struct Pair {
    pub name: String,
    pub value: String,
}

impl ProjectHead {
    fn new(project: &Project) -> Self {
        Self {
            name: project.name.clone(),
            team: project.team_name.clone(),
            upload_href: format!("/team/{}/project/{}/upload", project.team_id, project.id),
            runs_href: project.path(),
            settings_href: project.settings_path(),
        }
    }
}

/// Opens the project that an address names. The team in it may be one that the project has left: official clients print
/// such addresses, and build logs keep them.
async fn open(tx: &mut Tx, caller: &Caller, _: TeamId, id: ProjectId) -> Result<Project> {
    domain::open(tx, caller, id).await
}

async fn chrome(tx: &mut Tx, caller: &Caller, project: &Project, more: Vec<Crumb>) -> Result<Chrome> {
    let mut crumbs = vec![Crumb::new(project.name.clone(), project.path())];
    crumbs.extend(more);
    Chrome::of(tx, caller, crumbs).await
}
