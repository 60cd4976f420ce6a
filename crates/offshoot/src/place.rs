//! Where things lie for this user: home, data directory, configuration file.

use std::ffi::OsString;
use std::path::PathBuf;

/// The variables that decide where things lie, read once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// `HOME`.
    pub(crate) user_home: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub(crate) xdg_state: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub(crate) xdg_config: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub(crate) xdg_runtime: Option<PathBuf>,
}

impl Surroundings {
    /// Reads them from the environment.
    pub(crate) fn read() -> Self {
        // A relative value is to be ignored, says the XDG specification.
        let absolute = |name: &str| {
            let value: Option<OsString> = std::env::var_os(name);
            value.map(PathBuf::from).filter(|path| path.is_absolute())
        };
        Self {
            user_home: absolute("HOME"),
            xdg_state: absolute("XDG_STATE_HOME"),
            xdg_config: absolute("XDG_CONFIG_HOME"),
            xdg_runtime: absolute("XDG_RUNTIME_DIR").filter(|dir| dir.is_dir()),
        }
    }

    /// The data directory, unless one is configured.
    pub(crate) fn data_directory(&self) -> Option<PathBuf> {
        let state = self.xdg_state.clone();
        let state = state.or_else(|| Some(self.user_home.as_ref()?.join(".local/state")))?;
        Some(state.join("offshoot"))
    }

    /// The configuration file; it need not exist.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        Some(self.config_directory()?.join("config.toml"))
    }

    /// The directory of the user's definitions of agents; it need not exist.
    pub(crate) fn agents_dir(&self) -> Option<PathBuf> {
        Some(self.config_directory()?.join("agents"))
    }

    fn config_directory(&self) -> Option<PathBuf> {
        let config = self.xdg_config.clone();
        let config = config.or_else(|| Some(self.user_home.as_ref()?.join(".config")))?;
        Some(config.join("offshoot"))
    }

    /// Shortens a path below the home directory to `~/…`, for people.
    pub(crate) fn shown(&self, path: &str) -> String {
        let home = self.user_home.as_ref().and_then(|home| home.to_str());
        match home.and_then(|home| path.strip_prefix(home)) {
            Some("") => "~".to_owned(),
            Some(rest) if rest.starts_with('/') => format!("~{rest}"),
            _ => path.to_owned(),
        }
    }
}
