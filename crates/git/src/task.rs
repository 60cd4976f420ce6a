//! Work in tasks of its own: it goes on when its caller goes away, or where it may block. A panic in it
//! is its caller's.

use tokio::task::JoinHandle;

/// Runs a change in a task of its own, so that a caller that goes away cannot stop it halfway. It
/// ends by itself: every command in it has a time limit.
pub(crate) async fn undisturbed<T: Send + 'static>(
    change: impl Future<Output = T> + Send + 'static,
) -> T {
    answer(tokio::spawn(change)).await
}

/// Runs work on files where it may wait.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    answer(tokio::task::spawn_blocking(work)).await
}

async fn answer<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(answer) => answer,
        Err(err) => match err.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels it, and with it whoever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}
