//! `testward key`: whoami, list, create and revoke API keys.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::{Deserialize, Serialize};
use testward_wire::keys::{CreatedKey, KeyStatus, KeyView, NewKey, Page, Scope, WhoAmI};
use testward_wire::keytext::KeyText;

use crate::failure::{Failure, Result};
use crate::host::Host;
use crate::http::{Client, Credential, encoded};
use crate::output;
use crate::rotate::{self, Rotate};
use crate::server::{Server, Target};
use crate::switch::{self, Switch};

pub const KEYS: &str = "/api/v1/api-keys";
pub const SELF: &str = "/api/v1/api-keys/self";
const SESSION: &str = "/api/v1/session";

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KeyCommand {
    /// Show who the API key is: its name, owner and rights
    Whoami(Read),
    /// List your API keys; asks for e-mail and password when there is no key to ask with
    List(Read),
    /// Create an API key and print it; asks for e-mail and password, because a key cannot create keys
    Create(Create),
    /// Give an API key another secret and print it; the old one is accepted for a while
    Rotate(Rotate),
    /// Switch an API key off; `enable` switches it on again
    Disable(Switch),
    /// Switch an API key on again
    Enable(Switch),
    /// End an API key for good; asks for e-mail and password, except with --self
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct Read {
    /// Print the server's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Name of the key, for people
    #[arg(required_unless_present = "name_option", conflicts_with = "name_option")]
    name: Option<String>,
    /// Same as NAME
    #[arg(long = "name", value_name = "NAME", id = "name_option")]
    name_option: Option<String>,
    /// When the key ends: 30d, 12h, never or an RFC 3339 instant [default: 90d]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// What the key is for
    #[arg(long)]
    description: Option<String>,
    /// What the key may do; can be repeated [default: everything]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope_parser())]
    scopes: Vec<Scope>,
    /// Id of a project to bind the key to; can be repeated [default: all of yours]
    #[arg(long = "project", value_name = "ID")]
    projects: Vec<i64>,
    /// Whether you can copy the key again: recall, once, or for how long, such as 24h [default: recall, if allowed]
    #[arg(long, value_name = "CUSTODY")]
    custody: Option<String>,
    /// Network or address the key may be used from, such as 10.1.0.0/16; can be repeated [default: any]
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
    /// Requests the key may make in a minute [default: no limit]
    #[arg(long, value_name = "NUMBER")]
    rate_per_minute: Option<u32>,
    /// Print the server's JSON, which contains the key
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// Handle or id of the key
    #[arg(value_name = "HANDLE|ID", required_unless_present = "this_key", conflicts_with = "this_key")]
    key: Option<String>,
    /// Revoke the API key that this command itself uses
    #[arg(long = "self", id = "this_key")]
    this_key: bool,
    /// Do not ask before
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    server: Server,
}

fn scope_parser() -> impl TypedValueParser<Value = Scope> {
    let names = PossibleValuesParser::new(Scope::ALL.map(Scope::name));
    names.map(|name| Scope::from_name(&name).expect("only names of scopes pass"))
}

pub fn run(host: &mut Host<'_>, args: Args) -> Result<()> {
    match args.command {
        KeyCommand::Whoami(read) => whoami(host, &read),
        KeyCommand::List(read) => list(host, &read),
        KeyCommand::Create(create) => create_key(host, create),
        KeyCommand::Rotate(rotate) => rotate::run(host, rotate),
        KeyCommand::Disable(switch) => switch::run(host, &switch, "disable"),
        KeyCommand::Enable(switch) => switch::run(host, &switch, "enable"),
        KeyCommand::Revoke(revoke) if revoke.this_key => revoke_self(host, &revoke),
        KeyCommand::Revoke(revoke) => revoke_other(host, &revoke),
    }
}

fn whoami(host: &mut Host<'_>, read: &Read) -> Result<()> {
    let client = read.server.connect(&host.env)?;
    let me: WhoAmI = client.get(host, SELF)?;
    if read.json { host.print(output::json(&me)) } else { host.print(output::who(&me)) }
}

fn list(host: &mut Host<'_>, read: &Read) -> Result<()> {
    let target = read.server.resolve(&host.env)?;
    let keys = match &target.api_key {
        Some(key) => all_keys(&Client::new(&target, Credential::Key(key.clone()))?, host)?,
        None => in_session(host, &target, all_keys)?,
    };
    if read.json { host.print(output::json(&keys)) } else { host.print(output::key_table(&keys)) }
}

pub fn all_keys(client: &Client, host: &mut Host<'_>) -> Result<Vec<KeyView>> {
    let mut page: Page<KeyView> = client.get(host, KEYS)?;
    let mut keys = page.items;
    while let Some(cursor) = page.next {
        page = client.get(host, &format!("{KEYS}?cursor={}", encoded(&cursor)))?;
        keys.append(&mut page.items);
    }
    Ok(keys)
}

fn create_key(host: &mut Host<'_>, create: Create) -> Result<()> {
    let target = create.server.resolve(&host.env)?;
    let json = create.json;
    let wanted = NewKey {
        name: create.name.or(create.name_option).expect("clap requires one of both"),
        description: create.description,
        expires: create.expires,
        scopes: given(create.scopes),
        projects: given(create.projects),
        custody: create.custody,
        networks: given(create.networks),
        rate_per_minute: create.rate_per_minute,
    };
    let created: CreatedKey = in_session(host, &target, |client, host| client.post(host, KEYS, &wanted))?;
    host.note(output::created(&created.view));
    if json { host.print(output::json(&created)) } else { host.print(&created.key) }
}

/// An option that was not used says nothing, rather than "none".
fn given<T>(values: Vec<T>) -> Option<Vec<T>> {
    (!values.is_empty()).then_some(values)
}

fn revoke_self(host: &mut Host<'_>, revoke: &Revoke) -> Result<()> {
    let client = revoke.server.connect(&host.env)?;
    let me: WhoAmI = client.get(host, SELF)?;
    let name = output::key_name(&me.name, &me.handle);
    confirm(host, revoke, &name)?;
    client.delete(host, SELF)?;
    host.note(format_args!("{name} is revoked"));
    Ok(())
}

fn revoke_other(host: &mut Host<'_>, revoke: &Revoke) -> Result<()> {
    let target = revoke.server.resolve(&host.env)?;
    let wanted = revoke.key.as_deref().expect("clap requires the key or --self");
    in_session(host, &target, |client, host| {
        let key = find(all_keys(client, host)?, wanted)?;
        let name = output::key_name(&key.name, &key.handle);
        if key.status == KeyStatus::Revoked {
            host.note(format_args!("{name} was revoked before"));
            return Ok(());
        }
        confirm(host, revoke, &name)?;
        client.delete(host, &format!("{KEYS}/{}", key.id))?;
        host.note(format_args!("{name} is revoked"));
        Ok(())
    })
}

/// Finds a key by handle, by id, or by its whole text, which is what a person holds who revokes a leaked one.
pub fn find(keys: Vec<KeyView>, wanted: &str) -> Result<KeyView> {
    let handle = KeyText::parse(wanted).map_or(wanted, KeyText::handle);
    let mut found = keys.into_iter().filter(|key| key.handle == handle || key.id.to_string() == wanted);
    // The text asked for is not repeated: it may be a key.
    let key = found.next().ok_or_else(|| Failure::refused("none of your API keys has this handle or id"))?;
    // Eight digits can be both.
    match found.next() {
        None => Ok(key),
        Some(other) => Err(Failure::usage(format_args!(
            "this is the handle of one key and the id of another: {} and {}",
            output::key_name(&key.name, &key.handle),
            output::key_name(&other.name, &other.handle)
        ))),
    }
}

fn confirm(host: &mut Host<'_>, revoke: &Revoke, name: &str) -> Result<()> {
    if revoke.yes {
        return Ok(());
    }
    if !host.input_is_terminal {
        return Err(Failure::usage("nobody is here to confirm this; give --yes"));
    }
    let answer = host.ask(&format!("Revoke {name}? It is refused from then on, and this cannot be undone. [y/N] "))?;
    if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::usage("nothing was revoked"))
    }
}

#[derive(Serialize)]
struct SignIn {
    email: String,
    password: String,
}

#[derive(Deserialize)]
struct SignedIn {
    token: String,
}

/// Runs `work` as a person, and ends the session whatever became of it.
pub fn in_session<T>(
    host: &mut Host<'_>,
    target: &Target,
    work: impl FnOnce(&Client, &mut Host<'_>) -> Result<T>,
) -> Result<T> {
    let sign_in = credentials(host)?;
    let nobody = Client::new(target, Credential::Nobody)?;
    let SignedIn { token } = nobody.post(host, SESSION, &sign_in)?;
    let client = Client::new(target, Credential::Session(token))?;
    let outcome = work(&client, host);
    if let Err(failure) = client.delete(host, SESSION) {
        host.note(format_args!("warning: the session stays open until it expires: {failure}"));
    }
    outcome
}

fn credentials(host: &mut Host<'_>) -> Result<SignIn> {
    let email = host.env.get("TESTWARD_EMAIL").map(ToOwned::to_owned);
    let password = host.env.get("TESTWARD_PASSWORD").map(ToOwned::to_owned);
    if (email.is_none() || password.is_none()) && !host.input_is_terminal {
        let why = "this needs a person's session; set TESTWARD_EMAIL and TESTWARD_PASSWORD, or run it on a terminal";
        return Err(Failure::usage(why));
    }
    let email = email.map_or_else(|| host.ask("E-mail: "), Ok)?;
    let password = password.map_or_else(|| host.ask_hidden("Password: "), Ok)?;
    Ok(SignIn { email, password })
}
