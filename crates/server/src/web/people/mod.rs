//! Pages of people that touch what the index of keys knows of them, and of teams, which show projects. So they stand
//! above the domains.

pub mod member;
pub mod teams;

use crate::web::layout::Crumb;

fn members_crumb() -> Crumb {
    Crumb::new("Members", "/members")
}

fn teams_crumb() -> Crumb {
    Crumb::new("Teams", "/teams")
}
