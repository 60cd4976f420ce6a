import { useState } from 'react';
import { change } from '../../api/queries.ts';
import type { Session } from '../../api/wire.ts';
import { can } from '../../lib/can.ts';
import { sessionTitle } from '../../lib/state.ts';
import { Button } from '../../ui/Button.tsx';
import { Question } from '../../ui/Dialog.tsx';
import { attempt } from '../../ui/toast.ts';

/** The processes of a session that live, in words. */
export function Processes({ session }: { session: Session }) {
  const alive = session.workers.filter((worker) => can.stop(session, worker));
  if (alive.length === 0) return <p>Nothing runs in it now.</p>;
  return (
    <div>
      <p>{alive.length === 1 ? 'This process ends' : `These ${alive.length} processes end`}:</p>
      <ul className="mt-1 list-disc pl-5">
        {alive.map((worker) => (
          <li key={worker.id}>
            {worker.name}
            {worker.process?.pid !== undefined && (
              <span className="font-mono text-sm text-ink-3"> pid {worker.process.pid}</span>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

interface StopProps {
  session: Session;
  open: boolean;
  onClose: () => void;
}

export function StopQuestion({ session, open, onClose }: StopProps) {
  const [busy, setBusy] = useState(false);
  async function pause() {
    setBusy(true);
    const done = await attempt('Could not pause', () => change.pause(session.id));
    setBusy(false);
    if (done) onClose();
  }
  return (
    <Question
      open={open}
      onClose={onClose}
      title={`Pause “${sessionTitle(session)}”?`}
      actions={
        <>
          <Button onClick={onClose}>Leave it running</Button>
          <Button tone="primary" busy={busy} onClick={() => void pause()}>
            Pause
          </Button>
        </>
      }
    >
      <Processes session={session} />
      <p>Directory, branch and output stay. Resuming continues the agent’s last conversation.</p>
    </Question>
  );
}
