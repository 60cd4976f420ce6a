export const PROMPT_ID = 'composer-prompt';

/** Puts the caret into the prompt of the composer, wherever the page is scrolled to. */
export function focusComposer(): void {
  requestAnimationFrame(() => document.getElementById(PROMPT_ID)?.focus());
}
