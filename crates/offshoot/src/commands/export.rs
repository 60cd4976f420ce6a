//! `offshoot export`.

use std::io::Write;

use anyhow::{Context as _, Result};
use offshoot_protocol::rest::{ExportFormat, ExportQuery};
use offshoot_protocol::view::{Session, Worker};
use reqwest::Method;

use crate::args::{Export, Form};
use crate::client::Client;
use crate::failure::Failure;
use crate::pick;

/// Writes a session's recorded output in another form to a file or standard output.
pub(crate) async fn run(client: &Client, args: &Export) -> Result<()> {
    let sessions = client.sessions().await?;
    let target = pick::find(&sessions, &args.name)?;
    let worker = match &args.worker {
        Some(name) => Some(worker_of(target.session, name)?),
        None => target.worker,
    };
    let query = ExportQuery {
        format: format(args),
        worker: worker.map(|worker| worker.id),
        from: args.from.clone(),
        to: args.to.clone(),
    };
    let path = format!("/api/sessions/{}/export", target.session.id);
    let request = client.request(Method::GET, &path).query(&query);
    let mut answer = client.send(request).await?;
    // Only now: a refusal leaves a file as it was.
    let mut out: Box<dyn Write> = match &args.output {
        Some(file) => {
            let made = std::fs::File::create(file);
            Box::new(made.with_context(|| format!("make {}", file.display()))?)
        }
        None => Box::new(std::io::stdout()),
    };
    while let Some(piece) = answer.chunk().await.context("read the answer")? {
        out.write_all(&piece)?;
    }
    Ok(out.flush()?)
}

/// The form asked for, else the one the file's name tells.
fn format(args: &Export) -> ExportFormat {
    let file = args.output.as_ref();
    let ending = file.and_then(|file| file.extension()?.to_str());
    match (args.format, ending) {
        (Some(Form::Asciicast), _) => ExportFormat::Asciicast,
        (Some(Form::Text), _) | (None, Some("txt" | "log")) => ExportFormat::Text,
        (Some(Form::Html), _) | (None, Some("html" | "htm")) => ExportFormat::Html,
        (Some(Form::Json), _) | (None, Some("json")) => ExportFormat::Json,
        (None, _) => ExportFormat::Asciicast,
    }
}

fn worker_of<'a>(session: &'a Session, name: &str) -> Result<&'a Worker, Failure> {
    let found = pick::find(std::slice::from_ref(session), name);
    found.ok().and_then(|target| target.worker).ok_or_else(|| {
        let session = pick::session_name(session);
        Failure::Name(format!("session `{session}` has no worker called `{name}`"))
    })
}
