//! Git and worktrees, through the `git` program.
//!
//! Owns every command line given to git and the parsing of its machine formats. Knows repositories,
//! branches, worktrees, remotes, and the trash that keeps the work of removed worktrees; knows nothing of sessions, of the data directory or of who asks.
//!
//! Repositories are not trusted: a read runs nothing that their configuration names (no hook, no
//! file system monitor, no filter, no diff driver, no fetch), and no name from outside can become an
//! option. Adding a worktree checks files out, which runs the filters (LFS, git-crypt) that the
//! files need; hooks stay off there too. Fetching and cloning use the user's own ssh command and
//! credential helpers, never the repository's, and ask nobody for passwords. Keeping work in the
//! trash and restoring it runs nothing at all.
//!
//! How it fails: errors are typed by what the caller would do; git's own words are kept for people.
//! Every command ends: by itself, at its time limit or when the caller drops it, and its process
//! group with it. Changes to worktrees of one repository wait for each other.

mod branch;
mod clone;
mod command;
mod commits;
mod config;
mod diff;
mod fetch;
mod filters;
mod head;
mod lock;
mod network;
mod remote;
mod repository;
mod status;
mod task;
mod trash;
mod worktree;

pub use branch::{
    BranchReason, Branches, InvalidBranch, RenameError, branch_name_from, valid_branch_name,
};
pub use clone::{
    CloneError, CloneProgress, CloneStep, CloneUrl, InvalidUrl, clone_repository, valid_clone_url,
};
pub use command::{GitError, Version, version};
pub use commits::{Commit, commits};
pub use diff::{
    Base, Comparison, Diff, DiffError, DiffLimits, FileDiff, FileStatus, LinesError, Omission,
    StageState, Target, WatchPoints, are_ignored, diff, diff_of_files, display_name, file_lines,
    ignored_directories, watch_points,
};
pub use fetch::FetchError;
pub use head::{Head, head};
pub use remote::{RemoteName, parse_remote};
pub use repository::{OpenError, Repository, ResolveError, open, resolve};
pub use status::{Change, ChangeKind, Status, status, status_text};
pub use trash::{Restored, TRASH_KEPT, TrashError, TrashId, Trashed};
pub use worktree::{AddError, Force, NewWorktree, RemoveError, Worktree, worktrees_at};
