//! What may be asked for of a key.

use testward_wire::keys::Scope;
use testward_wire::keytext::Kind;

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::{Caller, Scopes};
use crate::ids::ProjectId;

const MAX_DESCRIPTION_LEN: usize = 1000;

pub(super) fn checked_description(text: Option<&str>) -> Result<Option<String>> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    match text {
        Some(text) if text.chars().count() > MAX_DESCRIPTION_LEN => {
            Err(Error::invalid("description", format!("must have at most {MAX_DESCRIPTION_LEN} characters")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

pub(super) fn checked_scopes(kind: Kind, scopes: Option<&[Scope]>) -> Result<Scopes> {
    match scopes {
        None => Ok(Scopes::EVERYTHING),
        Some([]) => Err(Error::invalid("scopes", "must name at least one thing the key may be used for")),
        Some(scopes) if kind != Kind::Service && scopes.contains(&Scope::KeysManage) => {
            Err(Error::invalid("scopes", "keys:manage is for keys of service accounts"))
        }
        Some(scopes) => Ok(scopes.iter().copied().collect()),
    }
}

pub(super) fn checked_projects(projects: Option<&[i64]>) -> Result<Option<Vec<ProjectId>>> {
    match projects {
        Some([]) => Err(Error::invalid("projects", "must name at least one project, or be left out for all of yours")),
        projects => Ok(projects.map(|ids| ids.iter().copied().map(ProjectId).collect())),
    }
}

pub(super) async fn require_own_projects(tx: &mut Tx, caller: &Caller, projects: &[i64]) -> Result<()> {
    let visible = crate::projects::list_ids(tx, caller).await?;
    match projects.iter().find(|id| !visible.contains(&ProjectId(**id))) {
        Some(id) => {
            Err(Error::invalid("projects", format!("names project {id}, which does not exist or is not yours")))
        }
        None => Ok(()),
    }
}
