//! Every route of the server, each with who may call it. Nothing is reachable that does not stand here.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};
use schemars::SchemaGenerator;

use super::openapi::describe::{Describe, Operation};
use crate::app::App;
use crate::gate::Access;
use crate::web::admit;

/// A router under construction, with the list of what it holds.
pub struct Routes {
    app: App,
    router: Router<App>,
    table: Vec<Route>,
}

/// One line of the route table.
#[derive(Debug, Clone)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    /// Name of the function that handles it.
    pub handler: &'static str,
    /// What the document of the API says of it; pages and the official clients' API are not in there.
    pub described: Option<Described>,
}

#[derive(Debug, Clone)]
pub struct Described {
    pub summary: &'static str,
    pub operation: fn(&mut SchemaGenerator) -> Operation,
}

impl Routes {
    pub fn new(app: App) -> Self {
        Self { app, router: Router::new(), table: Vec::new() }
    }

    /// Registers a route. There is no way to do so without saying who may call it.
    fn add<H, T>(mut self, method: Method, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("only standard methods are registered");
        let admitted = axum::middleware::from_fn_with_state((self.app.clone(), access, path), admit::admit);
        self.router = self.router.route(path, on(filter, handler).layer(admitted));
        self.table.push(Route { method, path, access, handler: std::any::type_name::<H>(), described: None });
        self
    }

    /// Registers a route of our JSON API, which stands in its document with `summary`.
    pub fn api<H, T>(
        self,
        method: Method,
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, App> + Describe<T>,
        T: 'static,
    {
        let mut routes = self.add(method, path, access, handler);
        let described = Described { summary, operation: <H as Describe<T>>::describe };
        routes.table.last_mut().expect("just added").described = Some(described);
        routes
    }

    pub fn get<H: Handler<T, App>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::GET, path, access, handler)
    }

    pub fn post<H: Handler<T, App>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::POST, path, access, handler)
    }

    pub fn put<H: Handler<T, App>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::PUT, path, access, handler)
    }

    pub fn patch<H: Handler<T, App>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::PATCH, path, access, handler)
    }

    pub fn delete<H: Handler<T, App>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::DELETE, path, access, handler)
    }

    /// Ends the table: the router that serves it, and the table itself for whoever checks it.
    pub fn finish(self) -> (Router, Vec<Route>) {
        (self.router.with_state(self.app), self.table)
    }
}
