//! The command line: every command, every flag, and the sentences of `--help`.

mod kept;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use offshoot_protocol::idle::IdleAction;
use offshoot_protocol::rest::WorktreeFate;

pub(crate) use kept::{AddWebhook, Agents, Jobs, Token, Told, Trash, Webhooks};

use crate::config::Flags;
use crate::failure::EXIT_STATUS_HELP;

/// Runs many coding agents and shells at once, each in its own git worktree, and loses none of them.
#[derive(Debug, Parser)]
#[command(name = "offshoot", version, after_help = EXIT_STATUS_HELP, max_term_width = 100)]
pub(crate) struct Args {
    /// Data directory.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Address of the server for client commands, found by itself on this machine.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server with the web UI.
    Serve(Serve),
    /// List sessions and their workers.
    #[command(visible_alias = "list")]
    Ls(Ls),
    /// Start an agent, a command or a shell, in a fresh worktree unless told otherwise.
    New(New),
    /// Make this terminal the worker's terminal; Ctrl-\ then d leaves it running.
    Attach(Attach),
    /// Give an agent a prompt, once, and wait until it has taken it; or type text into a shell.
    Send(Send),
    /// Answer what an agent asks, or list what can be answered.
    Answer(AnswerArgs),
    /// Print a worker's output.
    Logs(Logs),
    /// Write a worker's recorded output as asciicast, text or a page, or a session's events as JSON.
    Export(Export),
    /// Say what an agent is thought to do, and why.
    Explain(Explain),
    /// Judge a recording with today's rules, and print what the agent was seen to do.
    Replay(Replay),
    /// End a worker's processes; the worker stays and can be restarted.
    Stop(Names),
    /// Start a worker's process again.
    Restart(Restart),
    /// End all processes of a session until it is resumed.
    Pause(Names),
    /// Start the workers of a paused session again.
    Resume(Names),
    /// Show or set when workers that have nothing to do are paused or stopped.
    Idle(Idle),
    /// Show the tokens that agents used and what they cost, as far as agents report it.
    Usage(UsageArgs),
    /// Delete sessions, or single workers.
    Rm(Rm),
    /// List, restore and drop the work of worktrees that were removed with work in them.
    #[command(subcommand)]
    Trash(Trash),
    /// List background jobs, say why one failed, retry or cancel it.
    #[command(subcommand)]
    Jobs(Jobs),
    /// List the agents, print a definition, or check definitions of one's own.
    #[command(subcommand)]
    Agents(Agents),
    /// Tell other programs by signed requests when agents wait, finish or fail.
    #[command(subcommand)]
    Webhook(Webhooks),
    /// Make, list and revoke tokens for scripts.
    #[command(subcommand)]
    Token(Token),
    /// Print a fresh one-time address to sign a browser in.
    Signin(Output),
    /// Say what is there, what is missing and what to do about it.
    Doctor(Output),
    /// Show the effective settings and where each comes from.
    Config(Output),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
    /// Print the description of the HTTP interface.
    #[command(hide = true)]
    Openapi,
}

/// Flags of commands that list.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct Output {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `ls`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Ls {
    /// Show full ids, and the agents' own ids of their conversations.
    #[arg(short, long)]
    pub(crate) long: bool,
    /// How to print.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Flags of `serve`. Each overrides the setting of the same name.
#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Address to listen on [default: 127.0.0.1:7171].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Serve this web UI instead of the built-in one.
    #[arg(long, value_name = "DIR")]
    pub(crate) ui_dir: Option<PathBuf>,
    /// Certificate chain, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A proxy in front of the server speaks TLS to the world.
    #[arg(long)]
    pub(crate) behind_proxy: bool,
    /// A name the server answers for, beyond loopback; may be repeated.
    #[arg(long = "allowed-host", value_name = "HOST")]
    pub(crate) allowed_hosts: Vec<String>,
    /// An origin whose pages may use the server; may be repeated.
    #[arg(long = "allowed-origin", value_name = "ORIGIN")]
    pub(crate) allowed_origins: Vec<String>,
    /// Form of the log.
    #[arg(long, value_name = "FORM")]
    pub(crate) log: Option<LogForm>,
    /// Do not open a browser.
    #[arg(long)]
    pub(crate) no_open: bool,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// Lines for people.
    Pretty,
    /// One JSON object per line.
    Json,
}

impl LogForm {
    /// The word that names it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pretty => "pretty",
            Self::Json => "json",
        }
    }
}

impl Args {
    /// The settings given by flags.
    pub(crate) fn flags(&self) -> Flags {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned().into();
        let mut flags = Flags::new();
        flags.extend(self.home.iter().map(|home| ("home", text(home))));
        flags.extend(
            self.server
                .iter()
                .map(|url| ("server", url.as_str().into())),
        );
        let Command::Serve(serve) = &self.command else {
            return flags;
        };
        flags.extend(
            serve
                .listen
                .iter()
                .map(|at| ("listen", at.to_string().into())),
        );
        flags.extend(serve.ui_dir.iter().map(|dir| ("ui_dir", text(dir))));
        flags.extend(serve.tls_cert.iter().map(|file| ("tls_cert", text(file))));
        flags.extend(serve.tls_key.iter().map(|file| ("tls_key", text(file))));
        flags.extend(serve.log.iter().map(|form| ("log", form.word().into())));
        flags.extend(serve.behind_proxy.then(|| ("behind_proxy", true.into())));
        flags.extend(serve.no_open.then(|| ("open", false.into())));
        for (name, list) in [
            ("allowed_hosts", &serve.allowed_hosts),
            ("allowed_origins", &serve.allowed_origins),
        ] {
            if !list.is_empty() {
                flags.push((name, list.clone().into()));
            }
        }
        flags
    }
}

/// Arguments of `new`.
#[derive(Debug, ClapArgs)]
pub(crate) struct New {
    /// Any path inside a git repository; with --here, any directory.
    #[arg(default_value = ".", value_hint = clap::ValueHint::DirPath)]
    pub(crate) path: PathBuf,
    /// Name of the new branch [default: made from title or prompt].
    #[arg(long, short)]
    pub(crate) branch: Option<String>,
    /// Branch or commit the new branch starts from [default: the default branch].
    #[arg(long, value_name = "REVISION", conflicts_with_all = ["existing", "here"])]
    pub(crate) base: Option<String>,
    /// Use the branch given with --branch, which exists.
    #[arg(long, requires = "branch", conflicts_with = "here")]
    pub(crate) existing: bool,
    /// Work in the directory itself: no worktree, no branch.
    #[arg(long, conflicts_with = "branch")]
    pub(crate) here: bool,
    /// Agent to run, by name or id [default: Claude Code].
    #[arg(long, short, conflicts_with_all = ["command", "shell"])]
    pub(crate) agent: Option<String>,
    /// Command to run instead; `{{prompt}}` and `{{cwd}}` become one argument each.
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "shell")]
    pub(crate) command: Option<String>,
    /// Run your shell instead of an agent.
    #[arg(long, short)]
    pub(crate) shell: bool,
    /// Prompt for the agent; `-` reads it from standard input, as does a pipe without this flag.
    #[arg(long, short, conflicts_with = "shell")]
    pub(crate) prompt: Option<String>,
    /// Title [default: the first line of the prompt].
    #[arg(long, short)]
    pub(crate) title: Option<String>,
    /// Attach at once.
    #[arg(long, conflicts_with = "json")]
    pub(crate) attach: bool,
    /// Print the session as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `attach`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Attach {
    /// Session or worker: beginning of an id, title or branch.
    pub(crate) name: String,
    /// Print so many older lines above the screen first.
    #[arg(long, value_name = "LINES", default_value_t = 0)]
    pub(crate) history: u32,
}

/// Arguments of `send`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Send {
    /// Session or worker.
    pub(crate) name: String,
    /// The text; read from standard input when absent.
    #[arg(trailing_var_arg = true)]
    pub(crate) text: Vec<String>,
    /// Press Enter after the text (this is the default).
    #[arg(long)]
    pub(crate) enter: bool,
    /// Type the text as it is and press nothing.
    #[arg(long, conflicts_with = "enter")]
    pub(crate) no_enter: bool,
    /// Send a file along; its path on the server's machine is typed after the text. May be repeated.
    #[arg(long = "file", short, value_name = "FILE", conflicts_with = "no_enter", value_hint = clap::ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Type the text once per key, however often this is run [default: a new key].
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Do not wait until the agent has taken the prompt: it is typed when the agent is ready.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Arguments of `answer`.
#[derive(Debug, ClapArgs)]
pub(crate) struct AnswerArgs {
    /// Session or worker.
    pub(crate) name: String,
    /// The option: its key, or the beginning of its words. Without one the options are listed.
    pub(crate) option: Option<String>,
    /// Answer in words.
    #[arg(long, value_name = "TEXT", conflicts_with = "option")]
    pub(crate) text: Option<String>,
}

/// Arguments of `logs`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Logs {
    /// Session or worker.
    pub(crate) name: String,
    /// Go on printing until the program ends.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Print only the newest lines of the screen and the scrollback, as plain text.
    #[arg(long, value_name = "LINES")]
    pub(crate) tail: Option<u32>,
    /// Begin at this offset of the raw output.
    #[arg(long, value_name = "OFFSET", conflicts_with = "tail")]
    pub(crate) from: Option<u64>,
}

/// Arguments of `export`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Export {
    /// Session or worker.
    pub(crate) name: String,
    /// Worker of the session [default: the first agent, else the first terminal; with json, all].
    #[arg(long, short)]
    pub(crate) worker: Option<String>,
    /// Form [default: by the ending of the file's name, else asciicast].
    #[arg(long, short, value_name = "FORM")]
    pub(crate) format: Option<Form>,
    /// Leave out what happened before: a time (2026-03-01T10:00:00Z), or how long ago (10m, 1h30m).
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Leave out what happened after.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// File to write [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Arguments of `explain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// Session or worker.
    pub(crate) name: String,
    /// How to print.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `replay`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Replay {
    /// An asciicast of version 2 or 3, plain or gzip.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Whose rules are used: the id of a definition, `generic`, or a definition's file (*.toml).
    #[arg(long, value_name = "ID")]
    pub(crate) agent: String,
    /// Print a JSON object per change.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `usage`.
#[derive(Debug, ClapArgs)]
pub(crate) struct UsageArgs {
    /// So many days, today among them.
    #[arg(long, short, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=400))]
    pub(crate) days: u16,
    /// How to print.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `idle`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Idle {
    /// After so long (30m, 2h), `off`, or `inherit` the rule of the repository or the server
    /// [default: show the rule].
    pub(crate) after: Option<String>,
    /// For this session only.
    #[arg(long, short, value_name = "NAME", conflicts_with = "repository")]
    pub(crate) session: Option<String>,
    /// For the sessions of the repository at this path.
    #[arg(long, short, value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    pub(crate) repository: Option<PathBuf>,
    /// Pause the session when all of it is idle, or stop each idle worker.
    #[arg(long, value_name = "ACTION", default_value = "pause")]
    pub(crate) action: Ending,
}

/// What ends idle workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ending {
    /// Pause the session.
    Pause,
    /// Stop the worker.
    Stop,
}

impl From<Ending> for IdleAction {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Pause => Self::Pause,
            Ending::Stop => Self::Stop,
        }
    }
}

/// The forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// asciicast v3, for `asciinema play`.
    Asciicast,
    /// The lines as the terminal showed them.
    Text,
    /// A page with colours.
    Html,
    /// What happened, without the output.
    Json,
}

/// Sessions or workers.
#[derive(Debug, ClapArgs)]
pub(crate) struct Names {
    /// Sessions or workers.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// Arguments of `restart`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Restart {
    /// Sessions or workers.
    #[command(flatten)]
    pub(crate) names: Names,
    /// Continue the agent's last conversation instead of beginning a fresh one.
    #[arg(long = "continue")]
    pub(crate) continue_conversation: bool,
}

/// Arguments of `rm`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Rm {
    /// Sessions or workers.
    #[command(flatten)]
    pub(crate) names: Names,
    /// What happens to the worktree's directory.
    #[arg(long, value_name = "FATE", default_value = "keep")]
    pub(crate) worktree: Fate,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// What happens to a worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fate {
    /// The directory stays.
    Keep,
    /// It is removed when it holds nothing uncommitted.
    Remove,
    /// It is removed; what is in it is kept in the trash for 30 days.
    Discard,
}

impl From<Fate> for WorktreeFate {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Keep => Self::Keep,
            Fate::Remove => Self::Remove,
            Fate::Discard => Self::Discard,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Args::command().debug_assert();
    }
}
