//! The Testward server. Modules stand in the order in which they may use each other: a module uses those above it.

pub mod time;
pub mod random;
pub mod rate;
pub mod error;
pub mod net;
pub mod panics;
pub mod outbound;
pub mod config;
pub mod db;
pub mod ids;
pub mod blobs;
pub mod rights;
pub mod gate;
pub mod work;
pub mod oidc;
pub mod identity;
pub mod projects;
pub mod keys;
pub mod trust;
pub mod results;
pub mod ingest;
pub mod app;
pub mod doctor;
pub mod admin;
pub mod compat;
pub mod web;
