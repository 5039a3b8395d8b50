//! How a key is used: calls over time, by machine, by route and by program.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use serde::Deserialize;

use super::hints::{Hint, Seen, hints};
use super::keys_crumb;
use super::row::{KeyRow, RotationRow};
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::ids::KeyId;
use crate::keys::{self, Usage, start_of};
use crate::time::{DAY, HOUR, Millis};
use crate::web::extract::{Path, Query};
use crate::web::layout::{Chrome, Crumb, Tab, When, href, render};

/// How far back one can look: value, words, time, and time of a bar.
const RANGES: [(&str, &str, i64, i64); 4] = [
    ("24h", "24 hours", DAY, HOUR),
    ("7d", "7 days", 7 * DAY, HOUR),
    ("30d", "30 days", 30 * DAY, DAY),
    ("90d", "90 days", keys::USAGE_KEPT_FOR, DAY),
];
const DEFAULT_RANGE: usize = 1;
/// The chart is drawn in a box of this size and stretched.
const WIDTH: f64 = 100.0;
const HEIGHT: f64 = 40.0;

#[derive(Template)]
#[template(path = "key_usage.html")]
struct UsagePage {
    page: Chrome,
    key: KeyRow,
    hints: Vec<Hint>,
    rotation: Option<RotationRow>,
    ranges: Vec<Tab>,
    range: &'static str,
    calls: i64,
    chart: Chart,
    machines: Vec<MachineRow>,
    routes: Vec<Share>,
    clients: Vec<Share>,
    last_route: String,
}

/// Calls over time.
struct Chart {
    label: String,
    max: i64,
    bars: Vec<ChartBar>,
    from: When,
    unit: &'static str,
}

struct ChartBar {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    /// When its hour or day began.
    at: When,
    calls: i64,
}

struct MachineRow {
    ip: String,
    calls: i64,
    first: When,
    last: When,
}

/// One of those that the calls fall to.
pub struct Share {
    pub name: String,
    pub calls: i64,
    /// Percent of all.
    pub percent: i64,
}

#[derive(Deserialize)]
pub struct Shown {
    #[serde(default)]
    range: String,
}

pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<KeyId>,
    Query(shown): Query<Shown>,
) -> Result<Html<String>> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let key = keys::find(&mut tx, &caller, id).await?;
    let chosen = RANGES.iter().find(|(value, ..)| *value == shown.range);
    let (range, words, reach, unit) = *chosen.unwrap_or(&RANGES[DEFAULT_RANGE]);
    let since = start_of(now.plus(unit - reach), unit);
    let usage = keys::usage(&mut tx, &caller, id, since).await?;
    let machines = keys::list_machines(&mut tx, &caller, id).await?;
    let scopes = keys::used_scopes(&mut tx, &[id]).await?.remove(&id).unwrap_or_default();
    let seen = Seen { scopes, formers: keys::list_former_uses(&mut tx, &caller, id).await? };
    let path = format!("/user/apikey/{id}/usage");
    let tab = |(value, label, ..): (&str, &str, i64, i64)| Tab {
        label: label.to_owned(),
        href: href(&path, &[("range", value)]),
        n: None,
        is_current: value == range,
    };
    let crumbs = vec![keys_crumb(), Crumb::new(key.name.clone(), path.clone())];
    let page = UsagePage {
        page: Chrome::of(&mut tx, &caller, crumbs).await?,
        hints: hints(&key, &seen, now),
        rotation: key.open_rotation(now).map(|rotation| RotationRow::new(rotation, &seen.formers, now)),
        ranges: RANGES.map(tab).into(),
        range: words,
        calls: usage.calls(),
        chart: chart(&usage, now, since, unit),
        machines: machines.iter().map(|machine| machine_row(machine, &usage, now)).collect(),
        routes: shares(&usage.routes),
        clients: shares(&usage.clients),
        last_route: key.last_use.as_ref().map(|used| used.route.clone()).unwrap_or_default(),
        key: KeyRow::new(key, now),
    };
    render(&page)
}

fn machine_row(machine: &keys::Machine, usage: &Usage, now: Millis) -> MachineRow {
    let counted = usage.machines.iter().find(|(ip, _)| *ip == machine.ip);
    MachineRow {
        ip: machine.ip.clone(),
        calls: counted.map_or(0, |(_, calls)| *calls),
        first: When::new(machine.first_used_at, now),
        last: When::new(machine.last_used_at, now),
    }
}

pub fn shares(counted: &[(String, i64)]) -> Vec<Share> {
    let all: i64 = counted.iter().map(|(_, calls)| calls).sum();
    let share =
        |(name, calls): &(String, i64)| Share { name: name.clone(), calls: *calls, percent: calls * 100 / all.max(1) };
    counted.iter().map(share).collect()
}

/// Draws one bar for each hour or day from `since` to now.
fn chart(usage: &Usage, now: Millis, since: Millis, unit: i64) -> Chart {
    let n = (start_of(now, unit).since(since) / unit + 1) as usize;
    let mut calls = vec![0_i64; n];
    for (hour, count) in &usage.hours {
        if let Some(slot) = calls.get_mut((hour.since(since) / unit) as usize) {
            *slot += count;
        }
    }
    let max = calls.iter().copied().max().unwrap_or_default();
    let step = WIDTH / n as f64;
    let bar = |(i, calls): (usize, i64)| {
        // A single call must be seen beside thousands.
        let height = if calls == 0 { 0.0 } else { (calls as f64 * HEIGHT / max as f64).max(1.0) };
        let at = When::new(since.plus(i as i64 * unit), now);
        ChartBar { x: i as f64 * step, y: HEIGHT - height, width: step * 0.8, height, at, calls }
    };
    let unit = if unit == HOUR { "hour" } else { "day" };
    Chart {
        label: format!("Calls by {unit}; at most {max} in one {unit}. The table below has the numbers."),
        max,
        bars: calls.into_iter().enumerate().map(bar).collect(),
        from: When::new(since, now),
        unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_424_400_000); // 2026-11-23T09:00:00Z

    #[test]
    fn each_hour_has_its_bar() {
        let since = start_of(NOW.plus(HOUR - DAY), HOUR);
        let usage = Usage { hours: vec![(since, 5), (NOW, 1000)], ..Usage::default() };
        let chart = chart(&usage, NOW, since, HOUR);
        let drawn: Vec<_> = chart.bars.iter().enumerate().filter(|(_, bar)| bar.calls > 0).collect();
        assert_eq!((chart.bars.len(), drawn[0].0, drawn[1].0), (24, 0, 23));
        assert!((drawn[1].1.height - HEIGHT).abs() < 1e-9 && (drawn[0].1.height - 1.0).abs() < 1e-9);
        assert!(chart.bars.iter().all(|bar| bar.x + bar.width <= WIDTH));
    }
}
