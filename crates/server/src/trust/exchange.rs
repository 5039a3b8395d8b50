//! The exchange itself: a token goes in once, a key for some minutes comes out.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use testward_wire::keys::NewKey;
use testward_wire::keytext::Kind;
use testward_wire::trust::{RuleOutcome, TestOutcome};

use super::{Issuer, Rule, rules, store};
use crate::app::App;
use crate::blobs::hex;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::{Caller, Scopes};
use crate::identity::{self, Actor};
use crate::ids::IssuerId;
use crate::keys::{self, ApiKey, Change};
use crate::oidc::{self, Claims, Expected, Refusal};
use crate::time::{DAY, MINUTE, Millis};
use crate::web::limits::Attempt;

/// How long a key lives that a token was exchanged for.
pub const LIVES_FOR: i64 = 15 * MINUTE;
/// Exchanges shown of each issuer. Anybody can get tokens of a public issuer, so what they leave here is bounded.
const KEPT: i64 = 200;

/// What became of a token that its issuer did sign.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Exchange {
    pub at: Millis,
    pub ip: String,
    /// The token's `sub`.
    pub subject: String,
    /// `exchanged`, or the code it was refused with.
    pub outcome: String,
    pub rule_name: Option<String>,
    pub key_handle: Option<String>,
}

/// Exchanges a token for a key. Returns the key's row, its text and the rule that granted it.
///
/// Failures count against the address, as those of keys do.
pub async fn exchange(app: &App, ip: IpAddr, token: &str, scopes: Option<Scopes>) -> Result<(ApiKey, String, Rule)> {
    let now = app.clock.now();
    app.failures.check(now, Attempt::Key, ip)?;
    let exchanged = try_exchange(app, ip, token, scopes).await;
    if exchanged.is_err() {
        app.failures.record(now, Attempt::Key, ip);
    }
    exchanged
}

async fn try_exchange(app: &App, ip: IpAddr, token: &str, scopes: Option<Scopes>) -> Result<(ApiKey, String, Rule)> {
    let claimed = oidc::claimed_issuer(token)?;
    let mut tx = app.db.read().await?;
    let trusted = store::list_live(&mut tx, &claimed).await?;
    drop(tx);
    let mut refusal = Refusal::Issuer;
    let mut genuine = None;
    // Several organizations may trust one issuer: the first whose rule matches grants the key.
    for issuer in trusted {
        match verify(app, &issuer, token).await {
            Ok(claims) => {
                let mut tx = app.db.read().await?;
                let rules = store::list_rules(&mut tx, issuer.id).await?;
                drop(tx);
                match rules.into_iter().find(|rule| rules::unmet(&rule.conditions, &claims).is_empty()) {
                    Some(rule) => return grant(app, ip, token, &issuer, &claims, rule, scopes).await,
                    None => genuine = Some((issuer, claims)),
                }
            }
            Err(why) => refusal = why,
        }
    }
    let Some((issuer, claims)) = genuine else { return Err(refusal.into()) };
    let error =
        Error::forbidden("no_matching_rule", "the token is genuine, but no rule grants anything for its claims");
    note_refused(app, ip, &issuer, &claims, None, error).await
}

async fn verify(app: &App, issuer: &Issuer, token: &str) -> std::result::Result<Claims, Refusal> {
    let expected = Expected { issuer: &issuer.issuer, audience: &issuer.audience };
    oidc::verify(app, &issuer.source(), expected, token).await
}

async fn grant(
    app: &App,
    ip: IpAddr,
    token: &str,
    issuer: &Issuer,
    claims: &Claims,
    rule: Rule,
    scopes: Option<Scopes>,
) -> Result<(ApiKey, String, Rule)> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    match make_key(&mut tx, app, now, ip, token, issuer, claims, &rule, scopes).await {
        Ok((change, key, text)) => {
            let exchange = noted(now, ip, claims, "exchanged", Some(&rule), Some(&key));
            store::insert_exchange(&mut tx, issuer.id, &exchange, KEPT).await?;
            keys::commit(app, tx, change).await?;
            Ok((key, text, rule))
        }
        Err(error) => {
            drop(tx);
            note_refused(app, ip, issuer, claims, Some(&rule), error).await
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one step of `grant`, apart so that each refusal is noted")]
async fn make_key(
    tx: &mut Tx,
    app: &App,
    now: Millis,
    ip: IpAddr,
    token: &str,
    issuer: &Issuer,
    claims: &Claims,
    rule: &Rule,
    scopes: Option<Scopes>,
) -> Result<(Change, ApiKey, String)> {
    let scopes = narrowed(rule.scopes, scopes)?;
    let owner = identity::find(tx, rule.acts_for).await?;
    let role = identity::role_in(tx, owner.id, issuer.organization_id).await?;
    if owner.disabled_at.is_some() || role.is_none() {
        let message = "whoever the rule acts for is disabled or has left the organization; an admin must mend the rule";
        return Err(Error::forbidden("owner_disabled", message));
    }
    // The row outlives the token by more than the clocks may differ.
    let until = claims.expires_at().plus(5 * MINUTE);
    if !store::insert_token(tx, &token_hash(&issuer.issuer, claims, token), until).await? {
        return Err(Error::forbidden("token_replayed", "this token was exchanged before; each works once"));
    }
    let actor = Actor { person: Some(owner.id), key: None, ip: Some(ip.to_string()) };
    let new = NewKey {
        name: key_name(rule, claims),
        expires: Some(now.plus(LIVES_FOR).rfc3339()),
        scopes: Some(scopes.list()),
        projects: rule.projects.as_ref().map(|ids| ids.iter().map(|id| id.0).collect()),
        ..NewKey::default()
    };
    keys::issue(tx, app, now, &actor, (owner.id, Kind::Exchanged), &new).await
}

/// Returns what was asked for, if the rule grants it; without asking, all that it grants.
fn narrowed(granted: Scopes, asked: Option<Scopes>) -> Result<Scopes> {
    let Some(asked) = asked else { return Ok(granted) };
    match asked.list().into_iter().find(|scope| !granted.has(*scope)) {
        Some(scope) => Err(Error::forbidden("invalid_scope", format!("the rule does not grant {}", scope.name()))),
        None => Ok(asked),
    }
}

/// Names the token for good: by its `jti`, or else by what was signed. The signature itself is left out, because ECDSA
/// lets anybody turn one into a second that is valid too.
fn token_hash(issuer: &str, claims: &Claims, token: &str) -> String {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    let (kind, name) = match claims.get("jti") {
        Some(id) => ("jti", id.to_string()),
        None => ("signed", signed.to_owned()),
    };
    hex(&Sha256::digest(format!("{issuer}\n{kind}\n{name}")))
}

/// Returns a name that tells in lists which build the key was for.
fn key_name(rule: &Rule, claims: &Claims) -> String {
    let name = format!("{}: {}", rule.name, subject(claims));
    name.chars().take(120).collect()
}

fn subject(claims: &Claims) -> String {
    let subject = claims.text("sub").unwrap_or("(no sub)");
    subject.chars().filter(|it| !it.is_control()).take(300).collect()
}

fn noted(
    now: Millis,
    ip: IpAddr,
    claims: &Claims,
    outcome: &str,
    rule: Option<&Rule>,
    key: Option<&ApiKey>,
) -> Exchange {
    Exchange {
        at: now,
        ip: ip.to_string(),
        subject: subject(claims),
        outcome: outcome.to_owned(),
        rule_name: rule.map(|rule| rule.name.clone()),
        key_handle: key.map(|key| key.handle.to_string()),
    }
}

/// Writes down that a genuine token was refused, so that an admin sees why a build fails, and refuses it.
async fn note_refused<T>(
    app: &App,
    ip: IpAddr,
    issuer: &Issuer,
    claims: &Claims,
    rule: Option<&Rule>,
    error: Error,
) -> Result<T> {
    let exchange = noted(app.clock.now(), ip, claims, error.code(), rule, None);
    let mut tx = app.db.write().await?;
    store::insert_exchange(&mut tx, issuer.id, &exchange, KEPT).await?;
    tx.commit().await?;
    Err(error)
}

/// Says what would come of exchanging a token. Nothing is exchanged and the token stays good.
pub async fn test(app: &App, caller: &Caller, id: IssuerId, token: &str) -> Result<TestOutcome> {
    let mut tx = app.db.read().await?;
    let issuer = super::find(&mut tx, caller, id).await?;
    let rules = store::list_rules(&mut tx, id).await?;
    drop(tx);
    let claims = match verify(app, &issuer, token.trim()).await {
        Ok(claims) => claims,
        Err(refusal) => {
            return Ok(TestOutcome { refused: Some(refusal.to_string()), granted_by: None, rules: Vec::new() });
        }
    };
    let judged = |rule: &Rule| RuleOutcome { rule: rule.name.clone(), unmet: rules::unmet(&rule.conditions, &claims) };
    let rules: Vec<RuleOutcome> = rules.iter().map(judged).collect();
    let granted_by = rules.iter().find(|it| it.unmet.is_empty()).map(|it| it.rule.clone());
    Ok(TestOutcome { refused: None, granted_by, rules })
}

/// Lists the last exchanges of an issuer, the newest first.
pub async fn list_exchanges(tx: &mut Tx, caller: &Caller, id: IssuerId) -> Result<Vec<Exchange>> {
    super::find(tx, caller, id).await?;
    store::list_exchanges(tx, id).await
}

/// Forgets tokens that have expired, and exchanges of a month ago.
pub async fn forget_old(tx: &mut Tx, now: Millis) -> Result<()> {
    store::delete_tokens_before(tx, now).await?;
    store::delete_exchanges_before(tx, now.plus(-30 * DAY)).await
}
