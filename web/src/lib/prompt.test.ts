import { expect, test } from 'vitest';
import type { Prompt } from '../api/wire.ts';
import { ofInterest, stateWords, withPrompt } from './prompt.ts';

function prompt(
  id: string,
  state: Prompt['state'],
  changedAt = '2026-01-01T00:00:00.000Z',
): Prompt {
  return { id, workerId: 'w', text: id, state, createdAt: changedAt, changedAt };
}

test('an older answer does not undo what was told', () => {
  const newer = prompt('a', 'accepted', '2026-01-01T00:00:02.000Z');
  expect(withPrompt([newer], prompt('a', 'queued'))).toEqual([newer]);
  expect(withPrompt([prompt('a', 'queued')], newer)).toEqual([newer]);
  expect(withPrompt([newer], prompt('b', 'queued')).map((one) => one.id)).toEqual(['a', 'b']);
});

test('a failure is shown until a later prompt is taken', () => {
  const all = [prompt('a', 'failed'), prompt('b', 'accepted'), prompt('c', 'failed')];
  expect(ofInterest([...all, prompt('d', 'queued')]).map((one) => one.id)).toEqual(['c', 'd']);
});

test('why it waits is said', () => {
  expect(stateWords({ ...prompt('a', 'queued'), reason: 'it works' })).toBe('Waits: it works');
  expect(stateWords(prompt('a', 'typed'))).toBe('Typed');
});
