//! Paths that people type: expansion of `~`, completion, and where sessions may not be opened.

use std::path::{Component, Path, PathBuf};

use offshoot_protocol::rest::{PathSuggestion, PathsBody};

use crate::EngineError;

/// Directories of the system where no session is opened.
const RESTRICTED: &[&str] = &[
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/root",
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/System",
    "/Library/System",
    "/private/etc",
];

/// Suggestions in one answer.
const SUGGESTIONS_MAX: usize = 50;

/// Entries of a directory that are looked at; more are not suggested.
const ENTRIES_MAX: usize = 10_000;

/// Makes a typed path absolute: `~` is the user's home, `.` and `..` are resolved in words.
pub(crate) fn expand(text: &str, user_home: &Path) -> Result<PathBuf, EngineError> {
    let text = text.trim();
    let invalid = |message: &str| EngineError::Invalid {
        field: "path",
        message: message.to_owned(),
    };
    if text.is_empty() {
        return Err(invalid("a path is needed"));
    }
    if text.contains('\0') {
        return Err(invalid("a path cannot hold a NUL character"));
    }
    let path = match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            user_home.join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(text),
    };
    if !path.is_absolute() {
        return Err(invalid("the path must be absolute, or begin with ~/"));
    }
    Ok(normalise(&path))
}

/// Returns the path of a directory as it is kept and shown: as it was typed where that is plain,
/// else expanded.
pub(crate) fn plain(text: &str, user_home: &Path) -> Result<String, EngineError> {
    let expanded = expand(text, user_home)?;
    let typed = text.trim();
    // Existing clients look their worktrees up by the very text they sent.
    if Path::new(typed) == expanded {
        return Ok(typed.to_owned());
    }
    Ok(expanded.to_string_lossy().into_owned())
}

fn normalise(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// Checks that a session may be opened in a directory: it exists, is a directory, and neither it
/// nor what it links to is a system directory. The user's own home is always allowed.
pub(crate) fn check_location(path: &Path, user_home: &Path) -> Result<(), EngineError> {
    refuse_restricted(path, user_home)?;
    let real = path
        .canonicalize()
        .map_err(|_| EngineError::PathNotFound(path.to_owned()))?;
    if !real.is_dir() {
        let message = format!("{} is a file; name a directory", path.display());
        return Err(EngineError::Invalid {
            field: "path",
            message,
        });
    }
    refuse_restricted(&real, user_home)
}

/// Checks that a directory may be made at a path: nothing is there, and neither it nor the existing
/// directory above it is a system directory.
pub(crate) fn check_new(path: &Path, user_home: &Path) -> Result<(), EngineError> {
    refuse_restricted(path, user_home)?;
    if path.symlink_metadata().is_ok() {
        let message = format!("{} exists already; name another directory", path.display());
        return Err(EngineError::Invalid {
            field: "path",
            message,
        });
    }
    let above = path.ancestors().find(|above| above.exists());
    check_location(above.unwrap_or(Path::new("/")), user_home)
}

/// Refuses a path in the data directory, whose files are nobody's but ours; also by way of a link.
pub(crate) fn refuse_inside(path: &Path, data: &Path) -> Result<(), EngineError> {
    let real = |path: &Path| {
        let above = path
            .ancestors()
            .find_map(|above| above.canonicalize().ok().map(|real| (above, real)));
        above.map_or_else(
            || path.to_owned(),
            |(above, real)| real.join(path.strip_prefix(above).unwrap_or(Path::new(""))),
        )
    };
    match real(path).starts_with(real(data)) {
        true => Err(EngineError::PathNotAllowed(path.to_owned())),
        false => Ok(()),
    }
}

fn refuse_restricted(path: &Path, user_home: &Path) -> Result<(), EngineError> {
    let inside = |dir: &&&str| path.starts_with(dir) && !user_home.starts_with(dir);
    match RESTRICTED.iter().find(inside) {
        Some(_) => Err(EngineError::PathNotAllowed(path.to_owned())),
        None => Ok(()),
    }
}

/// Lists directories that complete what was typed. A directory that cannot be read has none.
pub(crate) fn complete(prefix: &str, user_home: &Path) -> PathsBody {
    let prefix = if prefix.is_empty() || prefix == "~" {
        "~/"
    } else {
        prefix
    };
    let Ok(path) = expand(prefix, user_home) else {
        return PathsBody { paths: Vec::new() };
    };
    let (dir, start) = if prefix.ends_with('/') {
        (path.as_path(), String::new())
    } else {
        let start = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        (
            path.parent().unwrap_or(Path::new("/")),
            start.unwrap_or_default(),
        )
    };
    PathsBody {
        paths: suggestions(dir, &start),
    }
}

fn suggestions(dir: &Path, start: &str) -> Vec<PathSuggestion> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .take(ENTRIES_MAX)
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let wanted = name.to_lowercase().starts_with(&start.to_lowercase());
            wanted && (start.starts_with('.') || !name.starts_with('.'))
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && path.to_str().is_some())
        .collect();
    paths.sort();
    paths.truncate(SUGGESTIONS_MAX);
    let suggestion = |path: PathBuf| PathSuggestion {
        is_repository: path.join(".git").exists(),
        path: path.to_string_lossy().into_owned(),
    };
    paths.into_iter().map(suggestion).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_paths_become_absolute() {
        let home = Path::new("/home/u");
        assert_eq!(expand(" ~/a/../b/ ", home).unwrap(), Path::new("/home/u/b"));
        assert_eq!(expand("~", home).unwrap(), home);
        assert_eq!(expand("/x/./y", home).unwrap(), Path::new("/x/y"));
        for bad in ["", "  ", "rel/ative", "~other/x", "/a\0b"] {
            assert!(expand(bad, home).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_data_directory_is_no_place_for_repositories() {
        let place = tempfile::tempdir().unwrap();
        let (data, other) = (place.path().join("data"), place.path().join("other"));
        std::fs::create_dir_all(data.join("worktrees")).unwrap();
        std::fs::create_dir(&other).unwrap();
        std::os::unix::fs::symlink(&data, other.join("link")).unwrap();
        for inside in ["x", "worktrees/x", "no/such/folder"] {
            assert!(
                refuse_inside(&data.join(inside), &data).is_err(),
                "{inside}"
            );
            let linked = other.join("link").join(inside);
            assert!(refuse_inside(&linked, &data).is_err(), "{inside}");
        }
        assert!(refuse_inside(&data, &data).is_err());
        assert!(refuse_inside(&other.join("x/y"), &data).is_ok());
        assert!(refuse_inside(&place.path().join("data2"), &data).is_ok());
    }

    #[test]
    fn a_path_is_kept_as_typed_only_where_that_is_plain() {
        let home = Path::new("/home/u");
        assert_eq!(plain("/a/b", home).unwrap(), "/a/b");
        assert_eq!(plain("~/a", home).unwrap(), "/home/u/a");
        assert_eq!(plain("/ok/link/../etc", home).unwrap(), "/ok/etc");
    }

    #[test]
    fn system_directories_are_refused_also_through_links() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        let home = dir.path();
        for path in [Path::new("/etc"), Path::new("/etc/ssl"), &link] {
            let refused = check_location(path, home);
            assert!(
                matches!(refused, Err(EngineError::PathNotAllowed(_))),
                "{}",
                path.display()
            );
        }
        let missing = check_location(&dir.path().join("missing"), home);
        assert!(matches!(missing, Err(EngineError::PathNotFound(_))));
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let refused = check_location(&file, home).unwrap_err().to_string();
        assert!(refused.contains("is a file"), "{refused}");
        check_location(dir.path(), home).unwrap();
    }

    #[test]
    fn completion_lists_directories_and_marks_repositories() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["shop/.git", "Shoes", "other", ".hidden"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("shfile"), "").unwrap();
        let names = |prefix: &str| -> Vec<(String, bool)> {
            let all = complete(prefix, dir.path()).paths;
            let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
            all.iter()
                .map(|one| (name(&one.path), one.is_repository))
                .collect()
        };
        assert_eq!(
            names("~/sh"),
            [("Shoes".to_owned(), false), ("shop".to_owned(), true)]
        );
        assert_eq!(names("~/").len(), 3);
        assert_eq!(names("~/.h"), [(".hidden".to_owned(), false)]);
        assert!(names("~/nowhere/x").is_empty());
    }
}
