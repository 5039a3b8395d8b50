//! Identity of cases, attachments by their written path, and detection.

mod common;

use common::Upload;
use testward_reports::{Format, case_key, find_attachment, find_reports};

fn name(text: &str) -> String {
    case_key(&[], None, text, None).strip_prefix("name ").expect("a name").to_owned()
}

#[test]
fn what_differs_from_run_to_run_is_masked() {
    for (written, masked) in [
        ("test_tricky.T-20261123054400", "test_tricky.T-<time>"),
        ("run 2026-11-23T05:44:00.123+01:00 ok", "run <time> ok"),
        ("run 2026-11-23 05:44:00", "run <time>"),
        ("20261123_054400", "<time>"),
        ("at 1795428522000", "at <time>"),
        ("user 0b0ed1e7-55f4-4f4a-9d0a-0e3a6b8a1c2d.", "user <uuid>."),
        ("object at 0x7fa2128a2b90>", "object at <address>>"),
        ("java.lang.Object@6d06d69c", "java.lang.Object@<address>"),
        ("worker pid 4711 / PID:12", "worker pid <pid> / PID:<pid>"),
        ("http://localhost:51234/x", "http://localhost:<port>/x"),
        ("/home/ci/build-7/shop/src/cart.test.js", "src/cart.test.js"),
        (r"C:\jobs\17\shop\tests\cart.js > adds", r"tests\cart.js > adds"),
        ("/a/b/c/d/e.js", "d/e.js"),
        ("two\n  lines", "two lines"),
        // What is as likely a parameter stays.
        ("since 2026-11-23", "since 2026-11-23"),
        ("values[1234] 0x1f", "values[1234] 0x1f"),
        ("GET /api/users", "GET /api/users"),
        ("mail a@b.example", "mail a@b.example"),
        ("processed 12", "processed 12"),
        ("é😀 naïve", "é😀 naïve"),
        ("port :8080", "port :8080"),
    ] {
        assert_eq!(name(written), masked);
        assert_eq!(name(masked), masked, "masking twice changes nothing");
    }
}

#[test]
fn parts_do_not_run_into_one_another() {
    assert_eq!(
        case_key(&["a", "b"], Some("C"), "n", Some("chrome")),
        "suite a\nsuite b\nclass C\nname n\nvariant chrome"
    );
    assert_ne!(case_key(&["a b"], None, "n", None), case_key(&["a", "b"], None, "n", None));
    assert_ne!(case_key(&[], Some("a"), "n", None), case_key(&["a"], None, "n", None));
    assert_eq!(case_key(&[""], Some(""), "n", Some("")), "name n");
    let long = "x".repeat(100_000);
    assert!(name(&long).len() < 9000);
    assert_ne!(name(&long), name(&format!("{long}y")));
}

#[test]
fn attachments_are_found_however_their_path_was_written() {
    let files = Upload::default()
        .with("out/report.xml", "")
        .with("out/img/a.png", "")
        .with("img/a.png", "")
        .with("Reports/20260614/1652430257160.png", "")
        .with("other/deep/b.txt", "")
        .with("b.txt", "");
    let find = |written: &str| find_attachment(&files, "out/report.xml", written);
    assert_eq!(find("img/a.png"), Some(1));
    assert_eq!(find("../img/a.png"), Some(2));
    assert_eq!(find(r"C:\Users\x\Reports\20260614\1652430257160.png"), Some(3));
    assert_eq!(find(r"C:\\Users\\x\\1652430257160.png"), Some(3));
    assert_eq!(find("file:///home/ci/other/deep/b.txt"), Some(4));
    assert_eq!(find("b.txt"), Some(5));
    assert_eq!(find("missing.txt"), None);
    assert_eq!(find(""), None);
}

#[test]
fn reports_are_found_by_content() {
    let files = Upload::default()
        .with("anything.dat", "\u{feff}<?xml version='1.0'?><!-- <html> --><testsuite/>")
        .with("junit.xml", "<html/>")
        .with("log.txt", "Testing...\n<?xml version='1.0'?>\n<testsuites/>")
        .with("pic.png", "\u{89}PNG\0\0<testsuite")
        .with("r/results.json", r#"{"results":[{"uuid":"1","name":"a","status":"PASSED"}]}"#)
        .with("r/JUnit_Report.xml", "<testsuites/>")
        .with("ctrf/results.json", r#"{"results":{"tests":[]}}"#)
        .with("meta/metadata.json", r#"{"framework":"jest","language":"javascript"}"#)
        .with("k/execution0.log", "<log><record><method>startSuite</method></record></log>")
        .with("k/JUnit_Report.xml", "<testsuites/>")
        .with("jul/x.log", "<log><record><method>main</method></record></log>")
        .with("phpunit.xml", "<phpunit><testsuites/></phpunit>")
        .with("fragment", "<testcase name='a'/><testcase name='b'/>");
    let found = |only| -> Vec<(Format, usize)> {
        find_reports(&files, only).into_iter().map(|report| (report.format, report.main)).collect()
    };
    let (junit, testops, katalon) = (Format::Junit, Format::Testops, Format::Katalon);
    assert_eq!(found(None), [(junit, 0), (junit, 2), (testops, 4), (junit, 5), (katalon, 8), (junit, 12)]);
    assert_eq!(found(Some(junit)), [(junit, 0), (junit, 2), (junit, 5), (junit, 9), (junit, 12)]);
    assert_eq!(found(Some(katalon)), [(katalon, 8)]);
}
