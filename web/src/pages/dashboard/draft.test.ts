import { expect, test } from 'vitest';
import { type Draft, faultOf, missing, request, useDraft } from './draft.ts';

function draft(change: Partial<Draft>): Draft {
  return { ...useDraft.getInitialState(), path: '~/src/garden', ...change };
}

test('an empty draft asks for the defaults of the server', () => {
  expect(request(draft({}), '/home/ada/src/garden')).toEqual({
    path: '/home/ada/src/garden',
    place: { kind: 'new-branch' },
    run: { kind: 'agent' },
  });
});

test('what is chosen is sent, and the prompt is kept as it is written', () => {
  const chosen = draft({
    newBranch: ' fix/a ',
    base: 'origin/main',
    run: 'command',
    command: 'x {{prompt}}',
    prompt: '  two\n  lines ',
  });
  expect(request(chosen, '/g')).toEqual({
    path: '/g',
    place: { kind: 'new-branch', branch: 'fix/a', base: 'origin/main' },
    run: { kind: 'command', command: 'x {{prompt}}' },
    prompt: 'two\n  lines',
  });
  expect(request(draft({ place: 'directory', run: 'shell', prompt: 'unused' }), '/g')).toEqual({
    path: '/g',
    place: { kind: 'directory' },
    run: { kind: 'shell' },
  });
});

test('what is missing is told before the server is asked', () => {
  expect(missing(draft({ path: ' ' }))?.fault).toBe('path');
  expect(missing(draft({ place: 'existing-branch' }))?.fault).toBe('branch');
  expect(missing(draft({ run: 'command' }))?.fault).toBe('command');
  expect(missing(draft({}))).toBeNull();
});

test('a refusal is shown where its cause is', () => {
  expect(faultOf('not-a-repository', undefined)).toBe('path');
  expect(faultOf('path-not-found', undefined)).toBe('path');
  expect(faultOf('branch-exists', undefined)).toBe('branch');
  expect(faultOf('invalid-request', 'run.command')).toBe('command');
  expect(faultOf('git-failed', undefined)).toBe('form');
});
