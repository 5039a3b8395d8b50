//! Reads JUnit XML in the dialects that real producers write.

mod case;
mod elements;
mod reader;
mod suite;

pub(crate) use case::status_named;
pub(crate) use reader::read;
