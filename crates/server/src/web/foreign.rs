//! The part of the route table that other systems' identities come in by: CI systems and identity providers.

use axum::http::Method;
use testward_wire::keys::Scope;

use super::ADMIN;
use super::routes::Routes;
use crate::gate::Access;
use crate::{scim, trust};

pub fn add(routes: Routes) -> Routes {
    let routes = provisioning(routes);
    let routes = trusted_issuers(routes);
    trusted_issuer_pages(routes)
}

/// What identity providers call (RFC 7644).
fn provisioning(routes: Routes) -> Routes {
    use scim::http;
    const PROVISION: Access = Access::Scope(Scope::PeopleProvision);
    routes
        .get("/scim/v2/ServiceProviderConfig", PROVISION, http::service_provider_config)
        .get("/scim/v2/ResourceTypes", PROVISION, http::resource_types)
        .get("/scim/v2/Schemas", PROVISION, http::schemas)
        .get("/scim/v2/Users", PROVISION, http::list)
        .post("/scim/v2/Users", PROVISION, http::create)
        .get("/scim/v2/Users/{user}", PROVISION, http::read)
        .put("/scim/v2/Users/{user}", PROVISION, http::replace)
        .patch("/scim/v2/Users/{user}", PROVISION, http::patch)
        .delete("/scim/v2/Users/{user}", PROVISION, http::delete)
}

fn trusted_issuers(routes: Routes) -> Routes {
    use trust::http;
    const READ: Access = Access::Scope(Scope::AdminRead);
    const WRITE: Access = Access::Scope(Scope::AdminWrite);
    const ONE: &str = "/api/v1/trusted-issuers/{issuer}";
    routes
        // The token is the proof.
        .api(Method::POST, "/api/v1/oidc/exchange", Access::Public, "Exchange a build's token", http::exchange)
        .api(Method::GET, "/api/v1/trusted-issuers", READ, "List trusted issuers", http::list)
        .api(Method::POST, "/api/v1/trusted-issuers", ADMIN, "Trust an issuer", http::create)
        .api(Method::GET, ONE, READ, "Read a trusted issuer with its rules", http::read)
        .api(Method::DELETE, ONE, WRITE, "Trust an issuer no more", http::delete)
        .api(Method::POST, "/api/v1/trusted-issuers/{issuer}/disable", WRITE, "Pause an issuer", http::disable)
        .api(Method::POST, "/api/v1/trusted-issuers/{issuer}/enable", ADMIN, "Resume an issuer", http::enable)
        .api(Method::POST, "/api/v1/trusted-issuers/{issuer}/rules", ADMIN, "Add a rule", http::create_rule)
        .api(
            Method::DELETE,
            "/api/v1/trusted-issuers/{issuer}/rules/{rule}",
            WRITE,
            "Take a rule away",
            http::delete_rule,
        )
        .api(Method::POST, "/api/v1/trusted-issuers/{issuer}/test", READ, "Try a token", http::test)
        .api(
            Method::GET,
            "/api/v1/trusted-issuers/{issuer}/exchanges",
            READ,
            "List the last exchanges",
            http::list_exchanges,
        )
}

fn trusted_issuer_pages(routes: Routes) -> Routes {
    use trust::pages::{issuer, list};
    routes
        .get("/admin/trusted-issuers", ADMIN, list::show)
        .post("/admin/trusted-issuers", ADMIN, list::create)
        .get("/admin/trusted-issuers/new", ADMIN, list::ask)
        .get("/admin/trusted-issuers/{issuer}", ADMIN, issuer::show)
        .post("/admin/trusted-issuers/{issuer}/rules", ADMIN, issuer::add_rule)
        .post("/admin/trusted-issuers/{issuer}/rules/{rule}/delete", ADMIN, issuer::remove_rule)
        .post("/admin/trusted-issuers/{issuer}/test", ADMIN, issuer::test)
        .post("/admin/trusted-issuers/{issuer}/disable", ADMIN, issuer::disable)
        .post("/admin/trusted-issuers/{issuer}/enable", ADMIN, issuer::enable)
        .post("/admin/trusted-issuers/{issuer}/delete", ADMIN, issuer::remove)
}
