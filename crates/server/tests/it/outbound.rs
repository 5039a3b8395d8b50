//! What the server calls, and what it refuses to.

use axum::http::{Request, StatusCode};
use testward_server::error::Error;
use testward_server::outbound::{Outbound, Settings};

use crate::support::{Foreign, TestApp};

#[tokio::test]
async fn a_server_on_this_machine_is_not_called_unless_allowed() {
    let foreign = Foreign::start().await;
    let strict = Outbound::new(&Settings::default()).expect("a client");
    let port = foreign.url.rsplit(':').next().expect("a port");
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0.0.0.0"] {
        let answer = strict.get(&format!("http://{host}:{port}/")).await;
        let error = answer.expect_err("refused");
        assert_eq!(error.code(), "address_refused", "{host}: {}", error.message());
    }
    assert!(foreign.asked().is_empty(), "nothing was sent");
    let app = TestApp::start().await;
    app.app.outbound.get(&foreign.url).await.expect("127.0.0.1 is allowed in tests");
    assert_eq!(foreign.asked().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let app = TestApp::start().await;
    let foreign = Foreign::start().await;
    foreign.will_answer((StatusCode::FOUND, [("location", "/elsewhere")]));
    let answer = app.app.outbound.get(&format!("{}/here", foreign.url)).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (302, &"/elsewhere".parse().expect("text")));
    assert_eq!(foreign.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read_to_its_end() {
    let app = TestApp::start().await;
    let foreign = Foreign::start().await;
    foreign.will_answer("x".repeat(2 << 20));
    let error = app.app.outbound.get(&foreign.url).await.expect_err("too long");
    assert!(matches!(error, Error::Unavailable { .. }) && error.message().contains("longer"), "{}", error.message());
}

#[tokio::test]
async fn a_request_goes_out_as_it_was_written() {
    let app = TestApp::start().await;
    let foreign = Foreign::start().await;
    foreign.will_answer((StatusCode::IM_A_TEAPOT, "short and stout"));
    let request = Request::post(format!("{}/hook?a=1", foreign.url)).header("x-tea", "green").body("leaves".into());
    let answer = app.app.outbound.send(request.expect("a request")).await.expect("an answer");
    assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::IM_A_TEAPOT, &b"short and stout"[..]));
    let asked = foreign.asked().remove(0);
    assert_eq!((asked.method.as_str(), asked.path.as_str(), &asked.body[..]), ("POST", "/hook?a=1", &b"leaves"[..]));
    assert_eq!(asked.headers["x-tea"], "green");
}
