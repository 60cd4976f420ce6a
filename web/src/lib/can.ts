/** What may be done with an object in its state: the one place that buttons ask. */
import type { Agent, Session, Worker } from '../api/wire.ts';

export const can = {
  stop(session: Session, worker: Worker): boolean {
    const state = worker.process?.state;
    return !session.paused && (state === 'running' || state === 'starting');
  },
  restart(session: Session, worker: Worker): boolean {
    const state = worker.process?.state;
    return !session.paused && state !== undefined && state !== 'starting' && state !== 'unknown';
  },
  continue(session: Session, worker: Worker, agents: Agent[]): boolean {
    if (!can.restart(session, worker) || worker.type !== 'agent') return false;
    return (
      agents.find((agent) => agent.id === worker.agentId)?.capabilities.supportsContinue ?? false
    );
  },
  /** Whether it can be sent text and files. */
  message(session: Session, worker: Worker): boolean {
    return can.stop(session, worker);
  },
  addShell(session: Session): boolean {
    return !session.paused && !session.locationMissing;
  },
  /** Whether deleting may also take the directory away. */
  removeWorktree(session: Session): boolean {
    return session.type === 'worktree' && !session.isMainWorktree && !session.locationMissing;
  },
};
