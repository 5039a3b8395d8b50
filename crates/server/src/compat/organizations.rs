//! `/api/v1/organizations/{id}`.

use axum::extract::State;

use super::people::Reach;
use super::resource::OrganizationResource;
use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::OrganizationId;
use crate::web::extract::{Json, Path};

/// Shows an organization to who belongs to it.
pub async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<OrganizationId>,
) -> Result<Json<OrganizationResource>> {
    let mut tx = app.db.read().await?;
    let organizations = Reach::load(&mut tx, &caller).await?.organizations;
    organizations.into_iter().find(|it| it.id == id.0).map(Json).ok_or(Error::NotFound("organization"))
}
