//! The one test binary: everything through the front door, one file a domain.

mod support;

mod attacks;
mod audit;
mod backup;
mod compat;
mod connections;
mod doors;
mod faults;
mod governance;
mod ingest;
mod keys;
mod layers;
mod openapi;
mod leaks;
mod notices;
mod outbound;
mod pages;
mod organization;
mod people;
mod policy;
mod receipts;
mod results;
mod scim;
mod signin;
mod work;
mod trust;
