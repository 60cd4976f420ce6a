//! Settings: a file, then the environment, then flags; the later wins.
//!
//! One table names every setting with its variable and its default. A key of the file that is not
//! in the table is an error that names it; a variable that is not is left alone, since agents and
//! builds have variables of the same prefix.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toml::Value;

use crate::failure::Failure;
use crate::place::Surroundings;

/// One setting.
pub(crate) struct Key {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// Its variable.
    pub(crate) variable: &'static str,
    /// What a value of it looks like.
    kind: Kind,
    /// What it does, in a line.
    pub(crate) help: &'static str,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Any text.
    Text,
    /// A path; `~/` is the home directory.
    Path,
    /// `true` or `false`; in a variable also `1`, `0`, `yes`, `no`.
    Switch,
    /// A list of texts; in a variable separated by commas.
    List,
}

macro_rules! keys {
    ($($name:literal $variable:literal $kind:ident $help:literal)*) => {
        &[$(Key { name: $name, variable: $variable, kind: Kind::$kind, help: $help }),*]
    };
}

/// All settings.
pub(crate) const KEYS: &[Key] = keys! {
    "home" "OFFSHOOT_HOME" Path "data directory"
    "listen" "OFFSHOOT_LISTEN" Text "address the server listens on"
    "ui_dir" "OFFSHOOT_UI_DIR" Path "serve this web UI instead of the built-in one"
    "tls_cert" "OFFSHOOT_TLS_CERT" Path "certificate chain, PEM"
    "tls_key" "OFFSHOOT_TLS_KEY" Path "private key, PEM"
    "behind_proxy" "OFFSHOOT_BEHIND_PROXY" Switch "a proxy in front of the server speaks TLS"
    "allowed_hosts" "OFFSHOOT_ALLOWED_HOSTS" List "names the server answers for, beyond loopback"
    "allowed_origins" "OFFSHOOT_ALLOWED_ORIGINS" List "origins whose pages may use the server"
    "log" "OFFSHOOT_LOG" Text "form of the log: pretty or json"
    "log_filter" "OFFSHOOT_LOG_FILTER" Text "what is logged, in tracing's filter syntax"
    "open" "OFFSHOOT_OPEN" Switch "open the sign-in address in a browser at start"
    "shell" "OFFSHOOT_SHELL" Text "program of shell workers"
    "idle_after" "OFFSHOOT_IDLE_AFTER" Text "workers without anything to do are ended after so long (30m, 2h), or off"
    "idle_action" "OFFSHOOT_IDLE_ACTION" Text "what ends them: pause (the session) or stop (each worker)"
    "usage" "OFFSHOOT_USAGE" Switch "agents that can are asked to report their tokens and cost to this server"
    "setup_timeout" "OFFSHOOT_SETUP_TIMEOUT" Text "how long the setup command of a worktree may run"
    "trusted_hooks" "OFFSHOOT_TRUSTED_HOOKS" List "agents whose hooks are declared trusted for you, such as codex"
    "app_url" "OFFSHOOT_APP_URL" Text "where people open the UI; notifications link there"
    "webhooks_private" "OFFSHOOT_WEBHOOKS_PRIVATE" Switch "webhooks may reach private addresses, and http"
    "slack_prefix" "OFFSHOOT_SLACK_PREFIX" Text "what addresses of Slack begin with, for tests"
    "server" "OFFSHOOT_SERVER" Text "address of the server for client commands"
    "token" "OFFSHOOT_TOKEN" Text "bearer token for client commands"
};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Built in.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A variable.
    Environment(&'static str),
    /// The command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Values given on the command line, by the name of their setting.
pub(crate) type Flags = Vec<(&'static str, Value)>;

/// The effective settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, (Value, Source)>,
    /// Where things lie.
    pub(crate) surroundings: Surroundings,
}

impl Settings {
    /// Reads file and environment and lays the flags over them.
    ///
    /// # Errors
    /// A value does not fit its setting, or the file cannot be read or names an unknown key.
    pub(crate) fn load(flags: Flags) -> Result<Self> {
        let surroundings = Surroundings::read();
        let file = match std::env::var_os("OFFSHOOT_CONFIG") {
            Some(given) => Some(PathBuf::from(given)),
            None => surroundings.config_file().filter(|file| file.exists()),
        };
        let text = match &file {
            Some(file) => {
                let text = std::fs::read_to_string(file);
                let failed =
                    |err| Failure::Config(format!("read the settings {}: {err}", file.display()));
                Some(text.map_err(failed)?)
            }
            None => None,
        };
        let file = file.as_deref().zip(text.as_deref());
        let mut variables = BTreeMap::new();
        for key in KEYS {
            let Some(value) = std::env::var_os(key.variable) else {
                continue;
            };
            // Left out silently, another directory would be used than the one that is meant.
            let text = value.into_string().map_err(|value| {
                let (name, value) = (key.variable, value.display());
                Failure::Config(format!("${name} is not UTF-8: {value}"))
            })?;
            variables.insert(key.variable, text);
        }
        let variable = |name: &str| variables.get(name).cloned();
        Ok(Self::layer(surroundings, file, variable, flags)?)
    }

    fn layer(
        surroundings: Surroundings,
        file: Option<(&Path, &str)>,
        variable: impl Fn(&str) -> Option<String>,
        flags: Flags,
    ) -> Result<Self, Failure> {
        let mut values = defaults(&surroundings);
        if let Some((path, text)) = file {
            for (name, value) in read_file(path, text)? {
                values.insert(name, (value, Source::File(path.to_owned())));
            }
        }
        for key in KEYS {
            // An empty variable counts as none, so that it can be switched off for one command.
            let Some(text) = variable(key.variable).filter(|text| !text.is_empty()) else {
                continue;
            };
            let value = from_variable(key, &text)?;
            values.insert(key.name, (value, Source::Environment(key.variable)));
        }
        for (name, value) in flags {
            values.insert(name, (value, Source::Flag));
        }
        Ok(Self {
            values,
            surroundings,
        })
    }

    /// The value of a setting and where it comes from; `None` when it has none.
    pub(crate) fn get(&self, name: &str) -> Option<&(Value, Source)> {
        self.values.get(name)
    }

    /// A setting that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.0.as_str()
    }

    /// A setting that is a path.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.text(name)?;
        match (text.strip_prefix("~/"), &self.surroundings.user_home) {
            (Some(rest), Some(home)) => Some(home.join(rest)),
            _ => std::path::absolute(text).ok(),
        }
    }

    /// A setting that is a switch; off when it has no value.
    pub(crate) fn switch(&self, name: &str) -> bool {
        self.get(name)
            .and_then(|(value, _)| value.as_bool())
            .unwrap_or(false)
    }

    /// A setting that is a list; empty when it has no value.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let list = self.get(name).and_then(|(value, _)| value.as_array());
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// The data directory.
    ///
    /// # Errors
    /// Nothing tells where it is.
    pub(crate) fn home(&self) -> Result<PathBuf> {
        self.path("home").context(
            "cannot tell where the data directory is: set HOME or OFFSHOOT_HOME, or use --home",
        )
    }
}

fn defaults(surroundings: &Surroundings) -> BTreeMap<&'static str, (Value, Source)> {
    let mut values = BTreeMap::new();
    let mut set = |name, value: Value| values.insert(name, (value, Source::Default));
    if let Some(home) = surroundings.data_directory() {
        set("home", home.to_string_lossy().into_owned().into());
    }
    set("listen", "127.0.0.1:7171".into());
    set("behind_proxy", false.into());
    set("webhooks_private", false.into());
    set("allowed_hosts", Value::Array(Vec::new()));
    set("allowed_origins", Value::Array(Vec::new()));
    set("trusted_hooks", Value::Array(Vec::new()));
    set("log", "pretty".into());
    set("idle_after", "off".into());
    set("idle_action", "pause".into());
    set("log_filter", "info".into());
    set("open", true.into());
    set("usage", true.into());
    set("setup_timeout", "10m".into());
    values
}

fn read_file(path: &Path, text: &str) -> Result<Vec<(&'static str, Value)>, Failure> {
    let shown = path.display();
    let table: toml::Table = text
        .parse()
        .map_err(|err| Failure::Config(format!("{shown}: {err}")))?;
    let mut values = Vec::new();
    for (name, value) in table {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(Failure::Config(format!(
                "{shown}: unknown key `{name}`; known are {}",
                KEYS.iter()
                    .map(|key| key.name)
                    .collect::<Vec<_>>()
                    .join(", ")
            )));
        };
        if !fits(key.kind, &value) {
            let wanted = wanted(key.kind);
            return Err(Failure::Config(format!(
                "{shown}: `{name}` must be {wanted}"
            )));
        }
        values.push((key.name, value));
    }
    Ok(values)
}

fn fits(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Text | Kind::Path => value.is_str(),
        Kind::Switch => value.is_bool(),
        Kind::List => value
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_str)),
    }
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text",
        Kind::Path => "a path",
        Kind::Switch => "true or false",
        Kind::List => "a list of texts",
    }
}

fn from_variable(key: &Key, text: &str) -> Result<Value, Failure> {
    let wrong = || {
        let (variable, wanted) = (key.variable, wanted(key.kind));
        Failure::Config(format!("${variable} must be {wanted}, not `{text}`"))
    };
    Ok(match key.kind {
        Kind::Text | Kind::Path => text.into(),
        Kind::Switch => match text {
            "1" | "true" | "yes" | "on" => true.into(),
            "0" | "false" | "no" | "off" => false.into(),
            _ => return Err(wrong()),
        },
        Kind::List => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(Value::from)
                .collect(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(file: &str, variables: &[(&str, &str)], flags: Flags) -> Result<Settings, String> {
        let surroundings = Surroundings {
            user_home: Some("/home/ada".into()),
            ..Surroundings::default()
        };
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        };
        let file = Some((Path::new("/c.toml"), file));
        Settings::layer(surroundings, file, variable, flags).map_err(|err| err.to_string())
    }

    #[test]
    fn flags_beat_variables_beat_the_file_beat_defaults() {
        let file = "listen = 'file:1'\nlog = 'json'\nopen = false";
        let variables = [("OFFSHOOT_LISTEN", "env:2"), ("OFFSHOOT_LOG", "")];
        let settings = layer(file, &variables, vec![("listen", "flag:3".into())]).unwrap();
        assert_eq!(settings.text("listen"), Some("flag:3"));
        assert_eq!(settings.get("listen").unwrap().1, Source::Flag);
        assert_eq!(settings.text("log"), Some("json"));
        assert!(!settings.switch("open"));
        assert_eq!(settings.get("log_filter").unwrap().1, Source::Default);
        let settings = layer(file, &variables, Vec::new()).unwrap();
        assert_eq!(settings.text("listen"), Some("env:2"));
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_named() {
        let err = layer("lisen = 'a'", &[], Vec::new()).unwrap_err();
        assert!(err.contains("unknown key `lisen`"), "{err}");
        let err = layer("open = 'maybe'", &[], Vec::new()).unwrap_err();
        assert!(err.contains("`open` must be true or false"), "{err}");
        let err = layer("", &[("OFFSHOOT_OPEN", "maybe")], Vec::new()).unwrap_err();
        assert!(err.contains("$OFFSHOOT_OPEN"), "{err}");
        assert!(layer("listen = ", &[], Vec::new()).is_err());
    }

    #[test]
    fn lists_and_paths_are_read() {
        let variables = [("OFFSHOOT_ALLOWED_HOSTS", "a.example, b.example")];
        let settings = layer("home = '~/data'", &variables, Vec::new()).unwrap();
        assert_eq!(settings.list("allowed_hosts"), ["a.example", "b.example"]);
        assert_eq!(settings.home().unwrap(), Path::new("/home/ada/data"));
        let settings = layer("", &[], Vec::new()).unwrap();
        let home = settings.home().unwrap();
        assert_eq!(home, Path::new("/home/ada/.local/state/offshoot"));
    }
}
