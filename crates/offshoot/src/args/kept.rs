//! Commands with commands of their own: what the server keeps besides sessions and workers.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::Output;

/// The commands of `agents`.
#[derive(Debug, Subcommand)]
pub(crate) enum Agents {
    /// List the agents and whether their programs are installed.
    #[command(visible_alias = "list")]
    Ls(Output),
    /// Print the definition of an agent as it ships, as a beginning for one's own.
    Show {
        /// Its id, such as `codex`.
        id: String,
    },
    /// Print the JSON Schema of definitions, for editors that check TOML files by one.
    Schema,
    /// Say what is wrong with definitions, line by line, and what to do.
    Check {
        /// A file or a directory, instead of one's own definitions.
        path: Option<PathBuf>,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
}

/// The commands of `trash`.
#[derive(Debug, Subcommand)]
pub(crate) enum Trash {
    /// List what is in the trash, the newest first. It is kept for 30 days.
    #[command(visible_alias = "list")]
    Ls {
        /// Only of this repository: its directory, name or id.
        repository: Option<String>,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Make a worktree again as it was; the entry stays in the trash.
    Restore {
        /// The entry: its id, or the beginning of it.
        entry: String,
        /// Where to, instead of a fresh worktree among the others.
        #[arg(long, value_name = "DIR")]
        path: Option<PathBuf>,
        /// The new branch, instead of the old one.
        #[arg(long, value_name = "NAME")]
        branch: Option<String>,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Drop an entry for good.
    Drop {
        /// The entry: its id, or the beginning of it.
        entry: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
}

/// The commands of `jobs`.
#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List jobs, newest first.
    #[command(visible_alias = "ls")]
    List(Output),
    /// Show one job with how it failed.
    Show {
        /// The beginning of its id.
        job: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Print what a job wrote.
    Log {
        /// The beginning of its id.
        job: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Try a stalled job again.
    Retry {
        /// The beginning of its id.
        job: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// End a job that waits or runs; it can be retried.
    Cancel {
        /// The beginning of its id.
        job: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Remove a job that waits or is stalled.
    Rm {
        /// The beginning of its id.
        job: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
}

/// The commands of `webhook`.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// List webhooks.
    #[command(visible_alias = "ls")]
    List(Output),
    /// Add a webhook and print its secret: the only time it is shown.
    Add(AddWebhook),
    /// Remove a webhook.
    Rm {
        /// The beginning of its id, or its address.
        webhook: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Send a signed test, and say how it went.
    Test {
        /// The beginning of its id, or its address.
        webhook: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Send to it again.
    On {
        /// The beginning of its id, or its address.
        webhook: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// Send nothing to it until it is on again.
    Off {
        /// The beginning of its id, or its address.
        webhook: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
}

/// Arguments of `webhook add`.
#[derive(Debug, ClapArgs)]
pub(crate) struct AddWebhook {
    /// Where to send to; begins with https://.
    pub(crate) url: String,
    /// What to tell [default: everything]; may be repeated.
    #[arg(long = "event", short, value_name = "EVENT")]
    pub(crate) events: Vec<Told>,
    /// Only of the sessions of the repository at this path.
    #[arg(long, short, value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    pub(crate) repository: Option<PathBuf>,
    /// How to print.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What a webhook can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Told {
    /// An agent asks and waits for an answer.
    #[value(alias = "worker.waiting")]
    Waiting,
    /// An agent has finished and waits for its next prompt.
    #[value(alias = "worker.finished")]
    Finished,
    /// An agent's process ended without failure.
    #[value(alias = "worker.exited")]
    Exited,
    /// An agent's process failed.
    #[value(alias = "worker.errored")]
    Errored,
    /// A prompt could not be delivered to an agent.
    #[value(alias = "prompt.failed")]
    PromptFailed,
}

/// The commands of `token`.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it: the only time it is shown.
    Create {
        /// What it is for.
        name: String,
        /// How to print.
        #[command(flatten)]
        output: Output,
    },
    /// List tokens.
    #[command(visible_alias = "ls")]
    List(Output),
    /// Revoke a token.
    Revoke {
        /// The beginning of its id, or its name.
        token: String,
    },
}
