/** What a page shows of prompts. */
import type { Prompt } from '../api/wire.ts';

/** The list with a prompt as it is now; a new one comes last. */
export function withPrompt(prompts: Prompt[], prompt: Prompt): Prompt[] {
  const at = prompts.findIndex((one) => one.id === prompt.id);
  if (at < 0) return [...prompts, prompt];
  const known = prompts[at];
  // Events come in order; an answer may be older than one.
  return known && known.changedAt > prompt.changedAt ? prompts : prompts.with(at, prompt);
}

/** Those that a person may want to do something about: all that wait, and the last if it failed. */
export function ofInterest(prompts: Prompt[]): Prompt[] {
  return prompts.filter(
    (one, at) =>
      one.state === 'queued' ||
      one.state === 'typing' ||
      one.state === 'typed' ||
      (one.state === 'failed' &&
        prompts.slice(at + 1).every((later) => later.state !== 'accepted')),
  );
}

/** Where a prompt stands, in words. */
export function stateWords({ state, reason }: Prompt): string {
  const words = {
    queued: 'Waits',
    typing: 'Is typed',
    typed: 'Typed',
    accepted: 'Taken',
    failed: 'Not delivered',
  }[state];
  return reason ? `${words}: ${reason}` : words;
}
