//! An identity provider looks after people (SCIM 2.0).

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp, person};

const USERS: &str = "/scim/v2/Users";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

async fn send(client: &Client, method: Method, path: &str, body: &Value) -> Answer {
    client.send(method, path, "application/scim+json", Body::from(body.to_string())).await
}

async fn provider(app: &TestApp) -> Client {
    app.key(&["people:provision"]).await
}

async fn make(provider: &Client, email: &str) -> Value {
    let new = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": email, "externalId": email,
                     "name": {"givenName": "Dora", "familyName": "Doe"}, "active": true});
    let answer = send(provider, Method::POST, USERS, &new).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "application/scim+json");
    answer.json()
}

fn activity(active: &Value) -> Value {
    json!({"schemas": [PATCH], "Operations": [{"op": "Replace", "path": "active", "value": active}]})
}

#[tokio::test]
async fn a_provider_makes_and_reads_people() {
    let app = TestApp::start().await;
    let provider = provider(&app).await;
    let user = make(&provider, "dora@example.com").await;
    assert_eq!((&user["userName"], &user["displayName"]), (&json!("dora@example.com"), &json!("Dora Doe")));
    let path = format!("{USERS}/{}", user["id"].as_str().expect("an id"));
    assert_eq!(provider.get(&path).await.ok().json(), user);
    let found = provider.get(&format!("{USERS}?filter=userName%20eq%20%22DORA@example.com%22")).await.ok().json();
    assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &user["id"]));
    let found = provider.get(&format!("{USERS}?filter=externalId%20eq%20%22nobody%22")).await.ok().json();
    assert_eq!(found["totalResults"], 0);
    let members = app.anna().await.page("/members").await.ok();
    assert!(members.text().contains("Dora Doe"));
    let again = send(&provider, Method::POST, USERS, &json!({"userName": "Dora@example.com"})).await;
    assert_eq!((again.status.as_u16(), &again.json()["scimType"]), (409, &json!("uniqueness")));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let app = TestApp::start().await;
    let provider = provider(&app).await;
    for i in 0..3 {
        make(&provider, &format!("d{i}@example.com")).await;
    }
    let page = provider.get(&format!("{USERS}?startIndex=2&count=2")).await.ok().json();
    assert_eq!((&page["totalResults"], &page["startIndex"], &page["itemsPerPage"]), (&json!(5), &json!(2), &json!(2)));
    assert_eq!(page["Resources"][0]["userName"], "ben@example.com");
    let none = provider.get(&format!("{USERS}?count=0")).await.ok().json();
    assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(5), &json!([])));
}

#[tokio::test]
async fn whoever_is_made_inactive_is_out_at_once() {
    for off in [json!(false), json!("False")] {
        let app = TestApp::start().await;
        let (provider, ben) = (provider(&app).await, app.ben().await);
        let key = ben.post("/api/v1/api-keys", json!({"name": "ci"})).await.ok().json()["key"].clone();
        let key = app.with_key(key.as_str().expect("a key"));
        key.get("/api/v1/api-keys/self").await.ok();
        let id = person(&app.app, "ben@example.com").await.id;
        let path = format!("{USERS}/{id}");
        let answer = send(&provider, Method::PATCH, &path, &activity(&off)).await.ok();
        assert_eq!(answer.json()["active"], false);
        key.get("/api/v1/api-keys/self").await.refused(401, "owner_disabled");
        ben.get("/api/v1/api-keys").await.refused(401, "session_ended");
        let back = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": true}}]});
        assert_eq!(send(&provider, Method::PATCH, &path, &back).await.ok().json()["active"], true);
        key.get("/api/v1/api-keys/self").await.ok();
        app.ben().await.get("/api/v1/api-keys").await.ok();
    }
}

#[tokio::test]
async fn whoever_is_deleted_is_gone_and_may_come_again() {
    let app = TestApp::start().await;
    let provider = provider(&app).await;
    let ben = app.ben().await;
    let id = person(&app.app, "ben@example.com").await.id;
    let path = format!("{USERS}/{id}");
    assert_eq!(provider.delete(&path).await.status, 204);
    assert_eq!(provider.get(&path).await.status, 404);
    ben.get("/api/v1/api-keys").await.refused(401, "session_ended");
    let user = make(&provider, "ben@example.com").await;
    assert_eq!((&user["id"], &user["active"]), (&json!(id.to_string()), &json!(true)));
    app.ben().await.get("/api/v1/api-keys").await.ok();
}

#[tokio::test]
async fn a_provider_changes_names_and_addresses() {
    let app = TestApp::start().await;
    let provider = provider(&app).await;
    let user = make(&provider, "dora@example.com").await;
    let path = format!("{USERS}/{}", user["id"].as_str().expect("an id"));
    let new = json!({"userName": "dora.new@example.com", "displayName": "Dora New", "externalId": "7", "active": true});
    let put = send(&provider, Method::PUT, &path, &new).await.ok().json();
    assert_eq!((&put["userName"], &put["displayName"]), (&json!("dora.new@example.com"), &json!("Dora New")));
    let taken = json!({"userName": "ben@example.com", "active": true});
    assert_eq!(send(&provider, Method::PUT, &path, &taken).await.json()["scimType"], "uniqueness");
    let unknown = json!({"Operations": [{"op": "add", "path": "title", "value": "Engineer"},
                                        {"op": "replace", "path": "displayName", "value": "Dora Last"}]});
    assert_eq!(send(&provider, Method::PATCH, &path, &unknown).await.ok().json()["displayName"], "Dora Last");
}

#[tokio::test]
async fn nobody_outside_the_organization_is_touched() {
    let app = TestApp::start().await;
    let provider = provider(&app).await;
    let eve = person(&app.app, "eve@example.org").await;
    let path = format!("{USERS}/{}", eve.id);
    assert_eq!(provider.get(&path).await.status, 404);
    assert_eq!(send(&provider, Method::PATCH, &path, &activity(&json!(false))).await.status, 404);
    // Somebody of another organization may join, but is not handed over.
    let joined = make(&provider, "eve@example.org").await;
    assert_eq!(joined["displayName"], "Eve Elk");
    let rename = json!({"userName": "mine@example.com", "active": true});
    assert_eq!(send(&provider, Method::PUT, &path, &rename).await.json()["scimType"], "mutability");
    let session = app.eve().await;
    assert_eq!(send(&provider, Method::PATCH, &path, &activity(&json!(false))).await.ok().json()["active"], false);
    session.get("/api/v1/api-keys").await.ok();
}

#[tokio::test]
async fn an_owner_is_not_shut_out_by_the_provider() {
    let app = TestApp::start().await;
    let provider = provider(&app).await;
    let anna = person(&app.app, "anna@example.com").await;
    let answer = send(&provider, Method::PATCH, &format!("{USERS}/{}", anna.id), &activity(&json!(false))).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["scimType"]), (409, &json!("mutability")));
    provider.get(USERS).await.ok();
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_the_words_of_scim() {
    let app = TestApp::start().await;
    let provider = provider(&app).await;
    let answer = provider.get(&format!("{USERS}?filter=emails%20co%20%22x%22")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["scimType"]), (400, &json!("invalidFilter")));
    for body in [json!({}), json!([]), json!({"userName": "no address"}), json!({"userName": "a@b.c", "active": 7})] {
        assert_eq!(send(&provider, Method::POST, USERS, &body).await.status, 400, "{body}");
    }
    let path = format!("{USERS}/{}", person(&app.app, "ben@example.com").await.id);
    for operation in [json!({"op": "move", "path": "active"}), json!({"op": "remove"}), json!(7)] {
        let body = json!({"Operations": [operation]});
        assert_eq!(send(&provider, Method::PATCH, &path, &body).await.status, 400, "{body}");
    }
    for path in ["ServiceProviderConfig", "ResourceTypes", "Schemas"] {
        provider.get(&format!("/scim/v2/{path}")).await.ok();
    }
}
