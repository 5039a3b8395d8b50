//! `testward key`.

use crate::server::{TestServer, reply};
use crate::{Machine, error, key};

const ME: &str = r#"{"id":3,"handle":"AbCdEf12","name":"ci","owner":{"id":1,"email":"anna@t.example"},
    "scopes":["results:write"],"projects":[4,5],"expires_at":"2026-03-01T00:00:00Z"}"#;

fn view(id: i64, handle: &str, status: &str) -> String {
    format!(
        r#"{{"id":{id},"handle":"{handle}","name":"ci {id}","scopes":["everything"],"status":"{status}","custody":"once",
        "created_at":"2026-01-01T00:00:00Z","expires_at":"2026-03-01T10:20:30Z","copies":0}}"#
    )
}

fn page(keys: &[String], next: Option<&str>) -> String {
    let next = next.map(|cursor| format!(r#","next":"{cursor}""#)).unwrap_or_default();
    format!(r#"{{"items":[{}]{next}}}"#, keys.join(","))
}

/// Knows e-mail and password, so that no terminal is needed.
fn script() -> Machine {
    Machine::new().env("TESTWARD_EMAIL", "anna@t.example").env("TESTWARD_PASSWORD", "hunter22")
}

#[test]
fn whoami_shows_the_key_but_not_its_secret() {
    let server = TestServer::start(vec![reply(200, ME)]);
    let ran = Machine::new().run(&["key", "whoami", "--url", &server.url, "--api-key", &key()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("owner     anna@t.example\nscopes    results:write\nprojects  4,5\n"), "{}", ran.out);
    assert_eq!(server.lines(), ["GET /api/v1/api-keys/self"]);
}

#[test]
fn list_follows_the_cursor() {
    let first = page(&[view(1, "AAAAAAAA", "active")], Some("a/b="));
    let server = TestServer::start(vec![reply(200, first), reply(200, page(&[view(2, "BBBBBBBB", "revoked")], None))]);
    let ran = Machine::new().run(&["key", "list", "--url", &server.url, "--api-key", &key()]);
    assert_eq!(server.lines(), ["GET /api/v1/api-keys", "GET /api/v1/api-keys?cursor=a%2Fb%3D"]);
    let lines: Vec<_> = ran.out.lines().collect();
    let expected = [
        "HANDLE    NAME  SCOPES      EXPIRES (UTC)     LAST USED (UTC)  STATUS",
        "AAAAAAAA  ci 1  everything  2026-03-01 10:20  never            active",
        "BBBBBBBB  ci 2  everything  2026-03-01 10:20  never            revoked",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn create_prints_only_the_key_and_ends_its_session() {
    let created = view(7, "AbCdEf12", "active").replacen('{', &format!("{{\"key\":\"{}\",", key()), 1);
    let server = TestServer::start(vec![reply(200, r#"{"token":"T"}"#), reply(201, created), reply(204, "")]);
    let args = ["key", "create", "--url", &server.url, "ci", "--expires", "30d", "--scope", "results:write"];
    let ran = script().run_showing_key(&args);
    assert_eq!((ran.code, ran.out), (0, format!("{}\n", key())));
    assert!(ran.err.contains("created key ci 7 (AbCdEf12)") && !ran.err.contains(&key()), "{}", ran.err);
    let asked = server.asked();
    assert_eq!(server.lines(), ["POST /api/v1/session", "POST /api/v1/api-keys", "DELETE /api/v1/session"]);
    assert_eq!(asked[0].body, r#"{"email":"anna@t.example","password":"hunter22"}"#);
    assert_eq!(asked[1].body, r#"{"name":"ci","expires":"30d","scopes":["results:write"]}"#);
    assert!(asked[1..].iter().all(|asked| asked.header("authorization") == Some("Session T")));
}

#[test]
fn a_refused_creation_still_ends_the_session() {
    let refusal = reply(422, error("invalid", "expires must lie in the future"));
    let server = TestServer::start(vec![reply(200, r#"{"token":"T"}"#), refusal, reply(204, "")]);
    let ran = script().run(&["key", "create", "--url", &server.url, "--name", "ci"]);
    assert_eq!((ran.code, ran.out.as_str()), (4, ""));
    assert_eq!(server.lines().last().map(String::as_str), Some("DELETE /api/v1/session"));
}

#[test]
fn a_person_confirms_a_revocation() {
    let keys = page(&[view(1, "AAAAAAAA", "active"), view(2, "BBBBBBBB", "active")], None);
    let replies = || vec![reply(200, r#"{"token":"T"}"#), reply(200, &keys), reply(204, "")];
    let run = |typed: &str| {
        let server = TestServer::start(replies());
        let machine = Machine::new().typing(&format!("anna@t.example\n{typed}\n"));
        (machine.run(&["key", "revoke", "--url", &server.url, "BBBBBBBB"]), server.lines())
    };
    let (ran, lines) = run("y");
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("Revoke key ci 2 (BBBBBBBB)?"), "{}", ran.err);
    assert_eq!(lines[2], "DELETE /api/v1/api-keys/2");
    let (ran, lines) = run("");
    assert_eq!((ran.code, lines[2].as_str()), (2, "DELETE /api/v1/session"));
}

#[test]
fn a_script_must_say_yes_and_can_name_the_leaked_key_itself() {
    let keys = page(&[view(3, "AbCdEf12", "active")], None);
    let replies = vec![reply(200, r#"{"token":"T"}"#), reply(200, keys), reply(204, "")];
    let server = TestServer::start(replies.clone());
    let ran = script().run(&["key", "revoke", "--url", &server.url, &key()]);
    assert_eq!(ran.code, 2);
    let server = TestServer::start(replies);
    let ran = script().run(&["key", "revoke", "--url", &server.url, &key(), "--yes"]);
    assert_eq!((ran.code, server.lines()[2].as_str()), (0, "DELETE /api/v1/api-keys/3"));
}

#[test]
fn a_key_can_revoke_itself() {
    let server = TestServer::start(vec![reply(200, ME), reply(204, "")]);
    let ran = Machine::new().run(&["key", "revoke", "--self", "--yes", "--url", &server.url, "--api-key", &key()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, "key ci (AbCdEf12) is revoked\n"));
    assert_eq!(server.lines()[1], "DELETE /api/v1/api-keys/self");
}

#[test]
fn rotate_asks_again_with_the_same_token_until_it_has_the_answer() {
    let rotation = r#""rotation":{"rotated_at":"2026-01-02T00:00:00Z","overlap_until":"2026-01-09T00:00:00Z","is_overlapping":true},"#;
    let rotated = view(7, "AbCdEf12", "active").replacen('{', &format!("{{\"key\":\"{}\",{rotation}", key()), 1);
    let server = TestServer::start(vec![reply(503, "{}"), reply(200, rotated)]);
    let args = ["key", "rotate", "--self", "--url", &server.url, "--api-key", &key(), "--overlap", "12h"];
    let ran = Machine::new().run_showing_key(&args);
    assert_eq!((ran.code, ran.out), (0, format!("{}\n", key())), "{}", ran.err);
    assert!(
        ran.err.contains("rotated key ci 7 (AbCdEf12); the old secret is accepted until 2026-01-09"),
        "{}",
        ran.err
    );
    let asked = server.asked();
    assert_eq!(server.lines(), ["POST /api/v1/api-keys/self/rotate"; 2]);
    let tokens: Vec<_> = asked.iter().map(|it| it.header("idempotency-key").expect("a token")).collect();
    assert!(tokens[0] == tokens[1] && tokens[0].len() == 32, "{tokens:?}");
    assert_eq!(asked[1].body, r#"{"overlap":"12h"}"#);
}

#[test]
fn rotate_finds_a_key_by_its_handle() {
    let rotated = view(7, "AbCdEf12", "active").replacen('{', &format!("{{\"key\":\"{}\",", key()), 1);
    let listed = page(&[view(7, "AbCdEf12", "active")], None);
    let replies = vec![reply(200, r#"{"token":"T"}"#), reply(200, listed), reply(200, rotated), reply(204, "")];
    let server = TestServer::start(replies);
    let ran = script().run_showing_key(&["key", "rotate", "AbCdEf12", "--url", &server.url, "--token", "t-1"]);
    assert_eq!((ran.code, ran.out), (0, format!("{}\n", key())), "{}", ran.err);
    assert_eq!(server.lines()[2], "POST /api/v1/api-keys/7/rotate");
    assert_eq!(server.asked()[2].header("idempotency-key"), Some("t-1"));
}

#[test]
fn a_key_is_switched_off_and_on_again() {
    let keys = page(&[view(3, "AbCdEf12", "active")], None);
    for (order, status) in [("disable", "disabled"), ("enable", "active")] {
        let after = reply(200, view(3, "AbCdEf12", status));
        let replies = vec![reply(200, r#"{"token":"T"}"#), reply(200, &keys), reply(204, ""), after, reply(204, "")];
        let server = TestServer::start(replies);
        let ran = script().run(&["key", order, "--url", &server.url, "AbCdEf12", "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains(&format!("\"status\": \"{status}\"")), "{}", ran.out);
        let lines = server.lines();
        let expected = format!("POST /api/v1/api-keys/3/{order}");
        assert_eq!(lines[2..], [&expected, "GET /api/v1/api-keys/3", "DELETE /api/v1/session"]);
    }
}

#[test]
fn whoami_says_what_role_and_policy_withhold() {
    let rights = r#""rights":[{"organization":1,"role":"member","scopes":["results:write"],
        "withheld_by_role":["admin:read"],"withheld_by_policy":["results:read"]}],"id":3"#;
    let server = TestServer::start(vec![reply(200, ME.replacen(r#""id":3"#, rights, 1))]);
    let ran = Machine::new().run(&["key", "whoami", "--url", &server.url, "--api-key", &key()]);
    let line = "in 1      as member; without admin:read (by role); without results:read (by policy)";
    assert!(ran.out.contains(line), "{}", ran.out);
}
