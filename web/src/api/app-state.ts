/** What the server told about sessions, repositories and agents: one pure step per frame. */
import type { Agent, AppEvent, AppFrame, Repository, Session } from './wire.ts';

export interface AppData {
  /** The server's run that `seq` counts in; null before the first snapshot. */
  instance: string | null;
  /** The number of the last event applied. */
  seq: number;
  sessions: Session[];
  repositories: Repository[];
  agents: Agent[];
}

export const EMPTY: AppData = {
  instance: null,
  seq: 0,
  sessions: [],
  repositories: [],
  agents: [],
};

/**
 * Applies a frame. `null` means that an event is missing in between: what is known can no longer
 * be trusted, and a fresh snapshot must be asked for.
 */
export function reduce(data: AppData, frame: AppFrame): AppData | null {
  if (frame.type === 'snapshot') {
    const { instance, seq, sessions, repositories, agents } = frame;
    return { instance, seq, sessions, repositories, agents };
  }
  if (frame.seq <= data.seq) return data;
  if (frame.seq !== data.seq + 1) return null;
  return { ...apply(data, frame.event), seq: frame.seq };
}

/** Applies one change; objects are complete, so doing it twice is harmless. */
export function apply(data: AppData, event: AppEvent): AppData {
  switch (event.type) {
    case 'session-created':
    case 'session-updated':
      return { ...data, sessions: put(data.sessions, event.session) };
    case 'session-deleted':
      return { ...data, sessions: without(data.sessions, event.sessionId) };
    case 'repository-updated':
      return { ...data, repositories: put(data.repositories, event.repository) };
    case 'repository-deleted':
      return { ...data, repositories: without(data.repositories, event.repositoryId) };
    case 'agent-updated':
      return { ...data, agents: put(data.agents, event.agent) };
    case 'agent-deleted':
      return { ...data, agents: without(data.agents, event.agentId) };
    default:
      return data; // A newer server; what it means is not for this page.
  }
}

function put<T extends { id: string }>(all: T[], one: T): T[] {
  const at = all.findIndex((other) => other.id === one.id);
  return at < 0 ? [...all, one] : all.with(at, one);
}

function without<T extends { id: string }>(all: T[], id: string): T[] {
  return all.filter((other) => other.id !== id);
}
