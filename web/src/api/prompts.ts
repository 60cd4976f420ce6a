/** Prompts of an agent and answers to it: asked for once, then kept current by what is told. */
import { useQuery } from '@tanstack/react-query';
import { withPrompt } from '../lib/prompt.ts';
import { listen } from './app-store.ts';
import { call } from './client.ts';
import { queryClient } from './queries.ts';
import type { Prompt } from './wire.ts';

listen((frame) => {
  if (frame.type === 'snapshot') {
    // Events may have been missed.
    void queryClient.invalidateQueries({ queryKey: ['prompts'] });
    return;
  }
  const { event } = frame;
  if (event.type === 'prompt-changed') {
    const { prompt } = event;
    keep(prompt.workerId, (prompts) => withPrompt(prompts, prompt));
  }
  if (event.type === 'prompt-removed') {
    keep(event.workerId, (prompts) => prompts.filter((one) => one.id !== event.promptId));
  }
});

function keep(workerId: string, change: (prompts: Prompt[]) => Prompt[]): void {
  queryClient.setQueryData<Prompt[]>(['prompts', workerId], (known) => known && change(known));
}

export function usePrompts(workerId: string) {
  return useQuery({
    queryKey: ['prompts', workerId],
    queryFn: async ({ signal }) =>
      (await call<{ prompts: Prompt[] }>('GET', path(workerId), { signal })).prompts,
    retry: false,
  });
}

const path = (workerId: string) => `/api/workers/${workerId}/prompts`;

export const changePrompt = {
  queue: async (workerId: string, text: string): Promise<void> => {
    const { prompt } = await call<{ prompt: Prompt }>('POST', path(workerId), {
      body: { text },
      headers: { 'idempotency-key': crypto.randomUUID() },
    });
    // What was told of it meanwhile is newer.
    keep(workerId, (known) =>
      known.some((one) => one.id === prompt.id) ? known : [...known, prompt],
    );
  },
  edit: (workerId: string, id: string, text: string) =>
    call<unknown>('PATCH', `${path(workerId)}/${id}`, { body: { text } }),
  remove: (workerId: string, id: string) => call<unknown>('DELETE', `${path(workerId)}/${id}`),
};

/** Answers a question once; another question in its place refuses the answer. */
export async function answer(
  workerId: string,
  requestId: string,
  body: { option: string } | { text: string },
): Promise<void> {
  const at = `/api/workers/${workerId}/requests/${requestId}/answer`;
  const { taken } = await call<{ taken: boolean }>('POST', at, { body });
  if (!taken) throw new Error('It was typed, and the question still stands there.');
}
