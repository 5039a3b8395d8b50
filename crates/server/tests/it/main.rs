//! The one test binary: everything through the front door, one file a domain.

mod support;

<<<<<<< HEAD
mod compat;
=======
mod ingest;
>>>>>>> ingest
mod keys;
mod people;
mod results;
