import { useState } from 'react';
import { Failure, messageOf } from '../../api/client.ts';
import { change, useConfig } from '../../api/queries.ts';
import type { Session, WorktreeFate } from '../../api/wire.ts';
import { can } from '../../lib/can.ts';
import { cx } from '../../lib/cx.ts';
import { shorten } from '../../lib/path.ts';
import { sessionTitle } from '../../lib/state.ts';
import { Button } from '../../ui/Button.tsx';
import { Question } from '../../ui/Dialog.tsx';
import { Processes } from './StopQuestion.tsx';

const FATES: { fate: WorktreeFate; name: string; means: string }[] = [
  {
    fate: 'keep',
    name: 'Keep the worktree',
    means: 'The directory and its branch stay as they are.',
  },
  {
    fate: 'remove',
    name: 'Remove the worktree',
    means: 'Only if nothing in it is uncommitted. The branch and its commits stay.',
  },
  {
    fate: 'discard',
    name: 'Discard the worktree',
    means: 'Also with uncommitted and untracked files: they are lost. The branch stays.',
  },
];

interface DeleteProps {
  session: Session;
  open: boolean;
  onClose: () => void;
  onDeleted: () => void;
}

export function DeleteQuestion({ session, open, onClose, onDeleted }: DeleteProps) {
  const [fate, setFate] = useState<WorktreeFate>('keep');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const home = useConfig().data?.homeDir;
  const mayRemove = can.removeWorktree(session);

  async function remove() {
    setBusy(true);
    setFailure(null);
    try {
      await change.remove(session.id, mayRemove ? fate : 'keep');
      onClose();
      onDeleted();
    } catch (err) {
      setFailure(err);
    } finally {
      setBusy(false);
    }
  }

  function close() {
    setFailure(null);
    setFate('keep');
    onClose();
  }

  return (
    <Question
      open={open}
      onClose={close}
      title={`Delete “${sessionTitle(session)}”?`}
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button tone="danger" busy={busy} onClick={() => void remove()}>
            {fate === 'discard' && mayRemove ? 'Delete and discard files' : 'Delete'}
          </Button>
        </>
      }
    >
      <Processes session={session} />
      <p>The recorded output of its tabs is deleted.</p>
      {mayRemove ? (
        <Fates fate={fate} onChange={setFate} path={shorten(session.locationPath, home)} />
      ) : (
        <p>
          The directory{' '}
          <code className="font-mono text-sm break-all text-ink">
            {shorten(session.locationPath, home)}
          </code>{' '}
          stays as it is.
        </p>
      )}
      {failure !== null && <Refusal failure={failure} />}
    </Question>
  );
}

interface FatesProps {
  fate: WorktreeFate;
  onChange: (fate: WorktreeFate) => void;
  path: string;
}

function Fates({ fate, onChange, path }: FatesProps) {
  return (
    <fieldset className="flex flex-col gap-1.5">
      <legend className="mb-1.5 font-mono text-sm break-all text-ink">{path}</legend>
      {FATES.map((option) => (
        <label
          key={option.fate}
          className={cx(
            'flex cursor-pointer items-start gap-2.5 rounded-md border px-3 py-2 has-focus-visible:outline-2 has-focus-visible:outline-accent',
            option.fate !== fate && 'border-line hover:border-line-strong',
            option.fate === fate &&
              (fate === 'discard'
                ? 'border-failed-line bg-failed-tint'
                : 'border-accent bg-accent-tint'),
          )}
        >
          <input
            type="radio"
            name="fate"
            checked={option.fate === fate}
            onChange={() => onChange(option.fate)}
            className="mt-1 accent-accent"
          />
          <span>
            <span className="block font-medium text-ink">{option.name}</span>
            <span className="block text-sm">{option.means}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

/** The server's own words; git's list of files is shown as git wrote it. */
function Refusal({ failure }: { failure: unknown }) {
  const isDirty = failure instanceof Failure && failure.code === 'worktree-dirty';
  return (
    <div role="alert" className="rounded-md border border-failed-line bg-failed-tint p-3 text-ink">
      {isDirty && (
        <p className="mb-1 font-medium text-failed">Nothing was deleted: uncommitted changes.</p>
      )}
      <pre className="max-h-40 overflow-auto font-mono text-sm break-words whitespace-pre-wrap">
        {messageOf(failure)}
      </pre>
    </div>
  );
}
