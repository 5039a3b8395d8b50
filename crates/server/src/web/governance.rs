//! Routes of governance: what an organization allows its keys, what its admins do about them, and its machines.

use axum::http::Method;
use testward_wire::keys::Scope;

use super::ADMIN;
use super::routes::Routes;
use crate::gate::Access;
use crate::keys;

pub fn add(routes: Routes) -> Routes {
    let routes = governance(routes);
    let routes = service_accounts(routes);
    service_account_pages(routes)
}

/// What an organization allows its keys, and what its admins do about them.
fn governance(routes: Routes) -> Routes {
    use keys::{inventory, policy};
    const READ: Access = Access::Scope(Scope::AdminRead);
    const WRITE: Access = Access::Scope(Scope::AdminWrite);
    const ONE: &str = "/api/v1/organizations/{organization}/key-policy";
    const KEYS: &str = "/api/v1/organizations/{organization}/keys";
    const BULK: &str = "/api/v1/organizations/{organization}/keys/bulk";
    const BULK_PREVIEW: &str = "/api/v1/organizations/{organization}/keys/bulk/preview";
    const IMPORT: &str = "/api/v1/organizations/{organization}/keys/import";
    const LEAVING: &str = "/api/v1/organizations/{organization}/people/{person}/offboarding";
    const PREVIEW: &str = "/api/v1/organizations/{organization}/key-policy/preview";
    routes
        .api(Method::GET, ONE, READ, "Read the policy for keys", policy::http::read)
        .api(Method::PUT, ONE, WRITE, "Put a policy for keys in force", policy::http::set)
        .api(Method::POST, PREVIEW, READ, "Say whom a policy would break", policy::http::preview)
        .api(Method::GET, KEYS, READ, "List all API keys of an organization", inventory::http::list)
        .api(Method::POST, BULK, WRITE, "Disable or end many API keys at once", inventory::http::carry_out)
        .api(Method::POST, BULK_PREVIEW, READ, "Say how many API keys an order is about", inventory::http::preview)
        .api(Method::POST, IMPORT, ADMIN, "Bring API keys of an older system along", inventory::http::import)
        .api(Method::GET, LEAVING, READ, "Show what a person has who leaves", inventory::http::ask_offboard)
        .api(Method::POST, LEAVING, WRITE, "Send a person off and end their API keys", inventory::http::offboard)
        .get("/admin/keys", ADMIN, inventory::pages::show)
        .post("/admin/keys/bulk", ADMIN, inventory::pages::bulk)
        .get("/members/{person}/offboard", ADMIN, inventory::pages::ask_offboard)
        .post("/members/{person}/offboard", ADMIN, inventory::pages::offboard)
        .get("/admin/policy", ADMIN, policy::pages::show)
        .post("/admin/policy", ADMIN, policy::pages::submit)
}

/// Machine identities. Who looks after one is decided where it is loaded; others are told there is none.
fn service_accounts(routes: Routes) -> Routes {
    use keys::service::http;
    const MANAGE: Access = Access::Scope(Scope::KeysManage);
    const ALL: &str = "/api/v1/service-accounts";
    const OWN: &str = "/api/v1/service-accounts/self/keys";
    const OWN_ONE: &str = "/api/v1/service-accounts/self/keys/{key}";
    const ONE: &str = "/api/v1/service-accounts/{account}";
    const STEWARD: &str = "/api/v1/service-accounts/{account}/stewards/{person}";
    const KEYS: &str = "/api/v1/service-accounts/{account}/keys";
    routes
        .api(Method::GET, ALL, Access::Session, "List service accounts", http::list)
        .api(Method::POST, ALL, Access::Scope(Scope::AdminWrite), "Make a service account", http::create)
        .api(Method::GET, OWN, MANAGE, "List API keys of the presented key's account", http::list_own_keys)
        .api(Method::POST, OWN, MANAGE, "Create a lesser API key of the same account", http::create_own_key)
        .api(Method::DELETE, OWN_ONE, MANAGE, "Delete an API key of the same account", http::revoke_own_key)
        .api(Method::GET, ONE, Access::Session, "Read a service account", http::read)
        .api(Method::PATCH, ONE, Access::Session, "Rename or describe a service account", http::edit)
        .api(Method::DELETE, ONE, Access::Session, "Delete a service account and its API keys", http::delete)
        .api(Method::PUT, STEWARD, Access::Session, "Let a person look after the account", http::add_steward)
        .api(Method::DELETE, STEWARD, Access::Session, "Relieve a steward", http::remove_steward)
        .api(Method::GET, KEYS, Access::Session, "List API keys of a service account", http::list_keys)
        .api(Method::POST, KEYS, Access::Session, "Create an API key of a service account", http::create_key)
}

fn service_account_pages(routes: Routes) -> Routes {
    use keys::service::pages;
    routes
        .get("/service-accounts", Access::Session, pages::show)
        .post("/service-accounts", ADMIN, pages::create)
        .get("/service-accounts/{account}", Access::Session, pages::show_one)
        .post("/service-accounts/{account}/delete", Access::Session, pages::delete)
        .post("/service-accounts/{account}/keys", Access::Session, pages::create_key)
        .post("/service-accounts/{account}/keys/{key}/disable", Access::Session, pages::disable_key)
        .post("/service-accounts/{account}/keys/{key}/enable", Access::Session, pages::enable_key)
        .post("/service-accounts/{account}/keys/{key}/delete", Access::Session, pages::delete_key)
        .post("/service-accounts/{account}/stewards", Access::Session, pages::add_steward)
        .post("/service-accounts/{account}/stewards/{person}/remove", Access::Session, pages::remove_steward)
}
