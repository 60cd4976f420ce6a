//! `offshoot stop`, `restart`, `pause` and `resume`.

use anyhow::Result;
use offshoot_protocol::rest::{RestartWorker, WorkerBody};
use offshoot_protocol::view::{Session, Worker};
use reqwest::Method;

use super::print;
use crate::args::{Names, Restart};
use crate::client::{Client, worker_path};
use crate::pick::{self, session_name, short};
use crate::style;

/// Ends the processes of the named workers.
pub(crate) async fn stop(client: &Client, names: &Names) -> Result<()> {
    let sessions = client.sessions().await?;
    for (session, worker) in workers(&sessions, names)? {
        let path = worker_path(session.id, worker.id, "/stop");
        let request = client.request(Method::POST, &path);
        let body: WorkerBody = client.send(request).await?.json().await?;
        report(session, &body.worker)?;
    }
    Ok(())
}

/// Starts the named workers again.
pub(crate) async fn restart(client: &Client, args: &Restart) -> Result<()> {
    let sessions = client.sessions().await?;
    let continue_conversation = args.continue_conversation;
    for (session, worker) in workers(&sessions, &args.names)? {
        let path = worker_path(session.id, worker.id, "/restart");
        let body = RestartWorker {
            continue_conversation,
            terminal: true,
        };
        let body: WorkerBody = client.post(&path, &body).await?;
        report(session, &body.worker)?;
    }
    Ok(())
}

/// Pauses the named sessions.
pub(crate) async fn pause(client: &Client, names: &Names) -> Result<()> {
    each_session(client, names, "pause", "paused").await
}

/// Resumes the named sessions.
pub(crate) async fn resume(client: &Client, names: &Names) -> Result<()> {
    each_session(client, names, "resume", "resumed").await
}

async fn each_session(client: &Client, names: &Names, verb: &str, done: &str) -> Result<()> {
    let sessions = client.sessions().await?;
    // All names are understood before anything is done.
    let targets = names.names.iter().map(|name| pick::find(&sessions, name));
    for target in targets.collect::<Result<Vec<_>, _>>()? {
        let path = format!("/api/sessions/{}/{verb}", target.session.id);
        client.act(Method::POST, &path).await?;
        let (id, name) = (short(target.session.id), session_name(target.session));
        print(&format!("{id}  {name}  {done}\n"))?;
    }
    Ok(())
}

fn workers<'a>(sessions: &'a [Session], names: &Names) -> Result<Vec<(&'a Session, &'a Worker)>> {
    let mut workers = Vec::new();
    for name in &names.names {
        let target = pick::find(sessions, name)?;
        workers.push((target.session, target.worker()?));
    }
    Ok(workers)
}

fn report(session: &Session, worker: &Worker) -> Result<()> {
    let (id, session) = (short(worker.id), session_name(session));
    let (name, state) = (
        style::printable(&worker.name),
        style::worker_state(worker).0,
    );
    print(&format!("{id}  {session} / {name}  {state}\n"))
}
