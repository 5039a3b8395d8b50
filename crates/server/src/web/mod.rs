//! The web server: every route with its access rule, admission, and the shape of answers.

pub mod admit;
mod assets;
pub mod audit;
mod oversight;
pub mod cookies;
pub mod extract;
mod face;
mod foreign;
mod governance;
pub mod forwarded;
mod guard;
pub mod jobs;
pub mod layout;
pub mod limits;
pub mod listen;
mod normalise;
pub mod openapi;
pub mod pages;
pub mod people;
pub mod results;
mod routes;
mod serve;
pub mod versions;
mod welcome;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use testward_wire::keys::Scope;
use tower_http::compression::CompressionLayer;

pub use normalise::Normalised;
pub use routes::Route;
pub use serve::{Server, into_anyhow, lock, run_chores};

use crate::app::App;
use crate::gate::Access;
use crate::rights::Role;
use crate::{compat, identity, ingest, keys};
use routes::Routes;

/// Pages for owners and admins.
const ADMIN: Access = Access::Role(Role::Admin);

/// Builds the service, with the table of what it serves.
pub fn service(app: &App) -> (Normalised<Router>, Vec<Route>) {
    let (router, table) = table(app.clone()).finish();
    (dressed(app, router), table)
}

/// Gives the answers of a router their last shape.
pub fn dressed(app: &App, router: Router) -> Normalised<Router> {
    let counter = Arc::new(AtomicU64::new(1));
    let router = router.layer(CompressionLayer::new()).layer(from_fn_with_state((app.clone(), counter), face::dress));
    Normalised::new(router, &app.base_url)
}

/// Builds the service for proxies on the same machine, who ask whose key a request shows.
fn guard_service(app: &App) -> Normalised<Router> {
    let (router, _) = verification(Routes::new(app.clone())).finish();
    let counter = Arc::new(AtomicU64::new(1));
    Normalised::new(router.layer(from_fn_with_state((app.clone(), counter), face::dress)), &app.base_url)
}

fn table(app: App) -> Routes {
    let routes = Routes::new(app);
    let routes = operation(routes);
    let routes = people(routes);
    let routes = account(routes);
    let routes = api_keys(routes);
    let routes = rotation(routes);
    let routes = verification(routes);
    let routes = oauth(routes);
    let routes = api_key_pages(routes);
    let routes = foreign::add(routes);
    let routes = governance::add(routes);
    let routes = reports(routes);
    let routes = pages_of_results(routes);
    let routes = oversight::routes(routes);
    official_clients(routes)
}

fn operation(routes: Routes) -> Routes {
    routes
        .get("/", Access::Public, pages::home)
        .get("/healthz", Access::Public, pages::healthz)
        .api(Method::GET, "/api/v1/ping", Access::Key, "Answer whoever has a live key", pages::healthz)
        .get("/assets/{*path}", Access::Public, assets::asset)
        .get("/api/v1/openapi.json", Access::Public, openapi::document)
        .get("/docs/api", Access::Public, openapi::show)
        .get("/styleguide", Access::Public, pages::style_guide)
}

fn people(routes: Routes) -> Routes {
    use crate::signin::pages::{second, signin as entrance};
    use identity::pages::members;
    let routes = organization(routes);
    routes
        .api(
            Method::POST,
            "/api/v1/session",
            Access::Public,
            "Sign in, and get a session's token",
            crate::signin::http::create,
        )
        .api(Method::DELETE, "/api/v1/session", Access::Session, "Sign out", identity::http::end)
        .get("/signin", Access::Public, entrance::show)
        .post("/signin", Access::Public, entrance::sign_in)
        // Opened by the token of a right password.
        .post("/signin/second", Access::Public, second::second)
        .post("/signin/enrol", Access::Public, second::enrol)
        .post("/signout", Access::Session, entrance::sign_out)
        .get("/confirm", Access::Session, entrance::ask)
        .post("/confirm", Access::Session, entrance::confirm)
        .get("/setup", Access::Public, welcome::show_setup)
        .post("/setup", Access::Public, welcome::set_up)
        .get("/invited", Access::Public, welcome::show_invitation)
        .post("/invited", Access::Public, welcome::accept)
        .get("/members", ADMIN, members::show)
        .post("/members/invite", ADMIN, members::invite)
        .post("/members/invitations/{invitation}/withdraw", ADMIN, members::withdraw)
}

fn organization(routes: Routes) -> Routes {
    use people::{member, teams};
    routes
        .get("/members/{person}", ADMIN, member::show)
        .post("/members/{person}/role", ADMIN, member::change_role)
        .post("/members/{person}/teams", ADMIN, member::change_teams)
        .post("/members/{person}/disable", ADMIN, member::disable)
        .post("/members/{person}/enable", ADMIN, member::enable)
        .get("/members/{person}/remove", ADMIN, member::ask_remove)
        .post("/members/{person}/remove", ADMIN, member::remove)
        .get("/teams", ADMIN, teams::list)
        .post("/teams", ADMIN, teams::create)
        .get("/teams/{team}", ADMIN, teams::show)
        .post("/teams/{team}", ADMIN, teams::rename)
        .post("/teams/{team}/members", ADMIN, teams::add)
        .post("/teams/{team}/members/{person}/remove", ADMIN, teams::remove)
}

fn account(routes: Routes) -> Routes {
    use crate::signin::pages::{demands, factor};
    use identity::pages::account;
    routes
        .get("/user/account", Access::Session, account::show)
        .post("/user/account", Access::Session, account::rename)
        .post("/user/account/password", Access::Session, account::change_password)
        .post("/user/account/sessions/end", Access::Session, account::end_other_sessions)
        .post("/user/account/sessions/{session}/end", Access::Session, account::end_session)
        .get("/user/account/second-factor", Access::Session, factor::show)
        .post("/user/account/second-factor", Access::Session, factor::set_up)
        .post("/user/account/second-factor/confirm", Access::Session, factor::confirm)
        .post("/user/account/second-factor/codes", Access::Session, factor::renew_codes)
        .post("/user/account/second-factor/remove", Access::Session, factor::remove)
        .get("/admin/sign-in", ADMIN, demands::show)
        .post("/admin/sign-in", ADMIN, demands::save)
        .post("/admin/sign-in/people/{person}/reset", ADMIN, demands::reset)
}

fn api_keys(routes: Routes) -> Routes {
    routes
        // What a key may tell of its owner's other keys, only one that follows its owner in everything may.
        .api(Method::GET, "/api/v1/api-keys", Access::Scope(Scope::Everything), "List your API keys", keys::http::list)
        .api(Method::POST, "/api/v1/api-keys", Access::Session, "Create an API key", keys::http::create)
        .api(Method::GET, "/api/v1/api-keys/self", Access::Key, "Say who the presented key is", keys::http::whoami)
        .api(Method::DELETE, "/api/v1/api-keys/self", Access::Key, "End the presented key", keys::http::end_self)
        .api(
            Method::GET,
            "/api/v1/api-keys/{key}",
            Access::Scope(Scope::Everything),
            "Read an API key",
            keys::http::read,
        )
        .api(
            Method::PATCH,
            "/api/v1/api-keys/{key}",
            Access::Session,
            "Rename or describe an API key",
            keys::http::edit,
        )
        .api(
            Method::DELETE,
            "/api/v1/api-keys/{key}",
            Access::Session,
            "Delete an API key for good",
            keys::http::delete,
        )
        .api(
            Method::POST,
            "/api/v1/api-keys/{key}/disable",
            Access::Session,
            "Switch an API key off",
            keys::http::disable,
        )
        .api(
            Method::POST,
            "/api/v1/api-keys/{key}/enable",
            Access::Session,
            "Switch an API key on again",
            keys::http::enable,
        )
        .api(
            Method::POST,
            "/api/v1/api-keys/{key}/reveal",
            Access::Session,
            "Copy an API key again",
            keys::http::reveal,
        )
}

/// What proxies before other tools ask.
fn verification(routes: Routes) -> Routes {
    const ENVOY: &str = "/api/v1/ext-authz/{*asked}";
    let summary = "Say whose key a request to another tool shows";
    let routes = routes.api(Method::GET, "/api/v1/verify", Access::Key, summary, keys::guard::verify);
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].into_iter().fold(
        routes,
        |routes, method| {
            routes.api(method, ENVOY, Access::Key, "The same, as Envoy asks it", keys::guard::verify_for_envoy)
        },
    )
}

fn oauth(routes: Routes) -> Routes {
    routes
        .post("/oauth/introspect", Access::Known, keys::oauth::introspect)
        // Who has the key may end it: the key is the proof.
        .post("/oauth/revoke", Access::Public, keys::oauth::revoke)
}

fn rotation(routes: Routes) -> Routes {
    use keys::pages::rotate;
    routes
        .api(
            Method::POST,
            "/api/v1/api-keys/{key}/rotate",
            Access::Session,
            "Give an API key another secret",
            keys::http::rotate,
        )
        .api(
            Method::POST,
            "/api/v1/api-keys/{key}/close-overlap",
            Access::Session,
            "Refuse a rotated API key's old secret from now on",
            keys::http::close_overlap,
        )
        .api(
            Method::POST,
            "/api/v1/api-keys/self/rotate",
            Access::Key,
            "Give the presented key another secret",
            keys::http::rotate_self,
        )
        .api(
            Method::POST,
            "/api/v1/organizations/{organization}/lock-custody",
            Access::Session,
            "Decide for good that keys are shown once only",
            keys::http::lock_custody,
        )
        .get("/user/apikey/{key}/rotate", Access::Session, rotate::ask)
        .post("/user/apikey/{key}/rotate", Access::Session, rotate::rotate)
        .post("/user/apikey/{key}/close-overlap", Access::Session, rotate::close)
}

fn api_key_pages(routes: Routes) -> Routes {
    use keys::pages::{change, create, generator, list, usage};
    routes
        .get("/user/settings", Access::Session, keys::pages::integration)
        .get("/user/apikey", Access::Session, list::show)
        .post("/user/apikey", Access::Session, create::create)
        .get("/user/apikey/new", Access::Session, create::show)
        .get("/user/apikey/{key}/delete", Access::Session, change::ask_delete)
        .post("/user/apikey/{key}/delete", Access::Session, change::delete)
        .post("/user/apikey/{key}/disable", Access::Session, change::disable)
        .post("/user/apikey/{key}/enable", Access::Session, change::enable)
        .post("/user/apikey/{key}/reveal", Access::Session, change::reveal)
        .get("/user/apikey/{key}/edit", Access::Session, change::ask_edit)
        .post("/user/apikey/{key}/edit", Access::Session, change::edit)
        .get("/user/apikey/{key}/usage", Access::Session, usage::show)
        .get("/user/apikey/commands", Access::Session, generator::show)
}

/// What the official Katalon clients call. Everything here answers JSON, errors too.
fn official_clients(routes: Routes) -> Routes {
    let routes = official_reports(routes);
    let projects = Access::Scope(Scope::ProjectsRead);
    routes
        .get("/info", Access::Public, compat::info)
        .post("/oauth/token", Access::Public, compat::token::create)
        .get("/api/v1/users/me", Access::Known, compat::people::me)
        .get("/api/v1/projects", projects, compat::people::list)
        .get("/api/v1/projects/first", projects, compat::people::first)
        .get("/api/v1/projects/{project}", projects, compat::people::read)
        .get("/api/v1/organizations/{organization}", projects, compat::read_organization)
        // What is searched for decides which scope it takes.
        .get("/api/v1/search", Access::Known, compat::search::get)
        .post("/api/v1/search", Access::Known, compat::search::post)
        .get("/api/v1/executions", Access::Scope(Scope::ResultsRead), compat::list_executions)
        .get("/api/v1/executions/{run}", Access::Scope(Scope::ResultsRead), compat::read_execution)
}

fn official_reports(routes: Routes) -> Routes {
    use compat::{files, live, reports};
    let write = Access::Scope(Scope::ResultsWrite);
    routes
        .get("/api/v1/files/upload-url", write, files::upload_url)
        .get("/api/v1/files/upload-urls", write, files::upload_urls)
        // The address is the proof: clients put bytes there without saying who they are.
        .put("/storage/{token}", Access::Public, files::store)
        .post("/api/v1/testops-reports", write, reports::testops)
        .post("/api/v1/junit/test-reports", write, reports::junit)
        .post("/api/v1/junit/test-reports-v2", write, reports::junit)
        .post("/api/v1/katalon/test-reports", write, reports::katalon)
        .post("/api/v1/katalon-test-reports", write, reports::katalon_with_bytes)
        .post("/api/v1/katalon/test-reports/multiple", write, reports::katalon_many)
        .post("/api/v1/katalon/test-reports/multiple-v2", write, reports::katalon_many_with_tags)
        .post("/api/v1/katalon/test-reports/update-result", write, live::update_result)
        .post("/api/v1/katalon-recorder/test-reports", write, reports::other)
        .post("/api/v1/testng/test-reports", write, reports::testng)
}

fn reports(routes: Routes) -> Routes {
    use crate::results::http;
    const READ: Access = Access::Scope(Scope::ResultsRead);
    routes
        .api(
            Method::POST,
            "/api/v1/projects/{project}/uploads",
            Access::Scope(Scope::ResultsWrite),
            "Upload reports",
            ingest::http::upload,
        )
        // Who may upload may also learn what became of it.
        .api(
            Method::GET,
            "/api/v1/projects/{project}/uploads/{upload}",
            Access::Scope(Scope::ResultsWrite),
            "Read the receipt of an upload",
            ingest::http::read,
        )
        .api(Method::GET, "/api/v1/projects/{project}/runs", READ, "List runs, newest first", http::list)
        .api(Method::GET, "/api/v1/projects/{project}/runs/{number}", READ, "Read a run", http::read)
        .api(
            Method::GET,
            "/api/v1/projects/{project}/runs/{number}/results",
            READ,
            "List the results of a run, failures first",
            http::list_results,
        )
        .api(
            Method::GET,
            "/api/v1/projects/{project}/runs/{number}/results/{result}",
            READ,
            "Read a result with its detail and history",
            http::read_result,
        )
        .api(
            Method::GET,
            "/api/v1/projects/{project}/attachments/{attachment}",
            READ,
            "Download a stored file",
            http::download,
        )
}

fn pages_of_results(routes: Routes) -> Routes {
    use results::{projects, result, run, runs, settings, upload};
    routes
        .get("/projects", Access::Session, projects::show)
        .post("/projects", ADMIN, projects::create)
        .get("/projects/new", ADMIN, projects::ask)
        .get("/projects/archived", ADMIN, settings::archived)
        .post("/projects/{project}/restore", ADMIN, settings::restore)
        .get("/team/{team}/project/{project}/settings", ADMIN, settings::show)
        .post("/team/{team}/project/{project}/settings", ADMIN, settings::save)
        .post("/team/{team}/project/{project}/settings/archive", ADMIN, settings::archive)
        .get("/team/{team}/project/{project}/executions", Access::Session, runs::show)
        .get("/team/{team}/project/{project}/executions/{number}", Access::Session, run::show)
        .get("/team/{team}/project/{project}/executions/{number}/results/{result}", Access::Session, result::show)
        .get("/team/{team}/project/{project}/upload", Access::Session, upload::show)
        .post("/team/{team}/project/{project}/upload", Access::Session, upload::upload)
        // Official clients print these addresses.
        .get("/team/{team}/project/{project}/test-project", Access::Session, runs::to_runs)
        .get("/team/{team}/project/{project}/grid/plan/{plan}/job/{job}", Access::Session, runs::to_runs_from_job)
}
