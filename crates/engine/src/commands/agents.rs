//! Agent definitions: create, change, delete.

use jiff::Timestamp;
use offshoot_protocol::AgentId;
use offshoot_protocol::rest::{CreateAgent, PatchAgent};
use offshoot_protocol::view::Agent;
use offshoot_store::AgentRow;

use crate::event::Event;
use crate::{Engine, EngineError, agents};

impl Engine {
    /// Makes a custom agent.
    ///
    /// # Errors
    /// The request breaks a rule for templates or patterns.
    pub async fn create_agent(&self, request: CreateAgent) -> Result<Agent, EngineError> {
        self.finish(move |engine| async move { engine.create_agent_now(request).await })
            .await
    }

    async fn create_agent_now(&self, request: CreateAgent) -> Result<Agent, EngineError> {
        let agent = agents::create(request, Timestamp::now())?;
        let saved = self.inner.store.insert_agent(row_of(&agent)).await;
        saved.map_err(|err| self.store_error("record the agent", err))?;
        let mut state = self.state();
        state.custom_agents.push(agent.clone());
        state.events.publish(Event::AgentCreated(agent.clone()));
        Ok(agent)
    }

    /// Changes a custom agent. Running workers keep what they were started with.
    ///
    /// # Errors
    /// There is no such custom agent, or the result breaks a rule.
    pub async fn patch_agent(
        &self,
        id: &AgentId,
        change: PatchAgent,
    ) -> Result<Agent, EngineError> {
        let id = id.clone();
        self.finish(move |engine| async move { engine.patch_agent_now(&id, change).await })
            .await
    }

    async fn patch_agent_now(
        &self,
        id: &AgentId,
        change: PatchAgent,
    ) -> Result<Agent, EngineError> {
        let agent = agents::patch(self.custom_agent(id)?, change)?;
        let saved = self.inner.store.update_agent(row_of(&agent)).await;
        saved.map_err(|err| self.store_error("record the agent", err))?;
        let mut state = self.state();
        if let Some(known) = state.custom_agents.iter_mut().find(|known| known.id == *id) {
            *known = agent.clone();
        }
        state.events.publish(Event::AgentUpdated(agent.clone()));
        Ok(agent)
    }

    /// Deletes a custom agent.
    ///
    /// # Errors
    /// There is no such agent, it is built in, or sessions use it.
    pub async fn delete_agent(&self, id: &AgentId) -> Result<(), EngineError> {
        let id = id.clone();
        self.finish(move |engine| async move { engine.delete_agent_now(&id).await })
            .await
    }

    async fn delete_agent_now(&self, id: &AgentId) -> Result<(), EngineError> {
        if self.agent(id)?.is_built_in {
            return Err(EngineError::WrongState(
                "Built-in agents cannot be deleted".to_owned(),
            ));
        }
        self.state().refuse_in_use("Agent", |entry| {
            let mut workers = entry.workers.iter();
            workers.any(|worker| worker.agent_id.as_ref() == Some(id))
        })?;
        let deleted = self.inner.store.delete_agent(id.clone()).await;
        deleted.map_err(|err| self.store_error("delete the agent", err))?;
        let mut state = self.state();
        state.custom_agents.retain(|known| known.id != *id);
        state.events.publish(Event::AgentDeleted(id.clone()));
        Ok(())
    }

    fn custom_agent(&self, id: &AgentId) -> Result<Agent, EngineError> {
        let custom = self.agent(id).ok().filter(|agent| !agent.is_built_in);
        custom.ok_or_else(|| EngineError::AgentNotFound(id.clone()))
    }
}

/// Turns a definition into its row.
fn row_of(agent: &Agent) -> AgentRow {
    let patterns = agent
        .activity_patterns
        .clone()
        .and_then(|all| all.asking_patterns);
    AgentRow {
        id: agent.id.clone(),
        name: agent.name.clone(),
        command_template: agent.command_template.clone(),
        continue_template: agent.continue_template.clone(),
        headless_template: agent.headless_template.clone(),
        description: agent.description.clone(),
        asking_patterns: patterns,
        created_at: agent.created_at,
    }
}

/// Turns a row into a definition.
pub(crate) fn agent_of(row: AgentRow) -> Agent {
    use offshoot_protocol::view::{ActivityPatterns, AgentCapabilities};
    agents::with_capabilities(Agent {
        id: row.id,
        name: row.name,
        command_template: row.command_template,
        continue_template: row.continue_template,
        headless_template: row.headless_template,
        description: row.description,
        is_built_in: false,
        created_at: row.created_at,
        activity_patterns: row.asking_patterns.map(|patterns| ActivityPatterns {
            asking_patterns: Some(patterns),
        }),
        capabilities: AgentCapabilities::default(),
        installed: None,
        version: None,
        install: None,
    })
}
