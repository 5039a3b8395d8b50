//! Reads a JUnit file twice: with our reader, and with bare quick-xml into owned cases, the least a reader can do.
//!
//! `cargo run --release -p testward-reports --example read_junit FILE`

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the real time")]

use std::fs::File;
use std::io::{BufReader, Read};
use std::time::Instant;

use quick_xml::Reader;
use quick_xml::events::Event as Xml;
use testward_reports::{Event, Files, Format, Report, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name a JUnit file")?;
    for _ in 0..3 {
        let start = Instant::now();
        let cases = read_bare(&path)?;
        println!("bare quick-xml, owned cases  {:>6} cases  {:.3} s", cases.len(), start.elapsed().as_secs_f64());
        drop(cases);
        let start = Instant::now();
        let n = read_ours(&path)?;
        println!("testward-reports             {n:>6} cases  {:.3} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// A case as bare as it gets: what its tag and what stands in it say.
#[derive(Default)]
struct Case {
    attributes: Vec<(String, String)>,
    text: String,
}

fn read_bare(path: &str) -> Result<Vec<Case>, Box<dyn std::error::Error>> {
    let mut reader = Reader::from_reader(BufReader::with_capacity(1 << 16, File::open(path)?));
    let (mut cases, mut buffer, mut is_in_case) = (Vec::<Case>::new(), Vec::new(), false);
    loop {
        let event = reader.read_event_into(&mut buffer)?;
        match &event {
            Xml::Start(tag) | Xml::Empty(tag) if tag.name().as_ref() == "testcase" => {
                let mut case = Case::default();
                for attribute in tag.attributes() {
                    let attribute = attribute?;
                    case.attributes.push((attribute.key.as_ref().to_owned(), attribute.value.into_owned()));
                }
                cases.push(case);
                is_in_case = matches!(event, Xml::Start(_));
            }
            Xml::Text(text) if is_in_case => {
                if let Some(case) = cases.last_mut() {
                    case.text.push_str(text);
                }
            }
            Xml::End(tag) if tag.name().as_ref() == "testcase" => is_in_case = false,
            Xml::Eof => return Ok(cases),
            _ => {}
        }
        buffer.clear();
    }
}

fn read_ours(path: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let mut n = 0;
    let report = Report { format: Format::Junit, main: 0, parts: vec![0] };
    read(&OneFile(path), &report, &mut |event| n += usize::from(matches!(event, Event::Case(_))))?;
    Ok(n)
}

struct OneFile<'a>(&'a str);

impl Files for OneFile<'_> {
    fn len(&self) -> usize {
        1
    }

    fn path(&self, _: usize) -> &str {
        self.0
    }

    fn open(&self, _: usize) -> std::io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(File::open(self.0)?))
    }
}
