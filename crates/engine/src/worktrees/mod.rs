//! Worktrees: making them, deleting them, listing them, and the trash.
//!
//! Owns what is in the directory of worktrees and the numbers of those in it. `git worktree` is the
//! truth about which there are: what was made or removed behind our back is shown as it is. Making and
//! deleting are jobs whose every step may be done again. A worktree that may hold work goes through
//! the trash, which keeps it for thirty days.
//!
//! `create` and `delete` are the jobs, `request` what a client may ask for, `plan` what a creation has
//! chosen, `place` numbers and directories, `naming`, `templates` and `setup` its steps, `program` what
//! they run.

mod create;
mod delete;
mod listing;
mod naming;
mod place;
mod placeholders;
mod plan;
mod program;
mod request;
mod session;
mod setup;
mod templates;
mod trash;

pub(crate) use create::CreateWorktreeWork;
pub(crate) use delete::{DeleteWorktreeWork, Deleting};
pub(crate) use place::{Reserving, directory_of};
