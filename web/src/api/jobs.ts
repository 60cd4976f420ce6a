/** Background work, asked for once and then kept current by what the server tells. */
import { useQuery } from '@tanstack/react-query';
import { withJob } from '../lib/job.ts';
import { listen } from './app-store.ts';
import { call } from './client.ts';
import { queryClient } from './queries.ts';
import type { Job } from './wire.ts';

/** Jobs shown at most; older ones are of no interest, since done ones are soon forgotten. */
const SHOWN_MOST = 200;

/** How often the log of a job under way is read again. */
const LOG_EVERY_MS = 1_500;

type Change = (jobs: Job[]) => Job[];

/** What was told since the list was asked for: the answer may have been written before it. */
let toldSinceAsked: Change[] = [];

listen((frame) => {
  if (frame.type === 'snapshot') {
    // Events may have been missed.
    void queryClient.invalidateQueries({ queryKey: ['jobs'] });
    return;
  }
  const { event } = frame;
  if (event.type === 'job-updated') change((jobs) => withJob(jobs, event.job));
  if (event.type === 'job-deleted') {
    change((jobs) => jobs.filter((job) => job.id !== event.jobId));
  }
});

function change(apply: Change): void {
  if (queryClient.isFetching({ queryKey: ['jobs'] }) > 0) toldSinceAsked.push(apply);
  queryClient.setQueryData<Job[]>(['jobs'], (jobs) => jobs && apply(jobs));
}

export function useJobs() {
  return useQuery({
    queryKey: ['jobs'],
    queryFn: async ({ signal }) => {
      toldSinceAsked = [];
      const path = `/api/jobs?limit=${SHOWN_MOST}`;
      const { jobs } = await call<{ jobs: Job[] }>('GET', path, { signal });
      return toldSinceAsked.reduce((known, apply) => apply(known), jobs);
    },
  });
}

/** One job, as it is now; `started` until more is known. */
export function useJob(started: Job | null): Job | null {
  const jobs = useJobs().data;
  return jobs?.find((job) => job.id === started?.id) ?? started;
}

/** What the attempts of a job wrote. */
export function useJobLog(job: Job, enabled: boolean) {
  const isOver = job.status === 'completed' || job.status === 'stalled';
  return useQuery({
    // The end of a job writes its last line.
    queryKey: ['job-log', job.id, isOver, job.attempts],
    queryFn: ({ signal }) =>
      call<string>('GET', `/api/jobs/${job.id}/log`, { signal, asText: true }),
    enabled,
    refetchInterval: isOver ? false : LOG_EVERY_MS,
    placeholderData: (before) => before,
    staleTime: 1_000,
  });
}

export const changeJob = {
  clone: async (url: string, path: string): Promise<Job> => {
    const body = path ? { url, path } : { url };
    const { job } = await call<{ job: Job }>('POST', '/api/repositories/clone', { body });
    // What was told of it meanwhile is newer.
    change((jobs) => (jobs.some((known) => known.id === job.id) ? jobs : [job, ...jobs]));
    return job;
  },
  retry: (id: string) => call<unknown>('POST', `/api/jobs/${id}/retry`),
  cancel: (id: string) => call<unknown>('POST', `/api/jobs/${id}/cancel`),
  remove: (id: string) => call<unknown>('DELETE', `/api/jobs/${id}`),
};
