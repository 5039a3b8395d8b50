//! Reads TAP, versions 12 to 14: test points, subtests, YAML blocks and what else stands between them.

mod lines;
mod pending;
mod reader;
mod yaml;

pub(crate) use lines::is_tap;
pub(crate) use reader::read;
