//! `testward upload`.

use std::fs;

use crate::server::{Reply, TestServer, reply};
use crate::{Machine, Ran, error, key};

const PASSED: &str = r#""total":2,"passed":2,"failed":0,"error":0,"incomplete":0,"skipped":0,"not_run":0,"flaky":0"#;
const FAILED: &str = r#""total":12,"passed":9,"failed":2,"error":0,"incomplete":0,"skipped":1,"not_run":0,"flaky":1"#;

fn receipt(stage: &str, status: &str, counts: &str) -> String {
    format!(
        r#"{{"id":5,"batch":"b","stage":"{stage}","run":{{"id":90,"project":1,"number":12,"name":"n",
        "url":"http://t.example/executions/12","status":"{status}","counts":{{{counts}}}}},
        "files":[{{"path":"a.xml","bytes":4,"outcome":"read","results":2}}]}}"#
    )
}

fn partly_refused() -> String {
    let refused = r#"{"path":"b/c.xml","bytes":9,"outcome":"refused","results":0,"problem":
        {"line":41,"column":7,"message":"<testcase> has no name attribute"}},
        {"path":"d.xml","bytes":9,"outcome":"read","results":1,"repairs":[{"line":3,"message":"closed <system-out>"}]},"#;
    receipt("partly_refused", "PASSED", PASSED).replace(r#""files":["#, &format!(r#""files":[{refused}"#))
}

/// Uploads a folder of two small files.
fn upload(machine: &Machine, replies: Vec<Reply>, options: &[&str]) -> (Ran, TestServer) {
    let server = TestServer::start(replies);
    let reports = machine.home.path().join("reports");
    fs::create_dir_all(reports.join("sub")).expect("folder");
    fs::write(reports.join("b.xml"), "<b/>").expect("file");
    fs::write(reports.join("sub/a.xml"), "<a/>").expect("file");
    let (key, reports) = (key(), reports.display().to_string());
    let mut args = vec!["upload", "--url", &server.url, "--api-key", &key, "-p", "my shop", &reports];
    args.extend(["--branch", "main", "--commit", "c0ffee"]);
    args.extend(options);
    (machine.run(&args), server)
}

fn done() -> Reply {
    reply(200, receipt("done", "PASSED", PASSED))
}

#[test]
fn an_upload_is_one_multipart_request() {
    let options = ["--batch", "b-1", "--type", "junit", "--tag", "x", "--tag", "y", "--run-name", "night"];
    let (ran, server) = upload(&Machine::new(), vec![done()], &options);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "no progress without a terminal");
    assert_eq!(ran.out, "http://t.example/executions/12\n2 tests: 2 passed\n");
    let [asked] = server.asked().try_into().expect("one request");
    assert_eq!(asked.line, "POST /api/v1/projects/my%20shop/uploads");
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {}", key()).as_str()));
    let content_type = asked.header("content-type").expect("a type");
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").expect("multipart");
    let parts: Vec<_> =
        asked.body.split(&format!("--{boundary}")).map(|part| part.trim_matches(['\r', '\n'])).collect();
    let text = |name: &str, value: &str| format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}");
    let file = |name: &str, value: &str| {
        let kind = "Content-Type: application/octet-stream";
        format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n{kind}\r\n\r\n{value}")
    };
    let expected = [
        String::new(),
        text("batch", "b-1"),
        text("type", "junit"),
        text("branch", "main"),
        text("commit", "c0ffee"),
        text("run_name", "night"),
        text("tag", "x"),
        text("tag", "y"),
        file("b.xml", "<b/>"),
        file("sub/a.xml", "<a/>"),
        "--".to_owned(),
    ];
    assert_eq!(parts, expected);
}

#[test]
fn retries_send_the_same_batch() {
    let replies = vec![reply(503, "busy"), reply(429, "slowly").with("Retry-After", "7"), done()];
    let (ran, server) = upload(&Machine::new(), replies, &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let asked = server.asked();
    let batches: Vec<_> = asked.iter().map(|asked| asked.field("batch").expect("a batch")).collect();
    assert!(batches.len() == 3 && batches.iter().all(|batch| *batch == batches[0]), "{batches:?}");
    assert!(batches[0].starts_with("cli-") && batches[0].len() == 36, "{batches:?}");
    assert!(ran.err.contains("the server answered 503"), "{}", ran.err);
    assert!(ran.err.contains("trying again in 7.0 s (try 3 of 5)"), "{}", ran.err);
}

#[test]
fn two_invocations_are_two_uploads_except_in_the_same_ci_job() {
    let batch = |machine: &Machine| {
        let (_, server) = upload(machine, vec![done()], &[]);
        server.asked()[0].field("batch").expect("a batch").to_owned()
    };
    let desk = Machine::new();
    assert_ne!(batch(&desk), batch(&desk));
    let ci = Machine::new().env("GITLAB_CI", "true").env("CI_JOB_ID", "9").env("CI_COMMIT_BRANCH", "other");
    let (first, server) = upload(&ci, vec![done()], &[]);
    assert_eq!(first.code, 0);
    let first = server.asked()[0].clone();
    assert!(first.field("batch").expect("a batch").starts_with("ci-9-"));
    assert_eq!(first.field("branch"), Some("main"), "options win over the environment");
}

#[test]
fn a_busy_server_is_left_after_five_tries() {
    let (ran, server) = upload(&Machine::new(), vec![reply(503, error("unavailable", "starting"))], &[]);
    assert_eq!((ran.code, server.asked().len()), (3, 5), "{ran:?}");
    assert!(ran.err.ends_with("error: starting (unavailable, request r1)\n"), "{}", ran.err);
}

#[test]
fn nobody_listening_is_a_network_failure() {
    let machine = Machine::new();
    let file = machine.home.path().join("a.xml");
    fs::write(&file, "<a/>").expect("file");
    let (key, file) = (key(), file.display().to_string());
    let ran = machine.run(&["upload", "--url", "http://127.0.0.1:1", "--api-key", &key, "-p", "1", &file]);
    assert_eq!(ran.code, 3);
    assert_eq!(ran.err.matches("trying again").count(), 4, "{}", ran.err);
}

#[test]
fn a_refusal_shows_code_and_request_and_hides_an_echoed_key() {
    let body = error("key_expired", &format!("{} has expired", key()));
    let (ran, server) = upload(&Machine::new(), vec![reply(401, body)], &[]);
    assert_eq!((ran.code, server.asked().len()), (4, 1));
    assert_eq!(ran.err, "error: … has expired (key_expired, request r1)\n");
}

#[test]
fn a_refusal_before_the_body_is_heard() {
    let early = Reply { is_early: true, ..reply(413, error("too_large", "at most 1 MB")) };
    let machine = Machine::new();
    let big = machine.home.path().join("big.xml");
    fs::write(&big, "x".repeat(8_000_000)).expect("file");
    let big = big.display().to_string();
    let (ran, _) = upload(&machine, vec![early], &[&big]);
    assert_eq!((ran.code, ran.err.as_str()), (4, "error: at most 1 MB (too_large, request r1)\n"));
}

#[test]
fn refused_files_are_named_with_line_and_column() {
    let body = partly_refused();
    let refusal = error("report_refused", "1 file refused").replacen('{', &format!("{{\"receipt\":{body},"), 1);
    for answer in [reply(200, &body), reply(422, refusal)] {
        let (ran, _) = upload(&Machine::new(), vec![answer], &[]);
        assert_eq!(ran.code, 4);
        let lines: Vec<_> = ran.err.lines().collect();
        let expected = [
            "b/c.xml:41:7: <testcase> has no name attribute",
            "repaired d.xml:3: closed <system-out>",
            "error: 1 file refused",
        ];
        assert_eq!(lines, expected);
        assert!(ran.out.starts_with("http://t.example/executions/12\n"), "{}", ran.out);
    }
}

#[test]
fn failed_tests_fail_the_command_only_when_asked() {
    let failed = || vec![reply(200, receipt("done", "FAILED", FAILED))];
    let (ran, _) = upload(&Machine::new(), failed(), &[]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.ends_with("\n12 tests: 9 passed, 2 failed, 1 skipped (1 flaky)\n"), "{}", ran.out);
    let (ran, _) = upload(&Machine::new(), failed(), &["--fail-on", "failed"]);
    assert_eq!(ran.code, 1);
    let (ran, _) = upload(&Machine::new(), vec![done()], &["--fail-on", "failed"]);
    assert_eq!(ran.code, 0);
}

#[test]
fn an_unfinished_import_is_awaited() {
    let importing = || reply(200, receipt("importing", "RUNNING", PASSED));
    let (ran, server) = upload(&Machine::new(), vec![importing(), importing(), reply(502, "restarting"), done()], &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(server.lines()[1..], ["GET /api/v1/projects/my%20shop/uploads/5"; 3]);
    let (ran, _) = upload(&Machine::new(), vec![importing(), reply(500, "")], &[]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.starts_with("upload 5 is stored; only"), "nobody should send it again: {}", ran.err);
}

#[test]
fn waiting_has_an_end() {
    let importing = || reply(200, receipt("importing", "RUNNING", PASSED));
    let (ran, server) = upload(&Machine::new(), vec![importing()], &["--wait", "0"]);
    assert_eq!((ran.code, server.asked().len()), (0, 1));
    assert!(ran.err.contains("still reading"), "{}", ran.err);
    let (ran, _) = upload(&Machine::new(), vec![importing()], &["--wait", "0", "--fail-on", "failed"]);
    assert_eq!(ran.code, 3);
}

#[test]
fn json_is_the_receipt() {
    let (ran, _) = upload(&Machine::new(), vec![done()], &["--json"]);
    let receipt: testward_wire::results::Receipt = serde_json::from_str(&ran.out).expect("a receipt");
    assert_eq!((receipt.id, receipt.run.expect("a run").number), (5, 12));
}

#[test]
fn a_foreign_answer_makes_doubt_the_address() {
    let page = Reply { headers: vec![("Content-Type", "text/html")], ..reply(200, "<h1>\u{1b}[2JWelcome</h1>") };
    let (ran, _) = upload(&Machine::new(), vec![page], &[]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("(text/html): \"<h1> [2JWelcome</h1>\"; is http://127"), "{}", ran.err);
}

#[test]
fn a_redirect_is_not_followed() {
    let moved = reply(301, "").with("Location", "https://t.example/x");
    let (ran, server) = upload(&Machine::new(), vec![moved], &[]);
    assert_eq!((ran.code, server.asked().len()), (4, 1));
    assert!(ran.err.contains("leads on to https://t.example/x"), "{}", ran.err);
}

#[test]
fn a_key_near_its_end_is_told_once() {
    let near = |answer: Reply| answer.with("X-Api-Key-Expires", "2026-01-11T00:00:00Z");
    let (ran, _) = upload(&Machine::new(), vec![near(reply(503, "")), near(done())], &[]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.err.matches("warning: this API key expires in 10 days\n").count(), 1, "{}", ran.err);
}

#[test]
fn wrong_usage_is_noticed_before_any_request() {
    let server = TestServer::start(vec![done()]);
    let machine = Machine::new();
    let (key, cut) = (key(), key()[..30].to_owned());
    let home = machine.home.path().display().to_string();
    let missing = format!("{home}/missing");
    let upload = ["upload", "--url", &server.url, "-p", "1"];
    for (rest, hint) in [
        (vec!["--api-key", &key, &missing], "missing"),
        (vec!["--api-key", &key, &home], "holds no files"),
        (vec!["--api-key", &cut, &home], "cut short"),
        (vec!["--api-key", "", &home], "no API key"),
    ] {
        let ran = machine.run(&[&upload[..], &rest].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(hint) && !ran.err.contains(&cut), "{}", ran.err);
    }
    assert!(server.asked().is_empty());
}
