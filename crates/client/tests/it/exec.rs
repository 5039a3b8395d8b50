//! `testward exec`.

use std::fs;

use crate::server::{TestServer, reply};
use crate::{Machine, error, key};

const TOKEN: &str = "e30.e30.c2ln";

fn exchanged() -> String {
    format!(
        r#"{{"access_token":"{}","issued_token_type":"urn:ietf:params:oauth:token-type:access_token",
        "token_type":"Bearer","expires_in":900,"scope":"results:write","handle":"AbCdEf12","rule":"Shop"}}"#,
        key()
    )
}

fn server() -> TestServer {
    TestServer::start(vec![reply(200, exchanged()), reply(204, "")])
}

/// A machine whose commands are found.
fn machine() -> Machine {
    Machine::new().env("PATH", "/usr/bin:/bin")
}

#[test]
fn a_command_runs_with_the_key_which_then_ends() {
    let server = server();
    let machine = machine().env("TESTWARD_OIDC_TOKEN", TOKEN);
    let out = machine.home.path().join("out");
    let script =
        format!("echo $TESTWARD_API_KEY $TESTOPS_API_KEY $TESTWARD_URL [$TESTWARD_OIDC_TOKEN] >{}", out.display());
    let ran = machine.run(&["exec", "--url", &server.url, "--", "sh", "-c", &script]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    assert_eq!(ran.err, "key AbCdEf12 of rule Shop, for 15 minutes\n");
    let written = fs::read_to_string(out).expect("the command ran");
    assert_eq!(written, format!("{} {} {} []\n", key(), key(), server.url));
    let asked = server.asked();
    assert_eq!(server.lines(), ["POST /api/v1/oidc/exchange", "DELETE /api/v1/api-keys/self"]);
    assert!(asked[0].body.contains(&format!("subject_token={TOKEN}")), "{}", asked[0].body);
    assert_eq!(asked[0].header("authorization"), None);
    assert_eq!(asked[1].header("authorization"), Some(format!("Bearer {}", key()).as_str()));
}

#[test]
fn the_exit_code_is_the_commands_and_the_key_ends_all_the_same() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)] {
        let server = server();
        let machine = machine().env("TESTWARD_OIDC_TOKEN", TOKEN);
        assert_eq!(machine.run(&["exec", "--url", &server.url, "--", "sh", "-c", script]).code, code, "{script}");
        assert_eq!(server.lines().len(), 2);
    }
    let server = server();
    let ran = machine().env("TESTWARD_OIDC_TOKEN", TOKEN).run(&["exec", "--url", &server.url, "--", "no-such-command"]);
    assert_eq!((ran.code, server.lines().len()), (127, 2), "{}", ran.err);
}

#[test]
fn github_is_asked_for_a_token_made_for_this_server() {
    let github = TestServer::start(vec![reply(200, format!(r#"{{"value":"{TOKEN}"}}"#))]);
    let server = server();
    let machine = machine()
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("{}/token?api-version=2", github.url))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "hunter22");
    let ran = machine.run(&["exec", "--url", &server.url, "--", "true"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let asked = &github.asked()[0];
    let audience = server.url.replace(':', "%3A").replace('/', "%2F");
    assert_eq!(asked.line, format!("GET /token?api-version=2&audience={audience}"));
    assert_eq!(asked.header("authorization"), Some("Bearer hunter22"));
    assert!(server.asked()[0].body.contains(TOKEN));
}

#[test]
fn a_refusal_runs_nothing() {
    let server = TestServer::start(vec![reply(403, error("no_matching_rule", "no rule grants anything"))]);
    let machine = machine();
    let file = machine.home.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).expect("written");
    let out = machine.home.path().join("out");
    let file = file.display().to_string();
    let touch = format!("touch {}", out.display());
    let ran = machine.run(&["exec", "--url", &server.url, "--token-file", &file, "--", "sh", "-c", &touch]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("no rule grants anything (no_matching_rule") && !out.exists(), "{}", ran.err);
}

#[test]
fn a_build_without_a_token_is_told_where_to_get_one() {
    let run = |machine: Machine| machine.run(&["exec", "--url", "http://127.0.0.1:1", "--", "true"]);
    let ran = run(machine().env("GITHUB_ACTIONS", "true"));
    assert!(ran.code == 2 && ran.err.contains("id-token: write"), "{}", ran.err);
    let ran = run(machine());
    assert!(ran.code == 2 && ran.err.contains("id_tokens"), "{}", ran.err);
    let ran = run(machine().env("TESTWARD_OIDC_TOKEN", "$TESTWARD_ID"));
    assert!(ran.code == 2 && ran.err.contains("holds no identity token"), "{}", ran.err);
}
