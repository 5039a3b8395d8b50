//! A row of the audit log in words.

use crate::audit::Shown;

/// How an action is told.
enum Told {
    /// Nothing follows.
    Alone(&'static str),
    /// The detail follows, or the subject when there is none.
    Detail(&'static str),
    /// An API key follows: its name and handle.
    Key(&'static str),
}

use Told::{Alone, Detail, Key};

const ACTIONS: &[(&str, Told)] = &[
    ("session.start", Alone("signed in")),
    ("password.change", Alone("changed their password")),
    ("password.reset", Detail("gave a new password to")),
    ("person.create", Detail("added")),
    ("person.rename", Detail("is now called")),
    ("person.disable", Detail("disabled")),
    ("person.enable", Detail("enabled")),
    ("invitation.create", Detail("invited")),
    ("invitation.accept", Alone("accepted an invitation")),
    ("invitation.withdraw", Detail("withdrew invitation")),
    ("organization.create", Detail("made the organization")),
    ("project.create", Detail("made the project")),
    ("key.create", Key("created")),
    ("key.copy", Key("copied")),
    ("key.edit", Key("edited")),
    ("key.disable", Key("disabled")),
    ("key.enable", Key("enabled")),
    ("key.revoke", Key("deleted")),
    ("key.rotate", Key("rotated")),
];

/// Families of actions, for people to choose from.
pub const FAMILIES: &[(&str, &str)] = &[
    ("", "Any action"),
    ("key.", "API keys"),
    ("session.", "Sessions"),
    ("password.", "Passwords"),
    ("person.", "People"),
    ("invitation.", "Invitations"),
    ("organization.", "Organization"),
    ("policy.", "Policy"),
    ("service_account.", "Service accounts"),
    ("project.", "Projects"),
    ("leak.", "Leaks"),
];

/// Returns who did it.
pub fn who(shown: &Shown) -> &str {
    match (&shown.person_name, shown.row.person_id) {
        (Some(name), _) => name,
        (None, Some(_)) => "Somebody who is gone",
        (None, None) => "The operator",
    }
}

/// Returns what was done, to follow the name of who did it.
pub fn what(shown: &Shown) -> String {
    let row = &shown.row;
    let object = if row.detail.is_empty() { &row.subject } else { &row.detail };
    if row.action == "session.end" {
        return if row.detail.is_empty() { "signed out".to_owned() } else { format!("ended {}", row.detail) };
    }
    match ACTIONS.iter().find(|(action, _)| *action == row.action) {
        Some((_, Alone(told))) => (*told).to_owned(),
        Some((_, Detail(told))) => format!("{told} {object}"),
        Some((_, Key(told))) if row.detail.is_empty() => format!("{told} the API key {}", row.subject),
        Some((_, Key(told))) => format!("{told} the API key {} ({})", row.detail, row.subject),
        None => {
            let action = row.action.replace('.', ": ").replace('_', " ");
            if row.detail.is_empty() {
                format!("{action} {}", row.subject)
            } else {
                format!("{action} {} ({})", row.subject, row.detail)
            }
        }
    }
}
