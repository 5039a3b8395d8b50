//! Reads the JSON of Cucumber in its many languages and of Behave, and Cucumber's messages.

mod envelope;
mod feature;
mod gherkin;
mod messages;
mod scenario;

pub(crate) use feature::read;
pub(crate) use messages::read as read_messages;
