//! Report folders of Katalon Studio.

mod common;

use common::{Upload, read_upload, render};
use expect_test::expect;

/// A record of an execution log.
fn record(millis: u32, level: &str, method: &str, message: &str, properties: &[(&str, &str)]) -> String {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("  <property name=\"{name}\">{value}</property>\n")).collect();
    let properties = properties.concat();
    format!(
        "<record>\n  <date>2026-06-14T06:15:28.{millis:03}Z</date>\n  <millis>1781417728{millis:03}</millis>\n  <sequence>1</sequence>\n  <level>{level}</level>\n  <class>com.kms.katalon.core.logging.XmlKeywordLogger</class>\n  <method>{method}</method>\n  <thread>1</thread>\n  <message>{message}</message>\n  <nestedLevel>0</nestedLevel>\n  <escapedJava>false</escapedJava>\n{properties}</record>\n"
    )
}

fn log(records: &[String]) -> String {
    let prolog =
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n<!DOCTYPE log SYSTEM \"logger.dtd\">\n<log>\n";
    format!("{prolog}{}</log>\n", records.concat())
}

fn suite(retries: &str, tests: Vec<Vec<String>>) -> Vec<String> {
    let mut records = vec![record(
        1,
        "START",
        "startSuite",
        "Start Test Suite : Test Suites/TS_Login",
        &[("name", "TS_Login"), ("id", "Test Suites/TS_Login"), ("retryCount", retries)],
    )];
    records.push(record(2, "RUN_DATA", "logRunData", "hostName = ci", &[("hostName", "ci - 1.2.3.4")]));
    records.extend(tests.into_iter().flatten());
    records.push(record(900, "END", "endSuite", "End Test Suite : Test Suites/TS_Login", &[]));
    records
}

fn test(at: u32, name: &str, is_passing: bool) -> Vec<String> {
    let id = format!("Test Cases/{name}");
    let mut records = vec![
        record(at, "START", "startTest", &format!("Start Test Case : {id}"), &[("name", &id), ("id", &id)]),
        record(at + 1, "START", "startKeyword", "Start action : click", &[("stepIndex", "1")]),
    ];
    if is_passing {
        records.push(record(at + 2, "PASSED", "logMessage", "Object clicked", &[("attachment", "17814.png")]));
    } else {
        records.push(record(
            at + 2,
            "FAILED",
            "logMessage",
            "Unable to click",
            &[("failed.exception.class", "com.kms.katalon.core.exception.StepFailedException")],
        ));
    }
    records.push(record(at + 3, "END", "endKeyword", "End action : click", &[]));
    records.push(if is_passing {
        record(at + 4, "PASSED", "logMessage", &id, &[])
    } else {
        let stack = "com.kms.StepFailedException: Unable to click\n\tat com.kms.Foo.bar(Foo.groovy:12)";
        let properties = [
            ("failed.exception.class", "com.kms.StepFailedException"),
            ("failed.exception.message", "Unable to click"),
            ("failed.exception.stacktrace", stack),
        ];
        record(at + 4, "FAILED", "logMessage", &format!("{id} FAILED.\nReason:\n{stack}"), &properties)
    });
    records.push(record(at + 5, "END", "endTest", &format!("End Test Case : {id}"), &[]));
    records
}

#[test]
fn the_log_gives_suite_tests_steps_and_files() {
    let log = log(&suite("0", vec![test(10, "Good", true), test(20, "Bad", false)]));
    let upload = Upload::default()
        .with("Reports/20260614_061528/TS/20260614_061528/execution0.log", log)
        .with("Reports/20260614_061528/TS/20260614_061528/execution.uuid", "0a1b2c3d-uuid\n")
        .with("Reports/20260614_061528/TS/20260614_061528/tsc_id.txt", "")
        .with(
            "Reports/20260614_061528/TS/20260614_061528/execution.properties",
            r#"{"Name":"Chrome","host":{"hostName":"ci","os":"Linux"},"execution":{"general":{"executionProfile":"staging","apiKey":"s"}}}"#,
        )
        .with("Reports/20260614_061528/TS/20260614_061528/JUnit_Report.xml", "<testsuites/>")
        .with("Reports/20260614_061528/TS/20260614_061528/17814.png", "png");
    let outcome = read_upload(&upload).expect("a report");
    expect![[r#"
        suite "TS_Login" at=1781417728001Z
          passed "Test Cases/Good" class=Test Cases/Good ms=5 at=1781417728010Z out="[PASSED] Object clicked\n[PASSED] Test Cases/Good\n"
            step passed "click" ms=2 says=Object clicked
            file "17814.png"
          FAILED "Test Cases/Bad" class=Test Cases/Bad ms=5 at=1781417728020Z out="[FAILED] Unable to click\n[FAILED] Test Cases/Bad FAILED.\nRea"+85
            failure "Unable to click" kind=com.kms.StepFailedException stack="com.kms.StepFailedException: Unable to click\n\tat com.kms.Foo"+19
            step FAILED "click" ms=2 says=Unable to click
        end 0 ms=899 properties=[("name", "TS_Login"), ("id", "Test Suites/TS_Login"), ("retryCount", "0")]
        summary name=Test Suites/TS_Login session=0a1b2c3d-uuid from=1781417728001Z to=1781417728900Z ms=899
          hostName = "ci - 1.2.3.4"
          retryCount = "0"
          Name = "Chrome"
          executionProfile = "staging"
          os = "Linux"
    "#]].assert_eq(&render(&outcome));
}

#[test]
fn a_retry_makes_attempts() {
    let log = log(&suite("2", vec![test(10, "Shaky", false), test(20, "Other", false), test(30, "Shaky", true)]));
    let outcome = read_upload(&Upload::of("execution0.log", log)).expect("a report");
    expect![[r#"
        suite "TS_Login" at=1781417728001Z
          passed "Test Cases/Shaky" class=Test Cases/Shaky flaky=true ms=5 at=1781417728030Z out="[PASSED] Object clicked\n[PASSED] Test Cases/Shaky\n"
            earlier FAILED ms=5 out="[FAILED] Unable to click\n[FAILED] Test Cases/Shaky FAILED.\nR"+87
              failure "Unable to click" kind=com.kms.StepFailedException stack="com.kms.StepFailedException: Unable to click\n\tat com.kms.Foo"+19
            step passed "click" ms=2 says=Object clicked
            file "17814.png"
          FAILED "Test Cases/Other" class=Test Cases/Other ms=5 at=1781417728020Z out="[FAILED] Unable to click\n[FAILED] Test Cases/Other FAILED.\nR"+87
            failure "Unable to click" kind=com.kms.StepFailedException stack="com.kms.StepFailedException: Unable to click\n\tat com.kms.Foo"+19
            step FAILED "click" ms=2 says=Unable to click
        end 0 ms=899 properties=[("name", "TS_Login"), ("id", "Test Suites/TS_Login"), ("retryCount", "2")]
        summary name=Test Suites/TS_Login from=1781417728001Z to=1781417728900Z ms=899
          hostName = "ci - 1.2.3.4"
          retryCount = "2"
    "#]].assert_eq(&render(&outcome));
}

#[test]
fn a_rotated_log_is_read_oldest_first_and_may_lack_its_end() {
    let records = suite("0", vec![test(10, "One", true), test(20, "Two", true)]);
    let (older, newer) = records.split_at(9);
    let newer = log(newer).replace("</log>\n", "");
    let newer = &newer[..newer.rfind("<record>").expect("a record")];
    let upload = Upload::default().with("execution0.log", newer).with("execution1.log", log(older));
    let outcome = read_upload(&upload).expect("a report");
    expect![[r#"
        suite "TS_Login" at=1781417728001Z
          passed "Test Cases/One" class=Test Cases/One ms=5 at=1781417728010Z out="[PASSED] Object clicked\n[PASSED] Test Cases/One\n"
            step passed "click" ms=2 says=Object clicked
            file "17814.png"
          passed "Test Cases/Two" class=Test Cases/Two ms=5 at=1781417728020Z out="[PASSED] Object clicked\n[PASSED] Test Cases/Two\n"
            step passed "click" ms=2 says=Object clicked
            file "17814.png"
        end 0 ms=24 properties=[("name", "TS_Login"), ("id", "Test Suites/TS_Login"), ("retryCount", "0")]
        summary name=Test Suites/TS_Login from=1781417728001Z to=1781417728025Z ms=24 truncated=true
          hostName = "ci - 1.2.3.4"
          retryCount = "0"
          repair 0:0 the log ends before its end
    "#]].assert_eq(&render(&outcome));
}

#[test]
fn without_a_log_the_junit_report_counts() {
    let upload = Upload::default()
        .with("r/execution.uuid", "u-1")
        .with("r/execution0.log", "\0\0\0 nothing that was ever a log")
        .with(
            "r/JUnit_Report.xml",
            r#"<testsuites name="TS"><testsuite id="Test Suites/TS" name="TS" time="1.5" timestamp="20-05-2025T20:39:58"><testcase name="Test Cases/A" classname="Test Cases/A" status="INCOMPLETE" time="1"/></testsuite></testsuites>"#,
        );
    let outcome = read_upload(&upload).expect("a report");
    expect![[r#"
        suite "TS" at=1747773598000?
          INCOMPLETE "Test Cases/A" class=Test Cases/A ms=1000
        end 0 ms=1500 properties=[("id", "Test Suites/TS")]
        summary name=TS session=u-1 from=1747773598000? ms=1500
    "#]]
    .assert_eq(&render(&outcome));
}
