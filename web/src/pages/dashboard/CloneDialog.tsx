import { Link } from '@tanstack/react-router';
import { CloudDownload } from 'lucide-react';
import { type FormEvent, useEffect, useState } from 'react';
import { Failure, messageOf } from '../../api/client.ts';
import { changeJob, useJob } from '../../api/jobs.ts';
import { useConfig } from '../../api/queries.ts';
import type { Job } from '../../api/wire.ts';
import { cloneName, mayJob } from '../../lib/job.ts';
import { expand, shorten } from '../../lib/path.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { attempt, toast } from '../../ui/toast.ts';
import { JobFault, JobLog, JobMark, JobProgress } from '../jobs/JobView.tsx';
import { editPath } from './draft.ts';

interface CloneDialogProps {
  /** What was typed already. */
  url: string;
  onClose: () => void;
}

/** Clones a repository by its address; the composer then starts in it. */
export function CloneDialog({ url, onClose }: CloneDialogProps) {
  const [started, setStarted] = useState<Job | null>(null);
  return (
    <Dialog open onClose={onClose} title="Clone a repository">
      {started ? (
        <Cloning started={started} onAgain={() => setStarted(null)} onClose={onClose} />
      ) : (
        <CloneForm url={url} onStarted={setStarted} />
      )}
    </Dialog>
  );
}

let lastTyped = { url: '', path: '' };

function CloneForm({ url, onStarted }: { url: string; onStarted: (job: Job) => void }) {
  const home = useConfig().data?.homeDir;
  const [typed, setTyped] = useState(() =>
    url && url !== lastTyped.url ? { url, path: '' } : lastTyped,
  );
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<{ field: string; message: string } | null>(null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!typed.url.trim()) {
      setFailure({ field: 'url', message: 'Give the address of a repository.' });
      return;
    }
    setBusy(true);
    setFailure(null);
    try {
      lastTyped = typed;
      onStarted(await changeJob.clone(typed.url.trim(), expand(typed.path, home)));
    } catch (err) {
      const field = err instanceof Failure ? (err.problem.field ?? 'path') : 'path';
      setFailure({ field, message: messageOf(err) });
      setBusy(false);
    }
  }

  const name = cloneName(typed.url);
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field
        label="Address"
        mono
        placeholder="https://example.org/team/project.git"
        hint="https, ssh, or user@host:path, with the keys and sign-ins that git has here."
        error={failure?.field === 'url' ? failure.message : null}
        value={typed.url}
        onChange={(event) => setTyped({ ...typed, url: event.target.value })}
      />
      <Field
        label="Directory to make"
        mono
        placeholder={`~/${name || 'project'}`}
        error={failure && failure.field !== 'url' ? failure.message : null}
        value={typed.path}
        onChange={(event) => setTyped({ ...typed, path: event.target.value })}
      />
      <Button
        type="submit"
        tone="primary"
        busy={busy}
        className="self-end"
        icon={<CloudDownload size={14} aria-hidden />}
      >
        Clone
      </Button>
    </form>
  );
}

interface CloningProps {
  started: Job;
  onAgain: () => void;
  onClose: () => void;
}

/** The clone under way, and how it ended when it failed. */
function Cloning({ started, onAgain, onClose }: CloningProps) {
  const home = useConfig().data?.homeDir;
  const job = useJob(started) ?? started;
  const isDone = job.status === 'completed';
  const target = (job.result as { path?: string } | undefined)?.path;
  useEffect(() => {
    if (!isDone || !target) return;
    const path = shorten(target, home);
    editPath(path);
    toast('Cloned', path);
    onClose();
  }, [isDone, target, home, onClose]);
  const payload = job.payload as { url?: string; path?: string };
  return (
    <div className="flex flex-col gap-3">
      <div className="flex items-center justify-between gap-3">
        <p className="min-w-0 truncate font-mono text-sm" title={payload.url}>
          {payload.url}
        </p>
        <JobMark job={job} />
      </div>
      <JobProgress job={job} />
      <JobFault job={job} />
      <JobLog job={job} />
      <div className="flex flex-wrap items-center justify-end gap-2">
        {mayJob.cancel(job) && (
          <>
            <p className="mr-auto text-sm text-ink-3">
              It goes on without this window, under{' '}
              <Link
                to="/settings/$area"
                params={{ area: 'jobs' }}
                className="text-accent underline"
              >
                Jobs
              </Link>
              .
            </p>
            <Button
              onClick={() =>
                void attempt('Could not cancel the clone', () => changeJob.cancel(job.id))
              }
            >
              Cancel the clone
            </Button>
          </>
        )}
        {mayJob.retry(job) && (
          <>
            <Button onClick={onAgain}>Change the address</Button>
            <Button
              tone="primary"
              onClick={() => void attempt('Could not try again', () => changeJob.retry(job.id))}
            >
              Try again
            </Button>
          </>
        )}
      </div>
    </div>
  );
}
