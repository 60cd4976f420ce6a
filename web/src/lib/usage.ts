/** What agents used, in words. */
import type { Usage } from '../api/wire.ts';

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** “12.3K”: a number of tokens. */
export function tokenWords(tokens: number): string {
  return compact.format(tokens);
}

export function tokensOf(usage: Usage): number {
  return usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
}

/** “$1.20”, “at least $1.20” where some requests came without a price, or null without any price. */
export function costWords(usage: Usage): string | null {
  const { costMicros, unpricedRequests } = usage;
  if (costMicros === undefined) return null;
  const cents = Math.round(costMicros / 10_000);
  const words = cents === 0 && costMicros > 0 ? 'under $0.01' : `$${(cents / 100).toFixed(2)}`;
  return unpricedRequests ? `at least ${words}` : words;
}

/** “1.2M tokens, $3.40”. */
export function usageWords(usage: Usage): string {
  const tokens = `${tokenWords(tokensOf(usage))} tokens`;
  const cost = costWords(usage);
  return cost ? `${tokens}, ${cost}` : tokens;
}
