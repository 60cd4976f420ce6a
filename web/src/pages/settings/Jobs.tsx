import { ChevronDown, ChevronRight, RotateCw, Trash2, X } from 'lucide-react';
import { useState } from 'react';
import { messageOf } from '../../api/client.ts';
import { changeJob, useJobs } from '../../api/jobs.ts';
import type { Job } from '../../api/wire.ts';
import { jobTitle, mayJob } from '../../lib/job.ts';
import { elapsed, useNow } from '../../lib/time.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { attempt } from '../../ui/toast.ts';
import { JobFault, JobLog, JobMark, JobProgress } from '../jobs/JobView.tsx';
import { Section } from './Section.tsx';

/** Background work: what runs, what waits, what failed and why. */
export function Jobs() {
  const jobs = useJobs();
  const now = useNow();
  return (
    <Section
      name="Jobs"
      about="Work in the background: clones, worktrees, clearing away. It survives a restart of the server; what is done is forgotten after a while."
    >
      {jobs.isError && <p className="text-failed">{messageOf(jobs.error)}</p>}
      {jobs.data?.length === 0 && (
        <p className="rounded-lg border border-dashed border-line px-3 py-4 text-ink-3">
          There are no jobs.
        </p>
      )}
      {jobs.data && jobs.data.length > 0 && (
        <ul className="divide-y divide-line rounded-lg border border-line bg-surface">
          {jobs.data.map((job) => (
            <Row key={job.id} job={job} now={now} />
          ))}
        </ul>
      )}
    </Section>
  );
}

const iso = (ms: number) => new Date(ms).toISOString();

function whenWords(job: Job, now: number): string {
  const attempts = job.attempts > 1 ? `, attempt ${job.attempts} of ${job.maxAttempts}` : '';
  if (job.status === 'pending' && job.nextRetryAt > now) {
    return `next attempt in ${elapsed(iso(now), job.nextRetryAt)}${attempts}`;
  }
  const since = job.completedAt ?? job.startedAt ?? job.createdAt;
  return `${elapsed(iso(since), now)} ago${attempts}`;
}

function Row({ job, now }: { job: Job; now: number }) {
  const [isOpen, setOpen] = useState(false);
  const title = jobTitle(job);
  const Chevron = isOpen ? ChevronDown : ChevronRight;
  return (
    <li className="flex flex-col gap-2 py-2 pr-2 pl-1.5">
      <div className="flex items-start gap-1.5">
        <IconButton
          label={isOpen ? `Hide the log of ${title}` : `Show the log of ${title}`}
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          <Chevron size={15} aria-hidden />
        </IconButton>
        <div className="min-w-0 flex-1 pt-1 coarse:pt-2.5">
          <p className="font-medium break-words">{title}</p>
          <div className="flex flex-wrap items-center gap-x-3 text-sm text-ink-2 tabular-nums">
            <JobMark job={job} />
            <span>{whenWords(job, now)}</span>
          </div>
        </div>
        <Actions job={job} title={title} />
      </div>
      {(job.status === 'processing' || job.lastError) && (
        <div className="flex flex-col gap-2 pr-1.5 pl-8.5 coarse:pl-11.5">
          <JobProgress job={job} />
          <JobFault job={job} />
        </div>
      )}
      {isOpen && (
        <div className="pr-1.5 pl-8.5 max-sm:pl-1.5">
          <JobLog job={job} />
        </div>
      )}
    </li>
  );
}

function Actions({ job, title }: { job: Job; title: string }) {
  return (
    <div className="flex shrink-0 gap-1">
      {mayJob.cancel(job) && (
        <Button
          icon={<X size={14} aria-hidden />}
          aria-label={`Cancel: ${title}`}
          onClick={() => void attempt('Could not cancel the job', () => changeJob.cancel(job.id))}
        >
          Cancel
        </Button>
      )}
      {mayJob.retry(job) && (
        <Button
          icon={<RotateCw size={14} aria-hidden />}
          aria-label={`Retry: ${title}`}
          onClick={() => void attempt('Could not retry the job', () => changeJob.retry(job.id))}
        >
          Retry
        </Button>
      )}
      {mayJob.remove(job) && (
        <IconButton
          label={`Remove from the list: ${title}`}
          onClick={() => void attempt('Could not remove the job', () => changeJob.remove(job.id))}
        >
          <Trash2 size={14} aria-hidden />
        </IconButton>
      )}
    </div>
  );
}
