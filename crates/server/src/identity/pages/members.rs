//! Who belongs to the organization, and who is invited. For its owners and admins.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::problems_of;
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::gate::Caller;
use crate::identity::{self, Membership, Role};
use crate::ids::{InvitationId, TeamId};
use crate::web::extract::{Form, Path};
use crate::web::layout::{AdminTab, Choice, Chrome, Crumb, When, initials, render};

#[derive(Template)]
#[template(path = "members.html")]
struct MembersPage {
    page: Chrome,
    tab: AdminTab,
    organization: String,
    problems: Vec<String>,
    roles: Vec<Choice>,
    teams: Vec<Choice>,
    invite_link: Option<InviteLink>,
    people: Vec<Person>,
    invitations: Vec<Pending>,
}

struct InviteLink {
    email: String,
    url: String,
}

struct Person {
    href: String,
    name: String,
    email: String,
    initials: String,
    role: &'static str,
    joined: When,
    is_disabled: bool,
}

struct Pending {
    id: InvitationId,
    email: String,
    role: String,
    by: String,
    expires: When,
}

#[derive(Deserialize)]
pub struct InviteForm {
    email: String,
    role: String,
    team: TeamId,
}

pub async fn show(State(app): State<App>, caller: Caller) -> Result<Response> {
    members_page(&app, &caller, Vec::new(), None).await
}

async fn members_page(
    app: &App,
    caller: &Caller,
    problems: Vec<String>,
    invite_link: Option<InviteLink>,
) -> Result<Response> {
    let mut tx = app.db.read().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    let people = people(&mut tx, app, &organization).await?;
    let page = MembersPage {
        page: Chrome::of(&mut tx, caller, vec![Crumb::new("Members", "/members")]).await?,
        tab: AdminTab::Members,
        invitations: pending(&mut tx, app, &organization).await?,
        roles: super::roles(organization.role, Role::Member),
        teams: teams(&mut tx, &organization).await?,
        organization: organization.name,
        problems,
        invite_link,
        people,
    };
    Ok(render(&page)?.into_response())
}

async fn teams(tx: &mut Tx, organization: &Membership) -> Result<Vec<Choice>> {
    let teams = identity::list_teams(tx, organization.organization).await?;
    Ok(teams.into_iter().map(|team| Choice::new(team.id.to_string(), team.name)).collect())
}

async fn people(tx: &mut Tx, app: &App, organization: &Membership) -> Result<Vec<Person>> {
    let now = app.clock.now();
    let members = identity::list_members(tx, organization.organization).await?;
    let shown = members.into_iter().map(|member| Person {
        href: format!("/members/{}", member.person.id),
        initials: initials(&member.person.name),
        name: member.person.name,
        email: member.person.email,
        role: member.role.name(),
        joined: When::new(member.person.created_at, now),
        is_disabled: member.person.disabled_at.is_some(),
    });
    Ok(shown.collect())
}

async fn pending(tx: &mut Tx, app: &App, organization: &Membership) -> Result<Vec<Pending>> {
    let now = app.clock.now();
    let mut pending = Vec::new();
    for invitation in identity::list_invitations(tx, now, organization.organization).await? {
        pending.push(Pending {
            id: invitation.id,
            email: invitation.email,
            role: invitation.role,
            by: identity::find(tx, invitation.invited_by).await?.name,
            expires: When::new(invitation.expires_at, now),
        });
    }
    Ok(pending)
}

pub async fn invite(State(app): State<App>, caller: Caller, Form(form): Form<InviteForm>) -> Result<Response> {
    match make_link(&app, &caller, &form).await {
        Ok(link) => members_page(&app, &caller, Vec::new(), Some(link)).await,
        Err(error) => members_page(&app, &caller, problems_of(error)?, None).await,
    }
}

async fn make_link(app: &App, caller: &Caller, form: &InviteForm) -> Result<InviteLink> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, caller).await?;
    let invitee = (form.email.as_str(), form.role.parse()?, form.team);
    let token = identity::invite(&mut tx, now, &app.random, caller, &organization, invitee).await?;
    tx.commit().await?;
    Ok(InviteLink { email: form.email.clone(), url: app.url(&format!("/invited?token={token}")) })
}

pub async fn withdraw(State(app): State<App>, caller: Caller, Path(id): Path<InvitationId>) -> Result<Redirect> {
    let mut tx = app.db.write().await?;
    let organization = identity::administered(&mut tx, &caller).await?;
    identity::withdraw(&mut tx, app.clock.now(), &caller, organization.organization, id).await?;
    tx.commit().await?;
    Ok(Redirect::to("/members"))
}
