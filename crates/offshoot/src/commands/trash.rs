//! `offshoot trash`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use offshoot_protocol::view::Repository;
use offshoot_protocol::worktree::{RestoreTrash, TrashBody, TrashEntry, WorktreeBody};
use reqwest::Method;

use super::{print, print_json};
use crate::args::Trash;
use crate::client::Client;
use crate::failure::Failure;
use crate::pick::{self, short};
use crate::style::{self, Cell, Table};

/// An entry with the repository it belongs to, as `--json` prints it.
#[derive(serde::Serialize)]
struct Listed {
    repository: Repository,
    #[serde(flatten)]
    entry: TrashEntry,
}

/// Lists, restores or drops what is in the trash.
pub(crate) async fn run(client: &Client, command: Trash) -> Result<()> {
    match command {
        Trash::Ls { repository, output } => {
            let entries = entries(client, repository.as_deref()).await?;
            if output.json {
                return print_json(&entries);
            }
            print(&table(&entries).render(style::stdout()))
        }
        Trash::Restore {
            entry,
            path,
            branch,
            output,
        } => {
            let entries = entries(client, None).await?;
            let found = find(&entries, &entry)?;
            let (repository, id) = (found.repository.id, &found.entry.id);
            let address = format!("/api/repositories/{repository}/trash/{id}/restore");
            let path = path.map(|path| absolute(&path)).transpose()?;
            let restored: WorktreeBody = client
                .post(&address, &RestoreTrash { path, branch })
                .await?;
            if output.json {
                return print_json(&restored.worktree);
            }
            let worktree = restored.worktree;
            let (path, branch) = (
                style::printable(&worktree.path),
                style::printable(&worktree.branch),
            );
            print(&format!("restored {path} on {branch}\n"))
        }
        Trash::Drop { entry, output } => {
            let entries = entries(client, None).await?;
            let found = find(&entries, &entry)?;
            let (repository, id) = (found.repository.id, &found.entry.id);
            let address = format!("/api/repositories/{repository}/trash/{id}");
            client.act(Method::DELETE, &address).await?;
            if output.json {
                return print_json(found);
            }
            print(&format!("dropped {}\n", short(id)))
        }
    }
}

/// Asks for the trash of one repository, or of all.
async fn entries(client: &Client, repository: Option<&str>) -> Result<Vec<Listed>> {
    let all = client.repositories().await?;
    let wanted = repository.map(wanted_path).transpose()?;
    let is_wanted = |known: &Repository| match (&wanted, repository) {
        (Some(path), Some(name)) => {
            Path::new(&known.path) == path || known.name == name || known.id.to_string() == name
        }
        _ => true,
    };
    let wanted: Vec<_> = all.into_iter().filter(is_wanted).collect();
    if let (true, Some(name)) = (wanted.is_empty(), repository) {
        return Err(Failure::Name(format!("no repository is called `{name}`")).into());
    }
    let mut entries = Vec::new();
    for repository in wanted {
        let path = format!("/api/repositories/{}/trash", repository.id);
        let body: TrashBody = client.get(&path).await?;
        entries.extend(body.trash.into_iter().map(|entry| Listed {
            repository: repository.clone(),
            entry,
        }));
    }
    entries.sort_by_key(|listed| std::cmp::Reverse(listed.entry.created_at));
    Ok(entries)
}

fn wanted_path(name: &str) -> Result<PathBuf> {
    let path = std::path::absolute(name).context("tell where a path is")?;
    Ok(path.canonicalize().unwrap_or(path))
}

fn absolute(path: &Path) -> Result<String> {
    let path = std::path::absolute(path).context("tell where a path is")?;
    Ok(path.to_string_lossy().into_owned())
}

fn find<'a>(entries: &'a [Listed], name: &str) -> Result<&'a Listed, Failure> {
    let found = entries
        .iter()
        .filter(|listed| pick::begins(&listed.entry.id, name));
    pick::only(
        found.collect(),
        || {
            format!(
                "nothing in the trash is called `{name}`; give at least four characters of an id \
                 that `offshoot trash ls` shows"
            )
        },
        || format!("several entries begin with `{name}`; give more of the id"),
    )
}

fn table(entries: &[Listed]) -> Table {
    let now = Timestamp::now();
    let mut table = Table::new(&["ID", "REPOSITORY", "BRANCH", "AGE", "WORK", "TITLE"]);
    for Listed { repository, entry } in entries {
        let branch = entry.branch.as_ref();
        table.row(vec![
            short(&entry.id).into(),
            (&repository.name).into(),
            branch.map_or_else(|| Cell::faint("detached"), Cell::from),
            style::age(entry.created_at, now).into(),
            (&entry.summary).into(),
            entry
                .title
                .as_ref()
                .map_or_else(|| Cell::faint(""), Cell::from),
        ]);
    }
    table
}
