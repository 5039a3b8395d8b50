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
