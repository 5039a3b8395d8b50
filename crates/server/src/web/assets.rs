//! Style sheet, scripts and icons, embedded in the binary.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use crate::error::{Error, Result};

/// Path below `/assets/`, type and bytes.
const ASSETS: &[(&str, &str, &[u8])] = &[
    ("app.css", "text/css; charset=utf-8", include_bytes!("../../static/app.css")),
    ("app.js", "text/javascript; charset=utf-8", include_bytes!("../../static/app.js")),
    ("theme.js", "text/javascript; charset=utf-8", include_bytes!("../../static/theme.js")),
    ("favicon.svg", "image/svg+xml", include_bytes!("../../static/favicon.svg")),
    ("marks.svg", "image/svg+xml", include_bytes!("../../static/marks.svg")),
    ("vendor/icons.svg", "image/svg+xml", include_bytes!("../../static/vendor/icons.svg")),
];

pub async fn asset(Path(path): Path<String>) -> Result<Response> {
    let found = ASSETS.iter().find(|(name, ..)| *name == path);
    let (_, kind, bytes) = found.ok_or(Error::NotFound("file"))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        // Short enough that an upgrade shows soon; long enough that clicking around fetches nothing.
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    Ok((headers, *bytes).into_response())
}
