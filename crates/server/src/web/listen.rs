//! Connections: taken in, read with patience that has an end, and finished when the server stops.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::{Service, ServiceExt as _};
use tower_http::timeout::TimeoutBody;

use super::serve::spawn;

/// Pause after a connection that could not be taken in, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a client may take. None of it limits the time of an upload that moves on.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the start of the connection, or the answer before, to the end of a request's head.
    pub head: Duration,
    /// Between two pieces of a body.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_mins(1), body: Duration::from_mins(2) }
    }
}

/// Serves connections until `stopped` says so; returns when those under way have ended.
pub async fn serve<S>(listener: TcpListener, service: S, patience: Patience, mut stopped: watch::Receiver<bool>)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let (open, _) = watch::channel(());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // An error means the sender is gone, which also says: stop.
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, service.clone(), patience, stopped.clone());
                let is_open = open.subscribe();
                spawn(async move {
                    connection.await;
                    drop(is_open);
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drop(listener);
    open.closed().await;
}

async fn pause_after(error: &std::io::Error) {
    let is_the_clients = matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    );
    if !is_the_clients {
        tracing::error!("a connection could not be taken in: {error}");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connection<S>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    patience: Patience,
    mut stopped: watch::Receiver<bool>,
) where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service.map_request(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(|body| Body::new(TimeoutBody::new(patience.body, body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience.head);
    let serving = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut serving = std::pin::pin!(serving);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::trace!("the connection of {peer} broke: {error}");
                }
                return;
            }
            _ = stopped.changed(), if !is_stopping => {
                is_stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}
