//! The official Katalon clients' API: their paths, numeric ids, camelCase and page envelope. No rules live here.
//!
//! The strictest client throws at a `null`, at a field it does not know and at a word outside its lists, and then loses
//! the upload in silence. So everything that is answered is a type in [`resource`] or [`page`].

mod body;
mod condition;
mod executions;
pub mod files;
pub mod live;
mod organizations;
mod page;
pub mod people;
pub mod reports;
mod resource;
pub mod search;
pub mod token;

pub use executions::{list as list_executions, read as read_execution};
pub use organizations::read as read_organization;

use serde::Serialize;

use crate::web::extract::Json;

/// What a client asks before anything else.
#[derive(Serialize)]
pub struct Info {
    profiles: Profiles,
}

#[derive(Serialize)]
struct Profiles {
    active: [&'static str; 1],
}

/// The agent asks for work only once it has seen a profile here; its name means nothing to it.
pub async fn info() -> Json<Info> {
    Json(Info { profiles: Profiles { active: ["default"] } })
}
