import { expect, test } from 'vitest';
import type { Job } from '../api/wire.ts';
import { cloneName, jobState, jobTitle, mayJob, progressWords, withJob } from './job.ts';
import { isCloneUrl } from './path.ts';

function job(change: Partial<Job>): Job {
  return {
    id: 'a',
    type: 'clone',
    payload: { url: 'https://example.org/garden.git', path: '/home/ada/garden' },
    status: 'processing',
    priority: 10,
    attempts: 1,
    maxAttempts: 3,
    nextRetryAt: 0,
    createdAt: 0,
    ...change,
  };
}

test('a job is named after what it does', () => {
  expect(jobTitle(job({}))).toBe('Clone https://example.org/garden.git');
  expect(jobTitle(job({ type: 'worktree:delete', payload: { path: '/w/fix-1' } }))).toBe(
    'Delete the worktree fix-1',
  );
  expect(jobTitle(job({ type: 'cleanup:repository', payload: null }))).toBe(
    'Clear away after a repository',
  );
  expect(jobTitle(job({ type: 'of-tomorrow', payload: 3 }))).toBe('of-tomorrow');
});

test('a job that failed once and waits is told from one that never ran', () => {
  expect(jobState(job({ status: 'pending', attempts: 0 })).word).toBe('Waits');
  expect(jobState(job({ status: 'pending', attempts: 1 })).word).toBe('Tries again');
  expect(jobState(job({ status: 'stalled' })).tone).toBe('failed');
});

test('only what can be done is offered', () => {
  const offers = (status: Job['status']) => {
    const one = job({ status });
    return [mayJob.cancel(one), mayJob.retry(one), mayJob.remove(one)];
  };
  expect(offers('pending')).toEqual([true, false, false]);
  expect(offers('processing')).toEqual([true, false, false]);
  expect(offers('completed')).toEqual([false, false, false]);
  expect(offers('stalled')).toEqual([false, true, true]);
});

test('progress is told while an attempt runs', () => {
  const progress = { step: 'receiving', percent: 40 };
  expect(progressWords(job({ progress }))).toBe('receiving, 40 %');
  expect(progressWords(job({ progress: { step: 'connecting' } }))).toBe('connecting');
  expect(progressWords(job({ progress, status: 'stalled' }))).toBeNull();
});

test('a job keeps its place and a new one comes first', () => {
  const [a, b] = [job({ id: 'a' }), job({ id: 'b' })];
  const done = job({ id: 'b', status: 'completed' });
  expect(withJob([a, b], done)).toEqual([a, done]);
  expect(withJob([a], b)).toEqual([b, a]);
});

test('addresses of repositories are told from paths', () => {
  for (const url of ['https://h.org/a/b.git', 'ssh://git@h/a', 'git@github.com:a/b.git']) {
    expect(isCloneUrl(url), url).toBe(true);
  }
  for (const path of ['~/src/a', '/srv/a:b', 'a/b', 'ext::sh', '', 'https:// x']) {
    expect(isCloneUrl(path), path).toBe(false);
  }
});

test('a clone is named after the end of its address', () => {
  expect(cloneName('https://h.org/a/garden.git/')).toBe('garden');
  expect(cloneName('git@h:garden')).toBe('garden');
  expect(cloneName('')).toBe('');
});
