//! `testward backup` and `testward restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use testward_server::backup;
use testward_server::time::Clock;
use testward_server::web::{into_anyhow, lock};

use crate::serve::{DataDir, block_on, finish, say};

#[derive(clap::Args)]
pub struct BackupArgs {
    /// Folder to make and to write the backup into
    #[arg(long)]
    to: PathBuf,
    #[command(flatten)]
    data: DataDir,
}

#[derive(clap::Args)]
pub struct RestoreArgs {
    /// Folder of the backup
    #[arg(long)]
    from: PathBuf,
    /// The file revocations.log of the lost server, if it is not in the data folder
    #[arg(long)]
    revocations: Option<PathBuf>,
    #[command(flatten)]
    data: DataDir,
}

pub fn back_up(args: BackupArgs) -> ExitCode {
    finish(block_on(async {
        let config = args.data.config(([127, 0, 0, 1], 0).into());
        let about = backup::back_up(&config, &args.to, Clock::System.now()).await.map_err(into_anyhow)?;
        say(&format!("backed up the database and {} files to {}", about.files, args.to.display()));
        say(
            "The secrets are not in it: keep pepper, kek and audit-key in another place. Nor is revocations.log, which a \
             restore needs as it is then.",
        );
        Ok(())
    }))
}

pub fn restore(args: RestoreArgs) -> ExitCode {
    finish(block_on(async {
        let config = args.data.config(([127, 0, 0, 1], 0).into());
        let _lock = lock(&config)?;
        let restored =
            backup::restore(&config, &args.from, args.revocations, Clock::System).await.map_err(into_anyhow)?;
        say(&format!("restored the backup of {}; everybody has to sign in again", restored.about.at.rfc3339()));
        if let Some(folder) = restored.moved_to {
            say(&format!("what was there before lies in {}", folder.display()));
        }
        match restored.replayed {
            Some(it) => say(&format!(
                "since that backup {} keys had been deleted, {} disabled or rotated, and {} people disabled: they still are",
                it.revoked, it.disabled, it.people
            )),
            None => say(
                "WARNING: there is no revocations.log: keys that were deleted since that backup work again. Give the old \
                 server's with --revocations, or look through the keys now.",
            ),
        }
        Ok(())
    }))
}
