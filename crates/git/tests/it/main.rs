//! Real git in temporary directories.

#![cfg(test)]

mod branches;
mod clone;
mod diffs;
mod fetch;
mod hostile;
mod names;
mod opening;
mod random_work;
mod remove;
mod support;
mod trash;
mod worktrees;
