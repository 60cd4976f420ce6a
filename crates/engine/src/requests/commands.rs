//! Answering.

use offshoot_protocol::WorkerId;
use offshoot_protocol::request::Answer;

use crate::{Engine, EngineError};

impl Engine {
    /// Answers a request, once. Returns whether the agent is seen to have taken it: it goes on, or
    /// asks something else.
    ///
    /// # Errors
    /// There is no such worker or option, the request was answered before, or another question
    /// stands there now; then nothing is typed.
    pub async fn answer_request(
        &self,
        worker: WorkerId,
        request: &str,
        answer: Answer,
    ) -> Result<bool, EngineError> {
        let (_, handle) = self.find_worker(worker)?;
        handle.answer(request.to_owned(), answer).await
    }
}
