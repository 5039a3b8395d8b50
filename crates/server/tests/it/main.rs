//! The one test binary: everything through the front door, one file a domain.

mod support;

mod compat;
mod ingest;
mod keys;
mod people;
mod results;
