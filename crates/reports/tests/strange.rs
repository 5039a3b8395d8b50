//! What is no report is called by what it is.

mod common;

use testward_reports::why_no_report;

#[test]
fn what_is_no_report_is_called_by_what_it_is() {
    let why = |bytes: &[u8]| why_no_report(&common::Upload::of("file", bytes), 0);
    assert_eq!(why(b""), "it is empty");
    assert_eq!(why(b" \n"), "it has only blanks");
    assert_eq!(why(b"<?xml version='1.0'?><!-- a --><html><body/>"), "its root element is <html>");
    assert_eq!(why(b"<!-- nothing else"), "it has no root element");
    assert_eq!(why(br#"{"a": 1, "b": {"c": 2}}"#), r#"it is JSON with "a", "b""#);
    assert_eq!(why(b"{}"), "it is JSON without a known key");
    assert_eq!(why(b"[1]"), "it is a JSON list");
    assert_eq!(why(b"\x89PNG\r\n\x1a\n\0\0"), "it is neither XML nor JSON");
    assert_eq!(why(b"hello"), "it is neither XML nor JSON");
}
