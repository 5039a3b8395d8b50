//! `testward key disable` and `enable`.

use testward_wire::keys::KeyView;

use crate::failure::Result;
use crate::host::Host;
use crate::keys::{KEYS, all_keys, find, in_session};
use crate::output;
use crate::server::Server;

#[derive(Debug, clap::Args)]
pub struct Switch {
    /// Handle or id of the key
    #[arg(value_name = "HANDLE|ID")]
    key: String,
    /// Print the server's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Switches a key off, or on again.
pub fn run(host: &mut Host<'_>, switch: &Switch, order: &str) -> Result<()> {
    let target = switch.server.resolve(&host.env)?;
    let key: KeyView = in_session(host, &target, |client, host| {
        let key = find(all_keys(client, host)?, &switch.key)?;
        client.order(host, &format!("{KEYS}/{}/{order}", key.id))?;
        client.get(host, &format!("{KEYS}/{}", key.id))
    })?;
    if switch.json {
        return host.print(output::json(&key));
    }
    host.note(format_args!("{} is {order}d", output::key_name(&key.name, &key.handle)));
    Ok(())
}
