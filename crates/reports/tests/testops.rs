//! The JSON folder of the TestOps reporters.

mod common;

use common::{Upload, read_upload, render};
use expect_test::expect;

fn mocha() -> Upload {
    Upload::default()
        .with(
            "r/execution.json",
            r#"{"uuid":"x-1","start":1795408027404,"stop":1795408028189,"duration":785,"status":"FAILED"}"#,
        )
        .with(
            "r/metadata.json",
            r#"{"framework":"mocha","language":"javascript","sessionId":"sess-x","buildLabel":"BL","buildUrl":"http://ci/2","reportFolder":"testops-report"}"#,
        )
        .with(
            "r/suites.json",
            r#"{"suites":[{"name":"Inner","uuid":"i","parentUuid":"o","start":1795408091910,"stop":1795408091911,"duration":1},
                {"name":"Outer","uuid":"o","parentUuid":"x-1","status":null,"start":1795408091900,"stop":1795408091911,"duration":11}]}"#,
        )
        .with(
            "r/results.json",
            r#"{"results":[
{"name":"Outer.ok","uuid":"1","start":1795408091908,"duration":1,"suiteName":"Outer","errors":[],"status":"PASSED","stop":1795408091909,"attachments":[{"path":"a.png"}],"parameter":{"p":1}},
{"name":"Outer.bad","uuid":"2","start":1795408091909,"duration":1,"suiteName":"Outer","errors":[{"message":"","stackTrace":"Error: boom\n    at Context.<anonymous> (m/a.spec.js:1:61)"}],"failures":[{"message":"and more"}],"status":"FAILED","stop":1795408091910},
{"name":"Outer.sk","uuid":"3","duration":null,"suiteName":"Outer","errors":[{"message":"Skipped: no","stackTrace":""}],"status":"SKIPPED","stop":1795408091910},
{"name":"Inner.deep","uuid":"4","parentUuid":"i","suiteName":"zzz","errors":[{"message":"","stackTrace":""}],"status":"PASSED"},
{"name":"elsewhere","suiteName":"New","status":"ODD","unknown":{"deep":[1,{"x":null}]}}, 7, null
]}"#,
        )
        .with("r/a.png", "png")
}

#[test]
fn the_parts_are_joined() {
    let outcome = read_upload(&mocha()).expect("a report");
    expect![[r#"
        suite "Outer" at=1795408091900Z
          suite "Inner" at=1795408091910Z
          passed "Outer.ok" ms=1 at=1795408091908Z parameters=[("p", "1")]
            file "a.png"
          FAILED "Outer.bad" ms=1 at=1795408091909Z
            failure "Error: boom" kind=Error stack="Error: boom\n    at Context.<anonymous> (m/a.spec.js:1:61)"
            failure "and more"
          skipped "Outer.sk" skip=Skipped: no
            passed "Inner.deep"
        suite "New"
          INCOMPLETE "elsewhere"
        end 2
          end 1 ms=1
        end 0 ms=11
        summary session=sess-x build=BL url=http://ci/2 framework=mocha from=1795408027404Z to=1795408028189Z ms=785
          language = "javascript"
          repair 0:0 status "ODD" is not known
    "#]]
    .assert_eq(&render(&outcome));
}

#[test]
fn what_stands_before_a_break_is_kept() {
    let mut upload = mocha();
    upload.0[2].1.truncate(20);
    let results = String::from_utf8(upload.0[3].1.clone()).expect("text");
    let cut = results.find("\"Outer.sk\"").expect("a result");
    upload.0[3].1.truncate(cut);
    let outcome = read_upload(&upload).expect("a report");
    assert_eq!(outcome.cases().len(), 2);
    assert!(outcome.summary.is_truncated);
    expect![[r"
        r/suites.json: EOF while parsing a string; 0 entries before it are kept
        r/results.json: EOF while parsing a value; 2 entries before it are kept"]]
    .assert_eq(&outcome.repairs().join("\n"));
}

#[test]
fn garbage_among_the_results_ends_them_with_a_place() {
    let upload =
        Upload::of("results.json", "{\"results\":[{\"uuid\":\"1\",\"name\":\"a\",\"status\":\"PASSED\"},\n {]}");
    let outcome = read_upload(&upload).expect("a report");
    assert_eq!(outcome.cases().len(), 1);
    let repair = &outcome.summary.repairs[0];
    assert_eq!((repair.line, repair.column), (Some(2), Some(3)));
}

#[test]
fn a_part_that_is_no_json_at_all_is_told() {
    let upload = Upload::default()
        .with("r/suites.json", r#"{"suites":[{"uuid":"s","name":"S"}]}"#)
        .with("r/results.json", "oops");
    let outcome = read_upload(&upload).expect("a report");
    assert!(outcome.summary.is_truncated);
    expect!["r/results.json: expected value"].assert_eq(&outcome.repairs().join("\n"));
}

#[test]
fn suites_that_contain_themselves_are_read() {
    let suites = r#"{"suites":[{"uuid":"a","parentUuid":"b","name":"A"},{"uuid":"b","parentUuid":"a","name":"B"},{"uuid":"c","parentUuid":"c","name":"C"}]}"#;
    let upload = Upload::of("suites.json", suites);
    let outcome = read_upload(&upload).expect("a report");
    assert_eq!(outcome.events.len(), 6);
}

#[test]
fn odd_values_cost_nothing() {
    let results = r#"{"other":[[[{}]]],"results":[{"uuid":1,"name":["x"],"status":null,"start":"1795408091908","duration":-5,"errors":{"message":7},
        "failures":"none","parameters":[1],"attachments":null,"description":{"a":1}},{"name":"b","name":"c","suiteName":"S","status":"passed"}]}"#;
    let outcome = read_upload(&Upload::of("results.json", results)).expect("a report");
    expect![[r#"
        FAILED "" at=1795408091908Z
          failure "7"
        suite "S"
          passed "c"
        end 0
        summary
          repair 0:0 a result has no name
    "#]]
    .assert_eq(&render(&outcome));
}

#[test]
fn deep_nesting_is_no_danger() {
    let deep = "[".repeat(200_000);
    let upload = Upload::of(
        "results.json",
        format!("{{\"results\":[{{\"uuid\":\"1\",\"name\":\"a\"}},{{\"uuid\":\"2\",\"name\":{deep}"),
    );
    let outcome = read_upload(&upload).expect("a report");
    assert_eq!(outcome.cases().len(), 1);
}
