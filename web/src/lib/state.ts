/**
 * What people are told about sessions and workers: one table of states, and the rules that pick
 * one. The words here are the words everywhere.
 */
import type { Exit, Session, Worker } from '../api/wire.ts';

export type StateKind =
  | 'asks'
  | 'failed'
  | 'undelivered'
  | 'limited'
  | 'stuck'
  | 'unknown'
  | 'working'
  | 'starting'
  | 'running'
  | 'idle'
  | 'open'
  | 'ended'
  | 'stopped'
  | 'paused';

export type Lane = 'needs' | 'working' | 'quiet';

interface StateRow {
  word: string;
  lane: Lane;
  tone: 'asks' | 'failed' | 'working' | 'done' | 'mute';
}

/** Most urgent first: a session has the state of its most urgent worker. */
export const STATES: Record<StateKind, StateRow> = {
  asks: { word: 'Needs you', lane: 'needs', tone: 'asks' },
  failed: { word: 'Failed', lane: 'needs', tone: 'failed' },
  undelivered: { word: 'Prompt not delivered', lane: 'needs', tone: 'failed' },
  limited: { word: 'Limit reached', lane: 'needs', tone: 'asks' },
  stuck: { word: 'Stuck?', lane: 'needs', tone: 'asks' },
  unknown: { word: 'Unknown', lane: 'needs', tone: 'failed' },
  working: { word: 'Working', lane: 'working', tone: 'working' },
  starting: { word: 'Starting', lane: 'working', tone: 'working' },
  running: { word: 'Running', lane: 'working', tone: 'working' },
  idle: { word: 'Idle', lane: 'quiet', tone: 'mute' },
  open: { word: 'Open', lane: 'quiet', tone: 'mute' },
  ended: { word: 'Ended', lane: 'quiet', tone: 'done' },
  stopped: { word: 'Stopped', lane: 'quiet', tone: 'mute' },
  paused: { word: 'Paused', lane: 'quiet', tone: 'mute' },
};

const URGENCY = Object.keys(STATES) as StateKind[];

export interface Told {
  kind: StateKind;
  /** Why, in a few words. */
  reason?: string;
  since?: string;
}

export function workerState(worker: Worker): Told {
  const told = processState(worker);
  const last = worker.undelivered;
  if (!last || URGENCY.indexOf(told.kind) < URGENCY.indexOf('undelivered')) return told;
  return { kind: 'undelivered', reason: last.reason, since: last.at };
}

function processState(worker: Worker): Told {
  const process = worker.process;
  if (!process) return { kind: 'open' };
  const because = process.reason === undefined ? {} : { reason: process.reason };
  switch (process.state) {
    case 'failed-to-start':
      return { kind: 'failed', reason: process.reason ?? 'It could not be started.' };
    case 'lost':
      return { kind: 'failed', reason: process.reason ?? 'The process is gone.' };
    case 'unknown':
      return { kind: 'unknown', ...because };
    case 'stopped':
      return { kind: 'stopped', ...because };
    case 'exited':
      return ended(worker, process.exit ?? {});
    case 'starting':
      return { kind: 'starting' };
    case 'running':
      return running(worker);
  }
}

function running(worker: Worker): Told {
  const activity = worker.activity;
  if (!activity) return { kind: worker.type === 'agent' ? 'running' : 'open' };
  const kinds = {
    starting: 'starting',
    working: 'working',
    waiting: 'asks',
    idle: 'idle',
    stuck: 'stuck',
    limited: 'limited',
    errored: 'failed',
    exited: 'ended',
  } as const;
  const reason = activity.reason === undefined ? {} : { reason: activity.reason };
  return { kind: kinds[activity.state], since: activity.since, ...reason };
}

function ended(worker: Worker, exit: Exit): Told {
  const failed = exit.code !== 0 && worker.type === 'agent';
  return { kind: failed ? 'failed' : 'ended', reason: exitWords(exit) };
}

const SIGNALS: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  6: 'SIGABRT',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
};

export function exitWords(exit: Exit): string {
  if (exit.signal !== undefined) {
    return `Ended by ${SIGNALS[exit.signal] ?? `signal ${exit.signal}`}`;
  }
  return exit.code === undefined ? 'Ended' : `Ended with code ${exit.code}`;
}

export function sessionState(session: Session): Told {
  if (session.paused) {
    return session.pausedBecause === undefined
      ? { kind: 'paused' }
      : { kind: 'paused', reason: session.pausedBecause };
  }
  if (session.locationMissing) return { kind: 'failed', reason: 'The directory is missing.' };
  const all = tabsOf(session).map(workerState);
  all.sort((a, b) => URGENCY.indexOf(a.kind) - URGENCY.indexOf(b.kind));
  return all[0] ?? { kind: 'open' };
}

/** The workers with a terminal. */
export function tabsOf(session: Session): Worker[] {
  return session.workers.filter((worker) => worker.type !== 'git-diff');
}

/** The worker a session is about: its first agent, else its first terminal. */
export function mainWorker(session: Session): Worker | undefined {
  return (
    session.workers.find((worker) => worker.type === 'agent') ??
    session.workers.find((worker) => worker.type === 'terminal')
  );
}

export function sessionTitle(session: Session): string {
  const prompt = session.initialPrompt?.trim().split('\n')[0];
  return session.title || prompt || session.worktreeId || baseName(session.locationPath);
}

export function baseName(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) || path;
}

/** Most urgent first, then newest first: the order of lanes, lists and keys. */
export function byUrgency(sessions: Session[]): Session[] {
  const rank = new Map(
    sessions.map((session) => [session.id, URGENCY.indexOf(sessionState(session).kind)]),
  );
  return sessions.toSorted(
    (a, b) =>
      (rank.get(a.id) ?? 0) - (rank.get(b.id) ?? 0) || b.createdAt.localeCompare(a.createdAt),
  );
}
