import { CircleCheck, CircleDashed, CircleX, Loader2 } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useJobLog } from '../../api/jobs.ts';
import type { Job } from '../../api/wire.ts';
import { cx } from '../../lib/cx.ts';
import { type JobTone, jobState, progressWords } from '../../lib/job.ts';
import { TONE_TEXT } from '../../ui/StateMark.tsx';

const ICONS = { working: Loader2, done: CircleCheck, failed: CircleX, mute: CircleDashed } as const;

/** Where a job stands, as icon, word and colour. */
export function JobMark({ job }: { job: Job }) {
  const { word, tone }: { word: string; tone: JobTone } = jobState(job);
  const Icon = ICONS[tone];
  return (
    <span className={cx('inline-flex shrink-0 items-center gap-1.5 font-medium', TONE_TEXT[tone])}>
      <Icon
        size={14}
        aria-hidden
        className={job.status === 'processing' ? 'motion-safe:animate-spin' : undefined}
      />
      {word}
    </span>
  );
}

/** How far the attempt under way has come; a step of unknown length fills nothing. */
export function JobProgress({ job }: { job: Job }) {
  const words = progressWords(job);
  if (words === null) return null;
  const percent = job.progress?.percent;
  return (
    <div className="flex flex-col gap-1">
      <div
        role="progressbar"
        aria-label="Progress"
        aria-valuenow={percent}
        aria-valuetext={words}
        className="h-1.5 overflow-hidden rounded-sm bg-hover"
      >
        <div
          className={cx(
            'h-full rounded-sm bg-accent transition-[width] duration-300 motion-reduce:transition-none',
            percent === undefined && 'motion-safe:animate-pulse',
          )}
          style={{ width: `${percent ?? 8}%` }}
        />
      </div>
      <p className="text-sm text-ink-2 tabular-nums first-letter:uppercase">{words}</p>
    </div>
  );
}

/** What the attempts wrote; the newest line stays in sight. */
export function JobLog({ job }: { job: Job }) {
  const log = useJobLog(job, true);
  const place = useRef<HTMLPreElement>(null);
  const text = log.data ?? '';
  useEffect(() => {
    if (text !== '') place.current?.scrollTo({ top: place.current.scrollHeight });
  }, [text]);
  return (
    <pre
      ref={place}
      role="log"
      aria-label="Log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
      tabIndex={0}
      className="max-h-56 overflow-auto rounded-md bg-inset px-2.5 py-2 font-mono text-xs break-words whitespace-pre-wrap text-ink-2"
    >
      {text || (log.isPending ? 'Reading…' : 'Nothing was written.')}
    </pre>
  );
}

/** Why the last attempt failed. */
export function JobFault({ job }: { job: Job }) {
  if (!job.lastError || job.status === 'completed') return null;
  return (
    <p role="alert" className="break-words whitespace-pre-wrap text-failed first-letter:uppercase">
      {job.lastError}
    </p>
  );
}
