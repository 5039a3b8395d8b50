//! SQL of people, organizations, teams, sessions and invitations.

use super::{Invitation, Member, Membership, Person, Role, Session, Team};
use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::{InvitationId, OrganizationId, PersonId, TeamId};
use crate::time::Millis;

macro_rules! person_columns {
    () => {
        "person.id, person.email, person.name, person.created_at, person.disabled_at"
    };
}

#[derive(sqlx::FromRow)]
struct CredentialsRow {
    #[sqlx(flatten)]
    person: Person,
    password_hash: String,
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    #[sqlx(flatten)]
    person: Person,
    role: String,
}

pub async fn count_people(tx: &mut Tx) -> Result<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar("SELECT COUNT(*) FROM person").fetch_one(conn).await)?)
}

pub async fn find_person(tx: &mut Tx, id: PersonId) -> Result<Option<Person>> {
    let sql = concat!("SELECT ", person_columns!(), " FROM person WHERE id = $1");
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(id).fetch_optional(conn).await)?)
}

pub async fn find_person_by_email(tx: &mut Tx, email: &str) -> Result<Option<Person>> {
    let sql = concat!("SELECT ", person_columns!(), " FROM person WHERE lower(email) = lower($1) AND kind = 'human'");
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(email).fetch_optional(conn).await)?)
}

pub async fn find_credentials(tx: &mut Tx, email: &str) -> Result<Option<(Person, String)>> {
    let sql = concat!(
        "SELECT ",
        person_columns!(),
        ", password_hash FROM person WHERE lower(email) = lower($1) AND kind = 'human'"
    );
    let row: Option<CredentialsRow> = on!(tx, conn => sqlx::query_as(sql).bind(email).fetch_optional(conn).await)?;
    Ok(row.map(|row| (row.person, row.password_hash)))
}

pub async fn list_people(tx: &mut Tx) -> Result<Vec<Person>> {
    let sql = concat!("SELECT ", person_columns!(), " FROM person WHERE kind = 'human' ORDER BY id");
    Ok(on!(tx, conn => sqlx::query_as(sql).fetch_all(conn).await)?)
}

pub async fn insert_person(tx: &mut Tx, person: &Person, password_hash: &str) -> Result<()> {
    let sql = "INSERT INTO person (id, email, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(sql).bind(person.id).bind(&person.email).bind(&person.name).bind(password_hash);
    on!(tx, conn => query.bind(person.created_at).execute(conn).await)?;
    Ok(())
}

pub async fn update_name(tx: &mut Tx, id: PersonId, name: &str) -> Result<()> {
    on!(tx, conn => sqlx::query("UPDATE person SET name = $1 WHERE id = $2").bind(name).bind(id).execute(conn).await)?;
    Ok(())
}

pub async fn update_email(tx: &mut Tx, id: PersonId, email: &str) -> Result<()> {
    on!(tx, conn => sqlx::query("UPDATE person SET email = $1 WHERE id = $2").bind(email).bind(id).execute(conn).await)?;
    Ok(())
}

pub async fn update_disabled(tx: &mut Tx, id: PersonId, at: Option<Millis>) -> Result<()> {
    on!(tx, conn => sqlx::query("UPDATE person SET disabled_at = $1 WHERE id = $2").bind(at).bind(id).execute(conn).await)?;
    Ok(())
}

pub async fn update_password(tx: &mut Tx, id: PersonId, hash: &str) -> Result<()> {
    let sql = "UPDATE person SET password_hash = $1 WHERE id = $2";
    on!(tx, conn => sqlx::query(sql).bind(hash).bind(id).execute(conn).await)?;
    Ok(())
}

pub async fn list_organizations(tx: &mut Tx) -> Result<Vec<OrganizationId>> {
    Ok(on!(tx, conn => sqlx::query_scalar("SELECT id FROM organization ORDER BY id").fetch_all(conn).await)?)
}

pub async fn delete_all_sessions(tx: &mut Tx) -> Result<()> {
    on!(tx, conn => sqlx::query("DELETE FROM session").execute(conn).await)?;
    Ok(())
}

pub async fn insert_organization(tx: &mut Tx, id: OrganizationId, name: &str, now: Millis) -> Result<()> {
    let sql = "INSERT INTO organization (id, name, created_at) VALUES ($1, $2, $3)";
    on!(tx, conn => sqlx::query(sql).bind(id).bind(name).bind(now).execute(conn).await)?;
    Ok(())
}

pub async fn list_memberships(tx: &mut Tx, person: PersonId) -> Result<Vec<Membership>> {
    let sql = "SELECT o.id, o.name, m.role FROM organization_member m JOIN organization o ON o.id = m.organization_id \
               WHERE m.person_id = $1 ORDER BY o.id";
    let rows: Vec<(OrganizationId, String, String)> =
        on!(tx, conn => sqlx::query_as(sql).bind(person).fetch_all(conn).await)?;
    let membership =
        |(organization, name, role): (_, _, String)| Ok(Membership { organization, name, role: role.parse()? });
    rows.into_iter().map(membership).collect()
}

pub async fn upsert_organization_member(
    tx: &mut Tx,
    organization: OrganizationId,
    person: PersonId,
    role: Role,
    now: Millis,
) -> Result<()> {
    let sql = "INSERT INTO organization_member (organization_id, person_id, role, joined_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (organization_id, person_id) DO UPDATE SET role = excluded.role";
    let query = sqlx::query(sql).bind(organization).bind(person).bind(role.name()).bind(now);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

/// Takes a person out of an organization and all of its teams.
pub async fn delete_organization_member(tx: &mut Tx, organization: OrganizationId, person: PersonId) -> Result<()> {
    let teams = "DELETE FROM team_member WHERE person_id = $1 \
                 AND team_id IN (SELECT id FROM team WHERE organization_id = $2)";
    on!(tx, conn => sqlx::query(teams).bind(person).bind(organization).execute(conn).await)?;
    let sql = "DELETE FROM organization_member WHERE person_id = $1 AND organization_id = $2";
    on!(tx, conn => sqlx::query(sql).bind(person).bind(organization).execute(conn).await)?;
    Ok(())
}

pub async fn list_members(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<Member>> {
    let sql = concat!(
        "SELECT ",
        person_columns!(),
        ", m.role FROM organization_member m JOIN person ON person.id = m.person_id \
         WHERE m.organization_id = $1 AND person.kind = 'human' ORDER BY lower(person.name), person.id"
    );
    let rows: Vec<MemberRow> = on!(tx, conn => sqlx::query_as(sql).bind(organization).fetch_all(conn).await)?;
    rows.into_iter().map(|row| Ok(Member { person: row.person, role: row.role.parse()? })).collect()
}

pub async fn insert_team(tx: &mut Tx, team: &Team, now: Millis) -> Result<()> {
    let sql = "INSERT INTO team (id, organization_id, name, created_at) VALUES ($1, $2, $3, $4)";
    let query = sqlx::query(sql).bind(team.id).bind(team.organization_id).bind(&team.name).bind(now);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn find_team(tx: &mut Tx, id: TeamId) -> Result<Option<Team>> {
    let sql = "SELECT id, organization_id, name FROM team WHERE id = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(id).fetch_optional(conn).await)?)
}

pub async fn find_first_team(tx: &mut Tx) -> Result<Option<Team>> {
    let sql = "SELECT id, organization_id, name FROM team ORDER BY id LIMIT 1";
    Ok(on!(tx, conn => sqlx::query_as(sql).fetch_optional(conn).await)?)
}

pub async fn list_teams(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<Team>> {
    let sql = "SELECT id, organization_id, name FROM team WHERE organization_id = $1 ORDER BY lower(name), id";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(organization).fetch_all(conn).await)?)
}

pub async fn update_team_name(tx: &mut Tx, id: TeamId, name: &str) -> Result<()> {
    on!(tx, conn => sqlx::query("UPDATE team SET name = $1 WHERE id = $2").bind(name).bind(id).execute(conn).await)?;
    Ok(())
}

pub async fn list_teams_of(tx: &mut Tx, organization: OrganizationId, person: PersonId) -> Result<Vec<TeamId>> {
    let sql = "SELECT t.id FROM team_member m JOIN team t ON t.id = m.team_id \
               WHERE t.organization_id = $1 AND m.person_id = $2 ORDER BY t.id";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(organization).bind(person).fetch_all(conn).await)?)
}

pub async fn list_team_members(tx: &mut Tx, team: TeamId) -> Result<Vec<Person>> {
    let sql = concat!(
        "SELECT ",
        person_columns!(),
        " FROM team_member m JOIN person ON person.id = m.person_id WHERE m.team_id = $1 \
         ORDER BY lower(person.name), person.id"
    );
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(team).fetch_all(conn).await)?)
}

pub async fn delete_team_member(tx: &mut Tx, team: TeamId, person: PersonId) -> Result<u64> {
    let sql = "DELETE FROM team_member WHERE team_id = $1 AND person_id = $2";
    Ok(on!(tx, conn => sqlx::query(sql).bind(team).bind(person).execute(conn).await)?.rows_affected())
}

pub async fn upsert_team_member(tx: &mut Tx, team: TeamId, person: PersonId, now: Millis) -> Result<()> {
    let sql = "INSERT INTO team_member (team_id, person_id, joined_at) VALUES ($1, $2, $3) \
               ON CONFLICT (team_id, person_id) DO NOTHING";
    on!(tx, conn => sqlx::query(sql).bind(team).bind(person).bind(now).execute(conn).await)?;
    Ok(())
}

pub async fn insert_session(tx: &mut Tx, session: &Session) -> Result<()> {
    let sql = "INSERT INTO session (token_hash, person_id, created_at, seen_at, confirmed_at, ip, user_agent, ends_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let query = sqlx::query(sql).bind(&session.token_hash).bind(session.person_id).bind(session.created_at);
    let query = query.bind(session.seen_at).bind(session.confirmed_at).bind(&session.ip).bind(&session.user_agent);
    on!(tx, conn => query.bind(session.ends_at).execute(conn).await)?;
    Ok(())
}

/// Finds a session of somebody who is not disabled.
pub async fn find_session(tx: &mut Tx, token_hash: &str) -> Result<Option<Session>> {
    let sql = "SELECT s.* FROM session s JOIN person p ON p.id = s.person_id AND p.disabled_at IS NULL \
               WHERE s.token_hash = $1";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(token_hash).fetch_optional(conn).await)?)
}

pub async fn list_sessions(tx: &mut Tx, person: PersonId) -> Result<Vec<Session>> {
    let sql = "SELECT * FROM session WHERE person_id = $1 ORDER BY created_at DESC";
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(person).fetch_all(conn).await)?)
}

pub async fn update_session_seen(tx: &mut Tx, token_hash: &str, now: Millis) -> Result<()> {
    let sql = "UPDATE session SET seen_at = $1 WHERE token_hash = $2";
    on!(tx, conn => sqlx::query(sql).bind(now).bind(token_hash).execute(conn).await)?;
    Ok(())
}

pub async fn update_session_confirmed(tx: &mut Tx, token_hash: &str, now: Millis) -> Result<()> {
    let sql = "UPDATE session SET confirmed_at = $1 WHERE token_hash = $2";
    on!(tx, conn => sqlx::query(sql).bind(now).bind(token_hash).execute(conn).await)?;
    Ok(())
}

pub async fn delete_session(tx: &mut Tx, person: PersonId, token_hash: &str) -> Result<()> {
    let sql = "DELETE FROM session WHERE person_id = $1 AND token_hash = $2";
    on!(tx, conn => sqlx::query(sql).bind(person).bind(token_hash).execute(conn).await)?;
    Ok(())
}

pub async fn delete_other_sessions(tx: &mut Tx, person: PersonId, kept: &str) -> Result<()> {
    let sql = "DELETE FROM session WHERE person_id = $1 AND token_hash <> $2";
    on!(tx, conn => sqlx::query(sql).bind(person).bind(kept).execute(conn).await)?;
    Ok(())
}

pub async fn delete_sessions_of(tx: &mut Tx, person: PersonId) -> Result<()> {
    on!(tx, conn => sqlx::query("DELETE FROM session WHERE person_id = $1").bind(person).execute(conn).await)?;
    Ok(())
}

/// Deletes sessions that ended by `now`, began before `created`, or were last seen before `seen`.
pub async fn delete_ended_sessions(tx: &mut Tx, now: Millis, created: Millis, seen: Millis) -> Result<()> {
    let sql = "DELETE FROM session WHERE created_at < $1 OR seen_at < $2 OR ends_at <= $3";
    on!(tx, conn => sqlx::query(sql).bind(created).bind(seen).bind(now).execute(conn).await)?;
    Ok(())
}

macro_rules! invitation_columns {
    () => {
        "id, organization_id, team_id, email, role, invited_by, created_at, expires_at, used_at"
    };
}

pub async fn insert_invitation(tx: &mut Tx, invitation: &Invitation, token_hash: &str) -> Result<()> {
    let sql = "INSERT INTO invitation (id, organization_id, team_id, email, role, invited_by, created_at, expires_at, \
               token_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let query = sqlx::query(sql).bind(invitation.id).bind(invitation.organization_id).bind(invitation.team_id);
    let query = query.bind(&invitation.email).bind(&invitation.role).bind(invitation.invited_by);
    let query = query.bind(invitation.created_at).bind(invitation.expires_at).bind(token_hash);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn find_invitation(tx: &mut Tx, token_hash: &str) -> Result<Option<Invitation>> {
    let sql = concat!("SELECT ", invitation_columns!(), " FROM invitation WHERE token_hash = $1");
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(token_hash).fetch_optional(conn).await)?)
}

pub async fn list_open_invitations(tx: &mut Tx, organization: OrganizationId, now: Millis) -> Result<Vec<Invitation>> {
    let sql = concat!(
        "SELECT ",
        invitation_columns!(),
        " FROM invitation WHERE organization_id = $1 AND used_at IS NULL AND expires_at > $2 ORDER BY id DESC"
    );
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(organization).bind(now).fetch_all(conn).await)?)
}

pub async fn update_invitation_used(tx: &mut Tx, id: InvitationId, now: Millis) -> Result<()> {
    on!(tx, conn => sqlx::query("UPDATE invitation SET used_at = $1 WHERE id = $2").bind(now).bind(id).execute(conn).await)?;
    Ok(())
}

pub async fn delete_invitation(tx: &mut Tx, organization: OrganizationId, id: InvitationId) -> Result<u64> {
    let sql = "DELETE FROM invitation WHERE organization_id = $1 AND id = $2 AND used_at IS NULL";
    Ok(on!(tx, conn => sqlx::query(sql).bind(organization).bind(id).execute(conn).await)?.rows_affected())
}
