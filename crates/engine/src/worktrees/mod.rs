//! Worktrees: making them, deleting them, listing them, and the trash.
//!
//! Owns what is in the directory of worktrees and the numbers of those in it. `git worktree` is the
//! truth about which there are: what was made or removed behind our back is shown as it is. Making and
//! deleting are jobs whose every step may be done again. A worktree that may hold work goes through
//! the trash, which keeps it for thirty days.

mod naming;
mod placeholders;
mod program;
mod setup;
mod templates;
