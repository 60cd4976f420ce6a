//! The user's own settings of an agent: unchanged by whatever we do for it.

use offshoot_testkit::agents::{Footprint, Home};

/// What the settings were when the agent was first started.
pub(crate) struct Before(Footprint);

impl Before {
    /// Looks at a home.
    pub(crate) fn of(home: &Home) -> Self {
        Self(home.footprint().unwrap())
    }

    /// Compares with now.
    ///
    /// # Panics
    /// A file of the settings is new, gone or another.
    pub(crate) fn assert_unchanged(&self, home: &Home) {
        let changed = self.0.changes(&home.footprint().unwrap());
        assert!(
            changed.is_empty(),
            "settings of the user changed: {changed:?}"
        );
    }
}
