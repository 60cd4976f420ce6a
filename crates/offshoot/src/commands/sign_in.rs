//! `offshoot signin`.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::{print, print_json};
use crate::args::Output;
use crate::client::Client;

/// Answer of `POST /api/auth/codes`.
#[derive(serde::Deserialize)]
struct CodeBody {
    code: String,
}

/// Prints a one-time address that signs one browser in.
pub(crate) async fn run(client: &Client, output: Output) -> Result<()> {
    let request = client.request(Method::POST, "/api/auth/codes");
    let CodeBody { code } = client.send(request).await?.json().await?;
    let url = address(client.page(), &code);
    if output.json {
        return print_json(&json!({ "url": url, "code": code }));
    }
    print(&format!("{url}\n"))
}

/// The address that carries a code: in the fragment, which never leaves the browser by itself.
pub(crate) fn address(base: &str, code: &str) -> String {
    format!("{base}/#code={code}")
}
