/** Settings, the trash, messages and exports: what the pages that load later ask for and change. */
import { useQuery } from '@tanstack/react-query';
import { ask, call } from './client.ts';
import { queryClient } from './queries.ts';
import type { IdlePolicy, Settings, TrashEntry, UsageBody, Worktree } from './wire.ts';

export function useSettings() {
  return useQuery({
    queryKey: ['settings'],
    queryFn: ({ signal }) => call<Settings>('GET', '/api/settings', { signal }),
  });
}

/** What was kept of removed worktrees, newest first. */
export function useTrash(repositoryId: string, enabled: boolean) {
  return useQuery({
    queryKey: ['trash', repositoryId],
    queryFn: async ({ signal }) =>
      (
        await call<{ trash: TrashEntry[] }>('GET', `/api/repositories/${repositoryId}/trash`, {
          signal,
        })
      ).trash,
    enabled,
    staleTime: 2_000,
  });
}

const entryAt = (repositoryId: string, entry: string) =>
  `/api/repositories/${repositoryId}/trash/${encodeURIComponent(entry)}`;

/** `null` leaves a rule to what stands above it. */
type Rule = IdlePolicy | null;

export interface RepositoryEdit {
  setupCommand: string | null;
  envVars: string | null;
}

/** What agents used on the last days. */
export function useUsage(days: number) {
  return useQuery({
    queryKey: ['usage', days],
    queryFn: ({ signal }) => call<UsageBody>('GET', `/api/usage?days=${days}`, { signal }),
    staleTime: 5_000,
  });
}

export const care = {
  serverIdle: async (idle: Rule) => {
    const settings = await call<Settings>('PATCH', '/api/settings', { body: { idle } });
    queryClient.setQueryData(['settings'], settings);
  },
  repositoryIdle: (id: string, idle: Rule) =>
    call<unknown>('PATCH', `/api/repositories/${id}`, { body: { idle } }),
  sessionIdle: (id: string, idle: Rule) =>
    call<unknown>('PATCH', `/api/sessions/${id}`, { body: { idle } }),
  editRepository: (id: string, body: RepositoryEdit) =>
    call<unknown>('PATCH', `/api/repositories/${id}`, { body }),
  forgetRepository: (id: string) => call<unknown>('DELETE', `/api/repositories/${id}`),
  restore: async (repositoryId: string, entry: string) =>
    (
      await call<{ worktree: Worktree }>('POST', `${entryAt(repositoryId, entry)}/restore`, {
        body: {},
      })
    ).worktree,
  dropTrash: async (repositoryId: string, entry: string) => {
    await call<unknown>('DELETE', entryAt(repositoryId, entry));
    await queryClient.invalidateQueries({ queryKey: ['trash', repositoryId] });
  },
  /** Delivers a message. A request that is repeated by the network delivers it once. */
  send: (sessionId: string, workerId: string, content: string, files: File[]) => {
    const form = new FormData();
    // Before the files, so that a wrong worker is refused before they are sent.
    form.set('toWorkerId', workerId);
    form.set('content', content);
    for (const file of files) form.append('files', file, file.name);
    return call<unknown>('POST', `/api/sessions/${sessionId}/messages`, {
      body: form,
      headers: { 'idempotency-key': crypto.randomUUID() },
    });
  },
};

/**
 * Has the browser save what an address answers, however long it is. A refusal is thrown rather than
 * saved as a file: the answer's beginning tells.
 */
export async function download(path: string): Promise<void> {
  const look = new AbortController();
  await ask('GET', path, { signal: look.signal });
  look.abort();
  const link = document.createElement('a');
  link.href = path;
  link.download = '';
  link.click();
}
