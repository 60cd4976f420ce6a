/** What people are told about jobs, and what may be done with them. */
import type { Job } from '../api/wire.ts';
import { baseName } from './state.ts';

export type JobTone = 'working' | 'done' | 'failed' | 'mute';

/** What a job does, in words. */
export function jobTitle(job: Job): string {
  const text = (key: string) => {
    const value = (job.payload as Record<string, unknown> | null)?.[key];
    return typeof value === 'string' ? value : undefined;
  };
  const about = (words: string, what: string | undefined) => (what ? `${words} ${what}` : words);
  switch (job.type) {
    case 'clone':
      return about('Clone', text('url'));
    case 'worktree:create':
      return about('Make a worktree', text('branch') ?? text('title'));
    case 'worktree:delete': {
      const path = text('path');
      return about('Delete the worktree', path && baseName(path));
    }
    case 'cleanup:worker-output':
      return 'Clear away the output of a tab';
    case 'cleanup:session-outputs':
      return 'Clear away the output of a session';
    case 'cleanup:repository':
      return 'Clear away after a repository';
    default:
      return job.type;
  }
}

/** Where a job stands, in a word or two. */
export function jobState(job: Job): { word: string; tone: JobTone } {
  switch (job.status) {
    case 'pending':
      return job.attempts > 0
        ? { word: 'Tries again', tone: 'working' }
        : { word: 'Waits', tone: 'mute' };
    case 'processing':
      return { word: 'Runs', tone: 'working' };
    case 'completed':
      return { word: 'Done', tone: 'done' };
    case 'stalled':
      return { word: 'Failed', tone: 'failed' };
  }
}

/** “receiving, 40 %”: how far the attempt under way has come. */
export function progressWords(job: Job): string | null {
  if (job.status !== 'processing' || !job.progress) return null;
  const { step, percent } = job.progress;
  return percent === undefined ? step : `${step}, ${percent} %`;
}

export const mayJob = {
  cancel: (job: Job) => job.status === 'pending' || job.status === 'processing',
  retry: (job: Job) => job.status === 'stalled',
  remove: (job: Job) => job.status === 'stalled',
};

/** The list with a job as it is now; new ones come first. */
export function withJob(jobs: Job[], job: Job): Job[] {
  const at = jobs.findIndex((other) => other.id === job.id);
  return at < 0 ? [job, ...jobs] : jobs.with(at, job);
}

/** The directory that a clone of an address goes to when none is named. */
export function cloneName(url: string): string {
  const path = url.trim().replace(/[/\\]+$/, '');
  const name = path.split(/[/:]/).at(-1) ?? '';
  return name.replace(/\.git$/, '');
}
