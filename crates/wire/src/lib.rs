//! What server and client say to each other: JSON types, error codes and the format of an API key.
//!
//! No input or output happens here, so that the slim client and the server can share it.

pub mod audit;
pub mod credentials;
pub mod error;
pub mod inventory;
pub mod keys;
pub mod keytext;
pub mod policy;
pub mod notices;
pub mod results;
pub mod service;
pub mod trust;

pub use error::ErrorBody;
