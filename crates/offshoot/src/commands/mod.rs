//! The commands: each translates arguments into requests and answers into text.

mod agents;
mod answer;
mod config;
mod doctor;
mod explain;
mod export;
mod idle;
mod jobs;
pub(crate) use idle::policy as idle_policy;
mod lifecycle;
mod logs;
mod ls;
mod new;
mod replay;
mod rm;
mod send;
mod sign_in;
pub(crate) use sign_in::address as sign_in_address;
mod token;
mod trash;
mod usage;
mod webhook;

use std::future::Future;
use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory as _;

use offshoot_engine::definitions;

use crate::args::{Agents, Args, Command};
use crate::client::Client;
use crate::config::Settings;
use crate::{attach, serve};

/// Runs the command; its exit status is that of the program.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    match &args.command {
        Command::Completions { shell } => return completions(*shell),
        Command::Man => return man(),
        Command::Openapi => return serve::print_openapi(),
        Command::Agents(Agents::Show { id }) => return agents::show(id),
        Command::Agents(Agents::Schema) => return done(print_json(&definitions::schema())),
        _ => {}
    }
    let settings = Settings::load(args.flags())?;
    match args.command {
        Command::Serve(_) => serve::run(&settings),
        Command::Replay(args) => done(replay::run(&settings, &args)),
        Command::Config(output) => done(config::run(&settings, output)),
        Command::Agents(Agents::Check { path, output }) => agents::check(&settings, path, output),
        Command::Doctor(output) => in_runtime(doctor::run(&settings, output)),
        command => {
            let client = Client::find(&settings)?;
            in_runtime(ask(command, &client, &settings))
        }
    }
}

/// Runs a command that asks the server.
async fn ask(command: Command, client: &Client, settings: &Settings) -> Result<ExitCode> {
    match command {
        Command::Ls(args) => done(ls::run(client, settings, args).await),
        Command::New(args) => new::run(client, settings, args).await,
        Command::Attach(args) => attach::run(client, settings, &args).await,
        Command::Send(args) => done(send::run(client, args).await),
        Command::Answer(args) => done(answer::run(client, args).await),
        Command::Logs(args) => logs::run(client, settings, &args).await,
        Command::Explain(args) => done(explain::run(client, &args).await),
        Command::Export(args) => done(export::run(client, &args).await),
        Command::Idle(args) => done(idle::run(client, &args).await),
        Command::Usage(args) => done(usage::run(client, &args).await),
        Command::Stop(args) => done(lifecycle::stop(client, &args).await),
        Command::Restart(args) => done(lifecycle::restart(client, &args).await),
        Command::Pause(args) => done(lifecycle::pause(client, &args).await),
        Command::Resume(args) => done(lifecycle::resume(client, &args).await),
        Command::Rm(args) => done(rm::run(client, settings, &args).await),
        Command::Trash(args) => done(trash::run(client, args).await),
        Command::Jobs(args) => done(jobs::run(client, args).await),
        Command::Agents(Agents::Ls(output)) => done(agents::list(client, output).await),
        Command::Webhook(args) => done(webhook::run(client, args).await),
        Command::Token(args) => done(token::run(client, args).await),
        Command::Signin(output) => done(sign_in::run(client, output).await),
        Command::Serve(_)
        | Command::Config(_)
        | Command::Replay(_)
        | Command::Doctor(_)
        | Command::Agents(_)
        | Command::Completions { .. }
        | Command::Man
        | Command::Openapi => unreachable!("these were run without a client"),
    }
}

fn done(result: Result<()>) -> Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}

fn in_runtime(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(command);
    // A thread may be blocked in reading standard input; nobody waits for it.
    runtime.shutdown_background();
    result
}

/// Prints a value as indented JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Prints text; a reader that went away is an error that ends the program quietly.
pub(crate) fn print(text: &str) -> Result<()> {
    use std::io::Write as _;
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "offshoot", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script)?;
    Ok(ExitCode::SUCCESS)
}

fn man() -> Result<ExitCode> {
    let mut page = Vec::new();
    let command = Args::command();
    let top = clap_mangen::Man::new(command.clone());
    top.render(&mut page)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        page.extend(format!(".SH {}\n", sub.get_name().to_uppercase()).bytes());
        let man = clap_mangen::Man::new(sub.clone());
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    std::io::Write::write_all(&mut std::io::stdout(), &page)?;
    Ok(ExitCode::SUCCESS)
}
