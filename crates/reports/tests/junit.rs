//! JUnit dialects and damage, in small.

mod common;

use common::{junit, render};
use expect_test::expect;

#[test]
fn outcomes_weigh_error_over_failure_over_rerun_over_flaky_over_skipped() {
    let outcome = junit(
        r#"<?xml version="1.0"?>
<testsuites name="all" time="3">
<testsuite name="s" time="3" timestamp="2026-01-02T03:04:05" hostname="box">
  <properties><property name="a" value="1"/><property name="b">two</property><property name="c"/></properties>
  <testcase name="plain" classname="C" time="0.5"/>
  <testcase name="both" classname="C"><failure message="f"/><error type="E" message="e">  at x</error></testcase>
  <testcase name="rerun" classname="C" time="1"><failure message="first" type="T">trace</failure>
    <rerunFailure message="again" type="T"><stackTrace>again at</stackTrace><system-out>o</system-out></rerunFailure></testcase>
  <testcase name="flaky" classname="C"><flakyFailure message="once" type="T" time="0.2"><stackTrace><![CDATA[st]]></stackTrace></flakyFailure></testcase>
  <testcase name="skip" classname="C"><skipped message="why"/></testcase>
  <testcase name="skip text"><skipped>because</skipped></testcase>
  <testcase name="text only"><failure>java.lang.AssertionError: boom
	at a.b.C.d(C.java:1)</failure></testcase>
  <testcase name="empty"><failure/></testcase>
  <system-out>see [[ATTACHMENT|a.png]] and [[ATTACHMENT|C:\\r\\b.png|{"type": "image"}]] [[PROPERTY|k=v]]</system-out>
  <error message="suite broke"/>
</testsuite></testsuites>"#,
    )
    .expect("a report");
    expect![[r#"
        suite "s" at=1767323045000? host=box
          passed "plain" class=C ms=500
          ERROR "both" class=C
            failure "f"
            failure "e" kind=E stack="  at x"
          FAILED "rerun" class=C ms=1000
            failure "first" kind=T stack="trace"
            earlier FAILED out="o"
              failure "again" kind=T stack="again at"
          passed "flaky" class=C flaky=true
            earlier FAILED ms=200
              failure "once" kind=T stack="st"
          skipped "skip" class=C skip=why
          skipped "skip text" skip=because
          FAILED "text only"
            failure "java.lang.AssertionError: boom" kind=java.lang.AssertionError stack="java.lang.AssertionError: boom\n\tat a.b.C.d(C.java:1)"
          FAILED "empty"
            failure ""
        end 0 ms=3000 properties=[("a", "1"), ("b", "two"), ("c", ""), ("k", "v")] out="see [[ATTACHMENT|a.png]] and [[ATTACHMENT|C:\\\\r\\\\b.png|{\"typ"+31
          file "a.png"
          file "C:\\r\\b.png"
          failure "suite broke"
        summary name=all from=1767323045000? ms=3000
    "#]].assert_eq(&render(&outcome));
}
