//! `testward audit`: proves that the audit log is whole. Reads only, so it works beside a running server.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args as ClapArgs, Subcommand};
use testward_server::audit::{Report, Seal, verify};
use testward_server::db::Db;
use testward_server::web::into_anyhow;

use crate::serve::{DataDir, block_on, finish, say};

#[derive(ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Check that no row was changed, left out or cut off; exit code 1 names the first that was
    Verify {
        #[command(flatten)]
        data: DataDir,
    },
}

pub fn run(args: Args) -> ExitCode {
    let AuditCommand::Verify { data } = args.command;
    finish(block_on(check(data)))
}

async fn check(data: DataDir) -> anyhow::Result<()> {
    let config = data.config(([127, 0, 0, 1], 0).into());
    let database = config.data_dir.join("testward.db");
    if !database.exists() {
        bail!("there is no Testward in {}; give its --data-dir", config.data_dir.display());
    }
    // The seal first: rows that come meanwhile are behind it.
    let seal = Seal::open_existing(&config.secrets_dir(), &config.data_dir).map_err(into_anyhow)?;
    let db = Db::open_to_read(&database);
    let report = verify(&db, &seal).await.map_err(into_anyhow)?;
    db.close().await;
    tell(&report)
}

fn tell(report: &Report) -> anyhow::Result<()> {
    if let Some(broken) = &report.broken {
        bail!("the audit log is broken at row {}: {}", broken.seq, broken.what);
    }
    let sealed = report.sealed.as_ref().map_or(0, |head| head.seq);
    say(&format!("{} rows hold, {sealed} of them under seal; the newest has the hash {}", report.rows, report.hash));
    Ok(())
}
