/** Rules for sessions with nothing to do, as people read and write them. */
import type { IdlePolicy, IdleWarning } from '../api/wire.ts';

export type IdleAction = IdlePolicy['action'];

const UNITS: [name: string, seconds: number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
];

/** “30 min”, “1 h 30 min”, “45 s”. */
export function timeWords(seconds: number): string {
  const words: string[] = [];
  let rest = seconds;
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) words.push(`${count} ${name}`);
    rest -= count * size;
  }
  return words.join(' ') || '0 s';
}

/** Reads “30”, which is minutes, “90 s”, “1h 30m” or “2 d”; null for anything else and for zero. */
export function parseTime(text: string): number | null {
  const trimmed = text.trim().toLowerCase();
  if (/^\d+$/.test(trimmed)) return Number(trimmed) * 60 || null;
  if (!/^(\d+\s*[a-z]+\s*)+$/.test(trimmed)) return null;
  let total = 0;
  for (const [, count, word = ''] of trimmed.matchAll(/(\d+)\s*([a-z]+)/g)) {
    const size = /^(d|days?)$/.test(word)
      ? 86_400
      : /^(h|hours?)$/.test(word)
        ? 3_600
        : /^(m|min|minutes?)$/.test(word)
          ? 60
          : /^(s|sec|seconds?)$/.test(word)
            ? 1
            : 0;
    if (size === 0) return null;
    total += Number(count) * size;
  }
  return total || null;
}

/** What a rule does, as the end of a sentence. */
export function policyWords(policy: IdlePolicy): string {
  switch (policy.action) {
    case 'off':
      return 'nothing is done';
    case 'pause':
      return `paused after ${timeWords(policy.afterSeconds)}`;
    case 'stop':
      return `stopped after ${timeWords(policy.afterSeconds)}`;
  }
}

/** “Pauses in 40 s”. */
export function warningWords(warning: IdleWarning, now: number): string {
  const seconds = Math.max(0, Math.ceil((Date.parse(warning.at) - now) / 1000));
  return `${warning.action === 'pause' ? 'Pauses' : 'Stops'} in ${timeWords(seconds)}`;
}

/** The first letter large, as a sentence begins. */
export function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
