import { expect, test } from 'vitest';
import { parseTime, policyWords, sentence, timeWords, warningWords } from './idle.ts';

test('times are read as people write them, a bare number as minutes', () => {
  for (const [text, seconds] of [
    ['30', 1800],
    [' 45 s ', 45],
    ['1h 30m', 5400],
    ['1h30min', 5400],
    ['2 days', 172_800],
    ['90 seconds', 90],
  ] as const) {
    expect(parseTime(text), text).toBe(seconds);
  }
});

test('what is no time is none', () => {
  for (const text of ['', '0', '0 s', '-5', '1.5 h', 'soon', '5 parsecs', '5 min later']) {
    expect(parseTime(text), text).toBeNull();
  }
});

test('what is written is read again', () => {
  for (const seconds of [1, 59, 60, 61, 3600, 5400, 86_400, 90_061]) {
    expect(parseTime(timeWords(seconds))).toBe(seconds);
  }
});

test('rules and warnings are said in words', () => {
  expect(policyWords({ action: 'off' })).toBe('nothing is done');
  expect(policyWords({ action: 'pause', afterSeconds: 5400 })).toBe('paused after 1 h 30 min');
  const at = '2026-01-01T00:01:00.000Z';
  const now = Date.parse('2026-01-01T00:00:20.500Z');
  expect(warningWords({ action: 'pause', at }, now)).toBe('Pauses in 40 s');
  expect(warningWords({ action: 'stop', at }, Date.parse(at) + 9)).toBe('Stops in 0 s');
});

test('a reason becomes a sentence', () => {
  expect(sentence('paused after 2 hours')).toBe('Paused after 2 hours.');
  expect(sentence('Done.')).toBe('Done.');
});
