//! `offshoot serve`: builds engine and server, says how to get in, and ends in order.
//!
//! ```text
//!  settings ─► log ─► engine ─► listener ─► cli-token, server.json ─► address ─► … signal ─► end
//! ```
//! What is refused (the port, the data directory, a bind that would be open to the world) is
//! refused before anything says that the server is ready. Ending takes less than [`END`] and
//! touches no worker: their processes do not belong to the server.

mod browser;
mod files;
mod inherit;
mod logging;

pub(crate) use files::CLI_TOKEN;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;
use offshoot_engine::{Engine, EngineConfig};
use offshoot_protocol::idle::IdlePolicy;
use offshoot_server::{Server, ServerConfig, TlsFiles};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args;
use crate::commands::sign_in_address;
use crate::config::Settings;
use crate::failure::Failure;
use crate::style;

/// Whatever has not ended by then is abandoned.
const END: Duration = Duration::from_millis(1800);

/// Open files the server wants for many workers; the limit is raised to it where it may be.
const OPEN_FILES: u64 = 65_536;

/// Runs the server until it is told to end.
pub(crate) fn run(settings: &Settings) -> Result<ExitCode> {
    let engine = engine_config(settings)?;
    let server = server_config(settings)?;
    logging::start(settings)?;
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("offshoot")
        .build()?;
    let ended = runtime.block_on(serve(settings, engine, server));
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

/// Prints the description of the HTTP interface.
pub(crate) fn print_openapi() -> Result<ExitCode> {
    let mut text = serde_json::to_string_pretty(&offshoot_server::openapi())?;
    text.push('\n');
    crate::commands::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(settings: &Settings, config: EngineConfig, server: ServerConfig) -> Result<()> {
    let idle = idle_policy(settings)?;
    let mut ending = Ending::new()?;
    let home = config.home.clone();
    let engine = Engine::start(config).await?;
    engine.set_default_idle(idle);
    let bound = bind(&engine, server).await;
    let (main, local) = match bound {
        Ok(bound) => bound,
        Err(err) => {
            engine.shutdown().await;
            return Err(err);
        }
    };
    files::ensure_cli_token(&engine, &home).await?;
    let local_url = local.as_ref().map_or(main.url(), Server::url).to_owned();
    files::write_server_file(&home, &local_url, main.url())?;
    greet(settings, &engine, main.url())?;

    let cancel = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    for server in std::iter::once(main).chain(local) {
        tasks.spawn(server.run(cancel.clone()));
    }
    ending.recv().await;
    tracing::info!("ending; workers go on");
    cancel.cancel();
    let end = async {
        while tasks.join_next().await.is_some() {}
        engine.shutdown().await;
    };
    if tokio::time::timeout(END, end).await.is_err() {
        tracing::warn!("something did not end in time and is abandoned");
    }
    files::remove_server_file(&home);
    Ok(())
}

/// Binds the address, and with TLS a second one that only this machine reaches: the command line
/// finds the server there without having to trust a certificate.
async fn bind(engine: &Engine, config: ServerConfig) -> Result<(Server, Option<Server>)> {
    let local = config.tls.is_some().then(|| {
        let mut local = ServerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        local.ui_dir.clone_from(&config.ui_dir);
        local
    });
    let main = Server::bind(engine.clone(), config).await?;
    let local = match local {
        Some(local) => Some(Server::bind(engine.clone(), local).await?),
        None => None,
    };
    Ok((main, local))
}

fn greet(settings: &Settings, engine: &Engine, url: &str) -> Result<()> {
    let address = sign_in_address(url, &engine.credentials().issue_code());
    let style = style::stdout();
    let home = engine.home().to_string_lossy();
    let mut stdout = std::io::stdout();
    writeln!(
        stdout,
        "{} {} is ready.\n\n  sign in  {}\n           {}\n  data     {}\n",
        style.strong("Offshoot"),
        env!("CARGO_PKG_VERSION"),
        style.strong(&address),
        style.faint("good once, for ten minutes; `offshoot signin` makes another"),
        settings.surroundings.shown(&home),
    )?;
    stdout.flush()?;
    tracing::info!(%url, home = %home, pid = std::process::id(), "ready");
    if settings.switch("open") {
        browser::open(&address);
    }
    Ok(())
}

/// The signals that end the server.
struct Ending {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Ending {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

fn engine_config(settings: &Settings) -> Result<EngineConfig> {
    let user_home = settings.surroundings.user_home.clone();
    let run_dir = settings.surroundings.xdg_runtime.clone();
    Ok(EngineConfig {
        home: settings.home()?,
        run_dir: run_dir.map(|dir| dir.join("offshoot")),
        program: std::env::current_exe().context("find the running program")?,
        user_home: user_home.context("HOME is not set")?,
        shell: inherit::shell(settings),
        environment: inherit::environment(),
        time_zone: jiff::tz::TimeZone::system(),
        agents_dir: settings.surroundings.agents_dir(),
        trusted_hooks: settings.list("trusted_hooks"),
        setup_limit: setup_limit(settings)?,
        asks_usage: settings.switch("usage"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        notifications: notifications(settings),
    })
}

/// Reads how long a setup command may run: `600`, `90s`, `10m` or `1h`.
fn setup_limit(settings: &Settings) -> Result<Duration> {
    let text = settings.text("setup_timeout").unwrap_or_default().trim();
    let (number, unit_s) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        _ => (text, 1),
    };
    match number.parse::<u32>() {
        Ok(number) if number > 0 => Ok(Duration::from_secs(u64::from(number) * unit_s)),
        _ => {
            let text = format!("setup_timeout: `{text}` is no time; an example is 10m");
            Err(Failure::Config(text).into())
        }
    }
}

/// How notifications leave the machine. `APP_URL` is what such servers are often told it by.
fn notifications(settings: &Settings) -> offshoot_engine::NotificationConfig {
    let given = |text: &str| {
        let text = text.trim().trim_end_matches('/');
        (!text.is_empty()).then(|| text.to_owned())
    };
    let base_url = settings.text("app_url").and_then(given);
    let common = || given(&std::env::var("APP_URL").ok()?);
    offshoot_engine::NotificationConfig {
        base_url: base_url.or_else(common),
        slack_prefix: settings.text("slack_prefix").and_then(|text| {
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        }),
        allow_private: settings.switch("webhooks_private"),
    }
}

fn server_config(settings: &Settings) -> Result<ServerConfig> {
    let listen = settings.text("listen").unwrap_or_default();
    let listen: SocketAddr = listen.parse().map_err(|_| {
        Failure::Config(format!(
            "`{listen}` is no address to listen on; an example is 127.0.0.1:7171"
        ))
    })?;
    let tls = match (settings.path("tls_cert"), settings.path("tls_key")) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (None, None) => None,
        _ => {
            let text = "TLS needs both a certificate (tls_cert) and a key (tls_key)";
            return Err(Failure::Config(text.to_owned()).into());
        }
    };
    let ui_dir = settings.path("ui_dir");
    if let Some(dir) = ui_dir
        .as_ref()
        .filter(|dir| !dir.join("index.html").is_file())
    {
        let text = format!("ui_dir: {} holds no index.html", dir.display());
        return Err(Failure::Config(text).into());
    }
    Ok(ServerConfig {
        tls,
        behind_proxy: settings.switch("behind_proxy"),
        allowed_hosts: settings.list("allowed_hosts"),
        allowed_origins: settings.list("allowed_origins"),
        ui_dir,
        ..ServerConfig::new(listen)
    })
}

fn idle_policy(settings: &Settings) -> Result<IdlePolicy> {
    let after = settings.text("idle_after").unwrap_or("off");
    let action = settings.text("idle_action").unwrap_or("pause");
    let ending = args::Ending::from_str(action, false).map_err(|_| {
        Failure::Config(format!("idle_action: `{action}` is neither pause nor stop"))
    })?;
    let policy = crate::commands::idle_policy(after, ending.into()).ok_or_else(|| {
        Failure::Config(format!(
            "idle_after: `{after}` is no time such as 30m or 2h"
        ))
    })?;
    Ok(policy)
}

/// Raises the limit of open files: a worker costs a handful, a client one.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        if let Err(err) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%err, "raise the limit of open files");
        }
    }
}
