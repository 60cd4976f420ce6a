//! The records of the data directory: what must be known after the server is gone.
//!
//! Owns one SQLite file: its schema and migrations, its single writer thread and every SQL
//! statement of the product. Knows rows and nothing of what they mean: no processes, no git, no
//! sockets, and never terminal output, which lives in the workers' segment files.
//!
//! ```text
//!  engine ──► Store (cheap handle) ──bounded queue──► writer thread ──► offshoot.db (WAL, 0600)
//!                      ▲                                   │ one transaction per batch of calls
//!                      └───────────── oneshot ─────────────┘ answered after the commit
//! ```
//!
//! How it fails: a file that is no readable database is set aside under a new name and replaced by
//! an empty one, for the engine can rebuild what matters from the workers' directories. A file made
//! by a newer version, or by another program, is left untouched and refused. A full disk is an
//! error of its own; what had been committed stays. An answered change is on the disk
//! (`synchronous=FULL`): a crash of the process or of the machine does not take it back. That costs
//! one flush per batch: 4 ms for a lone change on a plain disk, 5,000 changes at once in 0.3 s.

mod columns;
mod error;
mod open;
mod rows;
mod schema;
mod writer;

pub use error::StoreError;
pub use open::Opened;
pub use rows::agents::AgentRow;
pub use rows::auth::{SecretHash, SignInRow, TokenRow};
pub use rows::conversations::ConversationRow;
pub use rows::jobs::{JobFilter, JobRow, JobStatus};
pub use rows::notifications::{SlackRow, WebhookRow};
pub use rows::outbox::{NewOutboxRow, OutboxRow, OutboxState, Queued};
pub use rows::prompts::{NewPrompt, PromptRow};
pub use rows::repositories::RepositoryRow;
pub use rows::requests::RequestRow;
pub use rows::sessions::{Rebuilt, SessionRow};
pub use rows::usage::{UsageRecord, UsageRow};
pub use rows::workers::{WorkerPhase, WorkerRow};
pub use rows::worktrees::WorktreeRow;
pub use writer::Store;
