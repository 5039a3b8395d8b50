//! A tiny HTTP server: answers from a script and records what it was asked.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

#[derive(Debug, Clone)]
pub struct Asked {
    /// Method and path, such as `GET /api/v1/api-keys`.
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0.eq_ignore_ascii_case(name)).map(|header| header.1.as_str())
    }

    /// Returns the value of a multipart text field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\"\r\n\r\n"))?;
        rest.split_once("\r\n").map(|it| it.0)
    }
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
    /// Answers without reading the body, as a server does that refuses before looking.
    pub is_early: bool,
}

pub fn reply(status: u16, body: impl ToString) -> Reply {
    Reply { status, headers: vec![("Content-Type", "application/json")], body: body.to_string(), is_early: false }
}

impl Reply {
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

pub struct TestServer {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl TestServer {
    /// Answers the n-th request with the n-th reply, and the last reply from then on.
    pub fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let reply = &replies[n.min(replies.len() - 1)];
                serve(&stream.expect("connection"), reply, &record);
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics in here").clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

/// Serves one request a connection.
fn serve(stream: &TcpStream, reply: &Reply, record: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream);
    let mut asked = head(&mut reader);
    if !reply.is_early {
        if asked.header("expect").is_some() {
            send(stream, "HTTP/1.1 100 Continue\r\n\r\n");
        }
        let length = asked.header("content-length").map_or(0, |it| it.parse().expect("a number"));
        let mut body = vec![0; length];
        // A client may go away in the middle; what it sent is not recorded then.
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        asked.body = String::from_utf8(body).expect("the tests send text");
    }
    record.lock().expect("no test panics in here").push(asked);
    let mut text =
        format!("HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    send(stream, &format!("{text}\r\n{}", reply.body));
}

fn head(reader: &mut impl BufRead) -> Asked {
    let mut lines = reader.lines().map(|line| line.expect("a line")).take_while(|line| !line.is_empty());
    let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let headers = lines.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.into(), value.into())));
    Asked { line, headers: headers.collect(), body: String::new() }
}

fn send(mut stream: &TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
}
