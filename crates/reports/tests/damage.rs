//! Damaged and hostile JUnit files.

mod common;

use std::fmt::Write as _;
use std::io::{self, Read};

use common::{junit, render};
use expect_test::expect;
use testward_reports::{Event, Files, Format, Report, Status, read};

fn names(content: impl AsRef<[u8]>) -> Vec<String> {
    junit(content).expect("a report").cases().iter().map(|case| case.name.clone()).collect()
}

#[test]
fn a_cut_off_file_keeps_what_was_whole() {
    let whole = r#"<testsuites><testsuite name="a"><testcase name="1"/><testcase name="2"><failure message="x">text"#;
    let outcome = junit(whole).expect("a report");
    expect![[r#"
        suite "a"
          passed "1"
        end 0
        summary truncated=true
          repair 1:97 the file ends before its end within the test "2"
    "#]]
    .assert_eq(&render(&outcome));
    let within_tag = junit(r#"<testsuite name="a"><testcase name="1"/><testcase na"#).expect("a report");
    assert!(within_tag.summary.is_truncated);
    assert_eq!(within_tag.cases().len(), 1);
}

#[test]
fn several_roots_and_junk_around_them_are_read() {
    let outcome = junit(
        "Running 3 tests\n<?xml version=\"1.0\"?>\n<testsuite name=\"a\"><testcase name=\"1\"/></testsuite>\n\
         <testsuite name=\"b\"><testcase name=\"2\"/></testsuite>\nTest run finished <ok>",
    );
    expect![[r#"
        suite "a"
          passed "1"
        end 0
        suite "b"
          passed "2"
        end 1
        summary
          repair 1:1 text before the report is ignored
          repair 4:1 more than one root element
          repair 4:53 text after the report is ignored
    "#]]
    .assert_eq(&render(&outcome.expect("a report")));
}

#[test]
fn attribute_values_may_hold_raw_markup_quotes_and_line_breaks() {
    let outcome = junit(
        "<testsuite name='a'>\n<testcase name=\"List<String> & \"quoted\" text\" classname='C' time=1.5 broken>\n\
         <failure message=\"one\ntwo &lt; &#10; &nbsp; &#xFFFF; &#27;[0m\" type=\"T\"/></testcase></testsuite>",
    );
    expect![[r#"
        suite "a"
          FAILED "List<String> & \"quoted\" text" class=C ms=1500 properties=[("broken", "")]
            failure "one\ntwo < \n &nbsp; � \u{1b}[0m" kind=T
        end 0
        summary
          repair 2:1 "<" within an attribute value
          repair 2:1 "&" stands for itself
          repair 2:1 quotation mark within an attribute value
          repair 2:1 quotation mark within an attribute value
          repair 2:1 attribute value without quotes
          repair 2:1 attribute without a value
          repair 3:1 entity &nbsp; is not expanded
          repair 3:1 character U+FFFF is not allowed in XML
          repair 3:1 character U+001B is not allowed in XML
    "#]]
    .assert_eq(&render(&outcome.expect("a report")));
}

#[test]
fn markup_within_text_is_text() {
    let outcome = junit(
        "<testsuite name=\"a\"><testcase name=\"1\"><failure>a < b && List<String> of </div> <br/> end</failure></testcase></testsuite>",
    )
    .expect("a report");
    expect![[r#"
        suite "a"
          FAILED "1"
            failure "a < b && List<String> of </div> <br></br> end" stack="a < b && List<String> of </div> <br></br> end"
        end 0
        summary
          repair 1:51 "<" stands for itself
          repair 1:55 "&" stands for itself
          repair 1:56 "&" stands for itself
          repair 1:74 </div> closes nothing
          repair 1:90 </failure> closes 1 elements within it
    "#]].assert_eq(&render(&outcome));
}

#[test]
fn missing_end_tags_cost_nothing() {
    let outcome = junit(
        "<testsuite name=\"a\"><testcase name=\"1\"><failure>x<testcase name=\"2\"><system-out>y</testcase><testcase name=\"3\"/></testsuite>",
    )
    .expect("a report");
    expect![[r#"
        suite "a"
          FAILED "1"
            failure "x" stack="x"
          passed "2" out="y"
          passed "3"
        end 0
        summary
          repair 1:50 <testcase> within a test that has not ended
          repair 1:82 </testcase> closes 1 elements within it
    "#]]
    .assert_eq(&render(&outcome));
}

#[test]
fn entities_are_never_expanded() {
    let mut bomb = String::from("<!DOCTYPE lolz [<!-- it's -->\n<!ENTITY lol0 \"lol\">");
    for i in 1..10 {
        let below = format!("&lol{};", i - 1).repeat(10);
        write!(bomb, "<!ENTITY lol{i} \"{below}\">").expect("a string grows");
    }
    bomb.push_str("<!ENTITY file SYSTEM \"file:///etc/passwd\">]><testsuite name=\"&lol9;\"><testcase name=\"&file;\"/></testsuite>");
    let outcome = junit(bomb).expect("a report");
    assert_eq!(outcome.cases()[0].name, "&file;");
    assert_eq!(outcome.repairs(), ["entity &lol9; is not expanded", "entity &file; is not expanded"]);
    assert_eq!((outcome.summary.repairs[0].line, outcome.summary.repairs[0].column.is_some()), (Some(2), true));
}

#[test]
fn encodings_are_told_by_mark_declaration_and_content() {
    let text = |encoding: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"{encoding}\"?><testsuite name=\"a\"><testcase name=\"é€😀\"/></testsuite>"
        )
    };
    let utf16 = |text: &str, is_little: bool| -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    let with_mark = format!("\u{feff}{}", text("UTF-16"));
    let name = ["é€😀"];
    assert_eq!(names(text("UTF-8")), name);
    assert_eq!(names(format!("\u{feff}{}", text("UTF-8"))), name);
    assert_eq!(names(utf16(&with_mark, true)), name);
    assert_eq!(names(utf16(&with_mark, false)), name);
    assert_eq!(names(utf16(&text("utf-16"), true)), name);
    assert_eq!(names(utf16(&text("utf-16"), false)), name);
    // Written in UTF-8 whatever the declaration says.
    assert_eq!(names(text("utf-16")), name);
    assert_eq!(names(text("ISO-8859-1")), name);
    assert_eq!(names(text("x-none")), name);
    let latin = |encoding: &str| {
        let mut bytes =
            format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?><testsuite><testcase name=\"caf").into_bytes();
        bytes.extend(b"\xE9 \x80\"/></testsuite>");
        bytes
    };
    assert_eq!(names(latin("ISO-8859-1")), ["café €"]);
    assert_eq!(names(latin("UTF-8")), ["café €"]);
    let outcome = junit(latin("UTF-8")).expect("a report");
    assert_eq!(outcome.summary.n_repairs, 2);
    assert_eq!(outcome.summary.repairs[0].column, Some(69));
    // Elsewhere in the file UTF-8 is used, so the stray byte is damage.
    let mut mixed = "<testsuite><testcase name=\"é".as_bytes().to_vec();
    mixed.extend(b"\xFF\"/></testsuite>");
    assert_eq!(names(mixed), ["é\u{FFFD}"]);
}

#[test]
fn forbidden_characters_are_replaced_and_colours_kept() {
    let outcome = junit("<testsuite><testcase name=\"a\u{1}b\"><system-out>\u{7}\u{1b}[31m\u{fffe}\r\nx\ry</system-out></testcase></testsuite>").expect("a report");
    assert_eq!(outcome.cases()[0].name, "a\u{fffd}b");
    assert_eq!(outcome.cases()[0].stdout.head, "\u{fffd}\u{1b}[31m\u{fffd}\nx\ny");
    assert_eq!(outcome.summary.n_repairs, 4);
}

#[test]
fn nesting_without_end_is_flattened() {
    for n in [100_usize, 100_000, 1_000_000] {
        let mut file = "<testsuite name=\"s\">".repeat(n);
        file.push_str("<testcase name=\"deep\"/>");
        if n == 100 {
            file.push_str(&"</testsuite>".repeat(n));
        }
        let outcome = junit(file).expect("a report");
        let suites = outcome.events.iter().filter(|event| matches!(event, Event::Suite(_))).count();
        assert_eq!(suites, 64);
        assert_eq!(outcome.summary.is_truncated, n != 100);
        if n < 500_000 {
            assert_eq!(outcome.case("deep").suite, Some(63));
        }
    }
    let outcome = junit("<testsuite><testcase name=\"x\">".to_owned() + &"<a>".repeat(1_000_000)).expect("a report");
    assert!(outcome.summary.is_truncated);
}

#[test]
fn what_is_no_report_is_refused_with_its_place() {
    let refusal = |content: &str| junit(content).err().map(|e| e.to_string()).unwrap_or_default();
    expect!["junit.xml:2:3: root element <html> is not that of a JUnit report"]
        .assert_eq(&refusal("<?xml version=\"1.0\"?>\n  <html><testsuite/></html>"));
    expect!["junit.xml:1:1: holds no <testsuites>, <testsuite> or <testcase>"].assert_eq(&refusal(""));
    expect!["junit.xml:1:16: holds no <testsuites>, <testsuite> or <testcase>"]
        .assert_eq(&refusal("{\"results\": []}"));
    expect!["junit.xml:1:4: holds no <testsuites>, <testsuite> or <testcase>"].assert_eq(&refusal("\0\u{1}\u{2}"));
}

#[test]
fn commas_are_read_by_what_adds_up() {
    let suite = |time: &str, cases: &[&str]| {
        let cases: Vec<String> = cases.iter().map(|time| format!("<testcase name=\"c\" time=\"{time}\"/>")).collect();
        let outcome = junit(format!("<testsuite time=\"{time}\">{}</testsuite>", cases.concat())).expect("a report");
        outcome.cases().iter().map(|case| case.duration_ms).collect::<Vec<_>>()
    };
    // A point elsewhere in the file: commas part thousands.
    assert_eq!(suite("1,078.5", &["1,078", "0.5"]), [Some(1_078_000.0), Some(500.0)]);
    assert_eq!(suite("", &["1,078", "0.5"]), [Some(1_078_000.0), Some(500.0)]);
    // A leading zero: commas are decimal.
    assert_eq!(suite("1,108", &["1,078", "0,03"]), [Some(1078.0), Some(30.0)]);
    // Neither: what adds up.
    assert_eq!(suite("1,078", &["1,077", "1"]), [Some(1_077_000.0), Some(1000.0)]);
    assert_eq!(suite("2,154", &["1,077", "1,077"]), [None, None]);
    assert_eq!(suite("3", &["1,500", "1,500"]), [Some(1500.0), Some(1500.0)]);
}

#[test]
fn quantity_is_bounded() {
    let many =
        |open: &str, n: usize| format!("<testsuite><testcase name=\"x\">{}</testcase></testsuite>", open.repeat(n));
    let outcome = junit(many("<failure message=\"f\"/>", 5000)).expect("a report");
    assert_eq!((outcome.case("x").status, outcome.case("x").failures.len()), (Status::Failed, 1000));
    let attributes: Vec<String> = (0..1000).map(|i| format!(" a{i}=\"v\"")).collect();
    let outcome =
        junit(format!("<testsuite><testcase name=\"x\"{}/></testsuite>", attributes.concat())).expect("a report");
    assert_eq!((outcome.case("x").properties.len(), outcome.summary.n_repairs), (255, 1));
    let outcome =
        junit(format!("<testsuite><testcase name=\"{}\"/></testsuite>", "n".repeat(3_000_000))).expect("a report");
    assert_eq!((outcome.cases()[0].name.len(), outcome.summary.n_repairs), (1024 * 1024, 1));
}

#[test]
fn a_long_text_keeps_its_ends() {
    let body = "0123456789".repeat(100_000);
    let outcome = junit(format!(
        "<testsuite><testcase name=\"x\"><system-out><![CDATA[first {body} [[ATTACHMENT|m.png]] {body} last]]></system-out></testcase></testsuite>"
    ))
    .expect("a report");
    let case = outcome.case("x");
    let out = &case.stdout;
    assert!(out.head.starts_with("first 0123") && out.tail.ends_with("6789 last"));
    assert_eq!((out.head.len(), out.tail.len()), (65536, 65536));
    assert_eq!(
        out.omitted_bytes as usize + out.head.len() + out.tail.len(),
        2_000_000 + "first  [[ATTACHMENT|m.png]]  last".len()
    );
    assert_eq!(case.attachments[0].path, "m.png");
}

/// A JUnit file with one text of any size, made while it is read.
struct Endless(u64);

impl Files for Endless {
    fn len(&self) -> usize {
        1
    }

    fn path(&self, _: usize) -> &'static str {
        "endless.xml"
    }

    fn open(&self, _: usize) -> io::Result<Box<dyn Read + '_>> {
        let start = &b"<testsuite name=\"a\"><testcase name=\"x\"><system-out><![CDATA["[..];
        let end = &b"]]></system-out></testcase></testsuite>"[..];
        Ok(Box::new(start.chain(io::repeat(b'x').take(self.0)).chain(end)))
    }
}

#[test]
fn a_giant_text_streams() {
    let report = Report { format: Format::Junit, main: 0, parts: vec![0] };
    let mut omitted = 0;
    read(&Endless(20_000_000), &report, &mut |event| {
        if let Event::Case(case) = event {
            omitted = case.stdout.omitted_bytes;
        }
    })
    .expect("a report");
    assert_eq!(omitted, 20_000_000 - 2 * 65536);
}
