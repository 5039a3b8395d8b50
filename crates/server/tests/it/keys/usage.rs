//! How much keys are used, what is odd about them, and what ending one would stop.

use std::time::Duration;

use serde_json::json;

use crate::support::{Client, TestApp};

const DAY: Duration = Duration::from_hours(24);

async fn page(app: &TestApp, path: &str) -> String {
    app.anna().await.page(path).await.ok().text().to_owned()
}

#[track_caller]
fn assert_shows(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "{text:?} is not on the page:\n{page}");
    }
}

#[track_caller]
fn assert_hides(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(!page.contains(text), "{text:?} is on the page:\n{page}");
    }
}

async fn call(client: &Client, app: &TestApp, times: usize) {
    for _ in 0..times {
        client.get(&format!("/api/v1/projects/{}/runs", app.project)).await.ok();
    }
}

#[tokio::test]
async fn calls_are_counted_by_hour_machine_program_and_route() {
    let app = TestApp::start().await;
    let key = app.key(&["results:read"]).await.with("user-agent", "axios/1.10.0 (linux)");
    call(&key, &app, 2).await;
    app.pass(Duration::from_hours(1)).await;
    call(&key, &app, 3).await;
    call(&key.clone().from([198, 51, 100, 7]), &app, 1).await;
    app.pass(Duration::from_secs(10)).await;
    let usage = page(&app, "/user/apikey/1/usage").await;
    assert_shows(&usage, &["6 calls", "in the last 7 days", "axios/1.10.0", "192.0.2.1", "198.51.100.7"]);
    assert_shows(&usage, &["GET /api/v1/projects/{project}/runs"]);
    let table: Vec<_> = usage.split("2026-11-23 ").skip(1).filter_map(|it| it.split("</tr>").next()).collect();
    assert!(table.iter().any(|row| row.starts_with("10:00 UTC</td><td class=\"num\">4<")), "{table:?}");
    assert!(table.iter().any(|row| row.starts_with("09:00 UTC</td><td class=\"num\">2<")), "{table:?}");
}

#[tokio::test]
async fn counts_are_kept_for_ninety_days() {
    let app = TestApp::start().await;
    call(&app.key(&["results:read"]).await, &app, 1).await;
    app.pass(Duration::from_secs(10)).await;
    app.pass(88 * DAY).await;
    assert_shows(&page(&app, "/user/apikey/1/usage?range=90d").await, &["1 call "]);
    app.pass(3 * DAY).await;
    assert_shows(&page(&app, "/user/apikey/1/usage?range=90d").await, &["0 calls"]);
}

#[tokio::test]
async fn the_usage_of_a_key_is_its_owners() {
    let app = TestApp::start().await;
    app.key(&["results:read"]).await;
    app.ben().await.page("/user/apikey/1/usage").await.refused_page(404);
}

#[tokio::test]
async fn the_list_says_what_is_odd_about_a_key() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    anna.post("/api/v1/api-keys", json!({"name": "spare", "expires": "365d", "scopes": ["results:read"]})).await.ok();
    let created = anna.post("/api/v1/api-keys", json!({"name": "wide", "expires": "never"})).await.ok().json();
    let wide = app.with_key(created["key"].as_str().expect("a key"));
    assert_shows(&page(&app, "/user/apikey").await, &["No expiry"]);
    assert_hides(&page(&app, "/user/apikey").await, &["Never used</a>", "Over-scoped"]);
    app.pass(15 * DAY).await;
    call(&wide, &app, 1).await;
    app.pass(Duration::from_secs(10)).await;
    let list = page(&app, "/user/apikey").await;
    assert_shows(&list, &["Over-scoped", "only results:read was ever asked of it", "Never used"]);
    assert_shows(&page(&app, "/user/apikey/2/usage").await, &["scopes=results%3Aread%2Cprojects%3Aread"]);
    app.pass(91 * DAY).await;
    let unused = page(&app, "/user/apikey?show=unused").await;
    assert_shows(&unused, &["Unused", "Nobody has used it for 91 days"]);
    let endless = page(&app, "/user/apikey?show=endless").await;
    assert_shows(&endless, &["wide"]);
    assert_hides(&endless, &["spare"]);
}

#[tokio::test]
async fn deleting_says_who_would_notice() {
    let app = TestApp::start().await;
    let key = app.key(&["results:read"]).await.with("user-agent", "katalon-agent/2.6.0");
    call(&key, &app, 3).await;
    call(&key.from([198, 51, 100, 7]), &app, 1).await;
    app.pass(Duration::from_secs(10)).await;
    let asked = page(&app, "/user/apikey/1/delete").await;
    assert_shows(&asked, &["4 calls in the last 7 days", "2 in the last 30 days", "198.51.100.7", "Disable first"]);
    assert_shows(&asked, &["katalon-agent/2.6.0", "GET /api/v1/projects/{project}/runs"]);
    app.pass(31 * DAY).await;
    let asked = page(&app, "/user/apikey/1/delete").await;
    assert_shows(&asked, &["None in the last 30 days"]);
    assert_hides(&asked, &["It is in use"]);
}

#[tokio::test]
async fn a_command_line_is_made_for_each_client() {
    let app = TestApp::start().await;
    let line = async |query: &str| {
        let page = page(&app, &format!("/user/apikey/commands?{query}")).await;
        let line = page.split("id=\"line\">").nth(1).and_then(|it| it.split("</pre>").next()).expect("a line");
        line.replace("&#34;", "\"").replace("&quot;", "\"")
    };
    assert_shows(&line("").await, &["katalonc ", "-testOps.serverUrl=http://testward.test", "-apiKey=YOUR_API_KEY"]);
    let old = line("client=studio&spelling=apikey&suite=Test+Suites/Smoke").await;
    assert_shows(&old, &["-apikey=YOUR_API_KEY", "-testSuitePath=\"Test Suites/Smoke\""]);
    assert_shows(&line("client=uploader&type=katalon").await, &["--password=YOUR_API_KEY", "--type=katalon "]);
    assert_shows(&line("client=agent&agent=a+b").await, &["--apikey YOUR_API_KEY", "--agent-name \"a b\""]);
    let cli = line("client=cli&branch=$(reboot)&fail=failed").await;
    assert_shows(&cli, &["TESTWARD_API_KEY=YOUR_API_KEY testward", "--branch \"\\$(reboot)\"", "--fail-on failed"]);
    assert_shows(&line("client=curl&path=a.xml").await, &["-F file=@a.xml http://testward.test/api/v1/projects/1/"]);
}

#[tokio::test]
async fn a_link_fills_the_form_in() {
    let app = TestApp::start().await;
    let other = app.second_project("Phone").await;
    let link = format!("/user/apikey/new?name=Nightly&scopes=results:write,projects:read&expires=30d&projects={other}");
    let form = page(&app, &link).await;
    let chosen = format!("name=\"projects\" value=\"{other}\" checked");
    assert_shows(&form, &["value=\"Nightly\"", "value=\"30d\" selected", "value=\"results:write\" checked", &chosen]);
    assert_shows(&form, &["name=\"reach\" value=\"chosen\" checked", "value=\"chosen\" checked"]);
    assert_hides(&form, &["value=\"plans:run\" checked"]);
}
