//! `offshoot jobs`.

use anyhow::Result;
use jiff::Timestamp;
use offshoot_protocol::job::{Job, JobStatus, JobsBody};
use reqwest::Method;

use super::{print, print_json};
use crate::args::{Jobs, Output};
use crate::client::Client;
use crate::pick::{self, short};
use crate::style::{self, Cell, Table, Tone};

/// Jobs that a name is looked for among, the newest.
const JOBS_MAX: u32 = 1000;

/// Lists jobs, shows one, retries or cancels it.
pub(crate) async fn run(client: &Client, command: Jobs) -> Result<()> {
    match command {
        Jobs::List(output) => list(client, output).await,
        Jobs::Show { job, output } => {
            let job = find(client, &job).await?;
            if output.json {
                return print_json(&job);
            }
            print(&details(&job))
        }
        Jobs::Log { job, output } => {
            let job = find(client, &job).await?;
            let path = format!("/api/jobs/{}/log", job.id);
            let answer = client.send(client.request(Method::GET, &path)).await?;
            let text = answer.text().await?;
            if output.json {
                return print_json(&text.lines().collect::<Vec<_>>());
            }
            let lines = text.lines().map(|line| style::printable(line) + "\n");
            print(&lines.collect::<String>())
        }
        Jobs::Retry { job, output } => act(client, &job, "retry", output).await,
        Jobs::Cancel { job, output } => act(client, &job, "cancel", output).await,
        Jobs::Rm { job, output } => {
            let job = find(client, &job).await?;
            let path = format!("/api/jobs/{}", job.id);
            client.act(Method::DELETE, &path).await?;
            if output.json {
                return print_json(&job);
            }
            print(&format!("removed {}\n", short(job.id)))
        }
    }
}

async fn list(client: &Client, output: Output) -> Result<()> {
    let jobs = jobs(client).await?;
    if output.json {
        return print_json(&jobs);
    }
    if jobs.is_empty() {
        return print("no jobs\n");
    }
    print(&table(&jobs, Timestamp::now()).render(style::stdout()))
}

async fn act(client: &Client, name: &str, verb: &str, output: Output) -> Result<()> {
    let job = find(client, name).await?;
    let path = format!("/api/jobs/{}", job.id);
    client.act(Method::POST, &format!("{path}/{verb}")).await?;
    let job: Job = client.get(&path).await?;
    if output.json {
        return print_json(&job);
    }
    let (state, _) = state(&job);
    print(&format!("{} is {state}\n", short(job.id)))
}

async fn jobs(client: &Client) -> Result<Vec<Job>> {
    let path = format!("/api/jobs?limit={JOBS_MAX}");
    Ok(client.get::<JobsBody>(&path).await?.jobs)
}

async fn find(client: &Client, name: &str) -> Result<Job> {
    let mut found = jobs(client).await?;
    found.retain(|job| pick::begins(job.id, name));
    let found = pick::only(
        found,
        || format!("no job has an id that begins with `{name}`"),
        || format!("several jobs begin with `{name}`; give more of it"),
    );
    Ok(found?)
}

fn table(jobs: &[Job], now: Timestamp) -> Table {
    let mut table = Table::new(&["ID", "TYPE", "STATE", "ATTEMPTS", "AGE", "REMARK"]);
    for job in jobs {
        table.row(vec![
            short(job.id).into(),
            (&job.kind).into(),
            Cell::toned(state(job)),
            format!("{}/{}", job.attempts, job.max_attempts).into(),
            style::age(job.created_at, now).into(),
            Cell::faint(remark(job)),
        ]);
    }
    table
}

fn state(job: &Job) -> (String, Tone) {
    let (word, tone) = match job.status {
        JobStatus::Pending => ("pending", Tone::Quiet),
        JobStatus::Processing => ("processing", Tone::Good),
        JobStatus::Completed => ("completed", Tone::Quiet),
        JobStatus::Stalled => ("stalled", Tone::Bad),
    };
    (word.to_owned(), tone)
}

/// How far it is, else why it failed.
fn remark(job: &Job) -> String {
    let Some(progress) = &job.progress else {
        return job.last_error.clone().unwrap_or_default();
    };
    match progress.percent {
        Some(percent) => format!("{} {percent}%", progress.step),
        None => progress.step.clone(),
    }
}

fn details(job: &Job) -> String {
    let mut lines = vec![
        format!("id        {}", job.id),
        format!("type      {}", job.kind),
        format!("state     {}", state(job).0),
        format!("attempts  {} of {}", job.attempts, job.max_attempts),
        format!("created   {:.0}", job.created_at),
    ];
    if job.status == JobStatus::Pending {
        lines.push(format!("due       {:.0}", job.next_retry_at));
    }
    if let Some(at) = job.completed_at {
        lines.push(format!("completed {at:.0}"));
    }
    if job.progress.is_some() {
        lines.push(format!("progress  {}", remark(job)));
    }
    lines.push(format!("payload   {}", job.payload));
    if let Some(result) = &job.result {
        lines.push(format!("result    {result}"));
    }
    if let Some(error) = &job.last_error {
        lines.push(format!("error     {error}"));
    }
    let lines = lines.iter().map(|line| style::printable(line) + "\n");
    lines.collect()
}
