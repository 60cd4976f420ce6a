//! What the agent reports by its hooks, as evidence of what it does.

use jiff::Timestamp;
use offshoot_shim::Meta;

use super::task::WorkerTask;
use crate::attention;

impl WorkerTask {
    /// A process was started or taken over: older reports are those of another one.
    pub(super) fn begin_hooks(&self, meta: &Meta) {
        let began = i64::try_from(meta.started_wall_ms).unwrap_or_default();
        if let Ok(began) = Timestamp::from_millisecond(began) {
            self.shared.hooks.begin(began);
        }
    }

    /// Takes all reports that wait.
    pub(super) fn on_hooks(&mut self) {
        let hooks = self.shared.hooks.take();
        let mut changed = false;
        for hook in hooks {
            if let Some(activities) = &mut self.activities {
                changed |= activities.on_hook(&attention::Hook {
                    name: hook.event.clone(),
                    sent_at_ms: u64::try_from(hook.at.as_millisecond()).unwrap_or_default(),
                    seq: hook.seq,
                    from_subagent: hook.subagent,
                    payload: hook.payload.clone(),
                });
            }
            if !hook.subagent {
                self.on_hook_payload(&hook.event, &hook.payload);
            }
        }
        self.show_activity(changed);
    }
}
