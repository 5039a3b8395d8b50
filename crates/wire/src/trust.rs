//! Trusted upload: issuers of identity tokens, the rules for exchanging one, and the exchange itself.

use serde::{Deserialize, Serialize};

use crate::keys::Scope;

/// `grant_type` of an exchange (RFC 8693, 2.1).
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// `subject_token_type`: an OpenID Connect ID token, which is what CI systems hand out (RFC 8693, 3).
pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// The same token, called by its form.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// `issued_token_type` of the answer.
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Answers an exchange: a key for some minutes (RFC 8693, 2.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExchangedKey {
    /// The whole key: a secret.
    pub access_token: String,
    pub issued_token_type: String,
    pub token_type: String,
    /// Seconds.
    pub expires_in: i64,
    /// Scopes, separated by blanks.
    pub scope: String,
    /// Public part of the key.
    pub handle: String,
    /// Name of the rule that granted it.
    pub rule: String,
}

/// Asks to trust an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewIssuer {
    pub name: String,
    /// The `iss` of its tokens, to the letter.
    pub issuer: String,
    /// The `aud` its tokens must have; absent means this server's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Where its keys are; absent means found by discovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
}

/// A trusted issuer with its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IssuerView {
    pub id: i64,
    pub name: String,
    pub issuer: String,
    pub audience: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// RFC 3339, UTC; so are all instants here.
    pub created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    pub rules: Vec<RuleView>,
}

/// What one claim of a token must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Condition {
    /// Name of the claim, or a JSON Pointer (RFC 6901) to one within another.
    pub claim: String,
    #[serde(flatten)]
    pub must: Must,
}

/// How a claim is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Must {
    /// It is this text, number or truth value; of a list, one item is.
    Equal(String),
    /// It matches: `*` is anything but a slash, `**` anything.
    Match(String),
}

/// Asks for a rule: whoever meets all conditions gets a key like this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    pub name: String,
    pub conditions: Vec<Condition>,
    pub scopes: Vec<Scope>,
    /// Absent means all projects of whoever the key acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<i64>>,
    /// E-mail address of the person or service account that the key acts for.
    pub acts_for: String,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleView {
    pub id: i64,
    pub name: String,
    pub conditions: Vec<Condition>,
    pub scopes: Vec<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<i64>>,
    pub acts_for: String,
    pub created_at: String,
}

/// A token to be tried without exchanging it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenToTest {
    pub token: String,
}

/// What would come of exchanging a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestOutcome {
    /// Why the token itself is refused; absent when it is genuine, for us and in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Name of the rule that grants a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<String>,
    pub rules: Vec<RuleOutcome>,
}

/// How a rule judges a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleOutcome {
    pub rule: String,
    /// Conditions that are not met, in words; empty when the rule matches.
    pub unmet: Vec<String>,
}

/// An exchange that was made or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExchangeView {
    pub at: String,
    pub ip: String,
    /// The token's `sub`.
    pub subject: String,
    /// `exchanged`, or the code it was refused with.
    pub outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
}
