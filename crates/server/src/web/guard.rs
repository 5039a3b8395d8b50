//! The Unix socket for proxies on the same machine: verification of keys, and nothing else.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use axum::extract::Request;
use tokio::net::UnixListener;

use crate::app::App;

/// The server's user and group may connect: a proxy is put into the group.
const MODE: u32 = 0o660;

/// Binds the socket. One that a killed server left is replaced; anything else in its place is left alone.
pub fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => bail!("{} is there and is no socket; choose another --verify-socket", path.display()),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).with_context(|| format!("listening on {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    Ok(listener)
}

/// Answers proxies until dropped.
pub async fn listen(app: App, listener: Option<UnixListener>) {
    let Some(listener) = listener else { return };
    let service = super::guard_service(&app);
    let service = <_ as axum::ServiceExt<Request>>::into_make_service(service);
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!("proxies cannot ask any more: {error:#}");
    }
}

pub fn close(path: Option<&PathBuf>) {
    if let Some(path) = path {
        let _ = fs::remove_file(path);
    }
}
