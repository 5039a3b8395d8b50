//! API keys as `/api/v1/api-keys` shows and takes them.

use serde::{Deserialize, Serialize};

/// One thing a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Scope {
    /// Everything its owner can do, now and later.
    #[serde(rename = "everything")]
    Everything,
    #[serde(rename = "results:read")]
    ResultsRead,
    #[serde(rename = "results:write")]
    ResultsWrite,
    #[serde(rename = "projects:read")]
    ProjectsRead,
    #[serde(rename = "projects:write")]
    ProjectsWrite,
    #[serde(rename = "plans:run")]
    PlansRun,
    #[serde(rename = "plans:write")]
    PlansWrite,
    #[serde(rename = "agents:run")]
    AgentsRun,
    /// See all keys, people and the policy of an organization.
    #[serde(rename = "admin:read")]
    AdminRead,
    /// End anybody's keys and change the policy of an organization.
    #[serde(rename = "admin:write")]
    AdminWrite,
    /// For keys of service accounts only: make further keys of the same account. `everything` does not include it.
    #[serde(rename = "keys:manage")]
    KeysManage,
    /// Make and shut out people, as an identity provider does (SCIM).
    #[serde(rename = "people:provision")]
    PeopleProvision,
}

impl Scope {
    /// All scopes, in the order in which people are shown them.
    pub const ALL: [Self; 12] = [
        Self::Everything,
        Self::ResultsRead,
        Self::ResultsWrite,
        Self::ProjectsRead,
        Self::ProjectsWrite,
        Self::PlansRun,
        Self::PlansWrite,
        Self::AgentsRun,
        Self::AdminRead,
        Self::AdminWrite,
        Self::KeysManage,
        Self::PeopleProvision,
    ];

    /// Returns the scope's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::ResultsRead => "results:read",
            Self::ResultsWrite => "results:write",
            Self::ProjectsRead => "projects:read",
            Self::ProjectsWrite => "projects:write",
            Self::PlansRun => "plans:run",
            Self::PlansWrite => "plans:write",
            Self::AgentsRun => "agents:run",
            Self::AdminRead => "admin:read",
            Self::AdminWrite => "admin:write",
            Self::KeysManage => "keys:manage",
            Self::PeopleProvision => "people:provision",
        }
    }

    /// Returns the scope called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    Active,
    /// Active, with at most 14 days left.
    ExpiringSoon,
    Expired,
    /// Switched off by its owner; can be switched on again.
    Disabled,
    /// Deleted: ended for good.
    Revoked,
}

/// An API key as lists and reads show it; never its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyView {
    pub id: i64,
    /// Public part of the key; names it in logs and errors.
    pub handle: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub scopes: Vec<Scope>,
    /// Projects the key is bound to; absent means all of its owner's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<i64>>,
    pub status: KeyStatus,
    /// `recall` (can be copied again), `window` (for a while) or `once`.
    pub custody: String,
    /// RFC 3339, UTC; so are all instants here.
    pub created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<LastUse>,
    /// How often its owner copied it again.
    pub copies: i64,
    /// Of a key in a window: until when it can be copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copyable_until: Option<String>,
    /// Networks the key may be used from, in CIDR notation; absent means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// Requests it may make in a minute; absent means no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_minute: Option<u32>,
    /// The last rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
}

/// A rotation: since then the key has another secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rotation {
    pub rotated_at: String,
    /// Until then the old secret is accepted as well.
    pub overlap_until: String,
    pub is_overlapping: bool,
    /// First use of the new secret; absent while nobody uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_last_used_at: Option<String>,
    /// Who sent the old secret since the rotation, the latest first; told when one key is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old_used_by: Vec<OldUse>,
}

/// A machine that sent the old secret of a rotated key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OldUse {
    pub ip: String,
    pub user_agent: String,
    pub at: String,
}

/// Asks for another secret of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// How long the old secret is accepted as well: `0` to `30d`; absent means 7 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
}

/// The last request that a key opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LastUse {
    pub at: String,
    pub ip: String,
    pub user_agent: String,
    pub route: String,
}

/// Asks for a key. Unknown fields are refused, so that a misspelt limit is not silently no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `30d`, `12h`, `never` or an RFC 3339 instant; absent means 90 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Absent means `everything`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Scope>>,
    /// Absent means all projects of the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<i64>>,
    /// `recall` (default: can be copied again), `once`, or for how long it can be copied, such as `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custody: Option<String>,
    /// Networks and addresses it may be used from, in CIDR notation; absent means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<String>>,
    /// Requests it may make in a minute; absent or 0 means no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_minute: Option<u32>,
}

/// Changes what people call a key. An absent field stays as it is; an empty description is taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyPatch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// An empty list takes the limit away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<String>>,
    /// 0 takes the limit away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_minute: Option<u32>,
}

/// Answers a creation: the key's text, and what lists will show of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreatedKey {
    /// The whole key: a secret.
    pub key: String,
    #[serde(flatten)]
    pub view: KeyView,
}

/// Answers `POST /api/v1/api-keys/{id}/reveal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevealedKey {
    /// The whole key: a secret.
    pub key: String,
}

/// Answers `GET /api/v1/api-keys/self`: who the presented key is, from the server's memory alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WhoAmI {
    pub id: i64,
    pub handle: String,
    pub name: String,
    pub owner: KeyOwner,
    pub scopes: Vec<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<i64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// What the key may do now, and where.
    #[serde(default)]
    pub rights: Vec<EffectiveRight>,
}

/// What is left of a key's scopes in an organization, once its owner's role and the organization's policy are applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EffectiveRight {
    pub organization: i64,
    /// What the owner is there: `member`, `admin` or `owner`.
    pub role: String,
    /// Each by name; here `everything` stands for no other.
    pub scopes: Vec<Scope>,
    /// Scopes that the key has and the owner's role does not allow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld_by_role: Vec<Scope>,
    /// Scopes that the key has and the organization's policy does not allow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld_by_policy: Vec<Scope>,
    /// When the key ends there, by itself or by policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
}

/// The person a key acts for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyOwner {
    pub id: i64,
    pub email: String,
}

/// One page of a list; `next` is the cursor of the following one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Page<T> {
    pub items: Vec<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
