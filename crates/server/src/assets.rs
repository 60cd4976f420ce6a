//! The web UI's files as HTTP answers.
//!
//! Owns what a browser is told about them: type, compression, caching and the security headers.
//! It does not know what the UI does, nor who may read it: the files hold no secret and are
//! served without a credential. A missing file below `assets/` is answered with 404, so that a
//! tab of an older version notices; every other unknown path is the single page itself.

use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// One file of the UI inside the binary.
struct Asset {
    /// The path below the root, without a leading slash.
    path: &'static str,
    /// A hash of the contents.
    hash: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// All files, sorted by path; written by `build.rs`.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/ui.rs"));

/// Scripts and connections only from this origin; styles also inline, because the terminal and the
/// component library write style elements; no framing, no forms to elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data: blob:; \
    font-src 'self'; worker-src 'self'; object-src 'none'; frame-ancestors 'none'; \
    base-uri 'none'; form-action 'self'";

const PERMISSIONS_POLICY: &str = "accelerometer=(), camera=(), display-capture=(), \
    geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=(), \
    clipboard-read=(self), clipboard-write=(self)";

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const REVALIDATE: &str = "no-cache";

/// Answers a GET or HEAD for a path of the UI from the files inside the binary.
pub fn respond(path: &str, headers: &HeaderMap) -> Response {
    let path = path.trim_start_matches('/');
    let (asset, is_page) = match find(path) {
        Some(asset) => (asset, path == "index.html"),
        None if is_asset_path(path) => return not_found(),
        None => match find("index.html") {
            Some(asset) => (asset, true),
            None => return not_found(),
        },
    };
    let accepted = accepted_encodings(headers);
    let (encoding, bytes) = match (asset.brotli, asset.gzip) {
        (Some(bytes), _) if accepted.brotli => (Some("br"), bytes),
        (_, Some(bytes)) if accepted.gzip => (Some("gzip"), bytes),
        _ => (None, asset.plain),
    };
    let etag = match encoding {
        Some(encoding) => format!("\"{}-{encoding}\"", asset.hash),
        None => format!("\"{}\"", asset.hash),
    };
    File {
        path: asset.path,
        is_page,
        etag,
        encoding,
        bytes: Bytes::from_static(bytes),
    }
    .into_response(headers)
}

/// Answers a GET or HEAD for a path of another UI from its directory (`serve --ui-dir`).
///
/// The files are read at every request, so that a UI can be worked on while the server runs.
/// Nothing outside the directory is served, also not through a symbolic link.
pub async fn respond_from_dir(dir: &Path, path: &str, headers: &HeaderMap) -> Response {
    let relative = decode(path.trim_start_matches('/'));
    let (found, is_page) = match read_below(dir, &relative).await {
        Some(bytes) => (bytes, relative == "index.html"),
        None if is_asset_path(&relative) => return not_found(),
        None => match read_below(dir, "index.html").await {
            Some(bytes) => (bytes, true),
            None => return not_found(),
        },
    };
    File {
        path: if is_page { "index.html" } else { &relative },
        is_page,
        etag: format!("\"{:016x}\"", fnv(&found)),
        encoding: None,
        bytes: Bytes::from(found),
    }
    .into_response(headers)
}

/// Sets the headers that every answer of this server carries, whatever it is.
pub fn set_security_headers(headers: &mut HeaderMap) {
    const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
    const COEP: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");
    const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (CORP, "same-origin"),
        (COOP, "same-origin"),
        (COEP, "require-corp"),
        (PERMISSIONS, PERMISSIONS_POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// What is sent, before the request's conditions are looked at.
struct File<'a> {
    path: &'a str,
    is_page: bool,
    etag: String,
    encoding: Option<&'static str>,
    bytes: Bytes,
}

impl File<'_> {
    fn into_response(self, request: &HeaderMap) -> Response {
        let known = matches_etag(request, &self.etag);
        let body = if known {
            Body::empty()
        } else {
            Body::from(self.bytes)
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        set_security_headers(headers);
        let caching = match is_asset_path(self.path) && !self.is_page {
            true => IMMUTABLE,
            false => REVALIDATE,
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(header::ETAG, etag);
        }
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(header::CONTENT_TYPE, content_type(self.path));
        if let Some(encoding) = self.encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}

fn find(path: &str) -> Option<&'static Asset> {
    let at = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    ASSETS.get(at)
}

/// Tells whether a path names a file whose name holds a hash of its contents.
fn is_asset_path(path: &str) -> bool {
    path.starts_with("assets/")
}

fn not_found() -> Response {
    let mut response = Response::new(Body::from("not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    set_security_headers(headers);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

fn content_type(path: &str) -> HeaderValue {
    let guess = mime_guess::from_path(path).first_or_octet_stream();
    let text = match (guess.type_().as_str(), guess.subtype().as_str()) {
        ("text", _) | ("application", "json" | "manifest+json") => {
            format!("{guess}; charset=utf-8")
        }
        _ => guess.to_string(),
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// The compressions a request accepts.
struct Accepted {
    brotli: bool,
    gzip: bool,
}

fn accepted_encodings(headers: &HeaderMap) -> Accepted {
    let mut accepted = Accepted {
        brotli: false,
        gzip: false,
    };
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    for item in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let quality = parameters.trim().strip_prefix("q=").map(str::trim);
        if quality.is_some_and(|quality| quality.parse() == Ok(0.0_f32)) {
            continue;
        }
        match name.trim() {
            "br" => accepted.brotli = true,
            "gzip" => accepted.gzip = true,
            _ => {}
        }
    }
    accepted
}

fn matches_etag(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|item| item.trim().trim_start_matches("W/"))
        .any(|item| item == etag || item == "*")
}

/// Reads a file below a directory; `None` when there is none or it lies outside.
async fn read_below(dir: &Path, relative: &str) -> Option<Vec<u8>> {
    let relative = PathBuf::from(relative);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !plain || relative.as_os_str().is_empty() {
        return None;
    }
    let root = tokio::fs::canonicalize(dir).await.ok()?;
    let file = tokio::fs::canonicalize(root.join(relative)).await.ok()?;
    if !file.starts_with(&root) {
        return None;
    }
    tokio::fs::read(file).await.ok()
}

/// Resolves `%20` and its like; what is no valid escape stays as it is.
fn decode(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let value = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8(plain).unwrap_or_else(|_| path.to_owned())
}

/// FNV-1a, for ETags only.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("valid"))])
    }

    fn text<'a>(response: &'a Response, name: &HeaderName) -> &'a str {
        response
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    #[test]
    fn unknown_paths_are_the_page_and_missing_assets_are_not() {
        for path in ["/", "/sessions/x/y", "/index.html", "/nothing.here"] {
            let response = respond(path, &HeaderMap::new());
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(
                text(&response, &header::CONTENT_TYPE),
                "text/html; charset=utf-8"
            );
            assert_eq!(text(&response, &header::CACHE_CONTROL), "no-cache");
            assert!(
                text(&response, &header::CONTENT_SECURITY_POLICY).contains("script-src 'self';")
            );
        }
        let missing = respond("/assets/index-gone.js", &HeaderMap::new());
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        assert_eq!(text(&missing, &header::CACHE_CONTROL), "no-store");
    }

    #[test]
    fn hashed_files_never_expire() {
        for asset in ASSETS.iter().filter(|asset| is_asset_path(asset.path)) {
            let response = respond(asset.path, &HeaderMap::new());
            assert_eq!(text(&response, &header::CACHE_CONTROL), IMMUTABLE);
        }
    }

    #[test]
    fn a_known_etag_saves_the_body() {
        let etag = text(&respond("/", &HeaderMap::new()), &header::ETAG).to_owned();
        let again = respond(
            "/",
            &request(header::IF_NONE_MATCH, &format!("W/{etag}, \"b\"")),
        );
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = respond("/", &request(header::IF_NONE_MATCH, "\"b\""));
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn encodings_are_read_with_their_quality() {
        let accepted = accepted_encodings(&request(
            header::ACCEPT_ENCODING,
            "br;q=0, gzip;q=0.5, identity",
        ));
        assert!(accepted.gzip && !accepted.brotli);
    }

    #[tokio::test]
    async fn a_directory_serves_only_what_it_holds() {
        let dir = tempfile::tempdir().expect("a directory");
        let ui = dir.path().join("ui");
        std::fs::create_dir_all(ui.join("assets")).expect("made");
        std::fs::write(dir.path().join("secret"), "s").expect("written");
        std::fs::write(ui.join("index.html"), "page").expect("written");
        std::fs::write(ui.join("assets/a b.js"), "code").expect("written");
        std::os::unix::fs::symlink("../secret", ui.join("link")).expect("linked");
        for (path, expected) in [
            ("/assets/a%20b.js", "code"),
            ("/../secret", "page"),
            ("/%2e%2e/secret", "page"),
            ("/link", "page"),
            ("/", "page"),
        ] {
            let response = respond_from_dir(&ui, path, &HeaderMap::new()).await;
            let body = axum::body::to_bytes(response.into_body(), 100).await;
            assert_eq!(body.expect("read"), expected, "{path}");
        }
        let missing = respond_from_dir(&ui, "/assets/none.js", &HeaderMap::new()).await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    }
}
