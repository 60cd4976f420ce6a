import { Play, RotateCw } from 'lucide-react';
import { useApp } from '../../api/app-store.ts';
import { change } from '../../api/queries.ts';
import type { Session, Worker } from '../../api/wire.ts';
import { can } from '../../lib/can.ts';
import { cx } from '../../lib/cx.ts';
import { STATES, workerState } from '../../lib/state.ts';
import { Button } from '../../ui/Button.tsx';
import { StateMark } from '../../ui/StateMark.tsx';
import { attempt } from '../../ui/toast.ts';

const SHOWN = new Set(['failed', 'unknown', 'ended', 'stopped']);

/** Under a terminal whose process does not live: why, and how to go on. */
export function EndBar({ session, worker }: { session: Session; worker: Worker }) {
  const agents = useApp((app) => app.agents);
  const told = workerState(worker);
  if (!SHOWN.has(told.kind)) return null;
  const restart = (continueConversation: boolean) =>
    void attempt('Could not restart', () =>
      change.restart(session.id, worker.id, continueConversation),
    );
  const canContinue = can.continue(session, worker, agents);
  const isBad = STATES[told.kind].tone === 'failed';
  return (
    <div
      role="status"
      className={cx(
        'flex flex-wrap items-center gap-x-3 gap-y-2 border-t px-3 py-2',
        isBad ? 'border-failed-line bg-failed-tint' : 'border-line bg-surface',
      )}
    >
      <StateMark kind={told.kind} />
      <span className="min-w-0 flex-1 basis-40 break-words text-ink-2 first-letter:uppercase">
        {told.reason ??
          (told.kind === 'unknown'
            ? 'Whether it still runs cannot be told right now; nothing was done to it.'
            : 'It was stopped. Its output is kept.')}
      </span>
      {canContinue && (
        <Button tone="primary" icon={<Play size={13} aria-hidden />} onClick={() => restart(true)}>
          Continue conversation
        </Button>
      )}
      {can.restart(session, worker) && (
        <Button icon={<RotateCw size={13} aria-hidden />} onClick={() => restart(false)}>
          {worker.type === 'agent' ? 'Start afresh' : 'New shell'}
        </Button>
      )}
    </div>
  );
}
