import { expect, test } from 'vitest';
import type { Process, Session, Worker } from '../api/wire.ts';
import { expand, shorten } from './path.ts';
import { byUrgency, exitWords, sessionState, workerState } from './state.ts';
import { elapsed } from './time.ts';

function worker(process: Partial<Process>, more: Partial<Worker> = {}): Worker {
  return {
    id: 'w',
    name: 'Agent',
    createdAt: '2026-01-01T00:00:00Z',
    type: 'agent',
    process: { state: 'running', epoch: 1, size: { cols: 80, rows: 24 }, ...process },
    ...more,
  };
}

function session(id: string, ...workers: Worker[]): Session {
  return {
    id,
    type: 'worktree',
    locationPath: '/w',
    status: 'active',
    activationState: 'running',
    paused: false,
    createdAt: `2026-01-0${id}T00:00:00Z`,
    workers,
  };
}

const asks = worker({}, { activity: { state: 'waiting', since: '2026-01-01T00:00:00Z' } });
const works = worker({}, { activity: { state: 'working', since: '2026-01-01T00:00:00Z' } });

test('an agent that fails needs a person, a shell that ends does not', () => {
  expect(workerState(worker({ state: 'exited', exit: { code: 7 } }))).toEqual({
    kind: 'failed',
    reason: 'Ended with code 7',
  });
  const shell = worker({ state: 'exited', exit: { code: 7 } }, { type: 'terminal' });
  expect(workerState(shell).kind).toBe('ended');
  expect(workerState(worker({ state: 'exited', exit: { code: 0 } })).kind).toBe('ended');
  expect(workerState(worker({ state: 'failed-to-start', reason: 'no such command' }))).toEqual({
    kind: 'failed',
    reason: 'no such command',
  });
});

test('a prompt that was not delivered needs a person, after a question does', () => {
  const undelivered = { promptId: 'p', reason: 'nothing shows', at: '2026-01-01T00:00:00Z' };
  expect(workerState({ ...works, undelivered })).toEqual({
    kind: 'undelivered',
    reason: 'nothing shows',
    since: '2026-01-01T00:00:00Z',
  });
  expect(workerState({ ...asks, undelivered }).kind).toBe('asks');
});

test('what cannot be judged is not called dead', () => {
  expect(workerState(worker({ state: 'unknown' })).kind).toBe('unknown');
});

test('a session has the state of its most urgent worker', () => {
  expect(sessionState(session('1', works, asks)).kind).toBe('asks');
  expect(sessionState({ ...session('1', asks), paused: true }).kind).toBe('paused');
  expect(sessionState(session('1')).kind).toBe('open');
});

test('sessions are listed most urgent first, then newest first', () => {
  const all = [session('1', works), session('2', asks), session('3', works)];
  expect(byUrgency(all).map((one) => one.id)).toEqual(['2', '3', '1']);
});

test('times, paths and exits are written for people', () => {
  const start = '2026-01-01T00:00:00Z';
  const at = (seconds: number) => elapsed(start, Date.parse(start) + seconds * 1000);
  expect([at(-5), at(59), at(61), at(7200), at(7500), at(200_000)]).toEqual([
    '0 s',
    '59 s',
    '1 min',
    '2 h',
    '2 h 5 min',
    '2 d',
  ]);
  expect(shorten('/home/ada/src', '/home/ada')).toBe('~/src');
  expect(shorten('/home/adam', '/home/ada')).toBe('/home/adam');
  expect(expand('~/src/', '/home/ada')).toBe('/home/ada/src');
  expect(expand('/', '/home/ada')).toBe('/');
  expect(exitWords({ signal: 9 })).toBe('Ended by SIGKILL');
});
