//! Starts shims. Blocks for as long as a shim takes to start its child; knows nothing of workers.

use std::path::Path;
use std::time::Duration;

use offshoot_shim::SpawnSpec;

/// Starts a shim. A program that was written a moment ago can be "busy": another thread that forks
/// just then holds its file open for an instant. That passes; it is tried again.
pub(super) fn spawn_shim(
    program: &Path,
    spec: &SpawnSpec,
) -> Result<offshoot_shim::Spawned, offshoot_shim::SpawnError> {
    use offshoot_shim::SpawnError;
    use std::io::ErrorKind::ExecutableFileBusy;
    const TRIES: u32 = 50;
    const PAUSE: Duration = Duration::from_millis(5);
    for _ in 1..TRIES {
        match offshoot_shim::spawn(program, spec) {
            Err(SpawnError::Io { source, .. }) if source.kind() == ExecutableFileBusy => {
                std::thread::sleep(PAUSE);
            }
            spawned => return spawned,
        }
    }
    offshoot_shim::spawn(program, spec)
}
