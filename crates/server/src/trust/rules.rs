//! When a token deserves a key: conditions on its claims.

use serde_json::Value;
use testward_wire::trust::{Condition, Must};

use crate::error::{Error, Result};
use crate::oidc::Claims;

/// More than any rule needs; each is compared with each token.
const MAX_CONDITIONS: usize = 20;
const MAX_LEN: usize = 500;

/// Claims that say nothing of who a build belongs to, or name it by what can be renamed: whoever registers the old
/// name afterwards would be let in.
const CHANGEABLE: &[&str] = &[
    "actor",
    "aud",
    "base_ref",
    "environment",
    "event_name",
    "exp",
    "head_ref",
    "iat",
    "iss",
    "job_workflow_ref",
    "namespace_path",
    "nbf",
    "pipeline_source",
    "project_path",
    "ref",
    "ref_path",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_owner",
    "repository_visibility",
    "runner_environment",
    "user_email",
    "user_login",
    "workflow",
    "workflow_ref",
];

/// Checks conditions before they are stored.
pub fn checked(conditions: &[Condition]) -> Result<Vec<Condition>> {
    let conditions: Vec<Condition> = conditions.iter().map(trimmed).collect();
    let wrong = |why: String| Err(Error::invalid("conditions", why));
    if conditions.len() > MAX_CONDITIONS {
        return wrong(format!("must be at most {MAX_CONDITIONS}"));
    }
    for Condition { claim, must } in &conditions {
        let (Must::Equal(text) | Must::Match(text)) = must;
        if claim.is_empty() || text.is_empty() {
            return wrong("must each name a claim and what it must be".to_owned());
        }
        if claim.len().max(text.len()) > MAX_LEN || (claim.clone() + text).chars().any(char::is_control) {
            return wrong(format!("must be plain text of at most {MAX_LEN} bytes"));
        }
    }
    if conditions.iter().any(pins) {
        return Ok(conditions);
    }
    wrong(
        "must compare, with =, a claim that nobody else can take over: repository_id of GitHub, project_id of GitLab, \
         sub of Jenkins"
            .to_owned(),
    )
}

fn trimmed(condition: &Condition) -> Condition {
    let must = match &condition.must {
        Must::Equal(text) => Must::Equal(text.trim().to_owned()),
        Must::Match(text) => Must::Match(text.trim().to_owned()),
    };
    Condition { claim: condition.claim.trim().to_owned(), must }
}

/// Whether the condition alone binds a rule to one owner for good.
fn pins(Condition { claim, must }: &Condition) -> bool {
    let Must::Equal(text) = must else { return false };
    // The `sub` of GitHub and GitLab is made of names.
    let is_of_names = claim == "sub" && (text.starts_with("repo:") || text.starts_with("project_path:"));
    !is_of_names && !CHANGEABLE.contains(&claim.as_str())
}

/// Says, for each condition that is not met, why.
pub fn unmet(conditions: &[Condition], claims: &Claims) -> Vec<String> {
    conditions.iter().filter_map(|condition| why_unmet(condition, claims)).collect()
}

fn why_unmet(condition: &Condition, claims: &Claims) -> Option<String> {
    let wanted = to_text(condition);
    let Some(value) = claims.get(&condition.claim) else {
        return Some(format!("{wanted}: the token has no such claim"));
    };
    let present = texts(value);
    if present.iter().any(|text| meets(&condition.must, text)) {
        return None;
    }
    let shown: String = present.join(", ").chars().take(200).collect();
    Some(format!("{wanted}: the token has {}", if shown.is_empty() { "none" } else { &shown }))
}

/// Returns a claim's value as texts to compare: one, or those of a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Bool(truth) => vec![truth.to_string()],
        Value::Array(items) => items.iter().filter(|it| !it.is_array()).flat_map(texts).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

fn meets(must: &Must, text: &str) -> bool {
    match must {
        Must::Equal(wanted) => wanted == text,
        Must::Match(pattern) => matches(pattern, text),
    }
}

/// Whether `text` is what `pattern` describes: `*` stands for anything but a slash, `**` for anything.
///
/// Goes through the text once for each part of the pattern, so that no pattern takes long.
fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // reachable[i]: the pattern so far can have matched the first i characters.
    let mut reachable = vec![false; text.len() + 1];
    reachable[0] = true;
    let mut pattern = pattern.chars().peekable();
    while let Some(part) = pattern.next() {
        if part == '*' {
            let crosses = pattern.next_if_eq(&'*').is_some();
            for i in 0..text.len() {
                reachable[i + 1] |= reachable[i] && (crosses || text[i] != '/');
            }
        } else {
            for i in (0..text.len()).rev() {
                reachable[i + 1] = reachable[i] && text[i] == part;
            }
            reachable[0] = false;
        }
    }
    reachable[text.len()]
}

/// Writes a condition as people do: `repository_id = 123`, `ref ~ refs/heads/*`.
pub fn to_text(Condition { claim, must }: &Condition) -> String {
    match must {
        Must::Equal(text) => format!("{claim} = {text}"),
        Must::Match(text) => format!("{claim} ~ {text}"),
    }
}

/// Reads conditions, one a line, as [`to_text`] writes them.
pub fn from_lines(text: &str) -> Result<Vec<Condition>> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(from_line).collect()
}

fn from_line(line: &str) -> Result<Condition> {
    // A pointer may hold a tilde, so the operator is the one with blanks around it.
    if let Some((claim, pattern)) = line.split_once(" ~ ").filter(|(claim, _)| !claim.contains('=')) {
        return Ok(Condition { claim: claim.to_owned(), must: Must::Match(pattern.to_owned()) });
    }
    let (claim, text) = line.split_once('=').ok_or_else(|| {
        Error::invalid(
            "conditions",
            format!("must be lines like repository_id = 123 or ref ~ refs/heads/*, not {line}"),
        )
    })?;
    Ok(Condition { claim: claim.to_owned(), must: Must::Equal(text.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_stops_at_a_slash() {
        assert!(matches("refs/heads/*", "refs/heads/main"));
        assert!(matches("refs/heads/*", "refs/heads/"));
        assert!(!matches("refs/heads/*", "refs/heads/a/b"));
        assert!(matches("refs/**", "refs/heads/a/b"));
        assert!(matches("*-release-*", "v1-release-2"));
        assert!(!matches("refs/heads/main", "refs/heads/main2"));
        assert!(!matches("refs/heads/main", "xrefs/heads/main"));
        assert!(!matches("", "x") && matches("", ""));
    }

    #[test]
    fn conditions_are_read_as_they_are_written() {
        let read = from_lines("repository_id=123\n\n ref ~ refs/heads/* \n/a~1b = x = y").expect("conditions");
        let written: Vec<_> = checked(&read).expect("good").iter().map(to_text).collect();
        assert_eq!(written, ["repository_id = 123", "ref ~ refs/heads/*", "/a~1b = x = y"]);
        assert!(from_lines("repository_id").is_err());
    }

    #[test]
    fn a_rule_must_name_what_nobody_can_take_over() {
        let good = ["repository_id = 1", "sub = https://jenkins.example/job/shop/", "project_id = 9\nref = main"];
        for lines in good {
            assert!(checked(&from_lines(lines).expect("conditions")).is_ok(), "{lines}");
        }
        let bad =
            ["", "repository = octo/shop", "repository_id ~ *", "ref = refs/heads/main", "sub = repo:octo/shop:ref:x"];
        for lines in bad {
            assert!(checked(&from_lines(lines).expect("conditions")).is_err(), "{lines}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_without_stars_matches_itself_only(pattern in "[a-z/]{0,9}", text in "[a-z/]{0,9}") {
            prop_assert_eq!(matches(&pattern, &text), pattern == text);
        }

        #[test]
        fn what_stands_between_stars_must_be_there(a in "[a-c]{0,3}", b in "[a-c]{0,3}", text in "[a-c]{0,9}") {
            let expected = text.len() >= a.len() + b.len() && text.starts_with(&a) && text.ends_with(&b);
            prop_assert_eq!(matches(&format!("{a}*{b}"), &text), expected);
        }
    }
}
