import { useNavigate } from '@tanstack/react-router';
import { GitBranch, Trash2, Undo2 } from 'lucide-react';
import { useState } from 'react';
import { care, useTrash } from '../../api/care.ts';
import { messageOf } from '../../api/client.ts';
import { useConfig } from '../../api/queries.ts';
import type { Repository, TrashEntry } from '../../api/wire.ts';
import { shorten } from '../../lib/path.ts';
import { elapsed, useNow } from '../../lib/time.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Question } from '../../ui/Dialog.tsx';
import { attempt } from '../../ui/toast.ts';
import { edit, editPath } from '../dashboard/draft.ts';

const nameOf = (entry: TrashEntry) => entry.title ?? entry.branch ?? entry.path;

/** What was kept of the discarded worktrees of a repository. */
export function Trash({ repository }: { repository: Repository }) {
  const trash = useTrash(repository.id, true);
  const [dropping, setDropping] = useState<TrashEntry | null>(null);

  async function drop(entry: TrashEntry) {
    setDropping(null);
    await attempt('Could not delete it', () => care.dropTrash(repository.id, entry.id));
  }

  return (
    <section aria-label={`Trash of ${repository.name}`} className="flex flex-col gap-2 p-4">
      <div>
        <h4 className="font-medium">Trash</h4>
        <p className="text-sm text-ink-2">Work of discarded worktrees is kept here for 30 days.</p>
      </div>
      {trash.isError && <p className="text-failed">{messageOf(trash.error)}</p>}
      {trash.data?.length === 0 && <p className="text-ink-3">It is empty.</p>}
      <ul className="flex flex-col gap-2">
        {trash.data?.map((entry) => (
          <Entry
            key={entry.id}
            repository={repository}
            entry={entry}
            onDrop={() => setDropping(entry)}
          />
        ))}
      </ul>
      <Question
        open={dropping !== null}
        onClose={() => setDropping(null)}
        title={`Delete “${dropping && nameOf(dropping)}” for good?`}
        actions={
          <>
            <Button onClick={() => setDropping(null)}>Cancel</Button>
            <Button tone="danger" onClick={() => dropping && void drop(dropping)}>
              Delete for good
            </Button>
          </>
        }
      >
        <p>What was kept of it cannot be restored any more:</p>
        <p className="text-ink">{dropping?.summary}</p>
        <p>Branches and worktrees that exist are not touched.</p>
      </Question>
    </section>
  );
}

interface EntryProps {
  repository: Repository;
  entry: TrashEntry;
  onDrop: () => void;
}

function Entry({ repository, entry, onDrop }: EntryProps) {
  const now = useNow();
  const home = useConfig().data?.homeDir;
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [restoredTo, setRestoredTo] = useState<string | null>(null);
  const name = nameOf(entry);

  async function restore() {
    setBusy(true);
    await attempt('Could not restore it', async () => {
      setRestoredTo((await care.restore(repository.id, entry.id)).path);
    });
    setBusy(false);
  }

  function startThere(path: string) {
    editPath(shorten(path, home));
    edit({ place: 'directory' });
    void navigate({ to: '/' });
  }

  return (
    <li className="flex flex-col gap-2 rounded-md border border-line px-3 py-2">
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
        <div className="min-w-0 flex-1 basis-60">
          <p className="font-medium break-words">{name}</p>
          {entry.branch && entry.branch !== name && (
            <p className="flex items-center gap-1 font-mono text-sm break-all text-ink-2">
              <GitBranch size={12} aria-hidden className="shrink-0" />
              {entry.branch}
            </p>
          )}
          <p className="text-ink-2 first-letter:uppercase">{entry.summary}</p>
          <p className="text-sm text-ink-3">
            Discarded {elapsed(entry.createdAt, now)} ago, kept for another{' '}
            {elapsed(new Date(now).toISOString(), Date.parse(entry.expiresAt))}
          </p>
        </div>
        <div className="flex shrink-0 gap-1">
          <Button
            busy={busy}
            icon={<Undo2 size={14} aria-hidden />}
            aria-label={`Restore ${name}`}
            onClick={() => void restore()}
          >
            Restore
          </Button>
          <IconButton label={`Delete ${name} for good`} onClick={onDrop}>
            <Trash2 size={14} aria-hidden />
          </IconButton>
        </div>
      </div>
      {restoredTo && (
        <div
          role="status"
          className="flex flex-wrap items-center gap-2 rounded-md bg-accent-tint p-2"
        >
          <p className="min-w-0 flex-1 basis-48 break-words">
            Restored as a worktree in{' '}
            <code className="font-mono text-sm break-all">{shorten(restoredTo, home)}</code>.
          </p>
          <Button onClick={() => startThere(restoredTo)}>Start an agent there</Button>
        </div>
      )}
    </li>
  );
}
