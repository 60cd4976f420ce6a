import { Toast } from '@base-ui/react/toast';
import { messageOf } from '../api/client.ts';

/** What `Toasts` shows, which loads after the first page. */
export const toasts = Toast.createToastManager();

type Said = Parameters<typeof toasts.add>[0];

/** What was said before anything could show it; null once it can. */
let early: Said[] | null = [];

function add(said: Said): void {
  if (early) early.push(said);
  else toasts.add(said);
}

/** From now on toasts are shown, the early ones first. */
export function showToasts(): void {
  const waiting = early ?? [];
  early = null;
  for (const said of waiting) toasts.add(said);
}

export function toast(title: string, description?: string): void {
  add({ title, ...(description ? { description } : {}) });
}

/** Says what could not be done, and why. Stays until it is closed or another minute passes. */
export function toastFailure(title: string, err: unknown): void {
  add({
    title,
    description: messageOf(err),
    type: 'failure',
    timeout: 60_000,
    priority: 'high',
  });
}

/** Runs a change; a failure is shown. Returns whether it worked. */
export async function attempt(what: string, action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (err) {
    toastFailure(what, err);
    return false;
  }
}
