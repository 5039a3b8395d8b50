//! The one test binary: everything through the front door, one file a domain.

mod support;

mod compat;
mod keys;
mod people;
