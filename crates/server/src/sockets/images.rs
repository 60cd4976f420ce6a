//! Images pasted into a terminal of the first dialect: kept as files, typed as paths.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tokio::io::AsyncWriteExt;

/// Largest image, decoded. A larger one is ignored.
const IMAGE_BYTES: usize = 10 * 1024 * 1024;

/// Base64 with up to two `=`, which some clients leave out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// An image as it came from a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image {
    bytes: Vec<u8>,
    extension: &'static str,
}

impl Image {
    /// Decodes an image; `None` when type, size or encoding is not accepted.
    pub(super) fn decode(data: &str, mime_type: &str) -> Option<Self> {
        let extension = match mime_type {
            "image/png" => "png",
            "image/jpeg" => "jpg",
            "image/gif" => "gif",
            "image/webp" => "webp",
            "image/bmp" => "bmp",
            _ => return None,
        };
        let text: Vec<u8> = data
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let bytes = BASE64.decode(text).ok()?;
        let is_fit = !bytes.is_empty() && bytes.len() <= IMAGE_BYTES;
        is_fit.then_some(Self { bytes, extension })
    }

    /// Writes the image to a fresh file that only this user can read, and returns its path.
    pub(super) async fn store(&self, uploads: &Path) -> io::Result<PathBuf> {
        let name = format!("{}.{}", uuid::Uuid::new_v4(), self.extension);
        let path = uploads.join(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = tokio::fs::OpenOptions::from(options).open(&path).await?;
        file.write_all(&self.bytes).await?;
        file.flush().await?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_images_of_known_types_are_accepted() {
        let image = |data: &str, mime: &str| Image::decode(data, mime).map(|image| image.bytes);
        let png = Some(b"\x89PNG\r\n\x1a\n".to_vec());
        assert_eq!(image("iVBORw0KGgo=", "image/png"), png);
        assert_eq!(image("iVBO\nRw0K Ggo", "image/png"), png);
        assert_eq!(image("iVBORw0KGgo=", "image/tiff"), None);
        assert_eq!(image("iVBORw0KGgo=", "IMAGE/PNG"), None);
        assert_eq!(image("iVBOR%0KGgo=", "image/png"), None);
        assert_eq!(image("", "image/png"), None);
        let large = "A".repeat(4 * IMAGE_BYTES / 3 + 8);
        assert_eq!(image(&large, "image/bmp"), None);
    }

    #[tokio::test]
    async fn an_image_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let image = Image::decode("R0lGODlh", "image/gif").expect("an image");
        let path = image.store(dir.path()).await.expect("stored");
        assert_eq!(std::fs::read(&path).expect("read"), b"GIF89a");
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
