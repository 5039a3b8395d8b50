//! `testward login` and `logout`.

use std::fs;

use crate::server::{TestServer, reply};
use crate::{Machine, error, key};

const ME: &str = r#"{"id":3,"handle":"AbCdEf12","name":"ci","owner":{"id":1,"email":"anna@t.example"},
    "scopes":["everything"]}"#;

#[test]
fn a_login_is_remembered_privately_and_used() {
    let server = TestServer::start(vec![reply(200, ME)]);
    let machine = Machine::new().piping(&format!("{}\n", key()));
    let ran = machine.run(&["login", "--url", &format!("{}/", server.url)]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("owner     anna@t.example") && ran.out.contains("expires   never"), "{}", ran.out);
    let file = machine.home.path().join("testward/credentials.json");
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).expect("stored").permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(fs::read_dir(file.parent().expect("folder")).expect("folder").count(), 1, "no draft is left");
    assert_eq!(machine.run(&["key", "whoami"]).code, 0);
    assert_eq!(server.asked()[1].header("authorization"), Some(format!("Bearer {}", key()).as_str()));
    assert_eq!(machine.run(&["logout"]).code, 0);
    assert!(!file.exists());
    assert_eq!(machine.run(&["key", "whoami"]).code, 2);
}

#[test]
fn a_stored_key_goes_to_no_other_server() {
    let (home, other) = (TestServer::start(vec![reply(200, ME)]), TestServer::start(vec![reply(200, ME)]));
    let machine = Machine::new();
    assert_eq!(machine.run(&["login", "--url", &home.url, "--api-key", &key()]).code, 0);
    let ran = machine.run(&["key", "whoami", "--url", &other.url]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(other.asked().is_empty());
}

#[test]
fn a_wrong_paste_gets_a_hint_and_reaches_nobody() {
    let server = TestServer::start(vec![reply(200, ME)]);
    let ran = Machine::new().piping(&key()[..20]).run(&["login", "--url", &server.url]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.err, "error: wrong API key: the key is cut short; copy it whole\n");
    let ran = Machine::new().typing("").run(&["login", "--url", &server.url]);
    assert_eq!(ran.code, 2, "what was typed unseen is checked too");
    assert!(server.asked().is_empty());
}

#[test]
fn a_key_the_server_refuses_is_not_stored() {
    let server = TestServer::start(vec![reply(401, error("unauthenticated", "unknown key"))]);
    let machine = Machine::new();
    let ran = machine.run(&["login", "--url", &server.url, "--api-key", &key()]);
    assert_eq!((ran.code, ran.err.as_str()), (4, "error: unknown key (unauthenticated, request r1)\n"));
    assert!(!machine.home.path().join("testward").exists());
}

#[test]
fn a_damaged_file_is_told_of_and_mended_by_a_login() {
    let server = TestServer::start(vec![reply(200, ME)]);
    let machine = Machine::new();
    let folder = machine.home.path().join("testward");
    fs::create_dir(&folder).expect("folder");
    fs::write(folder.join("credentials.json"), format!("{{\"api_key\":\"{}", key())).expect("file");
    let ran = machine.run(&["key", "whoami"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("is damaged; run `testward login` again"), "{}", ran.err);
    assert_eq!(machine.run(&["login", "--url", &server.url, "--api-key", &key()]).code, 0);
}
