//! What somebody may do and where: scopes of their key ∩ their role in the organization ∩ its policy.

use std::str::FromStr;
use std::sync::Arc;

use testward_wire::keys::Scope;

use crate::error::{Error, Result};
use crate::ids::OrganizationId;

/// What a person may do in an organization; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Member,
    Admin,
    Owner,
}

impl Role {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Returns what the role allows. `keys:manage` is here because it reaches no further than the account's own keys.
    pub const fn scopes(self) -> Scopes {
        match self {
            Self::Member => Scopes::of(&[
                Scope::Everything,
                Scope::ResultsRead,
                Scope::ResultsWrite,
                Scope::ProjectsRead,
                Scope::PlansRun,
                Scope::PlansWrite,
                Scope::AgentsRun,
                Scope::KeysManage,
            ]),
            Self::Admin | Self::Owner => Scopes::of(&Scope::ALL),
        }
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "member" => Ok(Self::Member),
            "admin" => Ok(Self::Admin),
            "owner" => Ok(Self::Owner),
            _ => Err(Error::invalid("role", "must be member, admin or owner")),
        }
    }
}

/// What somebody may do in one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    pub organization: OrganizationId,
    pub role: Role,
    /// Each one by name: here `everything` stands for no other.
    pub scopes: Scopes,
}

/// What somebody may do, by organization. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Rights(Arc<[Grant]>);

impl Rights {
    /// Whether `scope` is allowed somewhere.
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.iter().any(|grant| grant.scopes.holds(scope))
    }

    /// Whether `scope` is allowed in `organization`.
    pub fn allow_in(&self, organization: OrganizationId, scope: Scope) -> bool {
        self.0.iter().any(|grant| grant.organization == organization && grant.scopes.holds(scope))
    }

    pub fn highest_role(&self) -> Option<Role> {
        self.0.iter().map(|grant| grant.role).max()
    }

    pub fn grants(&self) -> &[Grant] {
        &self.0
    }
}

impl FromIterator<Grant> for Rights {
    fn from_iter<T: IntoIterator<Item = Grant>>(grants: T) -> Self {
        Self(grants.into_iter().collect())
    }
}

/// A set of scopes in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u16);

impl Scopes {
    pub const EVERYTHING: Self = Self(bit(Scope::Everything));

    /// Returns the set of these scopes.
    pub const fn of(scopes: &[Scope]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < scopes.len() {
            bits |= bit(scopes[i]);
            i += 1;
        }
        Self(bits)
    }

    /// Whether `scope` is in the set by name.
    pub const fn holds(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// Whether `scope` is in the set, or everything is. Managing keys is never meant by everything: a key that makes
    /// keys must have been made for it.
    pub const fn has(self, scope: Scope) -> bool {
        self.expanded().holds(scope)
    }

    /// Returns the set with each scope that `everything` stands for.
    #[must_use]
    pub const fn expanded(self) -> Self {
        if self.holds(Scope::Everything) {
            Self(self.0 | Self::of(&Scope::ALL).0 & !bit(Scope::KeysManage))
        } else {
            self
        }
    }

    /// Returns what is in both sets by name.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether everything that this set allows is allowed by `other`.
    pub const fn is_within(self, other: Self) -> bool {
        self.expanded().0 & !other.expanded().0 == 0
    }

    /// Returns the scopes as people read them.
    pub fn list(self) -> Vec<Scope> {
        Scope::ALL.into_iter().filter(|scope| self.holds(*scope)).collect()
    }

    /// Returns the set as the table keeps it: names, separated by blanks.
    pub fn to_text(self) -> String {
        self.list().into_iter().map(Scope::name).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`to_text`](Self::to_text) wrote. A name this version does not know grants nothing.
    pub fn from_text(text: &str) -> Self {
        text.split(' ').filter_map(Scope::from_name).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | bit(scope)))
    }
}

const fn bit(scope: Scope) -> u16 {
    1 << scope as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_scopes() -> impl Strategy<Value = Scopes> {
        proptest::collection::vec(proptest::sample::select(Scope::ALL.to_vec()), 0..11).prop_map(Scopes::from_iter)
    }

    proptest! {
        #[test]
        fn an_intersection_allows_nothing_that_one_side_forbids(key in any_scopes(), policy in any_scopes()) {
            for role in [Role::Member, Role::Admin, Role::Owner] {
                let both = key.expanded().and(role.scopes()).and(policy.expanded());
                for scope in both.list() {
                    prop_assert!(key.has(scope) && role.scopes().holds(scope) && policy.has(scope));
                }
            }
        }

        #[test]
        fn what_lies_within_allows_no_more(child in any_scopes(), parent in any_scopes()) {
            let each = Scope::ALL.into_iter().all(|scope| !child.has(scope) || parent.has(scope));
            prop_assert_eq!(child.is_within(parent), each);
        }

        #[test]
        fn scopes_survive_the_table(scopes in any_scopes()) {
            prop_assert_eq!(Scopes::from_text(&scopes.to_text()), scopes);
        }
    }

    #[test]
    fn a_member_does_not_administer() {
        for scope in [Scope::AdminRead, Scope::AdminWrite, Scope::ProjectsWrite] {
            assert!(!Role::Member.scopes().holds(scope) && Role::Admin.scopes().holds(scope));
        }
    }
}
