//! The pages of signing in, of the second factor, and of what an organization demands.

pub mod demands;
pub mod factor;
pub mod second;
pub mod signin;

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

use crate::error::Result;

/// A QR code as the path of a drawing; `size` is its width and height.
pub struct Qr {
    pub size: i32,
    pub path: String,
}

impl Qr {
    fn new(text: &str) -> Result<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium)
            .map_err(|_| crate::error::Error::Internal(anyhow::anyhow!("the text is too long for a QR code")))?;
        let size = code.size();
        let points = (0..size).flat_map(|y| (0..size).map(move |x| (x, y)));
        let mut path = String::new();
        for (x, y) in points.filter(|(x, y)| code.get_module(*x, *y)) {
            write!(path, "M{x} {y}h1v1h-1z").expect("a text takes everything");
        }
        Ok(Self { size, path })
    }
}

/// Breaks a secret into groups that people can type.
fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
