//! Reads what `go test -json` prints.

mod event;
mod package;
mod reader;

pub(crate) use reader::read;
