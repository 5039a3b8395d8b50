//! Conditions and orders of a search, tried on what would be shown: what cannot be seen cannot be searched for.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::time::Millis;

/// A condition is tried on each of a thousand runs, so what it says must be little.
const MAX_VALUES: usize = 500;
const MAX_TEXT: usize = 8192;

/// One condition as clients send it.
#[derive(Debug, Deserialize)]
pub struct Condition {
    pub key: String,
    pub operator: String,
    #[serde(default)]
    pub value: Value,
}

/// Relations a condition may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    IsNot,
    Contains,
    In,
    Less,
    Greater,
    AtMost,
    AtLeast,
    Between,
}

impl Condition {
    /// Refuses what this server does not understand: passing over a condition would find too much.
    pub fn check(&self) -> Result<()> {
        let n_values = self.value.as_array().map_or(1, Vec::len);
        if n_values > MAX_VALUES || self.value.as_str().is_some_and(|it| it.len() > MAX_TEXT) {
            return Err(Error::invalid(
                "value",
                format!("must be at most {MAX_VALUES} values or {MAX_TEXT} characters"),
            ));
        }
        self.read_operator().map(drop)
    }

    fn read_operator(&self) -> Result<Operator> {
        Ok(match self.operator.to_ascii_lowercase().as_str() {
            "=" | "==" => Operator::Is,
            "!=" | "<>" => Operator::IsNot,
            "contains" | "like" => Operator::Contains,
            "in" => Operator::In,
            "<" => Operator::Less,
            ">" => Operator::Greater,
            "<=" => Operator::AtMost,
            ">=" => Operator::AtLeast,
            "between" => Operator::Between,
            _ => return Err(Error::invalid("operator", "must be =, !=, contains, in, <, >, <=, >= or between")),
        })
    }

    /// Whether `resource`, which is of the given kind, meets the condition. One without the field meets only `!=`.
    pub fn holds(&self, kind: &str, resource: &Value) -> bool {
        let Ok(operator) = self.read_operator() else { return false };
        let Some(actual) = field(kind, resource, &self.key) else { return operator == Operator::IsNot };
        self.compare(operator, &text(actual))
    }

    fn compare(&self, operator: Operator, actual: &str) -> bool {
        let wanted = || text(&self.value);
        match operator {
            Operator::Is => order(actual, &wanted()).is_eq(),
            Operator::IsNot => order(actual, &wanted()).is_ne(),
            Operator::Contains => actual.to_lowercase().contains(&wanted().to_lowercase()),
            Operator::In => self.values().iter().any(|it| order(actual, it).is_eq()),
            Operator::Less => order(actual, &wanted()).is_lt(),
            Operator::Greater => order(actual, &wanted()).is_gt(),
            Operator::AtMost => order(actual, &wanted()).is_le(),
            Operator::AtLeast => order(actual, &wanted()).is_ge(),
            Operator::Between => match self.values().as_slice() {
                [low, high] => order(actual, low).is_ge() && order(actual, high).is_le(),
                _ => false,
            },
        }
    }

    /// Several values come as an array or as one text with commas.
    fn values(&self) -> Vec<String> {
        match &self.value {
            Value::Array(values) => values.iter().map(text).collect(),
            value => text(value).split(',').map(|it| it.trim().to_owned()).collect(),
        }
    }

    /// Returns the number that `key` must equal, if that is what the condition says.
    pub fn wants(&self, key: &str) -> Option<i64> {
        let is_meant = self.key == key && self.read_operator().is_ok_and(|it| it == Operator::Is);
        if is_meant { text(&self.value).parse().ok() } else { None }
    }
}

/// Sorts by the orders of a search, the first of them first; each is a field, and `desc` behind a comma.
pub fn sort(kind: &str, resources: &mut [Value], orders: &[String]) {
    for order_text in orders.iter().rev() {
        let (key, direction) = order_text.split_once(',').unwrap_or((order_text, "asc"));
        let is_descending = direction.trim().eq_ignore_ascii_case("desc");
        resources.sort_by(|a, b| {
            let [a, b] = [a, b].map(|it| field(kind, it, key.trim()).map(text).unwrap_or_default());
            if is_descending { order(&b, &a) } else { order(&a, &b) }
        });
    }
}

/// Finds a field by its name in searches: `name`, or `Project.id` for that of the project it belongs to.
fn field<'a>(kind: &str, resource: &'a Value, key: &str) -> Option<&'a Value> {
    let Some((owner, name)) = key.split_once('.') else { return resource.get(key) };
    if owner.eq_ignore_ascii_case(kind) { resource.get(name) } else { of_owner(resource, &camel(owner), name) }
}

fn of_owner<'a>(resource: &'a Value, owner: &str, name: &str) -> Option<&'a Value> {
    let direct = || resource.get(owner)?.get(name);
    let by_id = || if name == "id" { resource.get(format!("{owner}Id")) } else { None };
    let further = || ["project", "team"].iter().find_map(|it| of_owner(resource.get(it)?, owner, name));
    direct().or_else(by_id).or_else(further)
}

fn camel(owner: &str) -> String {
    let mut letters = owner.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Compares as numbers, as instants or as texts, whichever both are.
fn order(a: &str, b: &str) -> Ordering {
    if let (Ok(a), Ok(b)) = (a.parse::<i64>(), b.parse::<i64>()) {
        return a.cmp(&b);
    }
    match (Millis::parse_rfc3339(a), Millis::parse_rfc3339(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(key: &str, operator: &str, value: Value) -> bool {
        let run = json!({
            "id": 7, "name": "Nightly", "order": 12, "status": "FAILED", "startTime": "2026-11-23T09:00:00.000+00:00",
            "projectId": 42, "project": {"id": 42, "teamId": 11, "team": {"id": 11, "organizationId": 3}},
        });
        Condition { key: key.to_owned(), operator: operator.to_owned(), value }.holds("Execution", &run)
    }

    #[test]
    fn values_are_numbers_or_texts() {
        assert!(holds("id", "=", json!(7)) && holds("id", "=", json!("7")) && !holds("id", "!=", json!("7")));
        assert!(holds("order", ">", json!("9")) && holds("order", "between", json!("10,12")));
        assert!(holds("order", "between", json!([10, 12])) && !holds("order", "<", json!(9)));
        assert!(holds("startTime", ">=", json!("2026-11-23T10:00:00+01:00")));
        assert!(holds("name", "contains", json!("night")) && holds("status", "in", json!(["FAILED", "ERROR"])));
    }

    #[test]
    fn owners_are_found_however_deep() {
        assert!(holds("Project.id", "=", json!("42")) && holds("Team.id", "=", json!(11)));
        assert!(holds("Organization.id", "=", json!(3)) && holds("Execution.id", "=", json!(7)));
    }

    #[test]
    fn a_field_that_is_not_there_is_not_met() {
        assert!(!holds("Release.id", "=", json!(1)) && holds("Release.id", "!=", json!(1)));
    }

    #[test]
    fn sorting_takes_several_orders() {
        let mut all = vec![json!({"a": 1, "b": "x"}), json!({"a": 10, "b": "y"}), json!({"a": 9, "b": "x"})];
        sort("", &mut all, &["b".to_owned(), "a,desc".to_owned()]);
        assert_eq!(all.iter().map(|it| it["a"].as_i64()).collect::<Vec<_>>(), [Some(9), Some(1), Some(10)]);
    }
}
