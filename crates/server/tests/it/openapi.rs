//! The document of the API says what the server does.

use expect_test::expect_file;
use testward_server::web;

use crate::support::TestApp;

#[tokio::test]
async fn the_committed_document_is_what_the_routes_say() {
    let app = TestApp::start().await;
    let (_, table) = web::service(&app.app);
    let document = serde_json::to_string_pretty(&web::openapi::write(&table)).expect("JSON");
    // `UPDATE_EXPECT=1 cargo test -p testward-server --test it openapi` writes it anew.
    expect_file!["../../../../docs/openapi.json"].assert_eq(&format!("{document}\n"));
}

#[tokio::test]
async fn every_json_route_of_ours_is_in_the_document() {
    let app = TestApp::start().await;
    let (_, table) = web::service(&app.app);
    // The official clients' API is described by their vendor; the document cannot describe itself.
    let is_ours = |handler: &str| !handler.contains("::compat::") && !handler.contains("::openapi::");
    let undescribed =
        table.iter().filter(|it| it.path.starts_with("/api/") && is_ours(it.handler) && it.described.is_none());
    let lines: Vec<_> =
        undescribed.map(|it| format!("{} {}: register it with Routes::api", it.method, it.path)).collect();
    assert_eq!(lines, Vec::<String>::new());
}

#[tokio::test]
async fn anybody_can_read_the_api() {
    let app = TestApp::start().await;
    let document = app.stranger().get("/api/v1/openapi.json").await.ok().json();
    assert_eq!(document["openapi"], "3.1.0");
    let page = app.stranger().page("/docs/api").await.ok();
    assert!(page.text().contains("/api/v1/api-keys/{key}/reveal"));
    assert!(page.text().contains("id=\"type-KeyView\""));
}
