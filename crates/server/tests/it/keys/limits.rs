//! From where a key may be used, and how often.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_key_opens_nothing_outside_of_its_networks() {
    let app = TestApp::start().await;
    let networks = json!({"name": "ci", "networks": ["198.51.100.0/24", "2001:db8::/32"]});
    let created = app.anna().await.post("/api/v1/api-keys", networks).await.ok().json();
    let key = app.with_key(created["key"].as_str().expect("a key"));
    let from = |ip: &str| key.clone().at(SocketAddr::new(ip.parse::<IpAddr>().expect("an address"), 1));
    for inside in ["198.51.100.7", "::ffff:198.51.100.7", "2001:db8:1::1"] {
        from(inside).get("/api/v1/ping").await.ok();
    }
    // Compared as text, the first would look alike.
    for outside in ["198.51.10.7", "198.51.101.0", "2001:db9::1"] {
        from(outside).get("/api/v1/ping").await.refused(403, "ip_not_allowed");
    }
}

#[tokio::test]
async fn only_a_proven_holder_learns_of_the_networks() {
    let app = TestApp::start().await;
    let created = app.anna().await.post("/api/v1/api-keys", json!({"name": "ci", "networks": ["10.0.0.0/8"]})).await;
    let real = created.json()["key"].as_str().expect("a key").to_owned();
    let forged = testward_wire::keytext::compose(testward_wire::keytext::Kind::Personal, &real[4..12], &"0".repeat(32));
    app.with_key(&real).get("/api/v1/ping").await.refused(403, "ip_not_allowed");
    app.with_key(&forged).get("/api/v1/ping").await.refused(401, "invalid_api_key");
}

#[tokio::test]
async fn networks_and_rate_are_edited_and_taken_away() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.key(&["everything"]).await;
    let limits = json!({"networks": ["10.0.0.0/8"], "rate_per_minute": 5});
    let edited = anna.patch("/api/v1/api-keys/1", limits).await.ok().json();
    assert_eq!((&edited["networks"], &edited["rate_per_minute"]), (&json!(["10.0.0.0/8"]), &json!(5)));
    key.get("/api/v1/ping").await.refused(403, "ip_not_allowed");
    let page = anna.page("/user/apikey/1/edit").await.ok();
    assert!(page.text().contains("10.0.0.0/8"));
    let form = [("name", "ci"), ("networks", "192.0.2.0/24\r\n2001:db8::/32"), ("rate_per_minute", "")];
    anna.submit("/user/apikey/1/edit", &form).await.ok();
    key.get("/api/v1/ping").await.ok();
    anna.patch("/api/v1/api-keys/1", json!({"networks": ["10.0.0.1/8"]})).await.refused(400, "invalid_request");
    let problem = anna.submit("/user/apikey/1/edit", &[("name", "ci"), ("networks", "nowhere")]).await;
    assert!(problem.status == 400 || problem.text().contains("is no address"), "{}", problem.text());
    let free = anna.patch("/api/v1/api-keys/1", json!({"networks": []})).await.ok().json();
    assert_eq!(free.get("networks"), None);
}

#[tokio::test]
async fn limits_survive_a_restart() {
    let app = TestApp::start().await;
    let limits = json!({"name": "ci", "networks": ["10.0.0.0/8"], "rate_per_minute": 1});
    let created = app.anna().await.post("/api/v1/api-keys", limits).await.ok().json();
    let app = app.restarted().await;
    let key = app.with_key(created["key"].as_str().expect("a key"));
    key.get("/api/v1/ping").await.refused(403, "ip_not_allowed");
    let inside = key.from([10, 1, 2, 3]);
    inside.get("/api/v1/ping").await.ok();
    inside.get("/api/v1/ping").await.refused(429, "key_rate_limited");
}

#[tokio::test]
async fn a_key_with_a_rate_is_told_where_it_stands_and_which_limit_it_hit() {
    let app = TestApp::start().await;
    let created = app.anna().await.post("/api/v1/api-keys", json!({"name": "ci", "rate_per_minute": 2})).await.json();
    let key = app.with_key(created["key"].as_str().expect("a key"));
    let first = key.get("/api/v1/ping").await.ok();
    assert_eq!(first.headers["ratelimit-policy"], "\"key\";q=2;w=60");
    assert_eq!(first.headers["ratelimit"], "\"key\";r=1;t=30");
    assert_eq!(key.get("/api/v1/ping").await.ok().headers["ratelimit"], "\"key\";r=0;t=60");
    let third = key.get("/api/v1/ping").await;
    third.refused(429, "key_rate_limited");
    assert_eq!(
        (&third.headers["retry-after"], &third.headers["ratelimit"]),
        (&"30".parse().expect("a header"), &"\"key\";r=0;t=30".parse().expect("a header"))
    );
    assert!(third.text().contains("2 requests a minute"), "{}", third.text());
    // A change of the key gives nothing back.
    app.anna().await.patch("/api/v1/api-keys/1", json!({"name": "renamed"})).await.ok();
    key.get("/api/v1/ping").await.refused(429, "key_rate_limited");
    app.pass(Duration::from_secs(30)).await;
    key.get("/api/v1/ping").await.ok();
    // A busy key is not a guess: its address may still fail as often as any.
    for _ in 0..400 {
        key.get("/api/v1/ping").await.refused(429, "key_rate_limited");
    }
    app.stranger().with("authorization", "Bearer twp_guess").get("/api/v1/ping").await.refused(401, "invalid_api_key");
}

#[tokio::test]
async fn a_network_of_v6_fails_as_one_source() {
    let app = TestApp::start().await;
    let guess = app.stranger().with("authorization", "Bearer twp_guess");
    let at = |host: u16| SocketAddr::new(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]), 1);
    for host in 0..300 {
        guess.clone().at(at(host)).get("/api/v1/ping").await.refused(401, "invalid_api_key");
    }
    guess.clone().at(at(999)).get("/api/v1/ping").await.refused(429, "too_many_requests");
    let next_door = SocketAddr::new(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]), 1);
    guess.at(next_door).get("/api/v1/ping").await.refused(401, "invalid_api_key");
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let app = TestApp::start_behind(&["10.0.0.0/8"]).await;
    let created =
        app.anna().await.post("/api/v1/api-keys", json!({"name": "ci", "networks": ["203.0.113.0/24"]})).await;
    let key = app.with_key(created.json()["key"].as_str().expect("a key"));
    let forwarded = |list: &str| key.clone().with("x-forwarded-for", list);
    forwarded("203.0.113.5").get("/api/v1/ping").await.refused(403, "ip_not_allowed");
    forwarded("203.0.113.5").from([10, 0, 0, 1]).get("/api/v1/ping").await.ok();
    // The left-most entry is whatever the client wrote.
    forwarded("203.0.113.5, 192.0.2.66").from([10, 0, 0, 1]).get("/api/v1/ping").await.refused(403, "ip_not_allowed");
    forwarded("192.0.2.66, 203.0.113.5, 10.0.0.9").from([10, 0, 0, 1]).get("/api/v1/ping").await.ok();
    let other = key.clone().with("forwarded", "for=203.0.113.5").from([10, 0, 0, 1]);
    other.get("/api/v1/ping").await.refused(403, "ip_not_allowed");
    // It is the address that last use and sign-in limits know, too.
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(app.anna().await.get("/api/v1/api-keys/1").await.json()["last_used"]["ip"], "203.0.113.5");
    let guess = async |client: &str, n: i32| {
        let proxied = app.stranger().with("x-forwarded-for", client).from([10, 0, 0, 1]);
        proxied.post("/api/v1/session", json!({"email": format!("nobody{n}@example.com"), "password": "x"})).await
    };
    for n in 0..10 {
        guess("192.0.2.66", n).await.refused(401, "wrong_credentials");
    }
    guess("192.0.2.66", 10).await.refused(429, "too_many_requests");
    guess("192.0.2.67", 11).await.refused(401, "wrong_credentials");
}
