//! Real connections: clients that never come to an end, and a server that does.

use std::net::SocketAddr;
use std::time::Duration;

use testward_server::web;
use testward_server::web::listen::{self, Patience};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::TestApp;

/// A server on a port of its own with little patience.
struct Listening {
    app: TestApp,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    ended: JoinHandle<()>,
}

impl Listening {
    async fn start() -> Self {
        Self::with_patience(Duration::from_millis(300)).await
    }

    #[expect(clippy::disallowed_methods, reason = "there is no serve loop in a test")]
    async fn with_patience(patience: Duration) -> Self {
        let app = TestApp::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        let patience = Patience { head: patience, body: patience };
        let (service, _) = web::service(&app.app);
        let ended = tokio::spawn(listen::serve(listener, service, patience, stopped));
        Self { app, address, stop, ended }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Sends something and returns what comes until the server closes, which it must.
    async fn send(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        // A reset says as clearly that it is over.
        let _ = closed.expect("the server closes the connection");
        String::from_utf8(answer).expect("text")
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let server = Listening::start().await;
    assert!(server.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX-More: ").await.is_empty());
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_asked_any_more_is_closed() {
    let server = Listening::start().await;
    let answer = server.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off_and_leaves_nothing() {
    let server = Listening::start().await;
    let slots = crate::ingest::Hands::of_anna(&server.app).await.slots(1).await;
    let head = format!("PUT /storage/{} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbegun", slots[0].token);
    let answer = server.send(&head).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("upload_interrupted"), "{answer}");
    let left = std::fs::read_dir(server.app.data_dir().join("blobs/incoming")).expect("the folder");
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn an_upload_whose_client_vanished_leaves_nothing() {
    let server = Listening::start().await;
    let slots = crate::ingest::Hands::of_anna(&server.app).await.slots(1).await;
    let mut stream = server.connect().await;
    let head = format!("PUT /storage/{} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n", slots[0].token);
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&vec![b'x'; 1_000_000]).await.expect("sent");
    drop(stream);
    server.stop.send_replace(true);
    server.ended.await.expect("ended");
    let left = std::fs::read_dir(server.app.data_dir().join("blobs/incoming")).expect("the folder");
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn a_slow_upload_that_moves_on_is_waited_for() {
    let server = Listening::with_patience(Duration::from_secs(2)).await;
    let slots = crate::ingest::Hands::of_anna(&server.app).await.slots(1).await;
    let mut stream = server.connect().await;
    let head = format!("PUT /storage/{} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n", slots[0].token);
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut pace = tokio::time::interval(Duration::from_millis(500));
    for _ in 0..6 {
        pace.tick().await;
        stream.write_all(b"x").await.expect("sent");
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_is_under_way() {
    let server = Listening::with_patience(Duration::from_mins(1)).await;
    let slots = crate::ingest::Hands::of_anna(&server.app).await.slots(1).await;
    let mut stream = server.connect().await;
    let idle = server.connect().await;
    let expect = "Content-Length: 4\r\nExpect: 100-continue";
    let head = format!("PUT /storage/{} HTTP/1.1\r\nHost: x\r\n{expect}\r\n\r\n", slots[0].token);
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).await.expect("the server asks for the body");
    assert!(goes_on.starts_with(b"HTTP/1.1 100"));
    server.stop.send_replace(true);
    stream.write_all(b"abcd").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.ended.await.expect("ended, whoever is still connected");
    drop(idle);
}
