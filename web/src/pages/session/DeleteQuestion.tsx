import { useState } from 'react';
import { Failure, messageOf } from '../../api/client.ts';
import { change, useConfig } from '../../api/queries.ts';
import type { Session, WorktreeFate } from '../../api/wire.ts';
import { can } from '../../lib/can.ts';
import { shorten } from '../../lib/path.ts';
import { sessionTitle } from '../../lib/state.ts';
import { Button } from '../../ui/Button.tsx';
import { Question } from '../../ui/Dialog.tsx';
import { Options } from '../../ui/Options.tsx';
import { toast } from '../../ui/toast.ts';
import { Processes } from './StopQuestion.tsx';

const FATES: { value: WorktreeFate; name: string; means: string; danger?: boolean }[] = [
  {
    value: 'keep',
    name: 'Keep the worktree',
    means: 'The directory and its branch stay as they are.',
  },
  {
    value: 'remove',
    name: 'Remove the worktree',
    means: 'Only if nothing in it is uncommitted. The branch and its commits stay.',
  },
  {
    value: 'discard',
    name: 'Discard the worktree',
    means:
      'Also with work in it. What is not committed or pushed is kept in the trash for 30 days and can be restored; ignored files are lost.',
    danger: true,
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
      if (mayRemove && fate === 'discard') {
        toast('Deleted', 'What was not committed is in the trash, under Settings, Repositories.');
      }
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
            {fate === 'discard' && mayRemove ? 'Delete and discard' : 'Delete'}
          </Button>
        </>
      }
    >
      <Processes session={session} />
      <p>The recorded output of its tabs is deleted.</p>
      {mayRemove ? (
        <Options
          mono
          label={shorten(session.locationPath, home)}
          value={fate}
          options={FATES}
          onChange={setFate}
        />
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
