//! Routes of the audit log, of notices and of leaks.

use axum::http::Method;
use testward_wire::keys::Scope;

use super::routes::Routes;
use super::{ADMIN, audit};
use crate::gate::Access;
use crate::{leaks, notices};

pub fn routes(routes: Routes) -> Routes {
    let routes = administration(routes);
    let routes = told(routes);
    leaked(routes)
}

/// For owners and admins of an organization; the handlers ask for the role.
fn told(routes: Routes) -> Routes {
    use notices::http;
    use notices::pages::{self, webhooks};
    routes
        .get("/notices", Access::Session, pages::show)
        .post("/notices/read", Access::Session, pages::read)
        .post("/notices/choices", Access::Session, pages::choose)
        .api(Method::GET, "/api/v1/notices", Access::Session, "List what you were told, newest first", http::list)
        .api(Method::POST, "/api/v1/notices/read", Access::Session, "Mark notices as read", http::read)
        .get("/admin/webhooks", Access::Session, webhooks::show)
        .post("/admin/webhooks", Access::Session, webhooks::add)
        .post("/admin/webhooks/{webhook}/test", Access::Session, webhooks::test)
        .post("/admin/webhooks/{webhook}/remove", Access::Session, webhooks::remove)
}

fn leaked(routes: Routes) -> Routes {
    use leaks::{http, pages};
    routes
        .api(Method::POST, "/api/v1/leaks", Access::Public, "Report a key that was found in public", http::report)
        .get("/.well-known/testward-key-format.json", Access::Public, http::key_format)
        .get("/scanner-rules/gitleaks.toml", Access::Public, http::gitleaks)
        .get("/scanner-rules/trufflehog.yaml", Access::Public, http::trufflehog)
        .get("/admin/leaks", Access::Session, pages::show)
}

fn administration(routes: Routes) -> Routes {
    let read = Access::Scope(Scope::AdminRead);
    routes
        .get("/admin/audit", ADMIN, audit::show)
        .api(Method::GET, "/api/v1/audit", read, "Search the audit log, newest first", audit::http::list)
        .api(
            Method::GET,
            "/api/v1/audit/export",
            read,
            "Export the audit log as JSON lines, newest first",
            audit::http::export,
        )
}
