import { expect, test } from 'vitest';
import { EMPTY, reduce } from './app-state.ts';
import type { AppFrame, Session } from './wire.ts';

function session(id: string, title = ''): Session {
  return {
    id,
    title,
    type: 'quick',
    locationPath: '/tmp',
    status: 'active',
    activationState: 'running',
    paused: false,
    createdAt: '2026-01-01T00:00:00Z',
    workers: [],
  };
}

const snapshot: AppFrame = {
  type: 'snapshot',
  instance: 'a',
  seq: 7,
  sessions: [session('1'), session('2')],
  repositories: [],
  agents: [],
};

function after(...frames: AppFrame[]) {
  return frames.reduce<ReturnType<typeof reduce>>(
    (data, frame) => data && reduce(data, frame),
    EMPTY,
  );
}

test('events in order change the objects in place', () => {
  const data = after(
    snapshot,
    { type: 'event', seq: 8, event: { type: 'session-updated', session: session('1', 'new') } },
    { type: 'event', seq: 9, event: { type: 'session-created', session: session('3') } },
    { type: 'event', seq: 10, event: { type: 'session-deleted', sessionId: '2' } },
  );
  expect(data?.sessions.map(({ id, title }) => [id, title])).toEqual([
    ['1', 'new'],
    ['3', ''],
  ]);
  expect(data?.seq).toBe(10);
});

test('an event seen before changes nothing', () => {
  const data = after(snapshot);
  const again: AppFrame = {
    type: 'event',
    seq: 7,
    event: { type: 'session-deleted', sessionId: '1' },
  };
  expect(data && reduce(data, again)).toBe(data);
});

test('a missing event asks for a snapshot', () => {
  const jump: AppFrame = {
    type: 'event',
    seq: 9,
    event: { type: 'session-deleted', sessionId: '1' },
  };
  expect(after(snapshot, jump)).toBeNull();
});

test('a snapshot of another run replaces everything, also with a lower number', () => {
  const data = after(snapshot, { ...snapshot, instance: 'b', seq: 0, sessions: [] });
  expect(data).toMatchObject({ instance: 'b', seq: 0, sessions: [] });
});
