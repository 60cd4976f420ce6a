/** What pages ask for when they need it, and the changes they make. */
import { QueryClient, useQuery } from '@tanstack/react-query';
import { useApp } from './app-store.ts';
import { call, Failure } from './client.ts';
import type {
  Branches,
  Check,
  Config,
  CreatedToken,
  PathSuggestion,
  Repository,
  Session,
  StartSession,
  TextBody,
  TokenView,
  Worker,
  WorktreeFate,
} from './wire.ts';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      retry: (count, err) => count < 2 && err instanceof Failure && err.isUnreachable,
    },
  },
});

export function useConfig() {
  return useQuery({
    queryKey: ['config'],
    queryFn: ({ signal }) => call<Config>('GET', '/api/config', { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function useChecks(enabled: boolean) {
  return useQuery({
    queryKey: ['checks'],
    queryFn: async ({ signal }) =>
      (await call<{ checks: Check[] }>('GET', '/api/checks', { signal })).checks,
    enabled,
  });
}

/** Directories that complete a path. */
export function usePaths(prefix: string) {
  return useQuery({
    queryKey: ['paths', prefix],
    queryFn: async ({ signal }) => {
      const query = new URLSearchParams({ prefix });
      return (await call<{ paths: PathSuggestion[] }>('GET', `/api/paths?${query}`, { signal }))
        .paths;
    },
    enabled: prefix.startsWith('/') || prefix.startsWith('~'),
    placeholderData: (before) => before,
    staleTime: 5_000,
  });
}

/** The branches of the repository at a path; registers it when it is not yet. */
export function useBranches(path: string, enabled: boolean) {
  return useQuery({
    queryKey: ['branches', path],
    queryFn: async ({ signal }) => {
      const repository = await repositoryAt(path);
      return call<Branches>('GET', `/api/repositories/${repository.id}/branches`, { signal });
    },
    enabled: enabled && path !== '',
    staleTime: 10_000,
    retry: false,
  });
}

async function repositoryAt(path: string): Promise<Repository> {
  const known = () => useApp.getState().repositories.find((one) => one.path === path);
  const found = known();
  if (found) return found;
  try {
    const answer = await call<{ repository: Repository }>('POST', '/api/repositories', {
      body: { path },
    });
    return answer.repository;
  } catch (err) {
    const meanwhile = known();
    if (err instanceof Failure && err.code === 'repository-exists' && meanwhile) return meanwhile;
    throw err;
  }
}

/** A screen with nothing on it yet is about to get something. */
const EMPTY_TAIL_EVERY_MS = 1_500;

/** The newest lines of a worker's screen, asked for again and again unless `everyMs` is false. */
export function useTail(sessionId: string, workerId: string | undefined, everyMs: number | false) {
  return useQuery({
    queryKey: ['tail', workerId],
    queryFn: ({ signal }) =>
      call<TextBody>('GET', `/api/sessions/${sessionId}/workers/${workerId}/text?lines=8`, {
        signal,
      }),
    enabled: workerId !== undefined,
    refetchInterval: ({ state }) =>
      everyMs && state.data?.lines.length === 0 ? EMPTY_TAIL_EVERY_MS : everyMs,
    staleTime: 1_000,
    retry: false,
  });
}

export function useTokens() {
  return useQuery({
    queryKey: ['tokens'],
    queryFn: async ({ signal }) =>
      (await call<{ tokens: TokenView[] }>('GET', '/api/tokens', { signal })).tokens,
  });
}

const at = (sessionId: string, workerId: string) =>
  `/api/sessions/${sessionId}/workers/${workerId}`;

/** Every change a page can make. Answers arrive as events too; those that open a page are awaited. */
export const change = {
  start: async (body: StartSession) =>
    (await call<{ session: Session }>('POST', '/api/sessions/start', { body })).session,
  rename: (id: string, title: string) =>
    call<unknown>('PATCH', `/api/sessions/${id}`, { body: { title } }),
  pause: (id: string) => call<unknown>('POST', `/api/sessions/${id}/pause`),
  resume: (id: string) => call<unknown>('POST', `/api/sessions/${id}/resume`),
  remove: (id: string, worktree: WorktreeFate) =>
    call<unknown>('DELETE', `/api/sessions/${id}?worktree=${worktree}`),
  addShell: async (id: string) =>
    (
      await call<{ worker: Worker }>('POST', `/api/sessions/${id}/workers`, {
        body: { type: 'terminal' },
      })
    ).worker,
  removeWorker: (id: string, worker: string) => call<unknown>('DELETE', at(id, worker)),
  restart: (id: string, worker: string, continueConversation: boolean) =>
    call<unknown>('POST', `${at(id, worker)}/restart`, {
      body: { continueConversation, terminal: true },
    }),
  stop: (id: string, worker: string) => call<unknown>('POST', `${at(id, worker)}/stop`),
  /** Types text into a worker. A request that is repeated by the network types it once. */
  type: (id: string, worker: string, text: string, submit: boolean) =>
    call<unknown>('POST', `${at(id, worker)}/input`, {
      body: { text, submit },
      headers: { 'idempotency-key': crypto.randomUUID() },
    }),
  createToken: (name: string) => call<CreatedToken>('POST', '/api/tokens', { body: { name } }),
  revokeToken: (id: string) => call<unknown>('DELETE', `/api/tokens/${id}`),
};
