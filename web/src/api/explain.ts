/** Why an agent is thought to do what it does. */
import { useQuery } from '@tanstack/react-query';
import { call } from './client.ts';
import type { Explanation } from './wire.ts';

/** Asked for again and again while it is shown. */
const EVERY_MS = 2_000;

export function useExplanation(worker: string) {
  return useQuery({
    queryKey: ['explain', worker],
    queryFn: ({ signal }) => call<Explanation>('GET', `/api/workers/${worker}/explain`, { signal }),
    refetchInterval: EVERY_MS,
    staleTime: 0,
  });
}
