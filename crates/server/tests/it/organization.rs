//! Members, teams and projects, as owners and admins look after them.

use serde_json::json;
use testward_server::identity;
use testward_server::ids::TeamId;

use crate::support::{Answer, Client, PASSWORD, TestApp, person};

const BEN: &str = "/members/2";

/// Makes a team and returns where it is.
async fn team(anna: &Client, name: &str) -> String {
    let answer = anna.submit("/teams", &[("name", name)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.location().to_owned()
}

/// Says why a form was not accepted.
#[track_caller]
fn assert_told(answer: &Answer, text: &str) {
    assert!(answer.status == 200 && answer.text().contains(text), "{} {}", answer.status, answer.text());
}

async fn names(client: &Client) -> Vec<String> {
    let page = client.get("/api/v1/projects").await.ok().json();
    let mut names: Vec<_> = page["content"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["name"].as_str().expect("a name").to_owned())
        .collect();
    names.sort();
    names
}

/// Makes a key of Ben's and returns who uses it.
async fn key_of_ben(app: &TestApp) -> Client {
    let created = app.ben().await.post("/api/v1/api-keys", json!({"name": "ben's"})).await.ok().json();
    app.with_key(created["key"].as_str().expect("a key"))
}

#[tokio::test]
async fn members_see_the_projects_of_their_teams_only() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let mobile = team(&anna, "Mobile").await;
    anna.submit("/projects", &[("name", "Phone"), ("team", mobile.rsplit('/').next().expect("an id"))]).await;
    let key = key_of_ben(&app).await;
    assert_eq!(names(&key).await, ["Shop"]);
    assert_eq!(names(&app.anna().await).await, ["Phone", "Shop"]);
    anna.submit(&format!("{mobile}/members"), &[("person", "2")]).await;
    assert_eq!(names(&key).await, ["Phone", "Shop"], "a key follows its owner");
    anna.submit(&format!("{mobile}/members/2/remove"), &[]).await;
    assert_eq!(names(&key).await, ["Shop"]);
}

#[tokio::test]
async fn a_person_is_moved_between_teams() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let mobile = team(&anna, "Mobile").await;
    let id = mobile.rsplit('/').next().expect("an id");
    assert_eq!(anna.submit(&format!("{BEN}/teams"), &[("teams", id)]).await.status, 303);
    assert_eq!(names(&app.ben().await).await, Vec::<String>::new());
    assert!(anna.page(&mobile).await.ok().text().contains("Ben Bee"));
}

#[tokio::test]
async fn teams_have_names_of_their_own() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let mobile = team(&anna, "Mobile").await;
    assert_told(&anna.submit("/teams", &[("name", "mobile")]).await, "There is a team with this name already.");
    assert_told(&anna.submit(&mobile, &[("name", "web")]).await, "There is a team with this name already.");
    assert_eq!(anna.submit(&mobile, &[("name", "Apps")]).await.status, 303);
    assert!(anna.page("/teams").await.ok().text().contains("Apps"));
}

#[tokio::test]
async fn a_role_is_changed_and_counts_at_once() {
    let app = TestApp::start().await;
    let (anna, ben) = (app.anna().await, app.ben().await);
    ben.page("/members").await.refused_page(403);
    assert_eq!(anna.submit(&format!("{BEN}/role"), &[("role", "admin")]).await.status, 303);
    ben.page("/members").await.ok();
    assert_told(&ben.submit("/members/1/role", &[("role", "member")]).await, "Only an owner can change an owner.");
    assert_told(&ben.submit(&format!("{BEN}/role"), &[("role", "owner")]).await, "Nobody can give a higher role");
    assert_told(&anna.submit("/members/1/role", &[("role", "admin")]).await, "Make somebody else an owner first");
}

#[tokio::test]
async fn who_is_disabled_is_out_with_all_keys() {
    let app = TestApp::start().await;
    let (anna, ben, key) = (app.anna().await, app.ben().await, key_of_ben(&app).await);
    assert_eq!(anna.submit(&format!("{BEN}/disable"), &[]).await.status, 303);
    key.get("/api/v1/ping").await.refused(401, "owner_disabled");
    ben.get("/api/v1/api-keys").await.refused(401, "session_ended");
    assert_eq!(anna.submit(&format!("{BEN}/enable"), &[]).await.status, 303);
    key.get("/api/v1/ping").await.ok();
    assert_told(&anna.submit("/members/1/disable", &[]).await, "Ask another owner or admin");
}

#[tokio::test]
async fn who_is_removed_is_out_and_may_be_invited_again() {
    let app = TestApp::start().await;
    let (anna, key) = (app.anna().await, key_of_ben(&app).await);
    assert!(anna.page(&format!("{BEN}/remove")).await.ok().text().contains("One live API key stops"));
    assert_eq!(anna.submit(&format!("{BEN}/remove"), &[]).await.location(), "/members");
    key.get("/api/v1/ping").await.refused(401, "owner_disabled");
    anna.page(BEN).await.refused_page(404);
    let team = app.team.to_string();
    let invited =
        anna.submit("/members/invite", &[("email", "ben@example.com"), ("role", "member"), ("team", &team)]).await.ok();
    let token = invited.text().split("/invited?token=").nth(1).expect("a link").get(..43).expect("a token").to_owned();
    let form = [("token", token.as_str()), ("name", "Ben"), ("password", PASSWORD)];
    assert_eq!(app.stranger().submit("/invited", &form).await.location(), "/projects");
    assert_eq!(names(&app.ben().await).await, ["Shop"]);
    assert_eq!(person(&app.app, "ben@example.com").await.name, "Ben");
}

#[tokio::test]
async fn an_invitation_leads_into_the_chosen_team() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let mobile = team(&anna, "Mobile").await;
    let id = mobile.rsplit('/').next().expect("an id");
    let form = [("email", "cleo@example.com"), ("role", "member"), ("team", id)];
    let invited = anna.submit("/members/invite", &form).await.ok();
    let token = invited.text().split("/invited?token=").nth(1).expect("a link").get(..43).expect("a token").to_owned();
    let form = [("token", token.as_str()), ("name", "Cleo"), ("password", PASSWORD)];
    app.stranger().submit("/invited", &form).await;
    let cleo = person(&app.app, "cleo@example.com").await;
    let mut tx = app.app.db.read().await.expect("tx");
    let members = identity::list_team_members(&mut tx, TeamId(id.parse().expect("a number"))).await.expect("members");
    assert_eq!(members.iter().map(|it| it.id).collect::<Vec<_>>(), [cleo.id]);
    let again =
        anna.submit("/members/invite", &[("email", "cleo@example.com"), ("role", "member"), ("team", id)]).await;
    assert_told(&again, "is a member already");
}

#[tokio::test]
async fn another_organization_is_out_of_reach() {
    let app = TestApp::start().await;
    let eve = app.eve().await.with("accept", "text/html");
    for path in [BEN, "/members/2/remove", &format!("/teams/{}", app.team)] {
        eve.get(path).await.refused_page(404);
    }
    for path in ["/members/2/disable", "/members/2/remove", "/members/2/role", &format!("/teams/{}", app.team)] {
        let answer = eve.submit(path, &[("role", "member"), ("name", "Mine")]).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    app.ben().await.get("/api/v1/api-keys").await.ok();
}

#[tokio::test]
async fn a_project_is_renamed_moved_archived_and_brought_back() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let mobile = team(&anna, "Mobile").await;
    let id = mobile.rsplit('/').next().expect("an id");
    let settings = format!("/team/{}/project/{}/settings", app.team, app.project);
    let saved = anna.submit(&settings, &[("name", "Store"), ("team", id)]).await;
    assert_eq!(saved.location(), format!("/team/{id}/project/{}/executions", app.project));
    assert_eq!(names(&app.ben().await).await, Vec::<String>::new(), "Ben is not in that team");
    // The address from before it moved.
    anna.page(&format!("/team/{}/project/{}/executions", app.team, app.project)).await.ok();
    assert_eq!(anna.submit(&format!("{settings}/archive"), &[]).await.location(), "/projects");
    assert_eq!(names(&app.anna().await).await, Vec::<String>::new());
    let key = app.key(&["results:write"]).await;
    key.get(&format!("/api/v1/files/upload-url?projectId={}", app.project)).await.refused(404, "not_found");
    assert!(anna.page("/projects/archived").await.ok().text().contains("Store"));
    anna.submit(&format!("/projects/{}/restore", app.project), &[]).await;
    assert_eq!(names(&app.anna().await).await, ["Store"]);
}

#[tokio::test]
async fn only_admins_change_a_project() {
    let app = TestApp::start().await;
    let ben = app.ben().await;
    let settings = format!("/team/{}/project/{}/settings", app.team, app.project);
    ben.page(&settings).await.refused_page(403);
    let form = [("name", "Mine"), ("team", &*app.team.to_string())];
    assert_eq!(ben.submit(&settings, &form).await.status, 403);
    assert_eq!(ben.submit(&format!("{settings}/archive"), &[]).await.status, 403);
}
