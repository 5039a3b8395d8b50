//! `testward key rotate`: another secret for the same key.

use std::fmt::Write as _;

use testward_wire::keys::{CreatedKey, RotateKey};

use crate::failure::Result;
use crate::host::Host;
use crate::http::Client;
use crate::keys::{KEYS, SELF, all_keys, find, in_session};
use crate::output;
use crate::server::Server;

#[derive(Debug, clap::Args)]
pub struct Rotate {
    /// Handle or id of the key
    #[arg(value_name = "HANDLE|ID", required_unless_present = "this_key", conflicts_with = "this_key")]
    key: Option<String>,
    /// Rotate the API key that this command itself uses; needs no e-mail and password
    #[arg(long = "self", id = "this_key")]
    this_key: bool,
    /// How long the old secret is accepted as well: 0 to 30d, such as 12h [default: 7d]
    #[arg(long, value_name = "TIME")]
    overlap: Option<String>,
    /// Names this rotation: when the answer was lost, the same command with the same token prints the same key again
    /// [default: a random one]
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Print the server's JSON, which contains the key
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub fn run(host: &mut Host<'_>, rotate: Rotate) -> Result<()> {
    let wanted = RotateKey { overlap: rotate.overlap };
    let token = rotate.token.unwrap_or_else(random_token);
    let ask = |client: &Client, host: &mut Host<'_>, path: &str| client.post_patiently(host, path, &token, &wanted);
    let rotated: CreatedKey = if rotate.this_key {
        ask(&rotate.server.connect(&host.env)?, host, &format!("{SELF}/rotate"))?
    } else {
        let target = rotate.server.resolve(&host.env)?;
        let wanted = rotate.key.as_deref().expect("clap requires the key or --self");
        in_session(host, &target, |client, host| {
            let key = find(all_keys(client, host)?, wanted)?;
            ask(client, host, &format!("{KEYS}/{}/rotate", key.id))
        })?
    };
    host.note(output::rotated(&rotated.view));
    if rotate.json { host.print(output::json(&rotated)) } else { host.print(&rotated.key) }
}

#[expect(clippy::disallowed_methods, reason = "the client has no other source of randomness")]
fn random_token() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system must provide randomness");
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
