import { expect, test } from 'vitest';
import type { Usage } from '../api/wire.ts';
import { costWords, usageWords } from './usage.ts';

const usage = (more: Partial<Usage>): Usage => ({
  requests: 1,
  inputTokens: 1000,
  outputTokens: 200,
  cacheReadTokens: 30,
  cacheWriteTokens: 4,
  ...more,
});

test('what was used is told with its price, as far as it is known', () => {
  expect(usageWords(usage({}))).toBe('1.23K tokens');
  expect(usageWords(usage({ costMicros: 1_204_000 }))).toBe('1.23K tokens, $1.20');
  expect(costWords(usage({ costMicros: 140 }))).toBe('under $0.01');
  expect(costWords(usage({ costMicros: 0 }))).toBe('$0.00');
  expect(costWords(usage({ costMicros: 5_000_000, unpricedRequests: 2 }))).toBe('at least $5.00');
});
