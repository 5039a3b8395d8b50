//! Somebody else's server: answers what it was told to, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::task::JoinHandle;

/// A server on a port of its own. It ends with the test.
pub struct Foreign {
    pub url: String,
    kept: Arc<Mutex<Kept>>,
    serving: JoinHandle<()>,
}

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Default)]
struct Kept {
    answers: VecDeque<Response>,
    asked: Vec<Asked>,
}

impl Foreign {
    pub async fn start() -> Self {
        let kept = Arc::<Mutex<Kept>>::default();
        let router = Router::new().fallback(answer).with_state(kept.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        #[expect(clippy::disallowed_methods, reason = "it runs beside the test")]
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
        Self { url, kept, serving }
    }

    /// Prepares the next answer; without any, it is 204.
    pub fn will_answer(&self, answer: impl IntoResponse) {
        self.kept.lock().expect("no panic").answers.push_back(answer.into_response());
    }

    /// Returns what it was asked since this was last called.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.kept.lock().expect("no panic").asked)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    State(kept): State<Arc<Mutex<Kept>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut kept = kept.lock().expect("no panic");
    kept.asked.push(Asked { method, path: uri.to_string(), headers, body });
    kept.answers.pop_front().unwrap_or_else(|| StatusCode::NO_CONTENT.into_response())
}
